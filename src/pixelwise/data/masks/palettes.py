"""Palette masks whose palettes list the same colours in different orders.

A tool that saves a palette file again may reorder the colours or keep only those that occur. Where the same colours
occur in several masks, they stand for classes and decide instead of the values. Colours that a lossy tool changed a
little count as the colours they were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, Color
from pixelwise.core.errors import DataError
from pixelwise.data.masks.listed_colors import MAX_COLORS, NEAR, color_distance, pack_color
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.problem import Problem, list_paths

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_RECURRING = 0.5
"""Least share of the colours, without the most frequent one, that must recur in other masks to stand for classes."""
_SHOWN = 8
"""Colours that a message lists."""

ColorValues = dict[Color, int]
"""The value of each colour of a palette."""
ColorValuesByMask = dict[Path, ColorValues]


@dataclass(frozen=True)
class PaletteConsensus:
    """One order of colours for all palettes.

    masks: the masks with the values that their colours have in this order. values: the value of each packed colour;
    `None` where all palettes agree. shown: the value of each packed colour, for display. problems: what was assumed.
    """

    masks: tuple[MaskHistogram, ...]
    values: dict[int, int] | None = None
    shown: dict[int, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def reconcile_palettes(root: Path, masks: Sequence[MaskHistogram], list_path: Path | None = None) -> PaletteConsensus:
    """Return the masks with the values that their colours have in the fullest palette.

    list_path: a class list that names these values and gives no colours. Raises `DataError` where equally full and
    equally frequent palettes contradict one another, so that such a list may name the wrong colours.
    """
    representatives = _merge_near_colors(masks)
    used = {mask.path: values for mask in masks if (values := _used_values(mask, representatives)) is not None}
    values_of: defaultdict[Color, set[int]] = defaultdict(set)
    colors_of: defaultdict[int, set[Color]] = defaultdict(set)
    for color_values in used.values():
        for color, value in color_values.items():
            values_of[color].add(value)
            colors_of[value].add(color)
    listed = {mask.path: _listed_values(mask, representatives, values_of) for mask in masks if mask.path in used}
    listed_values_of: defaultdict[Color, set[int]] = defaultdict(set)
    for color_values in listed.values():
        for color, value in color_values.items():
            listed_values_of[color].add(value)
    is_reordered = any(len(values) > 1 for values in listed_values_of.values())
    shown = _displayed_values(values_of, representatives)
    if used and values_of.keys() <= {_BLACK, _WHITE}:
        if all((color == _BLACK) == (value == 0) for values in used.values() for color, value in values.items()):
            return PaletteConsensus(tuple(masks))
        reference = {_BLACK: 0, _WHITE: 255}
        how = "black is read as 0 and white as 255, as they look"
    elif not is_reordered or not _do_colors_recur(used):
        ambiguous = {value: colors for value, colors in colors_of.items() if len(colors) > 1}
        problems = (_values_decide(root, used, ambiguous, is_reordered=is_reordered),) if ambiguous else ()
        return PaletteConsensus(tuple(masks), shown={} if is_reordered else shown, problems=problems)
    else:
        entries = {mask.path: len(mask.palette) for mask in masks if mask.palette is not None}
        reference, how = _choose_reference(listed, entries, list_path)
    differing = [path for path, values in used.items() if any(reference[c] != value for c, value in values.items())]
    if not differing:
        return PaletteConsensus(tuple(masks), shown=shown)
    translated = tuple(_translate(mask, used.get(mask.path), reference) for mask in masks)
    table = {packed: reference[color] for packed, color in _variants(representatives, reference)}
    problem = _orders_differ(root, differing, len(used), reference, how)
    return PaletteConsensus(translated, table, table, (problem,))


def _merge_near_colors(masks: Sequence[MaskHistogram]) -> dict[Color, Color]:
    """Return the representative of each colour in use: the most frequent near colour that no palette lists with it."""
    used = Counter(color for mask in masks for color in (mask.palette_colors or {}).values())
    if len(used) > MAX_COLORS:
        return {color: color for color in used}
    palettes = [frozenset(palette) for palette in {mask.palette for mask in masks if mask.palette is not None}]
    representatives: dict[Color, Color] = {}
    leaders: list[Color] = []
    for color, _ in used.most_common():
        representatives[color] = next(
            (
                leader
                for leader in leaders
                if color_distance(color, leader) <= NEAR
                and not any(color in palette and leader in palette for palette in palettes)
            ),
            color,
        )
        if representatives[color] == color:
            leaders.append(color)
    return representatives


def _used_values(mask: MaskHistogram, representatives: Mapping[Color, Color]) -> ColorValues | None:
    """Return the values of the colours that a mask uses; `None` where a used entry repeats an earlier colour."""
    used = mask.palette_colors
    if used is None or mask.palette is None:
        return None
    if not all(mask.palette.index(color) == value for value, color in used.items()):
        return None
    values = {representatives[color]: value for value, color in used.items()}
    return values if len(values) == len(used) else None


def _listed_values(mask: MaskHistogram, representatives: Mapping[Color, Color], colors: Iterable[Color]) -> ColorValues:
    """Return the first value of each of `colors` in a mask's palette, whether the mask uses it or not."""
    searched = set(colors)
    values: ColorValues = {}
    for value, color in enumerate(mask.palette or ()):
        representative = representatives.get(color, color)
        if representative in searched:
            values.setdefault(representative, value)
    return values


def _do_colors_recur(used: ColorValuesByMask) -> bool:
    """Return whether masks share their colours, as they do where colours stand for classes."""
    counts = Counter(color for values in used.values() for color in values)
    others = [count for _, count in counts.most_common()[1:]]
    return sum(count for count in others if count > 1) >= _RECURRING * sum(others) > 0


def _choose_reference(
    listed: ColorValuesByMask, entries: Mapping[Path, int], list_path: Path | None
) -> tuple[ColorValues, str]:
    """Return the value of each colour, and in words how it was chosen.

    The palettes with the most colours decide; among them the most frequent order; among equally frequent ones that of
    the palette with the most `entries`.
    """
    colors = {color for values in listed.values() for color in values}
    fullest = max(map(len, listed.values()))
    full = {path: values for path, values in listed.items() if len(values) == fullest}
    order_of = {path: frozenset(values.items()) for path, values in full.items()}
    counts = Counter(order_of.values())
    longest: defaultdict[frozenset[tuple[Color, int]], int] = defaultdict(int)
    for path, order in order_of.items():
        longest[order] = max(longest[order], entries[path])
    best = sorted(counts, key=lambda order: (counts[order], longest[order]), reverse=True)
    reference = dict(best[0])
    for values in sorted(listed.values(), key=len, reverse=True):
        if all(reference.get(color, value) == value for color, value in values.items()):
            taken = {*reference.values()} - {IGNORE_INDEX}
            reference.update({color: value for color, value in values.items() if value not in taken})
    if reference.keys() == colors:
        ranks = [(counts[order], longest[order]) for order in best[:2]]
        if len(ranks) > 1 and ranks[0] == ranks[1] and list_path is not None:
            first, second = (next(path for path, values in full.items() if values == dict(o)) for o in best[:2])
            raise _contradiction_error(list_path, first, second)
        most = " and most of these" if len(counts) > 1 else ""
        return reference, f"the colours decide, numbered as in the fullest palettes{most}"
    merged = _merge_orders(listed.values())
    if merged is not None:
        return merged, "the colours decide, numbered in the order that all palettes keep"
    if list_path is not None:
        raise _contradiction_error(list_path, *_find_contradiction(listed))
    spare = iter(value for value in range(IGNORE_INDEX + 1) if value not in {*reference.values()})
    reference.update({color: next(spare) for color in sorted(colors - reference.keys())})
    return reference, "the colours decide, numbered as far as that goes as in the fullest palette"


def _merge_orders(orders: Iterable[ColorValues]) -> ColorValues | None:
    """Return colours numbered 0, 1 ... in the order that all palettes keep; `None` unless there is exactly one."""
    rows = {tuple(sorted(values, key=values.__getitem__)) for values in orders}
    left = {color for row in rows for color in row}
    merged: ColorValues = {}
    while left:
        heads = [color for color in left if all(row[0] == color for row in rows if color in row)]
        if len(heads) != 1:
            return None
        merged[heads[0]] = len(merged)
        left.remove(heads[0])
        rows = {row for row in (tuple(color for color in row if color != heads[0]) for row in rows) if row}
    return merged


def _find_contradiction(listed: ColorValuesByMask) -> tuple[Path, Path]:
    """Return two masks whose palettes number a colour differently; without such, the first and the last mask."""
    first_of_order = {frozenset(values.items()): path for path, values in reversed(listed.items())}
    paths = [path for path, values in listed.items() if first_of_order[frozenset(values.items())] == path]
    pairs = ((a, b) for number, a in enumerate(paths) for b in paths[:number])
    differing = ((b, a) for a, b in pairs if any(listed[a].get(c, v) != v for c, v in listed[b].items()))
    every = list(listed)
    return next(differing, (every[0], every[-1]))


def _displayed_values(values_of: Mapping[Color, set[int]], representatives: Mapping[Color, Color]) -> dict[int, int]:
    """Return the value of each packed colour; none where all colours are gray, which tell no more than values do."""
    lowest = {color: min(values) for color, values in values_of.items()}
    if all(len(set(color)) == 1 for color in lowest):
        return {}
    return {packed: lowest[color] for packed, color in _variants(representatives, lowest)}


def _variants(representatives: Mapping[Color, Color], values: Mapping[Color, int]) -> Iterable[tuple[int, Color]]:
    """Yield each packed colour whose representative is in `values`, with that representative."""
    return ((pack_color(color), leader) for color, leader in representatives.items() if leader in values)


def _translate(mask: MaskHistogram, color_values: ColorValues | None, reference: Mapping[Color, int]) -> MaskHistogram:
    """Return a mask's histogram with the values of `reference`."""
    if color_values is None:
        return mask
    return MaskHistogram(mask.path, {reference[color]: mask.pixels[value] for color, value in color_values.items()})


def _contradiction_error(list_path: Path, first: Path, second: Path) -> DataError:
    return DataError(
        list_path,
        f"names of classes without colours, while palettes contradict one another, as those of "
        f"{list_paths(list_path.parent, [first, second])}",
        "one order of the colours in the palettes of all masks, so that each name has one",
        "Write classes.yaml with the colour of each class: classes: [{name: ..., color: [0, 0, 0]}, ...].",
    )


def _orders_differ(
    root: Path, differing: Sequence[Path], total: int, reference: Mapping[Color, int], how: str
) -> Problem:
    """Return the problem for palettes whose order is not that of the reference."""
    ordered = sorted(reference.items(), key=lambda pair: pair[1])[:_SHOWN]
    legend = ", ".join(f"{list(color)} = {value}" for color, value in ordered)
    message = (
        f"found palettes that list the same colours in different orders, {len(differing):,} of {total:,} masks in "
        f"another than is read ({list_paths(root, differing)}); expected one order. In palette masks {how}: {legend}. "
        "Give the colour of each class in classes.yaml to say so."
    )
    return Problem(root, "assumed", message)


def _values_decide(
    root: Path, used: ColorValuesByMask, ambiguous: Mapping[int, set[Color]], *, is_reordered: bool
) -> Problem:
    """Return the problem for values that have several colours, while values decide and not colours."""
    value, colors = min(ambiguous.items())
    some = " and ".join(str(list(color)) for color in sorted(colors)[:3]) + (" ..." if len(colors) > 3 else "")
    with_value = [path for path, values in used.items() if value in values.values()]
    rare = ", and few masks share their colours" if is_reordered else ""
    message = (
        f"found palettes that give one value several colours, such as {some} to {value} "
        f"({list_paths(root, with_value)}){rare}; expected one colour a value. The values of these masks "
        "count, not their colours. Give the colour of each class in classes.yaml to have the colours decide."
    )
    return Problem(root, "assumed", message)
