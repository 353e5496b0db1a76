"""Predictions in memory, tile by tile, the older ones compressed. The page shows them and actions accept them."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.labels.boxes import TILE, Box, tile_boxes
from pixelwise.studio.pyramid import sampled_pixels, tile_box

UInt8 = npt.NDArray[np.uint8]
MOST_BYTES = 2**27
LOOSE_BYTES = 2**25
"""The most bytes of uncompressed tiles together."""


@dataclass(frozen=True)
class TilePrediction:
    """The prediction of a model for a tile. number: the number of the prediction in the studio. label_map, uncertainty:
    uint8 (height, width). probabilities: float16 (K, ceil(height / 4), ceil(width / 4)).
    """

    number: int
    label_map: UInt8
    uncertainty: UInt8
    probabilities: npt.NDArray[np.float16]

    @property
    def doubt(self) -> float:
        """The mean uncertainty, 0..1."""
        return float(self.uncertainty.mean()) / 255

    @property
    def nbytes(self) -> int:
        return self.label_map.nbytes + self.uncertainty.nbytes + self.probabilities.nbytes

    def unpack(self) -> TilePrediction:
        return self


@dataclass(frozen=True)
class _Packed:
    """A compressed `TilePrediction`, of a third of its bytes or less."""

    number: int
    doubt: float
    arrays: tuple[tuple[tuple[int, ...], str, bytes], ...]

    @classmethod
    def pack(cls, tile: TilePrediction) -> _Packed:
        arrays = (tile.label_map, tile.uncertainty, tile.probabilities)
        return cls(tile.number, tile.doubt, tuple((part.shape, part.dtype.str, _compress(part)) for part in arrays))

    @property
    def nbytes(self) -> int:
        return sum(len(content) for _, _, content in self.arrays)

    def unpack(self) -> TilePrediction:
        label_map, uncertainty, probabilities = (
            np.frombuffer(zlib.decompress(content), type_name).reshape(shape)
            for shape, type_name, content in self.arrays
        )
        return TilePrediction(self.number, label_map, uncertainty, probabilities)


def _compress(values: npt.NDArray[np.generic]) -> bytes:
    return zlib.compress(np.ascontiguousarray(values).tobytes(), 1)


def tiles_in(size: tuple[int, int], box_tlbr: Box) -> list[int]:
    """Return the numbers of the tiles that a box overlaps."""
    top, left, bottom, right = box_tlbr
    if top >= bottom or left >= right:
        return []
    columns = -(-size[1] // TILE)
    rows = range(top // TILE, (bottom - 1) // TILE + 1)
    return [row * columns + column for row in rows for column in range(left // TILE, (right - 1) // TILE + 1)]


class PredictionStore:
    """Holds the newest prediction of each tile; the least recently used are dropped first. Methods may be called from
    several threads, and none waits for a model.
    """

    def __init__(self, sizes: list[tuple[int, int]], most_bytes: int = MOST_BYTES) -> None:
        self._sizes, self._most_bytes = sizes, most_bytes
        self._tiles: OrderedDict[tuple[int, int], TilePrediction | _Packed] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, image: int, tile: int, prediction: TilePrediction) -> None:
        """Store the prediction of a tile, in place of an older one."""
        probabilities = prediction.probabilities.astype(np.float16, copy=False)
        with self._lock:
            self._take(image, tile, replace(prediction, probabilities=probabilities))
            while self._bytes > self._most_bytes and len(self._tiles) > 1:
                _, oldest = self._tiles.popitem(last=False)
                self._bytes -= oldest.nbytes
        self._pack_older()

    def _take(self, image: int, tile: int, prediction: TilePrediction | _Packed) -> None:
        before = self._tiles.pop((image, tile), None)
        self._bytes += prediction.nbytes - (before.nbytes if before else 0)
        self._tiles[image, tile] = prediction

    def _pack_older(self) -> None:
        """Compress all but the newest tiles. Compression takes a tenth of the time of a prediction."""
        with self._lock:
            loose = [(place, tile) for place, tile in self._tiles.items() if isinstance(tile, TilePrediction)]
        left = sum(tile.nbytes for _, tile in loose)
        for place, tile in loose[:-1]:
            if left <= LOOSE_BYTES:
                return
            left -= tile.nbytes
            packed = _Packed.pack(tile)
            with self._lock:
                if self._tiles.get(place) is tile:  # no newer prediction has arrived
                    self._tiles[place] = packed  # keep its place in the order
                    self._bytes += packed.nbytes - tile.nbytes

    def clear(self) -> None:
        """Drop all predictions, since the classes have changed."""
        with self._lock:
            self._tiles.clear()
            self._bytes = 0

    def number_of(self, image: int, tile: int) -> int:
        """Return the number of a tile's prediction, 0 where there is none."""
        prediction = self._get(image, tile)
        return prediction.number if prediction else 0

    def doubt(self, image: int) -> float | None:
        """Return the mean uncertainty, 0..1, of the predicted tiles of an image; `None` without any."""
        with self._lock:
            tiles = [tile for (number, _), tile in self._tiles.items() if number == image]
        doubts = [tile.doubt for tile in tiles]
        return sum(doubts) / len(doubts) if doubts else None

    def of(self, image: int) -> ImagePrediction:
        """Return the prediction of one image."""
        return ImagePrediction(self, image, self._sizes[image])

    def read(self, image: int, tile: int) -> TilePrediction | None:
        """Return a tile's prediction."""
        prediction = self._get(image, tile)
        return prediction.unpack() if prediction else None

    def _get(self, image: int, tile: int) -> TilePrediction | _Packed | None:
        with self._lock:
            prediction = self._tiles.get((image, tile))
            if prediction is not None:
                self._tiles.move_to_end((image, tile))
            return prediction


class ImagePrediction:
    """The prediction of a model for one image, as far as it has been computed."""

    def __init__(self, store: PredictionStore, image: int, size: tuple[int, int]) -> None:
        self._store, self._image, self._size = store, image, size
        self._grid = tile_boxes(size)

    def read(self, box_tlbr: Box) -> tuple[UInt8, UInt8]:
        """Return label map and uncertainty of a box; `IGNORE_INDEX` and 255 where there is no prediction."""
        top, left, bottom, right = box_tlbr
        label_map, uncertainty = np.full((2, bottom - top, right - left), 255, np.uint8)
        for tile in tiles_in(self._size, box_tlbr):
            prediction = self._store.read(self._image, tile)
            if prediction is not None:
                part, place = _overlap(self._grid[tile], box_tlbr)
                label_map[place] = prediction.label_map[part]
                uncertainty[place] = prediction.uncertainty[part]
        return label_map, uncertainty

    def read_tile(self, level: int, row: int, column: int) -> tuple[UInt8, UInt8, int] | None:
        """Return label map and uncertainty of a tile of the pyramid, and the lowest number of the predictions in it;
        `None` where there is no prediction."""
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
        """Return the interpolated probabilities of a box, (K, height, width); zeros where there is no prediction."""
        top, left, bottom, right = box_tlbr
        result: npt.NDArray[np.float32] | None = None
        for tile in tiles_in(self._size, box_tlbr):
            prediction = self._store.read(self._image, tile)
            if prediction is None:
                continue
            coarse = prediction.probabilities.astype(np.float32)
            if result is None:
                result = np.zeros((len(coarse), bottom - top, right - left), np.float32)
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
            prediction = self._store.read(self._image, tile)
            if prediction is None:
                continue
            top, left, bottom, right = self._grid[tile]
            first_row, last_row = np.searchsorted(rows, (top, bottom))
            first_column, last_column = np.searchsorted(columns, (left, right))
            if first_row == last_row or first_column == last_column:
                continue
            inside = np.ix_(rows[first_row:last_row] - top, columns[first_column:last_column] - left)
            place = slice(first_row, last_row), slice(first_column, last_column)
            label_map[place], uncertainty[place] = prediction.label_map[inside], prediction.uncertainty[inside]
            numbers.append(prediction.number)
        return label_map, uncertainty, numbers


def _overlap(tile: Box, box_tlbr: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the overlap of a box and a tile, as slices of the tile and of the box."""
    spans = [(max(tile[axis], box_tlbr[axis]), min(tile[axis + 2], box_tlbr[axis + 2])) for axis in (0, 1)]
    part, place = (
        tuple(slice(start - corner[axis], stop - corner[axis]) for axis, (start, stop) in enumerate(spans))
        for corner in (tile, box_tlbr)
    )
    return (part[0], part[1]), (place[0], place[1])


def _enlarge(values: npt.NDArray[np.float32], part: tuple[slice, slice]) -> npt.NDArray[np.float32]:
    """Return a part of a map, enlarged to the size of its tile. Each value belongs to the middle of its 4 x 4
    pixels."""
    rows, columns = ((np.arange(span.start, span.stop, dtype=np.float32) + 0.5) / 4 - 0.5 for span in part)
    places = np.meshgrid(rows, columns, indexing="ij")
    enlarged: npt.NDArray[np.float32] = ndimage.map_coordinates(values, places, order=1, mode="nearest")
    return enlarged
