"""What the values of masks are by themselves: slips of the mouse, gray levels, class indices."""

from __future__ import annotations

from collections.abc import Sequence

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.masks.statistics import MaskHistogram, masks_per_value, pixels_per_value

APART = 8
"""Values of as few classes that lie so far apart, on average, are gray levels."""
_BESIDE = 5
"""So many masks of 0 and 255 alone outweigh one in which 255 lies beside other values."""


def find_stray_values(looks: Sequence[MaskHistogram], besides: frozenset[int] = frozenset()) -> frozenset[int]:
    """Return values in so few pixels of so few masks that no class is meant, without those in `besides`."""
    pixels, masks = pixels_per_value(looks), masks_per_value(looks)
    total = sum(pixels.values())
    area = total / max(1, len(looks))
    strays = {
        value
        for value, count in pixels.items()
        if count <= max(4, 1e-4 * area) and count <= 1e-3 * total and masks[value] <= max(1, len(looks) // 20)
    }
    common = pixels.keys() - strays - besides
    if common - {0, 255}:  # class indices: one more in their row may be rare, if not as rare as a slip of the mouse
        strays = {v for v in strays if pixels[v] <= 4 or not common & {v - 1, v + 1}}
    if not common <= {0, 255}:
        strays.discard(IGNORE_INDEX)
    return frozenset(strays) - besides


def is_evenly_spaced(values: Sequence[int]) -> bool:
    """Return whether three rising values or more, from 0 on, are as far from one another, by rounding, and far."""
    if len(values) < 3 or values[0] != 0:
        return False
    step = values[-1] / (len(values) - 1)
    return step >= 5 and all(abs(value - step * i) <= 1 for i, value in enumerate(values))


def are_gray_levels(values: Sequence[int]) -> bool:
    """Return whether rising values are gray levels, by their number and the highest."""
    return values[-1] >= APART * len(values)


def is_255_apart(values: Sequence[int]) -> bool:
    """Return whether 255 is no gray level beside these: next to the last, or far from a row that is evenly spread."""
    gap = IGNORE_INDEX - values[-1]
    return gap < APART or (is_evenly_spaced(values) and gap > 2 * values[1])


def has_outlying_value(values: Sequence[int]) -> bool:
    """Return whether rising values are class indices in a row of three or more and one value far beyond them."""
    *row, last = values
    return len(row) >= 3 and row == list(range(row[0], row[0] + len(row))) and last >= APART * (row[-1] + 2)


def masks_of_0_and_255(looks: Sequence[MaskHistogram]) -> list[MaskHistogram]:
    """Return the masks that hold 255 and no other value but 0."""
    return [look for look in looks if IGNORE_INDEX in look.pixels and look.pixels.keys() <= {0, IGNORE_INDEX}]


def masks_of_other_values(looks: Sequence[MaskHistogram]) -> list[MaskHistogram]:
    """Return the masks that hold values besides 0 and 255."""
    return [look for look in looks if look.pixels.keys() - {0, IGNORE_INDEX}]


def is_mostly_255(looks: Sequence[MaskHistogram]) -> bool:
    """Return whether more masks hold 255 and no other value but 0 than hold other values, and 255 lies beside these in
    few, so that it does not stand for no label."""
    alone, others = masks_of_0_and_255(looks), masks_of_other_values(looks)
    beside = sum(IGNORE_INDEX in look.pixels for look in others)
    return len(alone) > len(others) and _BESIDE * beside <= len(alone)
