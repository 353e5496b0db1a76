"""Palette masks whose palettes list the same colours in different orders, or other colours than the class list.

A palette's order says nothing to the eye: a file that is saved again without loss may list its colours anew, or only
those that occur. Where the colours of the classes are known, or recur over the masks, they decide, and not the values.
Colours that a lossy tool has moved by a little are those that they were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, Color
from pixelwise.core.errors import DataError
from pixelwise.data.masks.encoding import palette_labels, unpack_rgb
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.problem import Problem, display_path

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
NEAR = 3
"""Two colours that differ by no more in each channel may be one."""
_MOST = 256
"""Colours of a mask; of more it is a photo, or was smeared."""
_RECURRING = 0.5
"""Share of the colours of masks, the most frequent one aside, that others have too, or more: colours of classes."""

Orders = dict[Path, dict[Color, int]]
"""The values of colours, by mask."""


@dataclass(frozen=True)
class PaletteConsensus:
    """What the palettes of masks say together.

    looks: the masks with the values that their colours have. values: these values by packed colour, `None` where the
    palettes do not contradict one another. shown: the value of each packed colour, for people to see. problems: what
    was assumed.
    """

    looks: tuple[MaskHistogram, ...]
    values: dict[int, int] | None = None
    shown: dict[int, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def reconcile_palettes(root: Path, looks: Sequence[MaskHistogram], list_path: Path | None = None) -> PaletteConsensus:
    """Return the masks with the values that their colours have in the fullest palette.

    list_path: a list that names classes by these values and gives no colours. Raises `DataError` where palettes that
    are as full, of as many masks, contradict one another, so that the list may name the wrong colours.
    """
    same = _same_colors(looks)
    orders = {look.path: order for look in looks if (order := _order(look, same)) is not None}
    values_of: defaultdict[Color, set[int]] = defaultdict(set)
    colors_of: defaultdict[int, set[Color]] = defaultdict(set)
    for order in orders.values():
        for color, value in order.items():
            values_of[color].add(value)
            colors_of[value].add(color)
    listed = {look.path: _listed(look, same, values_of.keys()) for look in looks if look.path in orders}
    numbers: defaultdict[Color, set[int]] = defaultdict(set)
    for order in listed.values():
        for color, value in order.items():
            numbers[color].add(value)
    moved = any(len(own) > 1 for own in numbers.values())
    seen = _shown_values(values_of, same)
    if orders and values_of.keys() <= {_BLACK, _WHITE}:
        if all((color == _BLACK) == (value == 0) for order in orders.values() for color, value in order.items()):
            return PaletteConsensus(tuple(looks))
        reference = {_BLACK: 0, _WHITE: 255}
        how = "black is read as 0 and white as 255, as they look"
    elif not moved or not _recur(orders):
        several = {value: own for value, own in colors_of.items() if len(own) > 1}
        problems = (_values_count(root, orders, several, moved),) if several else ()
        return PaletteConsensus(tuple(looks), shown={} if moved else seen, problems=problems)
    else:
        entries = {look.path: len(look.palette) for look in looks if look.palette is not None}
        reference, how = _reference(listed, entries, list_path)
    other = [path for path, order in orders.items() if any(reference[c] != value for c, value in order.items())]
    if not other:
        return PaletteConsensus(tuple(looks), shown=seen)
    ordered = sorted(reference.items(), key=lambda pair: pair[1])[:8]
    legend = ", ".join(f"{list(color)} = {value}" for color, value in ordered)
    message = (
        f"found palettes that list the same colours in different orders, {len(other):,} of {len(orders):,} masks in "
        f"another than is read ({_names(root, other)}); expected one order. In palette masks {how}: {legend}. Give the "
        "colour of each class in classes.yaml to say so."
    )
    translated = tuple(_translated(look, orders.get(look.path), reference) for look in looks)
    table = {code: reference[color] for code, color in _variants(same, reference)}
    return PaletteConsensus(translated, table, table, (Problem(root, "assumed", message),))


def compare_with_class_list(
    path: Path, looks: Sequence[MaskHistogram], colors: Mapping[int, int]
) -> tuple[tuple[MaskHistogram, ...], tuple[Problem, ...]]:
    """Return the masks that are read by their values beside a class list with colours, and what to say of palettes
    whose colours are not those of the list at `path`."""
    by_value: list[MaskHistogram] = []
    strange: list[MaskHistogram] = []
    alike: list[MaskHistogram] = []
    for look in looks:
        used = look.palette_colors
        if used is None:
            by_value.append(look)
        elif len(used) > 1 and len(set(used.values())) == 1:
            by_value.append(look)
            alike.append(look)
        elif not all(_code(color) in colors for color in used.values()):
            by_value.append(look)
            if any(_code(c) not in colors and c != (v, v, v) and v != IGNORE_INDEX for v, c in used.items()):
                strange.append(look)
        elif look.palette and all(
            label == value for value, label in palette_labels(np.array(look.palette, np.uint8), colors).items()
        ):
            by_value.append(look)
    told: list[Problem] = []
    if alike:
        message = (
            f"found one colour for all values in the palettes of {len(alike):,} of the masks "
            f"({_names(path.parent, _paths(alike))}); expected the colours of the classes. Such masks are read by "
            "their values. Save them again with their colours, or without a palette."
        )
        told.append(Problem(path, "assumed", message))
    if not strange:
        return tuple(by_value), tuple(told)
    used = strange[0].palette_colors or {}
    value, color = next((v, c) for v, c in used.items() if _code(c) not in colors)
    example = f"in {display_path(path.parent, strange[0].path)} value {value} has {list(color)}"
    message = (
        f"found palettes with other colours than {path.name} gives in {len(strange):,} of the masks ({example}); "
        "expected the colours of the classes. Such masks are read by their values. Correct the colours in the list, or "
        "add those that are missing."
    )
    return tuple(by_value), (*told, Problem(path, "assumed", message))


def match_near_colors(
    path: Path, looks: Sequence[MaskHistogram], colors: Mapping[int, int]
) -> tuple[dict[int, int], list[Problem]]:
    """Return the labels of packed colours that are not in the list at `path` and near those of one class, of palettes
    and of RGB masks, and what to say of them."""
    reach = _reach(colors)
    labels: dict[int, int] = {}
    nearest: dict[int, int] = {}
    holding: list[MaskHistogram] = []
    for look in looks:
        codes = _colors_in(look)
        if len(codes) > _MOST:
            continue
        for code in (code for code in codes if code not in colors and code not in nearest):
            distances = {other: _differ(unpack_rgb(code), unpack_rgb(other)) for other in colors}
            near = [other for other, distance in distances.items() if distance <= reach]
            beside = not look.rgb and any(
                other in codes for other in near
            )  # two entries of one palette are two colours
            if len({colors[other] for other in near}) == 1 and not beside:
                nearest[code] = min(near, key=distances.__getitem__)
                labels[code] = colors[nearest[code]]
        if any(code in labels for code in codes):
            holding.append(look)
    if not labels:
        return {}, []
    pairs = ", ".join(
        f"{list(unpack_rgb(own))} as {list(unpack_rgb(other))}" for own, other in list(nearest.items())[:8]
    )
    message = (
        f"found colours near those of {path.name} in {len(holding):,} of the masks "
        f"({_names(path.parent, _paths(holding))}): {pairs}; expected the colours of the list. Colours that differ by "
        f"{reach} at most in each channel from those of one class are read as that class. Give them in the list, or "
        "under ignore:, to say otherwise."
    )
    return labels, [Problem(path, "mended", message)]


def _reach(colors: Mapping[int, int]) -> int:
    """Return how far a colour may lie from that of a class: less than half as far as the classes from one another."""
    pairs = ((a, b) for a, b in combinations(colors, 2) if colors[a] != colors[b])
    return min([NEAR, *((_differ(unpack_rgb(a), unpack_rgb(b)) - 1) // 2 for a, b in pairs)])


def _colors_in(look: MaskHistogram) -> set[int]:
    """Return the packed colours of an RGB mask or of a palette, but for grays that are no more than their value."""
    if look.rgb:
        return {*look.pixels}
    used = look.palette_colors or {}
    return {_code(color) for value, color in used.items() if color != (value, value, value)}


def _same_colors(looks: Sequence[MaskHistogram]) -> dict[Color, Color]:
    """Return the colour that stands for each of those that palette masks use: the most frequent one near it that no
    palette lists beside it."""
    used = Counter(color for look in looks for color in (look.palette_colors or {}).values())
    if len(used) > _MOST:
        return {color: color for color in used}
    sets = [frozenset(palette) for palette in {look.palette for look in looks if look.palette is not None}]
    same: dict[Color, Color] = {}
    leaders: list[Color] = []
    for color, _ in used.most_common():
        leader = next(
            (
                other
                for other in leaders
                if _differ(color, other) <= NEAR and not any(color in own and other in own for own in sets)
            ),
            color,
        )
        same[color] = leader
        if leader == color:
            leaders.append(color)
    return same


def _order(look: MaskHistogram, same: Mapping[Color, Color]) -> dict[Color, int] | None:
    """Return the values of a palette mask's colours; `None` where they say nothing, because an earlier one is alike."""
    used = look.palette_colors
    if used is None or look.palette is None:
        return None
    if not all(look.palette.index(color) == value for value, color in used.items()):
        return None
    order = {same[color]: value for value, color in used.items()}
    return order if len(order) == len(used) else None


def _listed(look: MaskHistogram, same: Mapping[Color, Color], colors: Iterable[Color]) -> dict[Color, int]:
    """Return the first values of the colours that a mask's palette lists, used or not, of those that masks use."""
    wanted = set(colors)
    values: dict[Color, int] = {}
    for value, color in enumerate(look.palette or ()):
        leader = same.get(color, color)
        if leader in wanted:
            values.setdefault(leader, value)
    return values


def _recur(orders: Orders) -> bool:
    """Return whether masks share their colours, as they do where these stand for classes."""
    counts = Counter(color for order in orders.values() for color in order)
    others = [count for _, count in counts.most_common()[1:]]
    return sum(count for count in others if count > 1) >= _RECURRING * sum(others) > 0


def _reference(listed: Orders, entries: Mapping[Path, int], list_path: Path | None) -> tuple[dict[Color, int], str]:
    """Return the value of each colour and how it was found: as in the fullest palettes, of these as in most masks, of
    as many as in those with the most entries."""
    colors = {color for order in listed.values() for color in order}
    fullest = max(map(len, listed.values()))
    full = {path: order for path, order in listed.items() if len(order) == fullest}
    counts = Counter(frozenset(order.items()) for order in full.values())
    longest = {own: max(entries[path] for path in full if frozenset(full[path].items()) == own) for own in counts}
    best = sorted(counts, key=lambda own: (counts[own], longest[own]), reverse=True)
    reference = dict(best[0])
    for order in sorted(listed.values(), key=len, reverse=True):
        if all(reference.get(color, value) == value for color, value in order.items()):
            numbers = {*reference.values()} - {IGNORE_INDEX}
            reference.update({color: value for color, value in order.items() if value not in numbers})
    if reference.keys() == colors:
        ranks = [(counts[own], longest[own]) for own in best[:2]]
        if len(ranks) > 1 and ranks[0] == ranks[1] and list_path is not None:
            first, second = (next(path for path, own in full.items() if own == dict(order)) for order in best[:2])
            raise _contradiction(list_path, first, second)
        most = " and most of these" if len(counts) > 1 else ""
        return reference, f"the colours decide, numbered as in the fullest palettes{most}"
    merged = _merged(listed.values())
    if merged is not None:
        return merged, "the colours decide, numbered in the order that all palettes keep"
    if list_path is not None:
        raise _contradiction(list_path, *_two_orders(listed))
    spare = iter(value for value in range(IGNORE_INDEX + 1) if value not in {*reference.values()})
    reference.update({color: next(spare) for color in sorted(colors - reference.keys())})
    return reference, "the colours decide, numbered as far as that goes as in the fullest palette"


def _merged(orders: Iterable[Mapping[Color, int]]) -> dict[Color, int] | None:
    """Return the numbers 0, 1 ... of colours in the one order that all palettes keep; `None` where there is none, or
    more than one."""
    rows = {tuple(sorted(order, key=order.__getitem__)) for order in orders}
    left = {color for row in rows for color in row}
    merged: dict[Color, int] = {}
    while left:
        heads = [color for color in left if all(row[0] == color for row in rows if color in row)]
        if len(heads) != 1:
            return None
        merged[heads[0]] = len(merged)
        left.remove(heads[0])
        rows = {row for row in (tuple(color for color in row if color != heads[0]) for row in rows) if row}
    return merged


def _two_orders(listed: Orders) -> tuple[Path, Path]:
    """Return two masks whose palettes number a colour differently."""
    paths = list(listed)
    pairs = ((a, b) for number, a in enumerate(paths) for b in paths[:number])
    differ = ((b, a) for a, b in pairs if any(listed[a].get(c, v) != v for c, v in listed[b].items()))
    return next(differ, (paths[0], paths[-1]))


def _contradiction(list_path: Path, first: Path, second: Path) -> DataError:
    return DataError(
        list_path,
        f"names of classes without colours, while palettes contradict one another, as those of "
        f"{_names(list_path.parent, [first, second])}",
        "one order of the colours in the palettes of all masks, so that each name has one",
        "Write classes.yaml with the colour of each class: classes: [{name: ..., color: [0, 0, 0]}, ...].",
    )


def _values_count(root: Path, orders: Orders, several: Mapping[int, set[Color]], moved: bool) -> Problem:
    value, colors = min(several.items())
    some = " and ".join(str(list(color)) for color in sorted(colors)[:3]) + (" ..." if len(colors) > 3 else "")
    holding = [path for path, order in orders.items() if value in order.values()]
    rare = ", and few masks share their colours" if moved else ""
    message = (
        f"found palettes that give one value several colours, such as {some} to {value} "
        f"({_names(root, holding)}){rare}; expected one colour a value. The values of these masks "
        "count, not their colours. Give the colour of each class in classes.yaml to have the colours decide."
    )
    return Problem(root, "assumed", message)


def _shown_values(values_of: Mapping[Color, set[int]], same: Mapping[Color, Color]) -> dict[int, int]:
    """Return the value of each colour, packed, but of grays that say no more than their value does."""
    values = {color: min(own) for color, own in values_of.items()}
    if all(len(set(color)) == 1 for color in values):
        return {}
    return {code: values[color] for code, color in _variants(same, values)}


def _variants(same: Mapping[Color, Color], values: Mapping[Color, int]) -> Iterable[tuple[int, Color]]:
    """Yield the packed colours that stand for those in `values`, with these."""
    return ((_code(color), leader) for color, leader in same.items() if leader in values)


def _translated(
    look: MaskHistogram, order: Mapping[Color, int] | None, reference: Mapping[Color, int]
) -> MaskHistogram:
    if order is None:
        return look
    return MaskHistogram(look.path, {reference[color]: look.pixels[value] for color, value in order.items()})


def _differ(first: Color, second: Color) -> int:
    """Return the largest difference of two colours in a channel."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _paths(looks: Sequence[MaskHistogram]) -> list[Path]:
    return [look.path for look in looks]


def _names(root: Path, paths: Sequence[Path]) -> str:
    return ", ".join(display_path(root, path) for path in paths[:3]) + (" ..." if len(paths) > 3 else "")


def _code(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]
