"""Temporary files beside their final place, and the removal of those that killed processes left.

A temporary file `.pixelwise-RANDOM.tmp.png` has a lock file `.pixelwise-RANDOM.lock`, which its process makes before
it and removes after it. Where nobody holds the lock, the process is dead, and the next that writes there removes both.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pixelwise.core.locks import is_at, remove_locked, try_to_lock

PREFIX = ".pixelwise-"
LOCK, TEMPORARY = ".lock", ".tmp"
MOST_SUFFIX = 100
"""Bytes. A longer suffix is not a file type, and would make the name too long."""
_NAME = re.compile(r"(\.pixelwise-[a-z0-9_]{8})(\.lock|\.tmp(\..*)?)", re.DOTALL)
_cleared: set[Path] = set()
"""Directories that this process has already cleared."""


@contextlib.contextmanager
def temporary_path(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, of the same suffix, for a file or a directory; what is there at the end is removed.

    The parent directory is made where it is missing, and cleared of what dead processes left there. Raises `OSError`.
    """
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() not in _cleared:
        remove_leftovers(folder)
        _cleared.add(folder.resolve())
    handle, lock = _new_lock(folder)
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= MOST_SUFFIX else ""
    temporary = lock.with_name(lock.stem + TEMPORARY + suffix)
    try:
        yield temporary
    finally:
        _remove(temporary)
        remove_locked(handle, lock)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of dead processes in a directory, and nothing else.

    Files that another process is writing stay. If the file system has no locks, all stay.
    """
    members: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if name := _NAME.fullmatch(entry.name):
                members.setdefault(name[1], []).append(Path(entry.path))
    for stem, paths in members.items():
        lock = folder / (stem + LOCK)
        try:
            handle = os.open(lock, os.O_RDWR)
        except FileNotFoundError:  # the lock is the first to come and the last to go
            for path in paths:
                _remove(path)
            continue
        except OSError:
            continue
        if try_to_lock(handle):
            for path in paths:
                if path != lock:
                    _remove(path)
            remove_locked(handle, lock)
        else:
            os.close(handle)


def is_temporary(path: Path) -> bool:
    """Return whether a file bears the name of a temporary one."""
    return _NAME.fullmatch(path.name) is not None


def _new_lock(folder: Path) -> tuple[int, Path]:
    """Make a lock file of a new name, and hold it. Raises `OSError`."""
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK, dir=folder)
        lock = Path(name)
        if try_to_lock(handle) is not False and is_at(handle, lock):
            return handle, lock
        os.close(handle)  # one that clears the directory was faster


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
