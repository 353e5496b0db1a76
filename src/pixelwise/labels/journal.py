"""The journal of a project: every action, one JSON line each, on the disk before anybody is told that it is saved."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.errors import DataError
from pixelwise.core.files import output_errors

Entry = dict[str, Any]
"""`number` (from 1, without a gap), `time` (seconds since 1970), `client`, `image` (its file's name, or null for the
whole project), `type`, and what the type needs."""


@dataclass(frozen=True)
class Place:
    """Where a line of the journal lies, and what is known of it without reading it again."""

    number: int
    start: int
    length: int


class Journal:
    """An append-only file of actions.

    A last line that was torn by a crash is dropped when the journal is opened: nobody was told that it is saved.

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
        A line that is not the last is damaged: history after it would be another one.
    OutputError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.remark = path, ""
        self._places: list[Place] = []
        self._lock = threading.Lock()
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
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
                if start + len(line) < len(content):
                    self.close()
                    remedy = "Put back a copy of the journal, or move .studio/ away: masks/ holds the labels."
                    found = f"a damaged line {len(entries) + 1} ({error})"
                    raise DataError(self.path, found, "one action a line", remedy) from error
                self.remark = f"{self.path}: the last line was not written to its end and was dropped."
                with output_errors(self.path):
                    self._file.truncate(start)
                    os.fsync(self._file.fileno())
                break
            entries.append(entry)
            self._places.append(Place(entry["number"], start, len(line)))
            start += len(line)
        return entries

    def append(self, entry: Entry) -> int:
        """Write an action and have it on the disk; return its number. Raises `OutputError`.

        After an error nothing of the action is in the file; where even that could not be had, nothing more is written.
        """
        with self._lock:
            number = self.last_number + 1
            line = json.dumps({"number": number, **entry}, separators=(",", ":"), allow_nan=False).encode() + b"\n"
            start = self._places[-1].start + self._places[-1].length if self._places else 0
            with output_errors(self.path):
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

    def read(self, number: int) -> Entry:
        """Return an action by its number."""
        place = self._places[number - 1]
        with self.path.open("rb") as file:
            file.seek(place.start)
            return _parse(file.read(place.length), number)

    def close(self) -> None:
        self._file.close()


def _parse(line: bytes, number: int) -> Entry:
    """Return the action in a line. Raises `ValueError` for one that is torn or not of this number."""
    if not line.endswith(b"\n"):
        raise ValueError("no end of line")
    entry = json.loads(line)
    if not isinstance(entry, dict) or entry.get("number") != number or not isinstance(entry.get("type"), str):
        raise ValueError(f"not action {number}")
    return entry
