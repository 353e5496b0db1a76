"""The curves of a training for TensorBoard, written to an event file during the run."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from pixelwise.core.files import output_errors


class Board:
    """An event file in a folder, which is created where it is missing. Points of earlier processes from `from_step` on
    are hidden. Raises `OutputError` if it cannot be written; TensorBoard's own writer writes in a thread, which would
    end with a traceback.
    """

    def __init__(self, folder: Path, from_step: int) -> None:
        self._folder = folder
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / name).open("wb")
        self._records = RecordWriter(self._file)
        self._write(Event(file_version="brain.Event:2"))
        self._write(Event(step=from_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, tag: str, value: float, step: int) -> None:
        """Write a point of a curve."""
        self._write(Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        with output_errors(self._folder):
            self._records.write(event.SerializeToString())
            self._records.flush()

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # reported by the write already
            self._file.close()
