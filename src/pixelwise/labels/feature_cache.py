"""Features of tiles on disk. The size is bounded; the least recently used features are removed first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pixelwise.core.errors import OptionError
from pixelwise.core.files import write_atomically

Arrays = dict[str, npt.NDArray[np.generic]]
SUFFIX = ".safetensors"


class FeatureCache:
    """Arrays by key. Each entry is a file in a folder. All methods may be called from any thread.

    Parameters
    ----------
    folder
        The folder, which is created where it is missing. Entries of an earlier process are used again.
    max_bytes
        The largest size of all files together. The newest entry stays, whatever its size.

    Raises
    ------
    OptionError
        `max_bytes` is below 0.
    OutputError
        The folder or a file cannot be written.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        if max_bytes < 0:
            raise OptionError("max_bytes", str(max_bytes), "at least 0", "Give the bytes that features may take.")
        self.folder = folder
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        """Bytes of each file, the least recently used first."""
        for _, name, size in sorted(_list_files(folder)):
            self._sizes[name] = size

    @property
    def total_bytes(self) -> int:
        with self._lock:
            return sum(self._sizes.values())

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return _file_name(key) in self._sizes

    def get(self, key: str) -> Arrays | None:
        """Return the arrays of a key, or `None` where there are none, or only a damaged file."""
        name = _file_name(key)
        path = self.folder / name
        try:
            arrays: Arrays = load_file(path)
            os.utime(path)
        except (OSError, SafetensorError):
            with self._lock:
                self._sizes.pop(name, None)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
        return arrays

    def put(self, key: str, arrays: Arrays) -> None:
        """Store arrays under a key in place of earlier ones, and remove the least recently used entries beyond
        `max_bytes`."""
        name = _file_name(key)
        path = self.folder / name
        with write_atomically(path) as temporary:
            save_file(arrays, temporary)
            size = temporary.stat().st_size
        with self._lock:
            self._sizes[name] = size
            self._sizes.move_to_end(name)
            for other in self._names_beyond_limit():
                del self._sizes[other]
                with contextlib.suppress(OSError):
                    (self.folder / other).unlink(missing_ok=True)

    def _names_beyond_limit(self) -> list[str]:
        """Return the files to remove. The newest is never among them."""
        excess = sum(self._sizes.values()) - self.max_bytes
        names = []
        for name, size in list(self._sizes.items())[:-1]:
            if excess <= 0:
                break
            names.append(name)
            excess -= size
        return names


def _file_name(key: str) -> str:
    """Return the name of a key's file: any text can be a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:40] + SUFFIX


def _list_files(folder: Path) -> list[tuple[float, str, int]]:
    """Return the time of last use, the name and the size in bytes of each entry's file."""
    files = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    files.append((status.st_mtime, entry.name, status.st_size))
    return files
