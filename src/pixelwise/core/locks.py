"""Advisory locks on files: one process holds one at a time, and the system releases it when the process ends, however
that happens."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ATTEMPTS = 5
PAUSE_SECONDS = 0.1
"""Number of tries for a lock, and seconds between them: another process may be testing it, or about to release it."""
FAR = 2**40
"""The byte that is locked on Windows, where other processes cannot read locked bytes."""
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}


def try_to_lock(handle: int) -> bool | None:
    """Lock an open file for this process. Returns `True` on success, `False` if another process holds it, and `None` if
    the file system has no locks.
    """
    try:
        if sys.platform == "win32":
            os.lseek(handle, FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def open_file(path: Path) -> int:
    """Open a file for reading and writing; create it if it is missing. Raises `OSError`."""
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)


def open_locked(path: Path) -> tuple[int, bool] | None:
    """Open a file, made where it is missing, for this process alone.

    Returns the handle, and whether it is locked (the file system may have no locks); `None` where another process holds
    the file. Raises `OSError` where it cannot be made or written.
    """
    for _ in range(ATTEMPTS):
        handle = open_file(path)
        locked = try_to_lock(handle)
        if locked is not False and is_at(handle, path):
            return handle, bool(locked)
        os.close(handle)
        if locked is False:
            time.sleep(PAUSE_SECONDS)
    return None


def is_at(handle: int, path: Path) -> bool:
    """Return whether an open file is still the one at a path: its last holder may have removed it."""
    if sys.platform == "win32":  # which removes no open file
        return True
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def remove_locked(handle: int, path: Path) -> None:
    """Remove a file that this process has locked, and release it."""
    if sys.platform == "win32":  # which removes no open file
        os.close(handle)
    with contextlib.suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(handle)


class LockFile:
    """A lock file that one process at a time holds and that names its holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_locked = False
        """Whether other processes are kept out. `False` if the file system has no locks."""
        self._handle = -1

    def take(self) -> bool:
        """Create and lock the file. Returns `False` if another process holds it. Raises `OSError` if the file cannot be
        created.
        """
        opened = open_locked(self.path)
        if opened is None:
            return False
        self._handle, self.is_locked = opened
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        content = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
        with contextlib.suppress(OSError):  # a full disk: the lock holds without it
            os.ftruncate(self._handle, 0)
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, content.encode())
        return True

    def is_held(self) -> bool:
        """Return whether a process holds the file."""
        try:
            handle = os.open(self.path, os.O_RDWR)
        except OSError:
            return False
        try:
            return try_to_lock(handle) is False
        finally:
            os.close(handle)

    def holder(self) -> str:
        """Return which process holds the file, in words."""
        content: Any = None
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(self.path.read_text(encoding="utf-8"))
        if not (isinstance(content, dict) and {"pid", "host", "since"} <= content.keys()):
            return "another process"
        return f"process {content['pid']} on {content['host']}, since {content['since']}"

    def release(self) -> None:
        """Remove the file, so that others can take it."""
        remove_locked(self._handle, self.path)
        self.is_locked = False
