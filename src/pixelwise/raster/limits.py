"""Limits on the size of an image, checked on its header before a pixel is decoded, and on the pixels in memory at a
time.

A header of some bytes can state any size, and strong compression can deliver it: the memory depends on the stated size,
not on the size of the file. For images that are read in parts (TIFF and Zarr in `predict`) the limit applies to the
largest part.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.errors import ImageError, OptionError
from pixelwise.raster.stack import split_page
from pixelwise.raster.tiff import read_parts

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

VARIABLE = "PIXELWISE_MAX_PIXELS"
"""The environment variable that sets the limit."""
DEFAULT = 2**28
"""16,384 x 16,384: above the 200 megapixels of the largest cameras, and read in less than 2 GB."""
UNCOMPRESSED = 1
MOST_PACKED = {5: 2048, 7: 4096, 8: 2048, 32773: 128, 32946: 2048}
"""By TIFF's compression (LZW, JPEG, Deflate, PackBits, Deflate): an upper bound of the bytes of pixels per stored byte.
Other compressions have no bound."""


def max_pixels() -> int:
    """Return the most pixels of an image, or of a part of an image that is read in parts. Raises `OptionError` for a
    value of `PIXELWISE_MAX_PIXELS` that is no number."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return DEFAULT
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
        expected = "a whole number of pixels, 1 or more"
        raise OptionError(VARIABLE, repr(text), expected, f"Correct it, or unset it for {DEFAULT:,}.")
    return int(text)


def require_moderate(path: Path, pixels: int, bits: int = 24) -> None:
    """Raise `ImageError` for an image with too many pixels to be read whole. Pixels of more than 32 `bits` count in
    proportion."""
    if pixels * max(1, bits // 32) > max_pixels():
        raise size_error(path, f"{pixels:,} pixels" + (f" of {bits} bits" if bits >= 64 else ""))


def size_error(path: Path, problem_text: str) -> ImageError:
    """Return the error for an image that is too large to be read whole."""
    remedy = f"Cut the image into parts or scale it down, or set {VARIABLE} if the machine has the memory."
    return ImageError(path, problem_text, f"at most {max_pixels():,} pixels of 32 bits", remedy)


def require_whole_index(path: Path) -> None:
    """Raise `ImageError` for a TIFF, or a page of one, whose strips or tiles cannot hold the size that it states: too
    few of them, a part of too many pixels, or fewer bytes than the compression needs for its pixels.

    Any other file passes, and so does a TIFF whose header is damaged: its reader tells of that.
    """
    parts = read_parts(*split_page(path))
    if parts is None:
        return
    remedy = "Copy or export it again, or leave it out."
    require_part(path, parts.shape, parts.sample_bits)
    if parts.listed < parts.count:
        found = f"a damaged TIFF: {parts.listed:,} strips or tiles for {parts.size[0]} x {parts.size[1]} pixels"
        raise ImageError(path, found, f"{parts.count:,}", remedy)
    # Of 0 bytes nothing is stored, which means zeros.
    held = [(part_bytes, stored) for part_bytes, stored in parts.stored_bytes() if stored]
    if parts.compression == UNCOMPRESSED:  # some programs state the bytes of strips wrong
        held = [(sum(part_bytes for part_bytes, _ in held), parts.file_bytes)]
    most = 2 if parts.compression == UNCOMPRESSED else MOST_PACKED.get(parts.compression)
    if most is not None and (beyond := next((pair for pair in held if pair[0] > most * pair[1]), None)):
        found = f"a damaged or truncated TIFF: {beyond[0]:,} bytes of pixels in {beyond[1]:,} of the file"
        raise ImageError(path, found, "no more pixels than the file can hold", remedy)


def require_part(path: Path, shape: tuple[int, int], bits: int) -> None:
    """Raise `ImageError` for a part (a strip, tile or chunk) with too many pixels of `bits` bits, since parts are read
    whole."""
    if shape[0] * shape[1] * max(1, bits // 32) > max_pixels():
        found = f"strips or tiles of {shape[0]:,} x {shape[1]:,} pixels of {bits} bits"
        remedy = f"Store it in smaller tiles (gdal_translate -co TILED=YES), or set {VARIABLE}."
        raise ImageError(path, found, f"at most {max_pixels():,} pixels of 32 bits each", remedy)


def require_parts(path: Path, file: DatasetReader) -> None:
    """Raise `ImageError` if one of the blocks in which GDAL reads an open file is too large."""
    for (rows, columns), dtype in set(zip(file.block_shapes, file.dtypes, strict=True)):
        require_part(path, (rows, columns), type_bits(dtype))


def require_width(path: Path, width: int, rows: int) -> None:
    """Raise `ImageError` for an image that is read in parts, if `rows` rows together have too many pixels."""
    if width * rows > max_pixels():
        found = f"{width:,} columns, of which {rows:,} rows are worked on at a time"
        remedy = f"Cut the image into parts (gdal_translate -srcwin), or set {VARIABLE} if the machine has the memory."
        raise ImageError(path, found, f"at most {max_pixels() // rows:,} columns", remedy)


def type_bits(dtype: str) -> int:
    """Return the bits of a value of one of rasterio's types."""
    return 8 * np.dtype(dtype.replace("complex_int16", "complex64").replace("complex_int32", "complex64")).itemsize


class PixelBudget:
    """Limits the images that threads work on at a time to `max_pixels` together; a larger image is worked on alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for `pixels` pixels, and reserve it within the context."""
        most = max_pixels()
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + pixels <= most)
            self._held += pixels
        try:
            yield
        finally:
            with self._changed:
                self._held -= pixels
                self._changed.notify_all()
