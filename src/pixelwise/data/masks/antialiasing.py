"""Traces of smoothing in masks: values that only lie between two others, along borders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.data.masks.encoding import StoredMask
from pixelwise.data.masks.statistics import MaskHistogram, pixels_per_value
from pixelwise.raster.image import read_values

Int64 = npt.NDArray[np.int64]
Whole = npt.NDArray[np.integer[Any]]

_SAMPLE = 24
"""Masks whose borders are looked at."""
_FEWEST = 3
"""Fewer values between others may be classes of their own, such as the borders of objects."""
_FLAT, _BETWEEN = 0.05, 0.7
"""Of the pixels of values that smoothing made, at most so many lie inside an area of one value, and so many, or more,
between a darker and a brighter neighbour."""
_POLES = 0.15
"""Share of the pixels that have the darkest or the brightest value of a mask with soft edges, or more; of photos few
have."""


_ALONG = 0.95
"""Share of the image's border that is of one class all along."""


@dataclass(frozen=True)
class BorderStatistics:
    """How the values of some masks lie, each int64 (n,) in rising order of `values`: pixels of it; those whose eight
    neighbours have it too; those with a darker and a brighter one among their neighbours."""

    values: Int64
    pixels: Int64
    flat: Int64
    between: Int64

    def smoothed(self, which: npt.NDArray[np.bool_], fewest: int = _FEWEST) -> bool:
        """Return whether the values marked in `which`, boolean (n,), are so many and lie as smoothing leaves them."""
        total = int(self.pixels[which].sum())
        if np.count_nonzero(which) < fewest or total < 4 * _FEWEST:
            return False
        return bool(self.flat[which].sum() <= _FLAT * total and self.between[which].sum() >= _BETWEEN * total)


def find_soft_binary(looks: Sequence[MaskHistogram]) -> tuple[int, int] | None:
    """Return the two values, dark and bright, of masks of two classes with soft edges; `None` for any others.

    The values between the two fill the range and lie along borders, or, as JPEG compression leaves them, most pixels
    have nearly the one or nearly the other.
    """
    pixels = pixels_per_value(looks)
    low, high = min(pixels, default=0), max(pixels, default=0)
    inner = sorted(value for value in pixels if low < value < high)
    if len(inner) < 2 or high - low < 4:
        return None
    if _rings(pixels, low, high):
        return low, high
    extremes = pixels[low] + pixels[high]
    middle = all(abs(2 * value - low - high) <= 2 for value in inner)
    if extremes < _POLES * sum(pixels.values()) or not (middle or inner[-1] - inner[0] >= 0.4 * (high - low)):
        return None
    borders = measure_borders(looks)
    return (low, high) if borders.smoothed((borders.values > low) & (borders.values < high), fewest=2) else None


def lies_on_borders(looks: Sequence[MaskHistogram], value: int) -> bool:
    """Return whether a value lies nowhere but along borders between a darker and a brighter one."""
    borders = measure_borders(looks)
    return borders.smoothed(borders.values == value, fewest=1)


def find_interpolated_values(looks: Sequence[MaskHistogram]) -> frozenset[int]:
    """Return the values that smoothing made of the others, in masks of several classes; none where there are none."""
    if len(pixels_per_value(looks)) < _FEWEST + 2:
        return frozenset()
    borders = measure_borders(looks)
    which = (borders.flat <= _FLAT * borders.pixels) & (borders.between >= 0.5 * borders.pixels)
    return frozenset(borders.values[which].tolist()) if borders.smoothed(which) else frozenset()


def find_inverted_masks(looks: Sequence[MaskHistogram], labels: Mapping[int, int]) -> list[MaskHistogram]:
    """Return the masks of two classes that are foreground on most pixels and all along the image's border, where others
    are background on most and all along it; none where there are few of the one or of the other.

    labels: the class, 0 or 1, of each value.
    """
    bright = [value for value, label in labels.items() if label == 1]
    shares = [(look, sum(look.pixels.get(value, 0) for value in bright) / look.area) for look in looks]
    most = [look for look, share in shares if share > 0.5]
    few = [look for look, share in shares if 0 < share < 0.5]
    if min(len(most), len(few)) < 2:
        return []
    inverted = [look for look in most if np.isin(_edge(look), bright).mean() >= _ALONG]
    sample = few[:: -(-len(few) // _SAMPLE)]
    upright = [look for look in sample if np.isin(_edge(look), bright).mean() <= 1 - _ALONG]
    return inverted if len(inverted) >= 2 and len(upright) >= max(2, len(sample) // 2) else []


def _edge(look: MaskHistogram) -> Int64:
    """Return the values along the border of the image."""
    stored = read_values(look.path)
    values = stored[..., 0] if stored.ndim == 3 else stored
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]).astype(np.int64)


def measure_borders(looks: Sequence[MaskHistogram]) -> BorderStatistics:
    """Look at how the values of a sample of the masks lie, those with the most values among them."""
    several = sorted((look for look in looks if len(look.pixels) > 2), key=lambda look: -len(look.pixels))[:_SAMPLE]
    values = np.array(sorted({value for look in several for value in look.pixels}), np.int64)
    pixels, flat, between = np.zeros((3, len(values)), np.int64)
    for look in several:
        stored = read_values(look.path)
        codes = _codes(stored[..., 0] if stored.ndim == 3 else stored, values)
        lowest, highest = _extremes(codes)
        for counts, which in (
            (pixels, np.ones(codes.shape, bool)),
            (flat, lowest == highest),
            (between, (lowest < codes) & (codes < highest)),
        ):
            counts += np.bincount(codes[which], minlength=len(values))
    return BorderStatistics(values, pixels, flat, between)


def _codes(stored: StoredMask, values: Int64) -> Whole:
    """Return the places of a mask's values in `values`, in few bits a pixel, which is quicker to compare."""
    small: type[np.integer[Any]] = np.uint8 if len(values) <= 256 else np.uint16 if len(values) <= 65536 else np.int32
    if stored.dtype == np.uint8:
        return np.searchsorted(values, np.arange(256)).astype(small)[stored]
    return np.searchsorted(values, stored).astype(small)


def _extremes(codes: Whole) -> tuple[Whole, Whole]:
    """Return the lowest and the highest value among each pixel and its eight neighbours."""
    lowest = highest = np.pad(codes, 1, mode="edge")
    for axis in (0, 1):
        slices = [tuple(slice(i, i - 2 or None) if a == axis else slice(None) for a in (0, 1)) for i in (0, 1, 2)]
        lowest = np.minimum.reduce([lowest[part] for part in slices])
        highest = np.maximum.reduce([highest[part] for part in slices])
    return lowest, highest


def _rings(pixels: dict[int, int], low: int, high: int) -> bool:
    """Return whether nearly all pixels have nearly the lowest or the highest value: two classes, stored as JPEG."""
    if high - low < 128:
        return False
    reach = (high - low) // 16
    dark = {value: count for value, count in pixels.items() if value <= low + reach}
    bright = {value: count for value, count in pixels.items() if value >= high - reach}
    near = sum(dark.values()) + sum(bright.values())
    return (
        min(len(dark), len(bright)) > _FEWEST
        and near >= 0.9 * sum(pixels.values())
        and max(dark, key=dark.__getitem__) == low
        and pixels[low] >= 0.5 * sum(dark.values())
        and pixels[high] >= 0.5 * sum(bright.values())
    )
