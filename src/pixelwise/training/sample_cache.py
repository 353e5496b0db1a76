"""Decoded samples on disk, for data sets that are larger than memory."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixelwise.core.files import output_errors
from pixelwise.data.dataset import Sample

SPARE_BYTES = 2**30
"""Disk space that stays free for other uses."""


class _Place(NamedTuple):
    """Offset, shape and dtype of an array in the file."""

    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]


class SampleFile:
    """An unnamed file in `folder`, which vanishes with the process, however that ends. Samples are mapped into memory
    when they are needed, so only the pages of a crop are read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._places: dict[int, list[_Place]] = {}
        self._end = 0

    def add(self, index: int, sample: Sample) -> None:
        """Store `sample` under `index`; has no effect if the disk has no room for it."""
        arrays = [array for array in (sample.image, sample.label_map, sample.instance_map) if array is not None]
        size = sum(array.nbytes for array in arrays)
        if shutil.disk_usage(self._folder).free < size + SPARE_BYTES:
            return
        with contextlib.suppress(OSError):  # a quota, or another process filled the disk
            self._file.seek(self._end)
            places = []
            for array in arrays:
                places.append(_Place(self._file.tell(), array.dtype, array.shape))
                self._file.write(np.ascontiguousarray(array).data)
            self._file.flush()
            self._places[index] = places
            self._end += size

    def get(self, index: int) -> Sample | None:
        """Return the sample under `index`, read-only, or `None`."""
        if index not in self._places:
            return None
        # Mapped at each call: a map holds a file descriptor, and a process may only have about a thousand.
        return Sample(
            *(np.memmap(self._file, dtype, "r", offset, shape) for offset, dtype, shape in self._places[index])
        )
