"""Files appear whole or not at all: written beside their place, flushed to disk, renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from pixelwise.core.documents import json_value, read_text
from pixelwise.core.errors import OutputError
from pixelwise.core.temporary_files import temporary_path

HASHED_AT_ONCE = 2**20
"""Bytes."""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def special_file_kind(path: Path) -> str | None:
    """Describe what lies at a path, links followed, if it is not a regular file: opening a pipe may block for ever."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # what opens it tells of that
        return None
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return None if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, to read its bytes. Raises `OSError` if that fails, or for anything that is
    not a file."""
    if kind := special_file_kind(path):
        raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))
    return path.open("rb")


@contextlib.contextmanager
def write_atomically(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the directory of `path`; on success it becomes `path`, on failure it is removed.

    The parent directory is made where it is missing. If `durable`, the file survives a crash of the machine once this
    has ended. A disk that is full or read-only raises `OutputError`; an earlier file at `path` is then unchanged.
    """
    with output_errors(path), temporary_path(path) as temporary:
        mode = _mode_of_new_files(temporary)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
        if durable:
            sync_directory(path.parent)


def _mode_of_new_files(path: Path) -> int:
    """Return the permissions that a new file at `path` gets from the umask. A file is made to find out, because the
    umask can only be read by setting it for the whole process."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)
        path.unlink()


@contextlib.contextmanager
def output_errors(path: Path, go_on: str = "") -> Iterator[None]:
    """Turn an `OSError` raised while `path` is written into an `OutputError`. `go_on` says how to continue, if not by
    writing again."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error, go_on) from error


def output_error(path: Path, error: OSError, go_on: str = "") -> OutputError:
    """Return the reason why `path` cannot be written, and what to do about it."""
    found, expected = error.strerror or str(error), "a place that can be written"
    other = "choose another `out`"
    remedy = f"Free some space{f', {go_on},' if go_on else ''} or {other}."
    name = error.filename if isinstance(error.filename, str) else None
    is_read = name is not None and not Path(name).absolute().is_relative_to(path.parent.absolute())
    if error.errno == errno.ENOENT and is_read:
        found, expected = f"{name} gone", "what is read to stay in its place"
        remedy = f"Put it back, and {go_on or 'start again'}."
    elif error.errno == errno.ENOENT:
        remedy = f"Its directory has gone: make it again, or {other}."
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        expected = "files that can be opened"
        remedy = f"Raise the limit (ulimit -n 4096) or close other programs, and {go_on or 'start again'}."
    elif error.errno == errno.ENAMETOOLONG:
        expected, remedy = "a name that the file system takes", f"Choose a shorter name, or {other}."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = f"Get the right to write there, or {other}."
    elif error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR):
        remedy = f"Something stands in its place, perhaps of another process: remove it, or {other}."
    return OutputError(path, found, expected, remedy)


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if the file is missing, damaged or holds something else."""
    try:
        content = json_value(read_text(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_text(path: Path, text: str) -> None:
    r"""Write `text` as UTF-8 to `path`, whole or not at all.

    Bytes of file names that are not UTF-8 are written as escapes such as `\udce9`, which is how JSON writes Python's
    surrogates.
    """
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def sync_directory(folder: Path) -> None:
    """Flush the names in a directory to disk, where the system supports it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
