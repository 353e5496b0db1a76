"""Masks of one data set that encode the same classes by different values: 0, 1, 2 in some, 0, 127, 254 in others.

No mask holds values of both encodings, both have the same number of values, and values of equal rank stand for the same
class. Gray levels that differ only by rounding (254 and 255) are two encodings too.
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
"""Largest difference between gray levels that may be one level, rounded."""
_LEAST_STEP = 5
"""Least step between gray levels where masks hold several of them."""
_WIDE_STEP = 32
"""Least step between gray levels where each mask holds only one."""
_MOST = 64
"""Most values among which several encodings are searched for."""
_BRIGHT = 250
"""The least gray level that counts as white."""
_WHITE = 100
"""The least gray level that can stand for class 1 of two."""
_NEARLY_ALL = 0.9
"""Least share of masks that show whether classes are counted from 0 or from 1."""

Level = tuple[int, ...]
"""The values that stand for one gray level."""
Sets = Collection[frozenset[int]]
"""The different sets of values that masks hold."""


@dataclass(frozen=True)
class MixedEncodings:
    """Several encodings of the same classes.

    tables: for each encoding the class index of its values, rising, without values of no label.
    """

    tables: tuple[dict[int, int], ...]
    num_classes: int

    @property
    def values(self) -> dict[int, int]:
        """The class index of every value of all encodings."""
        return {value: index for table in self.tables for value, index in table.items()}

    @property
    def apart(self) -> tuple[frozenset[int], ...]:
        """The values that belong to one encoding alone, a group for each encoding."""
        common = set.intersection(*(set(table) for table in self.tables))
        return tuple(frozenset(table.keys() - common) for table in self.tables)


def find_mixed_encodings(
    masks: Sequence[MaskHistogram], values: Collection[int], num_classes: int | None = None
) -> MixedEncodings | None:
    """Return the encodings of masks that hold these values alone; `None` where there is only one encoding.

    num_classes: the number of classes in a list. 255 is a gray level, or has no label and belongs to no encoding.
    """
    sets = {frozenset(mask.pixels.keys() & set(values)) for mask in masks}
    positive = sorted(value for value in values if value > 0)
    if min(values, default=0) < 0 or len(positive) > _MOST:
        return None
    for candidates in (positive, [value for value in positive if value != IGNORE_INDEX]):
        for number in range(len(candidates)):
            encodings = _split_values(sets, candidates[:number], candidates[number:], num_classes)
            if encodings is not None:
                return encodings
    return None


def find_disjoint_values(masks: Sequence[MaskHistogram], values: Collection[int]) -> tuple[list[int], list[int]] | None:
    """Return class indices 1, 2 ... and far higher values that no mask holds together; `None` where there are none."""
    positive = sorted(value for value in values if value > 0 and value != IGNORE_INDEX)
    for number in range(1, len(positive)):
        indices, others = positive[:number], positive[number:]
        if indices == list(range(1, number + 1)) and others[0] >= APART * (number + 1):
            sets = {frozenset(mask.pixels) for mask in masks}
            are_mixed = any(held.intersection(indices) and held.intersection(others) for held in sets)
            return None if are_mixed else (indices, others)
    return None


def find_one_based_masks(masks: Sequence[MaskHistogram], values: Collection[int]) -> list[MaskHistogram]:
    """Return the masks that count classes from 1 where the others count as many from 0; none where there are none.

    Nearly every mask holds the lowest or the highest value, and none holds both.
    """
    indices = sorted(value for value in values if value != IGNORE_INDEX)
    if len(indices) < 3 or indices != list(range(len(indices))):
        return []
    low = [mask for mask in masks if indices[0] in mask.pixels]
    high = [mask for mask in masks if indices[-1] in mask.pixels]
    whole = {value for mask in low for value in mask.pixels}, {value for mask in high for value in mask.pixels}
    if min(len(low), len(high)) < 2 or len(low) + len(high) < _NEARLY_ALL * len(masks):
        return []
    if any(indices[-1] in mask.pixels for mask in low) or not (
        {*indices[:-1]} <= whole[0] and {*indices[1:]} <= whole[1]
    ):
        return []
    return high


def find_scaled_masks(masks: Sequence[MaskHistogram]) -> tuple[int, list[MaskHistogram]] | None:
    """Return a factor c and the masks that hold c, 2c ... kc where the others hold 1, 2 ... k; `None` without such
    masks.

    Two or more masks hold all of each, and every mask holds values of one alone.
    """
    sets = {mask.path: frozenset(value for value in mask.pixels if value > 0) for mask in masks}
    counts = Counter(sets.values())
    frequent = [held for held, count in counts.items() if count >= 2 and len(held) >= 2]
    for first, other in permutations(frequent, 2):
        factor = max(other) // len(first)
        if first != set(range(1, len(first) + 1)) or factor < 2 or other != {factor * value for value in first}:
            continue
        if all(held <= first or held <= other for held in sets.values()):
            return factor, [mask for mask in masks if not sets[mask.path] <= first]
    return None


def _split_values(sets: Sets, small: list[int], large: list[int], num_classes: int | None) -> MixedEncodings | None:
    """Return the encodings by class indices `small` and gray levels `large`; `None` where the masks contradict them.

    `small` may be empty. Then all encodings are gray levels.
    """
    if any(held.intersection(small) and held.intersection(large) for held in sets):
        return None
    zero = any(0 in held for held in sets)
    from_1 = bool(small) and not any(0 in held and held.intersection(small) for held in sets)
    rows = _group_levels(sets, large)
    count = len(rows[0]) + zero
    number = num_classes or max(count, len(small) + (zero and not from_1))
    together = any(len(held.intersection(part)) > 1 for held in sets for part in (small, large))
    if not all(_is_scale(row, _LEAST_STEP if together else _WIDE_STEP, zero=zero) for row in rows):
        return None
    if not small and (count != number or (len(rows) == 1 and not _is_rounded(rows[0], zero=zero))):
        return None
    if small and not _are_indices(small, rows, count, number, from_1=from_1):
        return None
    base = {0: 0} if zero else {}
    tables = [{**({} if from_1 else base), **{value: value - from_1 for value in small}}] if small else []
    for row in rows:
        ranks = _ranks(row, number, zero=zero)
        if ranks is None:
            return None
        tables.append({**base, **ranks})
    return MixedEncodings(tuple(tables), number)


def _is_scale(row: list[Level], least: int, *, zero: bool) -> bool:
    """Return whether gray levels, and 0 where it occurs, are at least `least` apart."""
    lowest = _lowest_values(row, zero=zero)
    return bool(row) and all(high - low >= least for low, high in pairwise(lowest))


def _is_rounded(row: list[Level], *, zero: bool) -> bool:
    """Return whether there are levels of several values that are each one level, rounded."""
    several = sum(len(level) > 1 for level in row)
    lowest = _lowest_values(row, zero=zero)
    return several > 1 or (several == 1 and (is_evenly_spaced(lowest) or (len(lowest) == 2 and row[-1][-1] >= _BRIGHT)))


def _are_indices(small: list[int], rows: list[list[Level]], count: int, number: int, *, from_1: bool) -> bool:
    """Return whether `small` are class indices beside rows of gray levels.

    count: the levels of a row, with 0. number: the classes. from_1: whether indices count from 1.
    """
    if from_1:
        return small == list(range(1, number + 1))
    if small[-1] >= number:
        return False
    if number == 2:  # 255 may have no label beside 1
        return rows != [[(IGNORE_INDEX,)]] and all(row[-1][-1] >= _WHITE for row in rows)
    if count < number:
        return small == list(range(1, len(small) + 1))
    return len(small) == number - 1 or all(is_evenly_spaced([0, *(level[0] for level in row)]) for row in rows)


def _group_levels(sets: Sets, large: list[int]) -> list[list[Level]]:
    """Return the gray levels of each encoding, in a row.

    Values that masks hold together form a row. Where rows differ in length or are not evenly spaced, all levels form
    one.
    """
    levels: list[Level] = []
    for value in large:
        near = bool(levels) and value - levels[-1][0] <= _ROUNDING
        if near and not any(value in held and held.intersection(levels[-1]) for held in sets):
            levels[-1] = (*levels[-1], value)
        else:
            levels.append((value,))
    parts: list[set[int]] = []
    for values in (set(held.intersection(large)) for held in sets):
        touching = [part for part in parts if part & values]
        parts = [part for part in parts if not part & values] + ([values.union(*touching)] if values else [])
    rows = [[level for level in levels if part & set(level)] for part in parts]
    apart = all(not set(a) & set(b) for a, b in combinations(rows, 2))
    alike = len({len(row) for row in rows}) == 1 and all(
        is_evenly_spaced([0, *(level[0] for level in row)]) for row in rows
    )
    return sorted(rows) if len(rows) > 1 and apart and alike else [levels]


def _ranks(row: list[Level], number: int, *, zero: bool) -> dict[int, int] | None:
    """Return the class index of each value; `None` where the levels determine none.

    A full row is ranked by position. A row that lacks some of the `number` classes is ranked on an even scale up to
    255.
    """
    if len(row) + zero == number:
        return {value: index + zero for index, level in enumerate(row) for value in level}
    if len(row) + zero > number or row == [(IGNORE_INDEX,)]:
        return None
    step = IGNORE_INDEX / (number - 1)
    table = {value: round(value / step) for level in row for value in level}
    on_scale = all(index and abs(value - index * step) <= _ROUNDING for value, index in table.items())
    return table if on_scale else None


def _lowest_values(row: list[Level], *, zero: bool) -> list[int]:
    return [0, *(level[0] for level in row)] if zero else [level[0] for level in row]
