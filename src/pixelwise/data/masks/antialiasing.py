"""Antialiased masks: values that smoothing or interpolation left along the borders between classes."""

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
"""Masks whose pixels are read at most."""
_FEWEST = 3
"""Least number of interpolated values. Fewer may be classes of their own, such as object borders."""
_FLAT, _BETWEEN = 0.05, 0.7
"""Largest share of the pixels with interpolated values that lie inside areas of one value, and least share that lie
between a darker and a brighter neighbour."""
_POLES = 0.15
"""Least share of pixels with the darkest or the brightest value in masks with soft edges. Photos have fewer."""
_ALONG = 0.95
"""Least share of the image's border that must be of one class."""


@dataclass(frozen=True)
class BorderStatistics:
    """Where the values of some masks lie: pixel counts, each int64 (n,), in rising order of `values`.

    pixels: all pixels of a value. flat: those whose eight neighbours have the same value. between: those with both a
    darker and a brighter neighbour.
    """

    values: Int64
    pixels: Int64
    flat: Int64
    between: Int64

    def are_interpolated(self, selected: npt.NDArray[np.bool_], fewest: int = _FEWEST) -> bool:
        """Return whether the `selected` values, boolean (n,), are `fewest` or more and lie along borders."""
        total = int(self.pixels[selected].sum())
        if np.count_nonzero(selected) < fewest or total < 4 * _FEWEST:
            return False
        return bool(self.flat[selected].sum() <= _FLAT * total and self.between[selected].sum() >= _BETWEEN * total)


def find_soft_binary(masks: Sequence[MaskHistogram]) -> tuple[int, int] | None:
    """Return the dark and the bright value of masks of two classes with soft edges; `None` for other masks.

    The values between the two lie along borders, or, after JPEG compression, most pixels have nearly one of them.
    """
    pixels = pixels_per_value(masks)
    low, high = min(pixels, default=0), max(pixels, default=0)
    inner = sorted(value for value in pixels if low < value < high)
    if len(inner) < 2 or high - low < 4:
        return None
    if _is_jpeg_binary(pixels, low, high):
        return low, high
    extremes = pixels[low] + pixels[high]
    middle = all(abs(2 * value - low - high) <= 2 for value in inner)
    if extremes < _POLES * sum(pixels.values()) or not (middle or inner[-1] - inner[0] >= 0.4 * (high - low)):
        return None
    borders = measure_borders(masks)
    return (low, high) if borders.are_interpolated((borders.values > low) & (borders.values < high), fewest=2) else None


def lies_on_borders(masks: Sequence[MaskHistogram], value: int) -> bool:
    """Return whether a value lies only along borders between a darker and a brighter one."""
    borders = measure_borders(masks)
    return borders.are_interpolated(borders.values == value, fewest=1)


def find_interpolated_values(masks: Sequence[MaskHistogram]) -> frozenset[int]:
    """Return the values that interpolation made between the values of classes, in masks of several classes."""
    if len(pixels_per_value(masks)) < _FEWEST + 2:
        return frozenset()
    borders = measure_borders(masks)
    selected = (borders.flat <= _FLAT * borders.pixels) & (borders.between >= 0.5 * borders.pixels)
    return frozenset(borders.values[selected].tolist()) if borders.are_interpolated(selected) else frozenset()


def find_inverted_masks(masks: Sequence[MaskHistogram], labels: Mapping[int, int]) -> list[MaskHistogram]:
    """Return the masks of two classes that seem to be inverted; none where the evidence is thin.

    They are foreground on most pixels and along the image's border, where the other masks are background. labels: the
    class, 0 or 1, of each value.
    """
    bright = [value for value, label in labels.items() if label == 1]
    shares = [(mask, sum(mask.pixels.get(value, 0) for value in bright) / mask.area) for mask in masks]
    mostly_bright = [mask for mask, share in shares if share > 0.5]
    mostly_dark = [mask for mask, share in shares if 0 < share < 0.5]
    if min(len(mostly_bright), len(mostly_dark)) < 2:
        return []
    inverted = [mask for mask in mostly_bright if np.isin(_border_values(mask), bright).mean() >= _ALONG]
    sample = mostly_dark[:: -(-len(mostly_dark) // _SAMPLE)]
    upright = [mask for mask in sample if np.isin(_border_values(mask), bright).mean() <= 1 - _ALONG]
    return inverted if len(inverted) >= 2 and len(upright) >= max(2, len(sample) // 2) else []


def _border_values(mask: MaskHistogram) -> Int64:
    """Return the values along the image's border."""
    stored = read_values(mask.path)
    values = stored[..., 0] if stored.ndim == 3 else stored
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]).astype(np.int64)


def measure_borders(masks: Sequence[MaskHistogram]) -> BorderStatistics:
    """Return where the values of a sample of masks lie: the masks with the most values."""
    sample = sorted((mask for mask in masks if len(mask.pixels) > 2), key=lambda mask: -len(mask.pixels))[:_SAMPLE]
    values = np.array(sorted({value for mask in sample for value in mask.pixels}), np.int64)
    pixels, flat, between = np.zeros((3, len(values)), np.int64)
    for mask in sample:
        stored = read_values(mask.path)
        indices = _index_values(stored[..., 0] if stored.ndim == 3 else stored, values)
        lowest, highest = _extremes(indices)
        for counts, selected in (
            (pixels, np.ones(indices.shape, bool)),
            (flat, lowest == highest),
            (between, (lowest < indices) & (indices < highest)),
        ):
            counts += np.bincount(indices[selected], minlength=len(values))
    return BorderStatistics(values, pixels, flat, between)


def _index_values(stored: StoredMask, values: Int64) -> Whole:
    """Return the position of each pixel's value in `values`, in the smallest dtype, which is the fastest to compare."""
    small: type[np.integer[Any]] = np.uint8 if len(values) <= 256 else np.uint16 if len(values) <= 65536 else np.int32
    if stored.dtype == np.uint8:
        return np.searchsorted(values, np.arange(256)).astype(small)[stored]
    return np.searchsorted(values, stored).astype(small)


def _extremes(indices: Whole) -> tuple[Whole, Whole]:
    """Return the lowest and the highest index among each pixel and its eight neighbours."""
    lowest = highest = np.pad(indices, 1, mode="edge")
    for axis in (0, 1):
        slices = [tuple(slice(i, i - 2 or None) if a == axis else slice(None) for a in (0, 1)) for i in (0, 1, 2)]
        lowest = np.minimum.reduce([lowest[part] for part in slices])
        highest = np.maximum.reduce([highest[part] for part in slices])
    return lowest, highest


def _is_jpeg_binary(pixels: dict[int, int], low: int, high: int) -> bool:
    """Return whether masks hold two classes stored as JPEG: nearly all pixels are near the lowest or highest value."""
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
