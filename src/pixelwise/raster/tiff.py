"""The headers of a TIFF's pages: size, depth, and the meaning of stored values. No pixel is read.

After "TIFF Revision 6.0", Adobe 1992, and its extension to offsets of 64 bits, BigTIFF.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pixelwise.core.files import open_regular
from pixelwise.core.lookup import look_up

UInt8 = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6
"""Photometric interpretations. Others (CMYK, Lab ...) are left to Pillow."""
JPEG = 7
KINDS = {1: "uint", 2: "int", 3: "float"}
"""Sample formats."""
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _COLORS, _EXTRA, _FORMAT = 274, 277, 320, 338, 339
_OF_PAGE = {
    *(_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC),
    *(_ORIENTATION, _SAMPLES, _COLORS, _EXTRA, _FORMAT),
}
_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_BYTES, _PLANES = 273, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_OF_PARTS = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _STRIP_OFFSETS, _STRIP_ROWS, _STRIP_BYTES, _PLANES),
    *(_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES),
}
_SEPARATE = 2
"""The planar configuration of channels that are stored one after the other."""
_MOST_TAGS, _MOST_VALUES = 2**16, 2**18
"""The most tags of a page, and the most values of a tag, that are read."""
_DAMAGE = (struct.error, ValueError, OverflowError)
"""Python's errors for a header that is cut off or invalid."""
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_REDUCED, _MASK = 1, 4
"""Bits of the subfile type: an overview of another page, and a transparency mask."""


@dataclass(frozen=True)
class Page:
    """The tags of one page, as (tag, values)."""

    tags: dict[int, tuple[int, ...]]

    def _first(self, tag: int, default: int) -> int:
        return next(iter(self.tags.get(tag, ())), default)

    @property
    def bits(self) -> int:
        """The bits of each sample."""
        return self._first(_BITS, 1)

    @property
    def dtype(self) -> str:
        """The numpy dtype of the samples; uint8 for less than 8 bits, uint16 for 9 to 15."""
        width = next((bits for bits in (8, 16, 32, 64) if bits >= self.bits), 64)
        return f"{KINDS.get(self._first(_FORMAT, 1), 'uint')}{width}"

    @property
    def samples(self) -> int:
        return self._first(_SAMPLES, 1)

    @property
    def photometric(self) -> int:
        return self._first(_PHOTOMETRIC, MIN_IS_BLACK)

    @property
    def orientation(self) -> int:
        """The orientation, 1..8, as in EXIF."""
        orientation = self._first(_ORIENTATION, 1)
        return orientation if 1 <= orientation <= 8 else 1

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image as shown."""
        height, width = self._first(_HEIGHT, 0), self._first(_WIDTH, 0)
        return (width, height) if self.orientation > 4 else (height, width)

    @property
    def has_alpha(self) -> bool:
        """Whether one of the samples is transparency."""
        return bool({1, 2} & set(self.tags.get(_EXTRA, ())))

    @property
    def is_image(self) -> bool:
        """Whether the page is an image of its own: no overview and no transparency mask."""
        return not self._first(_SUBFILE, 0) & (_REDUCED | _MASK)

    @property
    def is_plain(self) -> bool:
        """Whether the stored values are gray levels, indices of a palette, or red, green and blue."""
        as_jpeg = self.photometric == YCBCR and self._first(_COMPRESSION, 1) == JPEG
        return as_jpeg or self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE)

    @cached_property
    def palette(self) -> UInt8 | None:
        """The colours of the indices, uint8 (2**bits, 3); `None` if the values are not indices."""
        colors = self.tags.get(_COLORS, ())
        if self.photometric != PALETTE or len(colors) < 3 or self.dtype not in ("uint8", "uint16"):
            return None
        table = np.array(colors[: len(colors) // 3 * 3]).reshape(3, -1).T
        if table.max() > 255:  # some programs store colours of 8 bits
            table = table // 256
        whole = np.zeros((max(256, 2**self.bits), 3), np.uint8)
        whole[: len(table)] = table[: len(whole)]
        return whole

    def as_seen(self, values: Values) -> Values:
        """Return stored values (height, width, samples) as gray, (height, width, 1), or colours, (height, width, 3).
        Palettes are looked up, values of less than 8 bits are scaled to 0..255, and transparency is dropped.
        """
        if self.palette is not None:
            return look_up(self.palette, values[..., 0])
        values = values[..., : 3 if values.shape[2] >= 3 else 1]
        if self.bits < 8:
            values = values.astype(np.uint8) * np.uint8(255 // (2**self.bits - 1))
        if self.photometric != MIN_IS_WHITE:
            return values
        if values.dtype.kind == "f":
            return -values
        if values.dtype.kind == "i":
            return ~values
        inverted: Values = values.dtype.type(2 ** max(self.bits, 8) - 1) - values
        return inverted


@dataclass(frozen=True)
class Parts:
    """The strips or tiles of a page, which are always read whole. size: the stored (height, width) of the page, shape:
    that of a part. count: the number of parts that the size needs, listed: the number that the file lists. sample_bits:
    bits of all samples of a pixel in a part.
    """

    size: tuple[int, int]
    shape: tuple[int, int]
    count: int
    listed: int
    compression: int
    sample_bits: int
    stored: tuple[int, ...]
    file_bytes: int

    def stored_bytes(self) -> Iterator[tuple[int, int]]:
        """Yield the bytes of pixels and the stored bytes of each part for which they are known."""
        height, width = self.size
        across = -(-width // self.shape[1])
        down = -(-height // self.shape[0])
        for index, stored in enumerate(self.stored[: self.count]):
            last = index // across % down == down - 1 and self.shape[1] >= width
            rows = height - (down - 1) * self.shape[0] if last else self.shape[0]
            yield rows * (-(-self.shape[1] * self.sample_bits // 8)), stored


def read_parts(path: Path, number: int = 0) -> Parts | None:
    """Return how a page of a TIFF is stored; `None` as `read_page`, and if the header does not state it."""
    try:
        with open_regular(path) as file:
            for index, (form, offset) in enumerate(_directories(file)):
                if index == number:
                    return _parts(file, form, offset)
    except (OSError, *_DAMAGE):
        pass
    return None


def _parts(file: BinaryIO, form: _Form, offset: int) -> Parts | None:
    tags = _tags(file, form, offset, _OF_PARTS)
    counts = {tag: number for tag, _, number, _ in _entries(file, form, offset)}
    entries = {tag: values[0] for tag, values in tags.items() if values}
    height, width = entries.get(_HEIGHT, 0), entries.get(_WIDTH, 0)
    tiled = _TILE_WIDTH in entries
    shape = (entries.get(_TILE_HEIGHT, 0), entries[_TILE_WIDTH]) if tiled else (entries.get(_STRIP_ROWS, height), width)
    offsets, stored = (_TILE_OFFSETS, _TILE_BYTES) if tiled else (_STRIP_OFFSETS, _STRIP_BYTES)
    samples = entries.get(_SAMPLES, 1)
    if min(height, width, samples, *shape) < 1 or offsets not in counts:
        return None
    shape = shape if tiled else (min(shape[0], height), width)
    planes = samples if entries.get(_PLANES) == _SEPARATE else 1
    return Parts(
        size=(height, width),
        shape=shape,
        count=-(-height // shape[0]) * -(-width // shape[1]) * planes,
        listed=counts[offsets],
        compression=entries.get(_COMPRESSION, 1),
        sample_bits=entries.get(_BITS, 1) * (samples // planes),
        stored=tags.get(stored, ()),
        file_bytes=file.seek(0, 2),
    )


def read_page(path: Path, number: int = 0) -> Page | None:
    """Return one page of a TIFF, counted from 0; `None` for a file that is no TIFF, is damaged, or has no such page."""
    try:
        with open_regular(path) as file:
            for index, (form, offset) in enumerate(_directories(file)):
                if index == number:
                    return Page(_tags(file, form, offset))
    except (OSError, *_DAMAGE):
        pass
    return None


def count_pages(path: Path) -> int:
    """Return how many pages a TIFF has, overviews included; 0 for a file that is no TIFF or is damaged."""
    try:
        with open_regular(path) as file:
            return sum(1 for _ in _directories(file))
    except (OSError, *_DAMAGE):
        return 0


def image_pages(path: Path) -> tuple[int, ...]:
    """Return the numbers of the pages that are images of their own; none for a file that is no TIFF.

    If the list of pages breaks off after two or more, the next number is included, so that reading it reports the
    damage.
    """
    offsets: list[tuple[_Form, int]] = []
    broken = True
    try:
        with open_regular(path) as file:
            with contextlib.suppress(*_DAMAGE):
                offsets.extend(_directories(file))  # the pages before the break are valid
                broken = False
            numbers = [number for number, entry in enumerate(offsets) if _is_image(file, *entry)]
    except OSError:
        return ()
    return (*numbers, len(offsets)) if broken and len(offsets) > 1 else tuple(numbers)


def _is_image(file: BinaryIO, form: _Form, offset: int) -> bool:
    try:
        return Page(_tags(file, form, offset)).is_image
    except _DAMAGE:
        return True  # the reader reports it


@dataclass(frozen=True)
class _Form:
    """The format of directories: byte order, and the formats of counts, entries and offsets."""

    order: str
    count: str
    offset: str

    def read(self, file: BinaryIO, codes: str) -> tuple[int, ...]:
        return struct.unpack(self.order + codes, file.read(struct.calcsize(self.order + codes)))

    @property
    def entry_bytes(self) -> int:
        return struct.calcsize(f"{self.order}HH{self.offset}{self.offset}")


def _directories(file: BinaryIO) -> Iterator[tuple[_Form, int]]:
    """Yield the offset of each page's tags."""
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        return
    (version,) = struct.unpack(order + "H", file.read(2))
    if version not in (42, 43):
        return
    form = _Form(order, "H", "I") if version == 42 else _Form(order, "Q", "Q")
    if version == 43:
        file.read(4)
    (offset,) = form.read(file, form.offset)
    visited: set[int] = set()
    while offset and offset not in visited:
        visited.add(offset)
        file.seek(offset)
        (count,) = form.read(file, form.count)
        after = file.tell() + count * form.entry_bytes
        yield form, offset
        file.seek(after)
        (offset,) = form.read(file, form.offset)


def _entries(file: BinaryIO, form: _Form, offset: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield the tags of a page, each with its type, the number of its values, and their offset."""
    file.seek(offset)
    (count,) = form.read(file, form.count)
    entries = file.read(min(count, _MOST_TAGS) * form.entry_bytes)
    for start in range(0, len(entries), form.entry_bytes):
        entry = entries[start : start + form.entry_bytes]
        yield *struct.unpack_from(f"{form.order}HH{form.offset}", entry), entry


def _tags(
    file: BinaryIO, form: _Form, offset: int, wanted: Container[int] = frozenset(_OF_PAGE)
) -> dict[int, tuple[int, ...]]:
    """Return the `wanted` tags with their values."""
    tags = {}
    for tag, kind, number, entry in _entries(file, form, offset):
        if tag not in wanted or kind not in _TYPES or number > _MOST_VALUES:
            continue
        codes = f"{form.order}{number}{_TYPES[kind]}"
        inline = entry[-struct.calcsize(form.order + form.offset) :]
        if struct.calcsize(codes) > len(inline):
            (place,) = struct.unpack(form.order + form.offset, inline)
            file.seek(place)
            tags[tag] = struct.unpack(codes, file.read(struct.calcsize(codes)))
        else:
            tags[tag] = struct.unpack_from(codes, inline)
    return tags
