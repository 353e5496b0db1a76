"""A look over a data set's masks: which values they hold, in how many pixels, and in which colours."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from pixelwise.classes import MAX_CLASSES, Color
from pixelwise.errors import ImageError
from pixelwise.formats.coding import Codes, is_gray, packed
from pixelwise.raster.image import is_jpeg, read_values_and_palette

_MOST_COLORS = MAX_CLASSES + 2
"""More colours than this in one mask are not told apart: it is a photo, not a mask."""


@dataclass(frozen=True)
class Look:
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
class Survey:
    """What the masks hold, those left out that cannot be read. Where none is in colour, RGB masks count as gray."""

    looks: tuple[Look, ...]

    @cached_property
    def colored(self) -> Path | None:
        """The first mask that is RGB and not gray."""
        return next((look.path for look in self.looks if not look.gray), None)

    @cached_property
    def gray_looks(self) -> tuple[Look, ...]:
        """The masks that are read by their values."""
        if self.colored is not None:
            return tuple(look for look in self.looks if not look.rgb)
        return tuple(_as_values(look) for look in self.looks)

    @cached_property
    def values(self) -> frozenset[int]:
        return frozenset(value for look in self.gray_looks for value in look.pixels)

    @cached_property
    def colors(self) -> frozenset[int]:
        """The packed colours of the RGB masks, where one is in colour."""
        if self.colored is None:
            return frozenset()
        return frozenset(code for look in self.looks if look.rgb for code in look.pixels)


def survey(masks: Sequence[Path]) -> Survey:
    """Look at the masks; JPEG files and those that cannot be read say nothing here (`check` names them)."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return Survey(tuple(look for look in pool.map(_look, masks) if look is not None))


def pixels_of(looks: Iterable[Look]) -> Counter[int]:
    """Return the number of pixels of each value."""
    pixels: Counter[int] = Counter()
    for look in looks:
        pixels.update(look.pixels)
    return pixels


def masks_of(looks: Iterable[Look]) -> Counter[int]:
    """Return the number of masks that hold each value."""
    return Counter(value for look in looks for value in look.pixels)


def _as_values(look: Look) -> Look:
    return Look(look.path, {code & 255: count for code, count in look.pixels.items()}) if look.rgb else look


def _look(mask: Path) -> Look | None:
    if is_jpeg(mask):
        return None
    try:
        stored, palette = read_values_and_palette(mask)
    except ImageError:
        return None
    if stored.ndim == 2:
        colors = None if palette is None else _colors(palette.tobytes())
        return Look(mask, _counted(stored), palette=colors, deep=stored.dtype != np.uint8)
    return Look(mask, _counted(packed(stored), _MOST_COLORS), rgb=True, gray=is_gray(stored))


@lru_cache(maxsize=64)
def _colors(palette: bytes) -> tuple[Color, ...]:
    """Return a palette's colours; masks of one data set mostly have the same one, which is then held once."""
    return tuple((palette[i], palette[i + 1], palette[i + 2]) for i in range(0, len(palette), 3))


def _counted(codes: Codes, most: int | None = None) -> dict[int, int]:
    """Return the number of pixels of the different values, or of the first `most` of them."""
    flat = codes.ravel()
    if flat.dtype == np.uint8:
        counts = np.bincount(flat, minlength=256)
        present = np.flatnonzero(counts)
        counts = counts[present]
    else:  # masks are runs of one value: the first pixel of each run is enough, and quick to sort
        starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
        present, runs = np.unique(flat[starts], return_inverse=True)
        counts = np.bincount(runs.ravel(), weights=np.diff(starts, append=flat.size)).astype(np.int64)
    return dict(zip(present[:most].tolist(), counts[:most].tolist(), strict=True))
