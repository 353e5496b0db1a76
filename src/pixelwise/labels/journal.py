"""The journal of a project: every action as a line of JSON, written to disk before it is reported as saved."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.errors import DataError, OutputError
from pixelwise.core.files import output_errors, sync_directory
from pixelwise.core.text import short_repr

Entry = dict[str, Any]
"""`number` (from 1, without a gap), `time` (seconds since 1970), `client`, `image` (its file's name, or null for the
whole project), `type`, and what the type needs."""


class _WrongNumberError(ValueError):
    """A complete line whose number does not follow that of the line before it."""


@dataclass(frozen=True)
class Place:
    """Where a line of the journal is, and what is known about it without reading it again."""

    number: int
    start: int
    length: int


class Journal:
    """An append-only file of actions.

    When the journal is opened, an incomplete last line, left by a crash, is dropped: it was never reported as saved. A
    last line that is damaged in another way is dropped with a remark. Dropped lines are kept in a file beside the
    journal.

    Parameters
    ----------
    path
        The file, made where it is missing.

    Attributes
    ----------
    remark
        What was dropped when the journal was opened, "" for nothing.

    Raises
    ------
    DataError
        A line before the last is damaged, so that the history after it cannot be trusted.
    OutputError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.remark = path, ""
        self._places: list[Place] = []
        self._lock = threading.Lock()
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not path.exists()
            self._file = path.open("a+b", buffering=0)
            if is_new:
                sync_directory(path.parent)
            self._knows_its_place = os.path.samestat(os.fstat(self._file.fileno()), path.stat())
        self._broken = False

    @property
    def last_number(self) -> int:
        """The number of the last action, 0 where there is none."""
        return self._places[-1].number if self._places else 0

    def load(self) -> list[Entry]:
        """Return every action that the file holds. Called once, before the first `append`. Raises `DataError`."""
        self._file.seek(0)
        content = self._file.read()
        entries: list[Entry] = []
        start = 0
        for line in content.splitlines(keepends=True):
            try:
                entry = _parse(line, len(entries) + 1)
            except ValueError as error:
                if start + len(line) < len(content) or isinstance(error, _WrongNumberError):
                    self.close()
                    raise damaged_line(self.path, len(entries) + 1, str(error)) from error
                self._drop_last_line(start, line)
                break
            entries.append(entry)
            self._places.append(Place(entry["number"], start, len(line)))
            start += len(line)
        return entries

    def _drop_last_line(self, start: int, line: bytes) -> None:
        is_torn = not line.endswith(b"\n") or b"\0" in line
        reason = "was not written to its end" if is_torn else "is damaged: what it did is lost"
        dropped = self.path.with_name(f"{self.path.stem}-dropped{self.path.suffix}")
        self.remark = f"{self.path}: the last line {reason}. It was dropped, and is kept in {dropped.name}."
        with output_errors(self.path):
            with dropped.open("ab") as file:
                file.write(line.rstrip(b"\n") + b"\n")
            self._file.truncate(start)
            os.fsync(self._file.fileno())

    def append(self, entry: Entry) -> int:
        """Write an action to disk and return its number. Raises `OutputError`.

        After an error the file holds nothing of the action. Where the partial line cannot be removed, further actions
        are refused.
        """
        with self._lock:
            number = self.last_number + 1
            line = json.dumps({"number": number, **entry}, separators=(",", ":"), allow_nan=False).encode() + b"\n"
            start = self._places[-1].start + self._places[-1].length if self._places else 0
            with output_errors(self.path):
                self.require_its_place()
                if self._broken:
                    raise OSError("a damaged line could not be removed after an earlier error; start the studio again")
                try:
                    written = self._file.write(line)
                    if written != len(line):
                        raise OSError("the disk took only a part of the action")
                    os.fsync(self._file.fileno())
                except OSError:
                    self._broken = True
                    self._file.truncate(start)
                    os.fsync(self._file.fileno())
                    self._broken = False
                    raise
            self._places.append(Place(number, start, len(line)))
            return number

    def require_its_place(self) -> None:
        """Raise `OutputError` where the file was moved or removed while open: what is written to it would not be found
        in the project."""
        try:
            is_there = os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            is_there = False
        if not is_there and self._knows_its_place:
            remedy = "Move the project's folder back, or end the studio and start it where the folder is now."
            raise OutputError(self.path, "a journal that was moved or removed while it is open", "it there", remedy)

    def read(self, number: int) -> Entry:
        """Return an action by its number. Raises `DataError` where the file was changed by another program."""
        place = self._places[number - 1]
        try:
            with self._lock:
                self._file.seek(place.start)
                line = self._file.read(place.length)
            return _parse(line, number)
        except (OSError, ValueError) as error:
            raise damaged_line(self.path, number, str(error)) from error

    def close(self) -> None:
        self._file.close()


def _parse(line: bytes, number: int) -> Entry:
    """Return the action in a line. Raises `ValueError` for an incomplete line, and for one with another number."""
    if not line.endswith(b"\n"):
        raise ValueError("no end of line")
    try:
        entry = json.loads(line)
    except RecursionError as error:
        raise ValueError("no action") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise ValueError(f"not action {number}")
    if entry.get("number") != number:
        raise _WrongNumberError(f"action {short_repr(entry.get('number'))}, not {number}")
    return entry


def damaged_line(path: Path, number: int, reason: str) -> DataError:
    """Return the error for a line that is no action, or an impossible one."""
    remedy = "Put back a copy of the journal, or move .studio/ away: masks/ holds the labels."
    return DataError(path, f"a damaged line {number} ({reason})", "one action a line", remedy)
