"""The value that rims objects in instance maps, as in Pascal VOC's: 255 in files of 8 bits, 65535 in deeper ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.raster.image import read_values

_SAMPLE = 24
"""Maps whose borders are looked at."""
_MOST = 0.5
"""Share of the maps that hold the value, and of the objects that it touches, or more."""


@dataclass(frozen=True)
class BoundaryValue:
    """A value that may rim objects.

    maps: how many hold it. sure: whether it lies along the borders of objects that are numbered 1, 2 ... without it.
    """

    value: int
    maps: int
    sure: bool


def find_boundary_value(looks: Sequence[MaskHistogram]) -> BoundaryValue | None:
    """Return the highest value that a file can hold, where it behaves as a rim or may do so, else `None`."""
    looks = [look for look in looks if any(value > 0 for value in look.pixels)]
    for top in (65535, 255) if any(look.deep for look in looks) else (255,):
        holding = [look for look in looks if top in look.pixels]
        objects = [[value for value in look.pixels if 0 < value != top] for look in looks]
        # Of 255 objects the last has this number, and it is no rim then.
        numbered = any(top - 1 in look.pixels for look in holding)
        if len(holding) < max(1, _MOST * len(looks)) or numbered or not any(objects):
            continue
        contiguous = float(np.mean([max(own) <= 1.1 * len(own) for own in objects if own])) >= 0.9
        touched, total = _touched(holding, top)
        touching = total > 0 and touched >= _MOST * total
        if touching or contiguous:
            return BoundaryValue(top, len(holding), touching and contiguous)
    return None


def remove_value(looks: Sequence[MaskHistogram], value: int) -> list[MaskHistogram]:
    """Return the looks as if no map held this value."""
    return [
        MaskHistogram(
            look.path, {v: n for v, n in look.pixels.items() if v != value}, palette=look.palette, deep=look.deep
        )
        for look in looks
    ]


def _touched(looks: Sequence[MaskHistogram], top: int) -> tuple[int, int]:
    """Return how many objects have a pixel of `top` beside one of theirs, and how many there are, in a sample."""
    touched = total = 0
    for look in looks[:: -(-len(looks) // _SAMPLE)]:
        stored = read_values(look.path)
        values = stored[..., 0] if stored.ndim == 3 else stored
        rim = values == top
        near = rim.copy()
        near[1:] |= rim[:-1]
        near[:-1] |= rim[1:]
        near[:, 1:] |= rim[:, :-1]
        near[:, :-1] |= rim[:, 1:]
        beside = near & ~rim & (values > 0)
        touched += len(np.unique(values[beside]))
        total += sum(0 < value != top for value in look.pixels)
    return touched, total
