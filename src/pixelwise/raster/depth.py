"""Images of more than 8 bits a channel: which stored values become 0 and 255.

Cameras and microscopes store 10 to 14 bits in 16, scanners and satellites signed or floating-point values: the type of
a file does not say which values occur. A training set does, and its model keeps the range. Without a range the file
itself has to suggest one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError
from pixelwise.core.files import open_regular
from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.raster.image import JPEG_START, PNG_START, image_mode, tiff_page
from pixelwise.raster.reader import ImageReader, open_reader
from pixelwise.raster.stack import split_page
from pixelwise.raster.zarr import is_zarr

Values = npt.NDArray[Any]

FILES = 64
"""Training images that are sampled to find out which values occur."""
PIXELS = 2**17
"""Pixels of each of them that are sampled at most."""
EXTREMES = (0.1, 99.9)
"""Percentiles of the values that become 0 and 255: a hot pixel is none of them."""
DEPTH_VALUES = 2**20
"""Values of an image of which percentiles are taken at most."""
NARROW = 1 / 8
"""Values that take less than this share of the range of their bits are spread over what they take."""


@dataclass(frozen=True)
class Depth:
    """What an image stores: the type in numpy's words, and between which values, in all channels, all but 0.1 % at
    either end lie."""

    type: str
    low: float
    high: float


def depth_of(values: Values) -> Depth:
    """Return the depth of an image with these values, of any shape."""
    flat = values.ravel()
    flat = flat[:: max(1, len(flat) // DEPTH_VALUES)].astype(np.float64)
    flat = flat[np.isfinite(flat)]
    low, high = np.percentile(flat, EXTREMES).tolist() if len(flat) else (0.0, 0.0)
    return Depth(values.dtype.name, low, high)


def is_deep(path: Path) -> bool:
    """Return whether a file has more than 8 bits a channel, from its header; `False` where that cannot be read."""
    try:
        if is_zarr(path):
            with open_reader(path, first_bands=True) as reader:
                return reader.is_deep
        page = tiff_page(path)
        if page is not None:
            return page.dtype != "uint8" and page.palette is None
        with open_regular(split_page(path)[0]) as file:
            head = file.read(26)
        if head.startswith(PNG_START):
            return head[24:25] == b"\x10"
        return not head.startswith(JPEG_START) and image_mode(path)[:1] in ("I", "F")
    except (ImageError, OSError):
        return False


def measure_range(paths: Sequence[Path]) -> ValueRange | None:
    """Return the range of values in the deep ones of these files, red, green and blue each; `None` where none is deep.

    Values of 16 bits that use half of them or more keep all: a picture of 16 bits and the same of 8 bits are then the
    same. Files that cannot be read are passed over.
    """
    deep = [path for path in paths if is_deep(path)]
    looks = [look for path in deep[:: max(1, len(deep) // FILES)] if (look := _look(path)) is not None]
    if not looks:
        return None
    if all(values.dtype == np.uint16 for values in looks):
        together = np.concatenate([values.ravel() for values in looks])
        if _is_stretched(together) or _span(together) >= 2**15:
            return FULL
    low, high = [], []
    for channel in range(3):
        values = np.concatenate([look[:, min(channel, look.shape[1] - 1)].astype(np.float64) for look in looks])
        least, most = np.percentile(values, EXTREMES).tolist()
        low.append(least)
        high.append(most)
    return ValueRange(tuple(low), tuple(high))


def _look(path: Path) -> Values | None:
    """Return some of a file's values, (n, channels); `None` where there are none."""
    try:
        with open_reader(path) as reader:
            values = reader.sample()
    except ImageError:
        return None
    if values.dtype == np.uint8:
        return None  # CMYK of 16 bits is read with 8
    return values[:: max(1, len(values) // PIXELS)] if len(values) else None


def range_of(reader: ImageReader) -> ValueRange:
    """Return the range that a file itself suggests (see `estimate_range`)."""
    return estimate_range(reader.sample()) if reader.is_deep else FULL


def estimate_range(values: Values) -> ValueRange:
    """Return what becomes 0 and 255 of an image of which nothing more is known than some of its values, (n, channels).

    Whole numbers from 0 on have an even number of bits, the least that hold all but the highest 0.1 %: 12-bit values
    in a 16-bit file are read as 12 bits. Where they take less than an eighth of that, and for negative numbers and
    fractions, it is the values at the percentiles 0.1 and 99.9. Floating-point values within 0..1, or within 0..255,
    are taken for such.
    """
    if not len(values) or values.dtype == np.uint8 or (values.dtype == np.uint16 and _is_stretched(values)):
        return FULL
    low, high = np.percentile(values.astype(np.float64), EXTREMES).tolist()
    if values.dtype.kind == "f" and low >= 0:
        if values.max() <= 1:
            return _even(0, 1)
        if high > 1 and values.max() <= 255:
            return _even(0, 255)
    elif values.dtype.kind in "iu" and low >= 0:
        top = 2 ** bits_of(high) - 1
        if top == 255 or high - low >= NARROW * top:
            return _even(0, top)
    return _even(low, high)


def bits_of(largest: float) -> int:
    """Return the least even number of bits, 8 or more, that hold a whole number."""
    return max(8, 2 * math.ceil(math.log2(math.floor(largest) + 1) / 2))


def _is_stretched(values: Values) -> bool:
    """Return whether 16-bit values are 8-bit ones times 257, as programs that convert pictures write them."""
    return not np.any(values % 257) and bool(values.any())


def _span(values: Values) -> float:
    low, high = np.percentile(values, EXTREMES).tolist()
    return float(high - low)


def _even(low: float, high: float) -> ValueRange:
    return ValueRange((float(low),) * 3, (float(high),) * 3)
