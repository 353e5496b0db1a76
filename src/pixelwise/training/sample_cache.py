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
"""What the disk keeps free for everything else."""


class _Place(NamedTuple):
    """Where an array of the file begins, and what it is."""

    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]


class SampleFile:
    """A file without a name in `folder`, which is gone with the process, however that ends.

    A sample that was added is mapped into memory when asked for: only what a crop touches is read.
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
        """Keep `sample` under `index`; does nothing where the disk has no room for it."""
        arrays = [array for array in (sample.image, sample.label_map, sample.instance_map) if array is not None]
        size = sum(array.nbytes for array in arrays)
        if shutil.disk_usage(self._folder).free < size + SPARE_BYTES:
            return
        with contextlib.suppress(OSError):  # a quota, or another process was faster
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
        # Mapped anew each time: a map holds a file descriptor, of which a process may have a thousand.
        return Sample(
            *(np.memmap(self._file, dtype, "r", offset, shape) for offset, dtype, shape in self._places[index])
        )
