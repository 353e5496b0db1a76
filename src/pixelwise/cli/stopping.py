"""Ctrl-C and SIGTERM: a command clears away what is temporary, and says how to go on."""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
GO_ON = "What is finished is kept; the same command with --resume goes on."
TRAIN = "What is saved is kept, and the same command with --resume goes on; where nothing was, start it again."
STUDIO = "Everything that you drew is saved; the same command opens the project again, and `pixelwise train` takes it."
HOW = {
    "train": TRAIN,
    "predict": GO_ON,
    "demo": "Remove its --out directory before you start it again.",
    "studio": STUDIO,
}
OTHERS = "Nothing half-written is left; start it again."


class Stopped(BaseException):
    """A signal asked for the end. It is no `KeyboardInterrupt`, which typer ends with a message of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def message(self, command: str) -> str:
        """Return what a person is told who has stopped `pixelwise COMMAND`."""
        return f"stopped by {SIGNALS[signal.Signals(self.number)]}. {HOW.get(command, OTHERS)}"

    @property
    def code(self) -> int:
        """The exit code by which shells tell a signal."""
        return 128 + self.number


@contextmanager
def raise_on_stop() -> Iterator[None]:
    """Raise `Stopped` at the first of `SIGNALS`, but for those that are ignored; a second one ends the process at once,
    and so does the first when Python itself ends."""
    if threading.current_thread() is not threading.main_thread():  # where Python has no signals
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        _restore_default_handlers(heard)
        raise Stopped(number)

    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
        atexit.register(_restore_default_handlers, heard)


def _restore_default_handlers(signals: list[signal.Signals]) -> None:
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
