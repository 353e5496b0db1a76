"""The first picture of a large image whose file has no overviews: first a glimpse from a few of its blocks, then the
whole image.

To show such an image small, the whole file has to be decoded, which takes many seconds. A few blocks, spread over it,
are decoded in half a second. While they are shown, a background thread reads the file from top to bottom and stores
every fourth row and column, or fewer. All small pictures are made from these.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OutputError, PixelwiseError
from pixelwise.core.files import write_atomically
from pixelwise.raster.reader import ImageReader, open_reader

Values = npt.NDArray[Any]
GLIMPSE_SECONDS = 0.4
LEAST_BLOCKS, MOST_BLOCKS = 9, 256
SAMPLES = 8
"""Rows and columns per block in a glimpse."""
LEAST_STEP = 4
MOST_PIXELS = 2**25
"""The most pixels of an overview; of larger images it has fewer rows and columns."""
BAND_BYTES = 2**24
"""The size of the rows that are read together."""
TOLD_SECONDS = 0.7
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class Glimpse:
    """Some rows and columns of an image: rows (n,), columns (m,), ascending, and values (n, m, channels)."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    values: Values

    def read(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Values:
        """Return the known pixels that are nearest to rows x columns."""
        down, across = _nearest(self.rows, rows), _nearest(self.columns, columns)
        return np.array(self.values[down][:, across])


def take_glimpse(reader: ImageReader, seconds: float = GLIMPSE_SECONDS) -> Glimpse:
    """Decode blocks of a file, spread evenly over it, for about this long."""
    counts = [-(-side // block) for side, block in zip(reader.shape, _block_of(reader), strict=True)]
    started = time.perf_counter()
    _read_block(reader, counts[0] // 2, counts[1] // 2)
    affordable = seconds / max(time.perf_counter() - started, 1e-6)
    share = min(max(affordable, LEAST_BLOCKS), MOST_BLOCKS) / (counts[0] * counts[1])
    down = min(1.0, share if counts[1] == 1 else share**0.5)
    across = min(1.0, share if counts[0] == 1 else share**0.5)
    chosen = [
        np.linspace(0, count - 1, max(1, round(count * part))).round().astype(int).tolist()
        for count, part in zip(counts, (down, across), strict=True)
    ]
    parts = [[_read_block(reader, row, column) for column in chosen[1]] for row in chosen[0]]
    rows = np.concatenate([part[0].rows for part in parts])
    columns = np.concatenate([part.columns for part in parts[0]])
    return Glimpse(rows, columns, np.concatenate([np.concatenate([p.values for p in part], axis=1) for part in parts]))


def _block_of(reader: ImageReader) -> tuple[int, int]:
    return reader.block or reader.shape


def _read_block(reader: ImageReader, row: int, column: int) -> Glimpse:
    spans, places = [], []
    for number, block, side in zip((row, column), _block_of(reader), reader.shape, strict=True):
        start, stop = number * block, min((number + 1) * block, side)
        count = SAMPLES if block < side else max(SAMPLES, side // LEAST_STEP)  # a block that goes from edge to edge
        spans.append(slice(start, stop))
        places.append(np.linspace(start, stop - 1, min(count, stop - start)).astype(np.intp))
    values = reader.read((spans[0], spans[1]))
    inside = np.ix_(places[0] - spans[0].start, places[1] - spans[1].start)
    return Glimpse(places[0], places[1], values[inside])


def _nearest(places: npt.NDArray[np.intp], wanted: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the indices of the ascending places that are nearest to the wanted ones."""
    return np.searchsorted((places[:-1] + places[1:]) / 2, wanted)


class Overview:
    """Every `step`-th row and column of an image file, as far as they have been read.

    Parameters
    ----------
    path
        The image file.
    reader
        Reads it, for the glimpse.
    stored
        The file that stores the overview. It is reused.

    Attributes
    ----------
    share
        How much of the image has been read, 0..1. The rest is estimated from the glimpse.
    """

    def __init__(self, path: Path, reader: ImageReader, stored: Path) -> None:
        self._path, self._stored, self._size = path, stored, reader.shape
        self.step = LEAST_STEP
        while -(-self._size[0] // self.step) * -(-self._size[1] // self.step) > MOST_PIXELS:
            self.step *= 2
        self.share = 0.0
        self._values: Values = np.empty((0, 0, 0), np.uint8)
        self._rows_known = 0
        self._glimpse: Glimpse | None = None
        if stored.is_file():
            self._open_stored()
        else:
            self._glimpse = take_glimpse(reader)

    def _open_stored(self) -> None:
        self._values = np.load(self._stored, mmap_mode="r")
        self._rows_known, self.share, self._glimpse = len(self._values), 1.0, None

    def read_every(self, place: tuple[slice, slice], step: int) -> tuple[Values, float]:
        """Return every `step`-th row and column of a place, a multiple of the overview's, and `share`, or 1 where all
        of these rows are known."""
        rows, columns = (np.arange(span.start, span.stop, step) for span in place)
        glimpse, share = self._glimpse, self.share  # read first, since the glimpse is dropped when all rows are known
        known = int(np.searchsorted(rows, self._rows_known * self.step))
        values = self._values
        if glimpse is None or known == len(rows):
            return np.array(values[np.ix_(rows // self.step, columns // self.step)]), 1.0
        guessed = glimpse.read(rows, columns)
        if known:
            guessed[:known] = values[np.ix_(rows[:known] // self.step, columns // self.step)]
        return guessed, share

    def complete(self, should_stop: Callable[[], bool], tell: Callable[[float], None]) -> None:
        """Read the file, and write the overview. Raises `ImageError`."""
        if self.share == 1:
            return
        told = time.monotonic()
        with open_reader(self._path, first_bands=True) as reader:
            height, width = self._size
            rows_a_block = max(_block_of(reader)[0], self.step)
            rows_a_band = max(BAND_BYTES // (width * reader.bits // 8) // rows_a_block, 1) * rows_a_block
            rows_a_band += -rows_a_band % self.step
            for top in range(0, height, rows_a_band):
                if should_stop():
                    return
                place = slice(top, min(top + rows_a_band, height)), slice(0, width)
                band = reader.read(place)[:: self.step, :: self.step]
                if top == 0:
                    self._rows_known = 0
                    sides = (-(-side // self.step) for side in self._size)
                    self._values = np.empty((*sides, band.shape[2]), band.dtype)
                first = top // self.step
                self._values[first : first + len(band)] = band
                self._rows_known, self.share = first + len(band), round(min(place[0].stop / height, 0.99), 3)
                if time.monotonic() - told > TOLD_SECONDS:
                    told = time.monotonic()
                    tell(self.share)
        self._finish()
        tell(1.0)

    def _finish(self) -> None:
        """Move the rows to the file; if the disk is full, they stay in memory."""
        try:
            with write_atomically(self._stored) as temporary, temporary.open("wb") as file:
                np.save(file, self._values)
            self._open_stored()
        except OutputError:
            self.share, self._glimpse = 1.0, None


class OverviewWorker:
    """Completes overviews in a background thread until `close`, the most recently requested first.

    Parameters
    ----------
    tell
        Called with the number of an image, and how much of its overview is known, 0..1.
    """

    def __init__(self, tell: Callable[[int, float], None]) -> None:
        self._tell = tell
        self._waiting: dict[int, Overview] = {}
        self._condition = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def ask(self, number: int, overview: Overview) -> None:
        """Request the overview of an image."""
        with self._condition:
            if self._is_closed or overview.share == 1 or number in self._waiting:
                return
            self._waiting[number] = overview
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="pixelwise-overviews", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def close(self) -> None:
        """End the thread."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                number, overview = list(self._waiting.items())[-1]
            with contextlib.suppress(PixelwiseError):  # reported to whoever views the image; the glimpse stays
                overview.complete(lambda: self._is_closed, partial(self._tell, number))
            with self._condition:
                del self._waiting[number]
