"""Patterns of mask values: gray levels, class indices, 255 without a label, stray values."""

from __future__ import annotations

from collections.abc import Sequence

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.masks.statistics import MaskHistogram, masks_per_value, pixels_per_value

APART = 8
"""Least mean distance of gray levels; values that are closer are class indices."""
_BESIDE = 5
"""Masks of 0 and 255 alone that it takes to outweigh one mask in which 255 lies beside other values."""


def find_stray_values(masks: Sequence[MaskHistogram], excluded: frozenset[int] = frozenset()) -> frozenset[int]:
    """Return the values of so few pixels in so few masks that they are slips of the mouse and no classes.

    `excluded` values are never returned, and they do not speak for or against others.
    """
    pixels, mask_counts = pixels_per_value(masks), masks_per_value(masks)
    total = sum(pixels.values())
    area = total / max(1, len(masks))
    strays = {
        value
        for value, count in pixels.items()
        if count <= max(4, 1e-4 * area) and count <= 1e-3 * total and mask_counts[value] <= max(1, len(masks) // 20)
    }
    common = pixels.keys() - strays - excluded
    if common - {0, 255}:  # class indices: the neighbour of a common index may be a rare class, unless it is very rare
        strays = {v for v in strays if pixels[v] <= 4 or not common & {v - 1, v + 1}}
    if not common <= {0, 255}:
        strays.discard(IGNORE_INDEX)
    return frozenset(strays) - excluded


def is_evenly_spaced(values: Sequence[int]) -> bool:
    """Return whether three or more rising values from 0 on have equal steps of 5 or more, up to rounding.

    Examples
    --------
    >>> is_evenly_spaced([0, 127, 255]), is_evenly_spaced([0, 1, 2]), is_evenly_spaced([0, 50, 255])
    (True, False, False)
    """
    if len(values) < 3 or values[0] != 0:
        return False
    step = values[-1] / (len(values) - 1)
    return step >= 5 and all(abs(value - step * i) <= 1 for i, value in enumerate(values))


def are_gray_levels(values: Sequence[int]) -> bool:
    """Return whether rising values are gray levels, judged by the highest of them and their number."""
    return values[-1] >= APART * len(values)


def is_255_apart(values: Sequence[int]) -> bool:
    """Return whether 255 is no gray level among these rising ones.

    It is none next to the last level, and none far beyond evenly spaced levels.
    """
    gap = IGNORE_INDEX - values[-1]
    return gap < APART or (is_evenly_spaced(values) and gap > 2 * values[1])


def has_outlying_value(values: Sequence[int]) -> bool:
    """Return whether rising values are three or more consecutive class indices and one value far beyond them."""
    *row, last = values
    return len(row) >= 3 and row == list(range(row[0], row[0] + len(row))) and last >= APART * (row[-1] + 2)


def masks_of_0_and_255(masks: Sequence[MaskHistogram]) -> list[MaskHistogram]:
    """Return the masks that hold 0, 255 and nothing else. One of 255 alone may be an image that nobody has labelled."""
    return [mask for mask in masks if mask.pixels.keys() == {0, IGNORE_INDEX}]


def masks_of_other_values(masks: Sequence[MaskHistogram]) -> list[MaskHistogram]:
    """Return the masks that hold values besides 0 and 255."""
    return [mask for mask in masks if mask.pixels.keys() - {0, IGNORE_INDEX}]


def is_mostly_255(masks: Sequence[MaskHistogram]) -> bool:
    """Return whether 255 is a class in most masks rather than no label.

    That is so where masks of 0 and 255 alone outnumber those of other values, and 255 lies beside these in few.
    """
    alone, others = masks_of_0_and_255(masks), masks_of_other_values(masks)
    beside = sum(IGNORE_INDEX in mask.pixels for mask in others)
    return len(alone) > len(others) and _BESIDE * beside <= len(alone)
