"""Colours of masks beside a class list that gives colours: palettes that differ from it, and colours near its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, Color
from pixelwise.data.masks.encoding import palette_labels, unpack_rgb
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.problem import Problem, display_path, list_paths

NEAR = 3
"""Largest difference, in each channel, between two colours that may be one."""
MAX_COLORS = 256
"""Colours of one mask. A file with more is a photo, or was compressed with loss."""
_SHOWN = 8
"""Colours that a message lists."""


def compare_palettes(
    list_path: Path, masks: Sequence[MaskHistogram], colors: Mapping[int, int]
) -> tuple[tuple[MaskHistogram, ...], tuple[Problem, ...]]:
    """Return the masks that are read by their values, and the problems of palettes that differ from a class list.

    list_path: the class list. colors: the label of each of its packed colours.
    """
    by_value: list[MaskHistogram] = []
    differing: list[MaskHistogram] = []
    one_colored: list[MaskHistogram] = []
    for mask in masks:
        used = mask.palette_colors
        if used is None:
            by_value.append(mask)
        elif len(used) > 1 and len(set(used.values())) == 1:
            by_value.append(mask)
            one_colored.append(mask)
        elif not all(pack_color(color) in colors for color in used.values()):
            by_value.append(mask)
            if any(pack_color(c) not in colors and c != (v, v, v) and v != IGNORE_INDEX for v, c in used.items()):
                differing.append(mask)
        elif mask.palette and all(
            label == value for value, label in palette_labels(np.array(mask.palette, np.uint8), colors).items()
        ):
            by_value.append(mask)
    problems: list[Problem] = []
    if one_colored:
        problems.append(_one_color_problem(list_path, one_colored))
    if differing:
        problems.append(_other_colors_problem(list_path, differing, colors))
    return tuple(by_value), tuple(problems)


def match_near_colors(
    list_path: Path, masks: Sequence[MaskHistogram], colors: Mapping[int, int]
) -> tuple[dict[int, int], list[Problem]]:
    """Return the labels of colours that are near those of one class, and a problem that tells of them.

    Lossy tools move colours a little. list_path: the class list. colors: the label of each of its packed colours.
    """
    reach = _matching_distance(colors)
    labels: dict[int, int] = {}
    nearest: dict[int, int] = {}
    with_near: list[MaskHistogram] = []
    for mask in masks:
        mask_colors = _colors_in(mask)
        if len(mask_colors) > MAX_COLORS:
            continue
        for color in (color for color in mask_colors if color not in colors and color not in nearest):
            distances = {listed: color_distance(unpack_rgb(color), unpack_rgb(listed)) for listed in colors}
            near = [listed for listed, distance in distances.items() if distance <= reach]
            # Two entries of one palette are two colours.
            is_own_entry = not mask.rgb and any(listed in mask_colors for listed in near)
            if len({colors[listed] for listed in near}) == 1 and not is_own_entry:
                nearest[color] = min(near, key=distances.__getitem__)
                labels[color] = colors[nearest[color]]
        if any(color in labels for color in mask_colors):
            with_near.append(mask)
    if not labels:
        return {}, []
    pairs = ", ".join(
        f"{list(unpack_rgb(color))} as {list(unpack_rgb(listed))}" for color, listed in list(nearest.items())[:_SHOWN]
    )
    message = (
        f"found colours near those of {list_path.name} in {len(with_near):,} of the masks "
        f"({_names(list_path.parent, with_near)}): {pairs}; expected the colours of the list. Colours that differ by "
        f"{reach} at most in each channel from those of one class are read as that class. Give them in the list, or "
        "under ignore:, to say otherwise."
    )
    return labels, [Problem(list_path, "mended", message)]


def pack_color(color: Color) -> int:
    """Return one colour packed as by `pack_rgb`."""
    return color[0] << 16 | color[1] << 8 | color[2]


def color_distance(first: Color, second: Color) -> int:
    """Return the largest difference of two colours in a channel."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _one_color_problem(list_path: Path, masks: Sequence[MaskHistogram]) -> Problem:
    message = (
        f"found one colour for all values in the palettes of {len(masks):,} of the masks "
        f"({_names(list_path.parent, masks)}); expected the colours of the classes. Such masks are read by "
        "their values. Save them again with their colours, or without a palette."
    )
    return Problem(list_path, "assumed", message)


def _other_colors_problem(list_path: Path, masks: Sequence[MaskHistogram], colors: Mapping[int, int]) -> Problem:
    used = masks[0].palette_colors or {}
    value, color = next((v, c) for v, c in used.items() if pack_color(c) not in colors)
    example = f"in {display_path(list_path.parent, masks[0].path)} value {value} has {list(color)}"
    message = (
        f"found palettes with other colours than {list_path.name} gives in {len(masks):,} of the masks ({example}); "
        "expected the colours of the classes. Such masks are read by their values. Correct the colours in the list, or "
        "add those that are missing."
    )
    return Problem(list_path, "assumed", message)


def _matching_distance(colors: Mapping[int, int]) -> int:
    """Return how far a colour may be from that of a class: less than half the distance between two classes."""
    pairs = ((a, b) for a, b in combinations(colors, 2) if colors[a] != colors[b])
    return min([NEAR, *((color_distance(unpack_rgb(a), unpack_rgb(b)) - 1) // 2 for a, b in pairs)])


def _colors_in(mask: MaskHistogram) -> set[int]:
    """Return the packed colours of an RGB mask, or of a palette without grays that equal their value."""
    if mask.rgb:
        return {*mask.pixels}
    used = mask.palette_colors or {}
    return {pack_color(color) for value, color in used.items() if color != (value, value, value)}


def _names(root: Path, masks: Sequence[MaskHistogram]) -> str:
    return list_paths(root, [mask.path for mask in masks])
