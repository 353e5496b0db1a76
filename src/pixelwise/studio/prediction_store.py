"""Predictions in memory, packed, tile by tile: what the page shows and what actions accept."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.labels.boxes import TILE, Box, tile_boxes
from pixelwise.studio.pyramid import sampled_pixels, tile_box

UInt8 = npt.NDArray[np.uint8]
MOST_BYTES = 2**27


@dataclass(frozen=True)
class TilePrediction:
    """What a model says of a tile.

    number: which prediction of the studio it belongs to. label_map, uncertainty: uint8 (height, width). probabilities:
    float16 (K, ceil(height / 4), ceil(width / 4)).
    """

    number: int
    label_map: UInt8
    uncertainty: UInt8
    probabilities: npt.NDArray[np.float16]


@dataclass(frozen=True)
class _Packed:
    number: int
    shape: tuple[int, int]
    maps: tuple[bytes, bytes]
    probabilities: tuple[tuple[int, ...], bytes]
    doubt: float

    @property
    def nbytes(self) -> int:
        return sum(map(len, self.maps)) + len(self.probabilities[1])

    def unpack(self) -> tuple[UInt8, UInt8]:
        label_map, uncertainty = (
            np.frombuffer(zlib.decompress(content), np.uint8).reshape(self.shape) for content in self.maps
        )
        return label_map, uncertainty


def _pack(values: npt.NDArray[np.generic]) -> bytes:
    return zlib.compress(np.ascontiguousarray(values).tobytes(), 1)


def tiles_in(size: tuple[int, int], box_tlbr: Box) -> list[int]:
    """Return the numbers of the tiles that a box touches."""
    top, left, bottom, right = box_tlbr
    if top >= bottom or left >= right:
        return []
    columns = -(-size[1] // TILE)
    rows = range(top // TILE, (bottom - 1) // TILE + 1)
    return [row * columns + column for row in rows for column in range(left // TILE, (right - 1) // TILE + 1)]


class PredictionStore:
    """Holds the newest prediction of each tile; those that were looked at longest ago go first.

    Methods may be called by several threads, and none waits for a model.
    """

    def __init__(self, sizes: list[tuple[int, int]], most_bytes: int = MOST_BYTES) -> None:
        self._sizes, self._most_bytes = sizes, most_bytes
        self._tiles: OrderedDict[tuple[int, int], _Packed] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, image: int, tile: int, prediction: TilePrediction) -> None:
        """Take a tile's prediction in place of an older one."""
        maps = _pack(prediction.label_map), _pack(prediction.uncertainty)
        values = np.ascontiguousarray(prediction.probabilities, np.float16)
        packed = _Packed(
            prediction.number,
            prediction.label_map.shape,
            maps,
            (values.shape, _pack(values)),
            float(prediction.uncertainty.mean()) / 255,
        )
        with self._lock:
            before = self._tiles.pop((image, tile), None)
            self._bytes += packed.nbytes - (before.nbytes if before else 0)
            self._tiles[image, tile] = packed
            while self._bytes > self._most_bytes and len(self._tiles) > 1:
                _, oldest = self._tiles.popitem(last=False)
                self._bytes -= oldest.nbytes

    def clear(self) -> None:
        """Let go of everything: the classes are others."""
        with self._lock:
            self._tiles.clear()
            self._bytes = 0

    def number_of(self, image: int, tile: int) -> int:
        """Return the number of a tile's prediction, 0 where there is none."""
        packed = self._get(image, tile)
        return packed.number if packed else 0

    def doubt(self, image: int) -> float | None:
        """Return the mean uncertainty, 0..1, of the tiles of an image that are there; `None` for none."""
        with self._lock:
            doubts = [packed.doubt for (number, _), packed in self._tiles.items() if number == image]
        return sum(doubts) / len(doubts) if doubts else None

    def of(self, image: int) -> ImagePrediction:
        """Return what is known of one image."""
        return ImagePrediction(self, image, self._sizes[image])

    def _get(self, image: int, tile: int) -> _Packed | None:
        with self._lock:
            packed = self._tiles.get((image, tile))
            if packed is not None:
                self._tiles.move_to_end((image, tile))
            return packed


class ImagePrediction:
    """What a model says of one image, as far as it is known."""

    def __init__(self, store: PredictionStore, image: int, size: tuple[int, int]) -> None:
        self._store, self._image, self._size = store, image, size
        self._grid = tile_boxes(size)

    def read(self, box_tlbr: Box) -> tuple[UInt8, UInt8]:
        """Return label map and uncertainty of a box; `IGNORE_INDEX` and 255 where they are not known."""
        top, left, bottom, right = box_tlbr
        label_map, uncertainty = np.full((2, bottom - top, right - left), 255, np.uint8)
        for tile in tiles_in(self._size, box_tlbr):
            packed = self._store._get(self._image, tile)
            if packed is not None:
                part, place = _overlap(self._grid[tile], box_tlbr)
                for target, values in zip((label_map, uncertainty), packed.unpack(), strict=True):
                    target[place] = values[part]
        return label_map, uncertainty

    def read_tile(self, level: int, row: int, column: int) -> tuple[UInt8, UInt8, int] | None:
        """Return label map and uncertainty of a tile of the pyramid, and the lowest number of the predictions in it;
        `None` where nothing is known."""
        box_tlbr = tile_box(self._size, level, row, column)
        if box_tlbr is None:
            return None
        label_map, uncertainty, numbers = self._sample(*sampled_pixels(self._size, level, box_tlbr))
        return (label_map, uncertainty, min(numbers)) if numbers else None

    def read_every(self, step: int) -> tuple[UInt8, UInt8]:
        """Return label map and uncertainty of the whole image at every `step`-th row and column."""
        rows, columns = (np.minimum(np.arange(0, side, step) + step // 2, side - 1) for side in self._size)
        label_map, uncertainty, _ = self._sample(rows, columns)
        return label_map, uncertainty

    def probabilities(self, box_tlbr: Box) -> npt.NDArray[np.float32]:
        """Return (K, height, width) of a box, interpolated; zeros where they are not known."""
        top, left, bottom, right = box_tlbr
        result: npt.NDArray[np.float32] | None = None
        for tile in tiles_in(self._size, box_tlbr):
            packed = self._store._get(self._image, tile)
            if packed is None:
                continue
            shape, content = packed.probabilities
            coarse = np.frombuffer(zlib.decompress(content), np.float16).reshape(shape).astype(np.float32)
            if result is None:
                result = np.zeros((shape[0], bottom - top, right - left), np.float32)
            part, place = _overlap(self._grid[tile], box_tlbr)
            for index, values in enumerate(coarse):
                result[index][place] = _enlarge(values, part)
        return np.zeros((1, bottom - top, right - left), np.float32) if result is None else result

    def _sample(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> tuple[UInt8, UInt8, list[int]]:
        """Return label map and uncertainty at rows x columns, and the numbers of the predictions in them."""
        label_map, uncertainty = np.full((2, len(rows), len(columns)), 255, np.uint8)
        numbers: list[int] = []
        within = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
        for tile in tiles_in(self._size, within):
            packed = self._store._get(self._image, tile)
            if packed is None:
                continue
            top, left, bottom, right = self._grid[tile]
            first_row, last_row = np.searchsorted(rows, (top, bottom))
            first_column, last_column = np.searchsorted(columns, (left, right))
            if first_row == last_row or first_column == last_column:
                continue
            inside = np.ix_(rows[first_row:last_row] - top, columns[first_column:last_column] - left)
            for target, values in zip((label_map, uncertainty), packed.unpack(), strict=True):
                target[first_row:last_row, first_column:last_column] = values[inside]
            numbers.append(packed.number)
        return label_map, uncertainty, numbers


def _overlap(tile: Box, box_tlbr: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a box lies in a tile, and where the tile lies in the box."""
    spans = [(max(tile[axis], box_tlbr[axis]), min(tile[axis + 2], box_tlbr[axis + 2])) for axis in (0, 1)]
    part, place = (
        tuple(slice(start - corner[axis], stop - corner[axis]) for axis, (start, stop) in enumerate(spans))
        for corner in (tile, box_tlbr)
    )
    return (part[0], part[1]), (place[0], place[1])


def _enlarge(values: npt.NDArray[np.float32], part: tuple[slice, slice]) -> npt.NDArray[np.float32]:
    """Return a part of a map at the size of its tile: each value stands in the middle of its 4 x 4 pixels."""
    rows, columns = ((np.arange(span.start, span.stop, dtype=np.float32) + 0.5) / 4 - 0.5 for span in part)
    places = np.meshgrid(rows, columns, indexing="ij")
    enlarged: npt.NDArray[np.float32] = ndimage.map_coordinates(values, places, order=1, mode="nearest")
    return enlarged
