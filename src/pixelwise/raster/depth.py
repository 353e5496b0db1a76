"""Images of more than 8 bits a channel, and the stored values that become 0 and 255.

Cameras and microscopes store 10 to 14 bits in 16, scanners and satellites signed or floating-point values: the type of
a file does not tell which values occur. A training set does, and its model stores the range. Without a stored range, it
is estimated from the file itself.
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
"""The most training images that are sampled to measure which values occur."""
PIXELS = 2**17
"""The most pixels of each that are sampled."""
EXTREMES = (0.1, 99.9)
"""Percentiles of the values that become 0 and 255, so that a hot pixel has no effect."""
DEPTH_VALUES = 2**20
"""The most values of an image from which percentiles are computed."""
NARROW = 1 / 8
"""Values that cover less than this share of the range of their bits are spread by their own range."""


@dataclass(frozen=True)
class Depth:
    """What an image stores: its numpy dtype, and the range of its values over all channels, without 0.1 % at either
    end."""

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
    """Return whether a file has more than 8 bits a channel, from its header; `False` if that cannot be read."""
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
    """Return the range of values, for red, green and blue each, of those files with more than 8 bits; `None` if there
    are none.

    If values of 16 bits cover half of their range or more, the range is all 16 bits, so that a picture in 16 bits and
    the same in 8 bits become equal. Files that cannot be read are skipped.
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
    """Return some of a file's values, (n, channels); `None` if it cannot be read."""
    try:
        with open_reader(path) as reader:
            values = reader.sample()
    except ImageError:
        return None
    if values.dtype == np.uint8:
        return None  # CMYK of 16 bits is read as 8 bits
    return values[:: max(1, len(values) // PIXELS)] if len(values) else None


def range_of(reader: ImageReader) -> ValueRange:
    """Return the range estimated from a file itself (see `estimate_range`)."""
    return estimate_range(reader.sample()) if reader.is_deep else FULL


def estimate_range(values: Values) -> ValueRange:
    """Return the values that become 0 and 255 in an image, estimated from some of its values, (n, channels).

    For whole numbers from 0 on, it is the range of the least even number of bits that hold all but the highest 0.1 %:
    12-bit values in a 16-bit file are read as 12 bits. If they cover less than an eighth of that range, and for
    negative numbers and fractions, it is the percentiles 0.1 and 99.9. Floating-point values within 0..1, or within
    0..255, have that range.
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
    """Return the least even number of bits, at least 8, that hold a whole number."""
    return max(8, 2 * math.ceil(math.log2(math.floor(largest) + 1) / 2))


def _is_stretched(values: Values) -> bool:
    """Return whether 16-bit values are 8-bit values times 257, as programs write them that convert pictures."""
    return not np.any(values % 257) and bool(values.any())


def _span(values: Values) -> float:
    low, high = np.percentile(values, EXTREMES).tolist()
    return float(high - low)


def _even(low: float, high: float) -> ValueRange:
    return ValueRange((float(low),) * 3, (float(high),) * 3)
