"""Rows of a scan's results, stored in a file until all are predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.instances.fields import CentreOffsetMaps

UInt8 = npt.NDArray[np.uint8]
LABELS = np.dtype(np.uint8)
"""The dtype of stored rows of a semantic model."""
FIELDS = np.dtype(
    [("label", "u1"), ("class_index", "u1"), ("probability", "<f4"), ("heat", "<f4"), ("down", "<i2"), ("right", "<i2")]
)
"""The dtype of stored rows of an instance model: the label and the values of `CentreOffsetMaps`."""


def pack_records(labels: UInt8, fields: CentreOffsetMaps) -> npt.NDArray[Any]:
    """Return pixels in the dtype `FIELDS`, (height, width)."""
    records = np.empty(labels.shape, FIELDS)
    records["label"] = labels
    for name in FIELD_NAMES:
        records[name] = getattr(fields, name)
    return records


FIELD_NAMES = ("class_index", "probability", "heat", "down", "right")


class StoredRows:
    """Rows in a file, read when they are indexed. A memory-mapped file would count as memory of the process."""

    def __init__(self, path: Path, start: int, width: int, pixel: np.dtype[Any]) -> None:
        self.path, self.start, self.width, self.pixel = path, start, width, pixel

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        return self.window((rows, slice(0, self.width)))

    def window(self, place: tuple[slice, slice]) -> npt.NDArray[Any]:
        """Return the pixels of some rows and columns."""
        rows, columns = place
        size = rows.stop - rows.start, columns.stop - columns.start
        if size[1] == self.width:
            offset = self.start + rows.start * self.width * self.pixel.itemsize
            return np.fromfile(self.path, self.pixel, size[0] * size[1], offset=offset).reshape(size)
        window = np.empty(size, self.pixel)
        with self.path.open("rb") as file:
            for index, row in enumerate(range(rows.start, rows.stop)):
                file.seek(self.start + (row * self.width + columns.start) * self.pixel.itemsize)
                window[index] = np.frombuffer(file.read(size[1] * self.pixel.itemsize), self.pixel)
        return window

    def fields(self, place: tuple[slice, slice]) -> CentreOffsetMaps:
        """Return the maps of some rows and columns that grouping needs."""
        window = self.window(place)
        return CentreOffsetMaps(*(np.ascontiguousarray(window[name]) for name in FIELD_NAMES))

    @property
    def labels(self) -> StoredLabels:
        return StoredLabels(self)


class StoredLabels:
    """The labels of stored rows, uint8 (rows, width)."""

    def __init__(self, rows: StoredRows) -> None:
        self._rows = rows

    def __getitem__(self, rows: slice) -> UInt8:
        pixels = self._rows[rows]
        labels: UInt8 = pixels if pixels.dtype == np.uint8 else np.ascontiguousarray(pixels["label"])
        return labels
