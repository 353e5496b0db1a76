"""Label maps and instance maps of images of any size. Only tiles with content take memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.files import write_atomically
from pixelwise.labels.boxes import Box, union

Array = npt.NDArray[Any]
SIDE = 1024
"""Pixels of a tile."""
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_TYPES = {1: (8, 3), 2: (16, 0)}
"""Bit depth and colour type by the bytes of a value: indices into a palette, or 16-bit gray."""


class TiledMap:
    """A map (height, width) of one value a pixel, stored as tiles. A tile of nothing but `empty` is not stored.

    Parameters
    ----------
    size
        (height, width).
    dtype
        The dtype of the values.
    empty
        The value of every pixel at the start.

    Examples
    --------
    >>> label_map = TiledMap((4, 6), np.dtype(np.uint8), 255)
    >>> label_map.paint((1, 2, 3, 4), np.ones((2, 2), bool), 7)
    >>> label_map.read((1, 1, 2, 5)).tolist()
    [[255, 7, 7, 255]]
    """

    def __init__(self, size: tuple[int, int], dtype: np.dtype[Any], empty: int) -> None:
        self.size, self.dtype, self.empty = size, dtype, empty
        self._tiles: dict[tuple[int, int], Array] = {}
        self._shared: set[tuple[int, int]] = set()
        """Tiles that are shared with a snapshot."""
        self._counts: dict[tuple[int, int], dict[int, int]] = {}
        self._reduced: dict[tuple[int, int], dict[int, Array]] = {}
        """Smaller versions of tiles, by level."""

    def snapshot(self) -> TiledMap:
        """Return a snapshot of this map that stays unchanged. Tiles are copied only when one of the two changes."""
        copy = TiledMap(self.size, self.dtype, self.empty)
        for place in self._tiles:
            self._reduced.setdefault(place, {})  # shared, so that both have what either computes
        copy._tiles, copy._counts, copy._reduced = dict(self._tiles), dict(self._counts), dict(self._reduced)
        self._shared = set(self._tiles)
        return copy

    @property
    def nbytes(self) -> int:
        """The size of the stored tiles in bytes."""
        return sum(tile.nbytes for tile in self._tiles.values())

    def boxes(self) -> Iterator[Box]:
        """Yield the box of every stored tile, in reading order."""
        for place in sorted(self._tiles):
            yield self._tile_box(place)

    def read(self, box_tlbr: Box) -> Array:
        """Return a copy of the values in a box that lies within the map."""
        top, left, bottom, right = box_tlbr
        values = np.full((bottom - top, right - left), self.empty, self.dtype)
        for place, (y0, x0, y1, x1) in self._parts(box_tlbr):
            if (tile := self._tiles.get(place)) is not None:
                row, column = place[0] * SIDE, place[1] * SIDE
                values[y0 - top : y1 - top, x0 - left : x1 - left] = tile[
                    y0 - row : y1 - row, x0 - column : x1 - column
                ]
        return values

    def read_level(self, level: int, box_tlbr: Box) -> Array:
        """Return a box of the map at 1 / 2**level of its size. At each level, a block of 2 x 2 values becomes its last
        value that is not `empty`, so that thin lines stay visible in a small picture.

        Parameters
        ----------
        level
            0 to 10.
        box_tlbr
            In pixels of the level, whose size is that of the map divided by 2**level, rounded up.
        """
        top, left, bottom, right = box_tlbr
        values = np.full((bottom - top, right - left), self.empty, self.dtype)
        side = SIDE >> level
        for place in self._places_in((top // side, left // side, -(-bottom // side), -(-right // side))):
            tile = self._reduced_tile(place, level)
            row, column = place[0] * side, place[1] * side
            y0, x0 = max(top, row), max(left, column)
            y1, x1 = min(bottom, row + tile.shape[0]), min(right, column + tile.shape[1])
            values[y0 - top : y1 - top, x0 - left : x1 - left] = tile[y0 - row : y1 - row, x0 - column : x1 - column]
        return values

    def _places_in(self, span: Box) -> list[tuple[int, int]]:
        """Return the stored tiles in a box whose unit is tiles."""
        area = (span[2] - span[0]) * (span[3] - span[1])
        if area < len(self._tiles):
            places = [(row, column) for row in range(span[0], span[2]) for column in range(span[1], span[3])]
            return [place for place in places if place in self._tiles]
        return [
            (row, column) for row, column in self._tiles if span[0] <= row < span[2] and span[1] <= column < span[3]
        ]

    def _reduced_tile(self, place: tuple[int, int], level: int) -> Array:
        if not level:
            return self._tiles[place]
        levels = self._reduced.setdefault(place, {})
        if level not in levels:
            levels[level] = _halve(self._reduced_tile(place, level - 1), self.empty)
        return levels[level]

    def paint(self, box_tlbr: Box, mask: npt.NDArray[np.bool_], value: int) -> None:
        """Write a value where the mask, of the box's size, is true."""
        for place, part, inner in self._inner_parts(box_tlbr):
            chosen = mask[inner]
            if chosen.any():
                self._writable(place)[part][chosen] = value
                self._drop_empty(place)

    def write(self, box_tlbr: Box, values: Array, *, skip: int | None = None) -> None:
        """Write values of the box's size, but those that are `skip`."""
        for place, part, inner in self._inner_parts(box_tlbr):
            new = values[inner]
            chosen = np.ones(new.shape, bool) if skip is None else new != skip
            if chosen.any():
                self._writable(place)[part][chosen] = new[chosen]
                self._drop_empty(place)

    def replace(self, mapping: Array) -> None:
        """Map every value through a table that is indexed by values; `empty` must map to itself."""
        for place in list(self._tiles):
            self._tiles[place] = mapping[self._tiles[place]].astype(self.dtype, copy=False)
            self._shared.discard(place)
            self._forget(place)
            self._drop_empty(place)

    def fill_empty(self, value: int) -> Box | None:
        """Replace `empty` by a value; return the box of what changed, `None` where nothing did."""
        changed: Box | None = None
        for place, _ in self._parts((0, 0, *self.size)):
            tile = self._writable(place)
            chosen = tile == self.empty
            if chosen.any():
                tile[chosen] = value
                changed = union(changed, self._tile_box(place))
        return changed

    def clear(self) -> Box | None:
        """Set all values to `empty`; return the box of the tiles that were stored."""
        changed: Box | None = None
        for box_tlbr in self.boxes():
            changed = union(changed, box_tlbr)
        self._tiles.clear()
        self._shared.clear()
        self._counts.clear()
        self._reduced.clear()
        return changed

    def counts(self) -> dict[int, int]:
        """Return the number of pixels of each value except `empty`."""
        total: dict[int, int] = {}
        for place in list(self._tiles):
            for value, number in self._counts_in(place).items():
                if value != self.empty:
                    total[value] = total.get(value, 0) + number
        return total

    def boxes_of(self, value: int) -> Iterator[Box]:
        """Yield the boxes of the stored tiles that contain a value."""
        for place in sorted(self._tiles):
            if value in self._counts_in(place):
                yield self._tile_box(place)

    def _counts_in(self, place: tuple[int, int]) -> dict[int, int]:
        if place not in self._counts:
            if self.dtype == np.uint8:
                numbers = np.bincount(self._tiles[place].ravel(), minlength=256)
                values = np.flatnonzero(numbers)
                numbers = numbers[values]
            else:
                values, numbers = np.unique(self._tiles[place], return_counts=True)
            self._counts[place] = dict(zip(values.tolist(), numbers.tolist(), strict=True))
        return self._counts[place]

    def rows(self, height: int = SIDE) -> Iterator[Array]:
        """Yield the map from top to bottom, `height` rows at a time."""
        for top in range(0, self.size[0], height):
            yield self.read((top, 0, min(top + height, self.size[0]), self.size[1]))

    def checksum(self) -> int:
        """Return the CRC-32 of all values, row by row. Large empty areas are not expanded."""
        value = 0
        for rows in self.rows():
            value = zlib.crc32(np.ascontiguousarray(rows).data, value)
        return value

    def _tile_box(self, place: tuple[int, int]) -> Box:
        top, left = place[0] * SIDE, place[1] * SIDE
        return top, left, min(top + SIDE, self.size[0]), min(left + SIDE, self.size[1])

    def _parts(self, box_tlbr: Box) -> Iterator[tuple[tuple[int, int], Box]]:
        """Yield the tiles that a box touches, each with the part of the box in it."""
        top, left, bottom, right = box_tlbr
        if top >= bottom or left >= right:
            return
        for row in range(top // SIDE, (bottom - 1) // SIDE + 1):
            for column in range(left // SIDE, (right - 1) // SIDE + 1):
                tile = self._tile_box((row, column))
                yield (
                    (row, column),
                    (max(top, tile[0]), max(left, tile[1]), min(bottom, tile[2]), min(right, tile[3])),
                )

    def _inner_parts(self, box_tlbr: Box) -> Iterator[tuple[tuple[int, int], Any, Any]]:
        """Yield the tiles that a box touches, where the box lies in each, and where each lies in the box."""
        top, left = box_tlbr[:2]
        for place, (y0, x0, y1, x1) in self._parts(box_tlbr):
            row, column = place[0] * SIDE, place[1] * SIDE
            yield (
                place,
                (slice(y0 - row, y1 - row), slice(x0 - column, x1 - column)),
                (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)),
            )

    def _writable(self, place: tuple[int, int]) -> Array:
        self._forget(place)
        if place not in self._tiles:
            top, left, bottom, right = self._tile_box(place)
            self._tiles[place] = np.full((bottom - top, right - left), self.empty, self.dtype)
        elif place in self._shared:
            self._tiles[place] = self._tiles[place].copy()
        self._shared.discard(place)
        return self._tiles[place]

    def _drop_empty(self, place: tuple[int, int]) -> None:
        if (self._tiles[place] == self.empty).all():
            del self._tiles[place]
            self._forget(place)

    def _forget(self, place: tuple[int, int]) -> None:
        """Drop the reduced versions of a tile that changes."""
        self._counts.pop(place, None)
        self._reduced.pop(place, None)


def _halve(values: Array, empty: int) -> Array:
    """Return an array at half its size, rounded up. Each block of 2 x 2 values becomes the one at the lower right or,
    where that is `empty`, the first in reading order that is not."""
    even = np.pad(values, [(0, side % 2) for side in values.shape], mode="edge")
    half = even[1::2, 1::2].copy()
    for other in (even[::2, ::2], even[::2, 1::2], even[1::2, ::2]):
        np.copyto(half, other, where=half == empty)
    return half


def write_map(path: Path, values: TiledMap, palette: Array | None, remarks: dict[str, str]) -> None:
    """Write a map as a PNG, whole or not at all, some rows at a time. Maps of 8 bits become indices into `palette`,
    uint8 (n, 3); instance maps become 16-bit gray. `remarks` are stored as text before the pixels, so that reading them
    decodes no pixels. Raises `OutputError`.
    """
    depth = 1 if palette is not None else 2
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        file.write(_PNG_START)
        height, width = values.size
        bits, color_type = _PNG_TYPES[depth]
        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, color_type, 0, 0, 0])
        _write_chunk(file, b"IHDR", header)
        if palette is not None:
            _write_chunk(file, b"PLTE", palette.astype(np.uint8).tobytes())
        for name, text in remarks.items():
            _write_chunk(file, b"tEXt", name.encode("latin-1") + b"\0" + text.encode("latin-1"))
        packer = zlib.compressobj(3, zlib.DEFLATED, 15, 9, zlib.Z_RLE if depth == 1 else zlib.Z_DEFAULT_STRATEGY)
        for rows in values.rows(256):
            stored = rows.astype(np.uint8 if depth == 1 else ">u2")
            lines = np.zeros((len(rows), 1 + width * depth), np.uint8)  # each begins with 0: no filter
            lines[:, 1:] = stored.view(np.uint8).reshape(len(rows), -1)
            if packed := packer.compress(lines.tobytes()):
                _write_chunk(file, b"IDAT", packed)
        _write_chunk(file, b"IDAT", packer.flush())
        _write_chunk(file, b"IEND", b"")


def _write_chunk(file: IO[bytes], kind: bytes, content: bytes) -> None:
    file.write(len(content).to_bytes(4, "big") + kind + content)
    file.write(zlib.crc32(content, zlib.crc32(kind)).to_bytes(4, "big"))
