"""The value of object boundaries in instance maps, as in Pascal VOC: 255, or 65535 in files of more than 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.raster.image import read_values

_SAMPLE = 24
"""Maps whose pixels are read at most, evenly spread."""
_MOST = 0.5
"""Least share of the maps that must hold the value, and of the objects that it must touch."""


@dataclass(frozen=True)
class BoundaryValue:
    """A value that may mark object boundaries.

    maps: how many maps hold it. sure: whether it touches most objects and these are numbered 1, 2 ... without it.
    """

    value: int
    maps: int
    sure: bool


def find_boundary_value(maps: Sequence[MaskHistogram]) -> BoundaryValue | None:
    """Return the highest value of the file type where it marks, or may mark, object boundaries; else `None`."""
    maps = [histogram for histogram in maps if any(value > 0 for value in histogram.pixels)]
    for top in (65535, 255) if any(histogram.deep for histogram in maps) else (255,):
        with_top = [histogram for histogram in maps if top in histogram.pixels]
        ids = [[value for value in histogram.pixels if 0 < value != top] for histogram in maps]
        # Where a map also holds the value below, ids simply go on up to this one.
        is_last_id = any(top - 1 in histogram.pixels for histogram in with_top)
        if len(with_top) < max(1, _MOST * len(maps)) or is_last_id or not any(ids):
            continue
        contiguous = float(np.mean([max(values) <= 1.1 * len(values) for values in ids if values])) >= 0.9
        touched, total = _count_touched(with_top, top)
        touching = total > 0 and touched >= _MOST * total
        if touching or contiguous:
            return BoundaryValue(top, len(with_top), touching and contiguous)
    return None


def remove_value(maps: Sequence[MaskHistogram], value: int) -> list[MaskHistogram]:
    """Return the histograms without this value."""
    return [
        MaskHistogram(
            histogram.path,
            {v: count for v, count in histogram.pixels.items() if v != value},
            palette=histogram.palette,
            deep=histogram.deep,
        )
        for histogram in maps
    ]


def _count_touched(maps: Sequence[MaskHistogram], top: int) -> tuple[int, int]:
    """Return how many objects have a pixel beside one of value `top`, and how many objects there are, in a sample."""
    touched = total = 0
    for histogram in maps[:: -(-len(maps) // _SAMPLE)]:
        stored = read_values(histogram.path)
        values = stored[..., 0] if stored.ndim == 3 else stored
        is_top = values == top
        near = is_top.copy()
        near[1:] |= is_top[:-1]
        near[:-1] |= is_top[1:]
        near[:, 1:] |= is_top[:, :-1]
        near[:, :-1] |= is_top[:, 1:]
        beside = near & ~is_top & (values > 0)
        touched += len(np.unique(values[beside]))
        total += sum(0 < value != top for value in histogram.pixels)
    return touched, total
