"""Masks of one data set that hold the same classes by different values: 0, 1, 2 in some and 0, 127, 254 in others.

No mask holds values of both, both hold as many, and the first, the second ... of the one stand for the first, the
second ... of the other. Gray levels that differ by rounding alone (254 and 255) are such values too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.masks.value_patterns import APART, is_evenly_spaced

_ROUNDING = 2
"""Gray levels that differ by no more may be one level, rounded."""
_LEAST_STEP = 5
"""Between gray levels, where masks with several of them show that they belong together."""
_WIDE_STEP = 32
"""Between gray levels where each mask holds one of them."""
_MOST = 64
"""Values among which encodings are looked for."""
_BRIGHT = 250
"""The least white of gray levels."""
_WHITE = 100
"""The least gray level that stands for what 1 stands for in masks of two classes."""
_NEARLY_ALL = 0.9
"""Share of the masks that show where classes are counted from; the others lack the last class, or the first."""

Level = tuple[int, ...]
"""The values that stand for one gray level."""
Sets = Collection[frozenset[int]]


@dataclass(frozen=True)
class MixedEncodings:
    """tables: of each encoding the class index of its values, in rising order; without what has no label."""

    tables: tuple[dict[int, int], ...]
    num_classes: int

    @property
    def values(self) -> dict[int, int]:
        """The class index of every value."""
        return {value: index for table in self.tables for value, index in table.items()}

    @property
    def apart(self) -> tuple[frozenset[int], ...]:
        """The values that one encoding alone has."""
        common = set.intersection(*(set(table) for table in self.tables))
        return tuple(frozenset(table.keys() - common) for table in self.tables)


def find_mixed_encodings(
    looks: Sequence[MaskHistogram], values: Collection[int], num_classes: int | None = None
) -> MixedEncodings | None:
    """Return the encodings of masks that hold these values and none but them; `None` where there is one alone.

    num_classes: how many classes a list names. 255 is a gray level, or else has no label and belongs to no encoding.
    """
    sets = {frozenset(look.pixels.keys() & set(values)) for look in looks}
    positive = sorted(value for value in values if value > 0)
    if min(values, default=0) < 0 or len(positive) > _MOST:
        return None
    for own in (positive, [value for value in positive if value != IGNORE_INDEX]):
        for number in range(len(own)):
            encodings = _split(sets, own[:number], own[number:], num_classes)
            if encodings is not None:
                return encodings
    return None


def find_disjoint_values(looks: Sequence[MaskHistogram], values: Collection[int]) -> tuple[list[int], list[int]] | None:
    """Return class indices 1, 2 ... and far higher values of which no mask holds both; `None` where there are none."""
    positive = sorted(value for value in values if value > 0 and value != IGNORE_INDEX)
    for number in range(1, len(positive)):
        indices, others = positive[:number], positive[number:]
        if indices == list(range(1, number + 1)) and others[0] >= APART * (number + 1):
            sets = {frozenset(look.pixels) for look in looks}
            mixed = any(own.intersection(indices) and own.intersection(others) for own in sets)
            return None if mixed else (indices, others)
    return None


def find_one_based_masks(looks: Sequence[MaskHistogram], values: Collection[int]) -> list[MaskHistogram]:
    """Return the masks that hold classes from 1 on where the others hold as many from 0 on; none where none do.

    Nearly every mask holds the lowest or the highest value, and none both.
    """
    own = sorted(value for value in values if value != IGNORE_INDEX)
    if len(own) < 3 or own != list(range(len(own))):
        return []
    low = [look for look in looks if own[0] in look.pixels]
    high = [look for look in looks if own[-1] in look.pixels]
    whole = {value for look in low for value in look.pixels}, {value for look in high for value in look.pixels}
    if min(len(low), len(high)) < 2 or len(low) + len(high) < _NEARLY_ALL * len(looks):
        return []
    if any(own[-1] in look.pixels for look in low) or not ({*own[:-1]} <= whole[0] and {*own[1:]} <= whole[1]):
        return []
    return high


def find_scaled_masks(looks: Sequence[MaskHistogram]) -> tuple[int, list[MaskHistogram]] | None:
    """Return c and the masks that hold c, 2c ... kc where the others hold 1, 2 ... k; `None` where there are none.

    Both occur whole in two masks or more, and every mask holds some of the one or of the other.
    """
    sets = {look.path: frozenset(value for value in look.pixels if value > 0) for look in looks}
    counts = Counter(sets.values())
    whole = [own for own, count in counts.items() if count >= 2 and len(own) >= 2]
    for first, other in permutations(whole, 2):
        factor = max(other) // len(first)
        if first != set(range(1, len(first) + 1)) or factor < 2 or other != {factor * value for value in first}:
            continue
        if all(own <= first or own <= other for own in sets.values()):
            return factor, [look for look in looks if not sets[look.path] <= first]
    return None


def _split(sets: Sets, small: list[int], large: list[int], num_classes: int | None) -> MixedEncodings | None:
    """Return the encodings by class indices `small`, of which there may be none, and by the gray levels `large`."""
    if any(own.intersection(small) and own.intersection(large) for own in sets):
        return None
    zero = any(0 in own for own in sets)
    from_1 = bool(small) and not any(0 in own and own.intersection(small) for own in sets)
    rows = _rows(sets, large)
    count = len(rows[0]) + zero
    number = num_classes or max(count, len(small) + (zero and not from_1))
    together = any(len(own.intersection(part)) > 1 for own in sets for part in (small, large))
    if not all(_is_scale(row, zero, _LEAST_STEP if together else _WIDE_STEP) for row in rows):
        return None
    if not small and (count != number or (len(rows) == 1 and not _is_rounded(rows[0], zero))):
        return None
    if small and not _are_indices(small, rows, count, number, from_1):
        return None
    base = {0: 0} if zero else {}
    tables = [{**({} if from_1 else base), **{value: value - from_1 for value in small}}] if small else []
    for row in rows:
        ranks = _ranks(row, number, zero)
        if ranks is None:
            return None
        tables.append({**base, **ranks})
    return MixedEncodings(tuple(tables), number)


def _is_scale(row: list[Level], zero: bool, least: int) -> bool:
    """Return whether gray levels are far enough from one another, and from 0."""
    first = _first(row, zero)
    return bool(row) and all(high - low >= least for low, high in pairwise(first))


def _is_rounded(row: list[Level], zero: bool) -> bool:
    """Return whether there are levels of several values, and no doubt that these are one level, rounded."""
    several = sum(len(level) > 1 for level in row)
    first = _first(row, zero)
    return several > 1 or (several == 1 and (is_evenly_spaced(first) or (len(first) == 2 and row[-1][-1] >= _BRIGHT)))


def _are_indices(small: list[int], rows: list[list[Level]], count: int, number: int, from_1: bool) -> bool:
    """Return whether values are class indices beside these rows of gray levels, each of `count` with 0."""
    if from_1:
        return small == list(range(1, number + 1))
    if small[-1] >= number:
        return False
    if number == 2:  # 255 may have no label beside 1
        return rows != [[(IGNORE_INDEX,)]] and all(row[-1][-1] >= _WHITE for row in rows)
    if count < number:
        return small == list(range(1, len(small) + 1))
    return len(small) == number - 1 or all(is_evenly_spaced([0, *(level[0] for level in row)]) for row in rows)


def _rows(sets: Sets, large: list[int]) -> list[list[Level]]:
    """Return the gray levels, those of each encoding in a row: those that masks hold together, where such rows are as
    long and evenly spread, else all."""
    levels: list[Level] = []
    for value in large:
        near = bool(levels) and value - levels[-1][0] <= _ROUNDING
        if near and not any(value in own and own.intersection(levels[-1]) for own in sets):
            levels[-1] = (*levels[-1], value)
        else:
            levels.append((value,))
    parts: list[set[int]] = []
    for own in (set(own.intersection(large)) for own in sets):
        touching = [part for part in parts if part & own]
        parts = [part for part in parts if not part & own] + ([own.union(*touching)] if own else [])
    rows = [[level for level in levels if part & set(level)] for part in parts]
    apart = all(not set(a) & set(b) for a, b in combinations(rows, 2))
    alike = len({len(row) for row in rows}) == 1 and all(
        is_evenly_spaced([0, *(own[0] for own in row)]) for row in rows
    )
    return sorted(rows) if len(rows) > 1 and apart and alike else [levels]


def _ranks(row: list[Level], number: int, zero: bool) -> dict[int, int] | None:
    """Return the class index of each value: by its place in the row, or, where the row lacks some of the classes, by
    the place on an even scale up to 255; `None` for levels that are on none, and for 255 alone."""
    if len(row) + zero == number:
        return {value: index + zero for index, level in enumerate(row) for value in level}
    if len(row) + zero > number or row == [(IGNORE_INDEX,)]:
        return None
    step = IGNORE_INDEX / (number - 1)
    table = {value: round(value / step) for level in row for value in level}
    on_scale = all(index and abs(value - index * step) <= _ROUNDING for value, index in table.items())
    return table if on_scale else None


def _first(row: list[Level], zero: bool) -> list[int]:
    return [0, *(level[0] for level in row)] if zero else [level[0] for level in row]
