"""A look over a data set's masks: which values they hold, in how many pixels, and in which colours."""

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
from pixelwise.raster.limits import Turns

Int64 = npt.NDArray[np.int64]
_MOST_COLORS = MAX_CLASSES + 2
"""More colours than this in one mask are not told apart: it is a photo, not a mask."""


@dataclass(frozen=True)
class MaskHistogram:
    """What one mask holds.

    pixels: the number of pixels of each value, or of each packed colour of an RGB mask. rgb: whether those are colours;
    gray: whether they all are gray. palette: the colours that a palette file lists, else `None`. deep: whether the file
    has more than 8 bits a pixel.
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
        """The colours of the values that occur; `None` for a mask without a palette, or one that is too short."""
        if self.palette is None or max(self.pixels, default=0) >= len(self.palette):
            return None
        return {value: self.palette[value] for value in self.pixels}


@dataclass(frozen=True)
class MaskStatistics:
    """What the masks hold, those left out that cannot be read. Where none is in colour, RGB masks count as gray."""

    looks: tuple[MaskHistogram, ...]

    @cached_property
    def colored(self) -> Path | None:
        """The first mask that is RGB and not gray."""
        return next((look.path for look in self.looks if not look.gray), None)

    @cached_property
    def gray_masks(self) -> tuple[MaskHistogram, ...]:
        """The masks that are read by their values."""
        if self.colored is not None:
            return tuple(look for look in self.looks if not look.rgb)
        return tuple(_as_values(look) for look in self.looks)

    @cached_property
    def values(self) -> frozenset[int]:
        return frozenset(value for look in self.gray_masks for value in look.pixels)

    @cached_property
    def colors(self) -> frozenset[int]:
        """The packed colours of the RGB masks, where one is in colour."""
        if self.colored is None:
            return frozenset()
        return frozenset(code for look in self.looks if look.rgb for code in look.pixels)


def collect_statistics(masks: Sequence[Path]) -> MaskStatistics:
    """Look at the masks; JPEG files and those that cannot be read say nothing here (`check` names them)."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return MaskStatistics(tuple(look for look in pool.map(partial(_look, Turns()), masks) if look is not None))


def pixels_per_value(looks: Iterable[MaskHistogram]) -> Counter[int]:
    """Return the number of pixels of each value."""
    pixels: Counter[int] = Counter()
    for look in looks:
        pixels.update(look.pixels)
    return pixels


def masks_per_value(looks: Iterable[MaskHistogram]) -> Counter[int]:
    """Return the number of masks that hold each value."""
    return Counter(value for look in looks for value in look.pixels)


def _as_values(look: MaskHistogram) -> MaskHistogram:
    return MaskHistogram(look.path, {code & 255: count for code, count in look.pixels.items()}) if look.rgb else look


def _look(turns: Turns, mask: Path) -> MaskHistogram | None:
    if is_jpeg(mask):
        return None
    with turns.of(pixels_in(mask)):
        try:
            stored, palette = read_values_and_palette(mask)
        except ImageError:
            return None
        if stored.ndim == 2:
            colors = None if palette is None else _colors(palette.tobytes())
            return MaskHistogram(mask, _counted(stored), palette=colors, deep=stored.dtype != np.uint8)
        strips = (stored[rows] for rows in rows_of(stored.shape))
        gray = all(is_gray(strip) for strip in strips)
        return MaskHistogram(mask, _counted(stored, _MOST_COLORS), rgb=True, gray=gray)


@lru_cache(maxsize=64)
def _colors(palette: bytes) -> tuple[Color, ...]:
    """Return a palette's colours; masks of one data set mostly have the same one, which is then held once."""
    return tuple((palette[i], palette[i + 1], palette[i + 2]) for i in range(0, len(palette), 3))


def _counted(stored: StoredMask, most: int | None = None) -> dict[int, int]:
    """Return the number of pixels of the different values, or packed colours, or of the first `most` of them."""
    if stored.dtype == np.uint8 and stored.ndim == 2:
        counts = count_values(stored)
        present = np.flatnonzero(counts)
        counts = counts[present]
    else:
        present = counts = np.zeros(0, np.int64)
        for rows in rows_of(stored.shape):
            own, pixels = _of_runs(stored[rows] if stored.ndim == 2 else pack_rgb(stored[rows]))
            present, where = np.unique(np.concatenate([present, own]), return_inverse=True)
            joined = np.concatenate([counts, pixels])
            counts = np.zeros(len(present), np.int64)
            np.add.at(counts, where.ravel(), joined)
    return dict(zip(present[:most].tolist(), counts[:most].tolist(), strict=True))


def _of_runs(codes: StoredMask) -> tuple[Int64, Int64]:
    """Return the values that occur, and the number of pixels of each: masks are runs of one value, of which the first
    pixel is enough, and quick to sort."""
    flat = codes.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    present, runs = np.unique(flat[starts], return_inverse=True)
    pixels = np.bincount(runs.ravel(), weights=np.diff(starts, append=flat.size)).astype(np.int64)
    return present.astype(np.int64), pixels
