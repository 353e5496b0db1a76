"""Palette masks whose palettes list the same colours in different orders, or other colours than the class list.

A palette's order says nothing to the eye: a file that is saved again without loss may list its colours anew. Where the
colours of the classes are known, or agree over the masks, they decide, and not the values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pixelwise.classes import IGNORE_INDEX, Color
from pixelwise.formats.coding import palette_labels
from pixelwise.formats.problem import Problem, shown
from pixelwise.formats.survey import Look

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def consensus(root: Path, looks: Sequence[Look]) -> tuple[tuple[Look, ...], dict[int, int] | None, tuple[Problem, ...]]:
    """Return the masks with the values that their colours have in most palettes, and these values by packed colour:
    `None`, and the masks as they are, where the palettes do not contradict one another."""
    orders = {look.path: order for look in looks if (order := _order(look)) is not None}
    colors = {color for order in orders.values() for color in order.values()}
    if not orders:
        return tuple(looks), None, ()
    if colors <= {_BLACK, _WHITE}:
        if all((color == _BLACK) == (value == 0) for order in orders.values() for value, color in order.items()):
            return tuple(looks), None, ()
        reference: dict[Color, int] = {_BLACK: 0, _WHITE: 255}
        how = "black is read as 0 and white as 255, as they look"
    else:
        values = {value for order in orders.values() for value in order}
        pairs = {pair for order in orders.values() for pair in order.items()}
        if len(pairs) <= len(values) or len(colors) > len(values):
            return tuple(looks), None, ()
        reference = _reference([tuple(order.items()) for order in orders.values()])
        how = "the colours decide, numbered as in most masks"
    other = [path for path, order in orders.items() if any(reference[c] != value for value, c in order.items())]
    names = ", ".join(shown(root, path) for path in other[:3]) + (" ..." if len(other) > 3 else "")
    message = (
        f"found palettes that list the same colours in different orders, in {len(other):,} masks another ({names}); "
        f"expected one order. In palette masks {how}. Give the colour of each class in classes.yaml to say so."
    )
    translated = tuple(_translated(look, orders.get(look.path), reference) for look in looks)
    table = {_code(color): value for color, value in reference.items()}
    return translated, table, (Problem(root, "assumed", message),)


def palette_problems(
    path: Path, looks: Sequence[Look], colors: Mapping[int, int]
) -> tuple[tuple[Look, ...], tuple[Problem, ...]]:
    """Return the masks that are read by their values beside a class list with colours, and what to say of palettes
    whose colours are not those of the list at `path`."""
    by_value: list[Look] = []
    strange: list[Look] = []
    for look in looks:
        used = look.palette_colors
        if used is None:
            by_value.append(look)
        elif not all(_code(color) in colors for color in used.values()):
            by_value.append(look)
            if any(_code(c) not in colors and c != (v, v, v) and v != IGNORE_INDEX for v, c in used.items()):
                strange.append(look)
        elif look.palette and all(
            label == value for value, label in palette_labels(np.array(look.palette, np.uint8), colors).items()
        ):
            by_value.append(look)
    if not strange:
        return tuple(by_value), ()
    used = strange[0].palette_colors or {}
    value, color = next((v, c) for v, c in used.items() if _code(c) not in colors)
    example = f"in {shown(path.parent, strange[0].path)} value {value} has {list(color)}"
    message = (
        f"found palettes with other colours than {path.name} gives in {len(strange):,} of the masks ({example}); "
        "expected the colours of the classes. Such masks are read by their values. Correct the colours in the list, or "
        "add those that are missing."
    )
    return tuple(by_value), (Problem(path, "assumed", message),)


def _order(look: Look) -> dict[int, Color] | None:
    """Return the colours of a palette mask's values; `None` where they say nothing, because an earlier one is alike."""
    used = look.palette_colors
    if used is None or look.palette is None:
        return None
    return used if all(look.palette.index(color) == value for value, color in used.items()) else None


def _reference(orders: Sequence[tuple[tuple[int, Color], ...]]) -> dict[Color, int]:
    """Return the value of each colour: as in most masks, a value for each."""
    reference: dict[Color, int] = {}
    for order, _ in Counter(orders).most_common():
        for value, color in order:
            if color not in reference and value not in reference.values():
                reference[color] = value
    spare = iter(range(IGNORE_INDEX + 1))
    for color in sorted({color for order in orders for _, color in order} - reference.keys()):
        reference[color] = next(value for value in spare if value not in reference.values())
    return reference


def _translated(look: Look, order: Mapping[int, Color] | None, reference: Mapping[Color, int]) -> Look:
    if order is None:
        return look
    return Look(look.path, {reference[color]: look.pixels[value] for value, color in order.items()})


def _code(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]
