"""Statistics of a data set's masks: how many pixels of each mask have each value or colour."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import MAX_CLASSES, Color
from pixelwise.core.errors import ImageError
from pixelwise.core.lookup import count_values, rows_of
from pixelwise.data.masks.encoding import StoredMask, is_gray, pack_rgb
from pixelwise.raster.image import is_jpeg, pixels_in, read_values_and_palette
from pixelwise.raster.limits import PixelBudget

Int64 = npt.NDArray[np.int64]
_MOST_COLORS = MAX_CLASSES + 2
"""Colours that are counted in one mask. A file with more is a photo, not a mask."""


@dataclass(frozen=True)
class MaskHistogram:
    """The values of one mask.

    pixels: the number of pixels of each value; of an RGB mask, of each packed colour (see `pack_rgb`). rgb: whether the
    keys are colours. gray: whether all colours are gray. palette: the colours of a palette file, else `None`. deep:
    whether the file has more than 8 bits a pixel.
    """

    path: Path
    pixels: Mapping[int, int]
    rgb: bool = False
    gray: bool = True
    palette: tuple[Color, ...] | None = None
    deep: bool = False

    @cached_property
    def area(self) -> int:
        return sum(self.pixels.values())

    @cached_property
    def palette_colors(self) -> dict[int, Color] | None:
        """The colours of the values that occur; `None` without a palette, or where the palette is too short."""
        if self.palette is None or max(self.pixels, default=0) >= len(self.palette):
            return None
        return {value: self.palette[value] for value in self.pixels}


@dataclass(frozen=True)
class MaskStatistics:
    """The histograms of all masks that can be read. Where no mask is in colour, RGB masks count as gray ones."""

    masks: tuple[MaskHistogram, ...]

    @cached_property
    def first_colored(self) -> Path | None:
        """The first RGB mask that is not gray."""
        return next((mask.path for mask in self.masks if not mask.gray), None)

    @cached_property
    def gray_masks(self) -> tuple[MaskHistogram, ...]:
        """The masks that are read by their values."""
        if self.first_colored is not None:
            return tuple(mask for mask in self.masks if not mask.rgb)
        return tuple(_colors_to_values(mask) for mask in self.masks)

    @cached_property
    def values(self) -> frozenset[int]:
        return frozenset(value for mask in self.gray_masks for value in mask.pixels)

    @cached_property
    def colors(self) -> frozenset[int]:
        """The packed colours of the RGB masks; none where all masks are gray."""
        if self.first_colored is None:
            return frozenset()
        return frozenset(color for mask in self.masks if mask.rgb for color in mask.pixels)


def collect_statistics(paths: Sequence[Path]) -> MaskStatistics:
    """Return the statistics of mask files. JPEG files and unreadable ones are left out; `check` names them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        histograms = pool.map(partial(_compute_histogram, PixelBudget()), paths)
        return MaskStatistics(tuple(mask for mask in histograms if mask is not None))


def pixels_per_value(masks: Iterable[MaskHistogram]) -> Counter[int]:
    """Return the number of pixels of each value."""
    pixels: Counter[int] = Counter()
    for mask in masks:
        pixels.update(mask.pixels)
    return pixels


def masks_per_value(masks: Iterable[MaskHistogram]) -> Counter[int]:
    """Return the number of masks that hold each value."""
    return Counter(value for mask in masks for value in mask.pixels)


def _colors_to_values(mask: MaskHistogram) -> MaskHistogram:
    """Return a gray RGB mask with its values in place of packed colours."""
    return MaskHistogram(mask.path, {color & 255: count for color, count in mask.pixels.items()}) if mask.rgb else mask


def _compute_histogram(budget: PixelBudget, path: Path) -> MaskHistogram | None:
    """Return the histogram of one file; `None` for a JPEG or unreadable file."""
    if is_jpeg(path):
        return None
    with budget.reserve(pixels_in(path)):
        try:
            stored, palette = read_values_and_palette(path)
        except ImageError:
            return None
        if stored.ndim == 2:
            colors = None if palette is None else _palette_colors(palette.tobytes())
            return MaskHistogram(path, _count_pixels(stored), palette=colors, deep=stored.dtype != np.uint8)
        strips = (stored[rows] for rows in rows_of(stored.shape))
        gray = all(is_gray(strip) for strip in strips)
        return MaskHistogram(path, _count_pixels(stored, _MOST_COLORS), rgb=True, gray=gray)


@lru_cache(maxsize=64)
def _palette_colors(palette: bytes) -> tuple[Color, ...]:
    """Return a palette's colours. Cached: most masks of a data set share one palette, which is then stored once."""
    return tuple((palette[i], palette[i + 1], palette[i + 2]) for i in range(0, len(palette), 3))


def _count_pixels(stored: StoredMask, most: int | None = None) -> dict[int, int]:
    """Return the number of pixels of each value or packed colour; of the `most` lowest of them where that is given."""
    if stored.dtype == np.uint8 and stored.ndim == 2:
        counts = count_values(stored)
        present = np.flatnonzero(counts)
        counts = counts[present]
    else:
        present = counts = np.zeros(0, np.int64)
        for rows in rows_of(stored.shape):
            values, pixels = _count_runs(stored[rows] if stored.ndim == 2 else pack_rgb(stored[rows]))
            present, positions = np.unique(np.concatenate([present, values]), return_inverse=True)
            all_counts = np.concatenate([counts, pixels])
            counts = np.zeros(len(present), np.int64)
            np.add.at(counts, positions.ravel(), all_counts)
    return dict(zip(present[:most].tolist(), counts[:most].tolist(), strict=True))


def _count_runs(values: StoredMask) -> tuple[Int64, Int64]:
    """Return the values that occur and their pixel counts.

    Masks consist of long runs of one value, so it is faster to sort the first pixel of each run than all pixels.
    """
    flat = values.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    present, runs = np.unique(flat[starts], return_inverse=True)
    pixels = np.bincount(runs.ravel(), weights=np.diff(starts, append=flat.size)).astype(np.int64)
    return present.astype(np.int64), pixels
