"""Ctrl-C and SIGTERM: a command removes its temporary files and says how to continue."""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
REMEDIES = {
    "train": "The same command with --resume continues from the last saved step; if none was saved yet, start again.",
    "predict": "Finished outputs are kept; the same command with --resume continues.",
    "demo": "Remove its --out directory before you start it again.",
    "studio": (
        "Everything that you drew is saved; the same command opens the project again, and `pixelwise train` takes it."
    ),
}
"""What to do after each command was stopped."""
OTHER_REMEDY = "No partial output is left; start again."


class Stopped(BaseException):
    """A signal asked the command to end. Not a `KeyboardInterrupt`: typer answers that with a message of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def message(self, command: str) -> str:
        """Return the message for a user who stopped `pixelwise COMMAND`."""
        return f"stopped by {SIGNALS[signal.Signals(self.number)]}. {REMEDIES.get(command, OTHER_REMEDY)}"

    @property
    def code(self) -> int:
        """The exit code that shells use for the signal."""
        return 128 + self.number


@contextmanager
def raise_on_stop() -> Iterator[None]:
    """Raise `Stopped` at the first of `SIGNALS` that the process does not ignore. A second signal ends the process at
    once, and so does one while Python shuts down."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        _restore_default_handlers(handled)
        raise Stopped(number)

    for number in handled:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
        atexit.register(_restore_default_handlers, handled)


def _restore_default_handlers(signals: list[signal.Signals]) -> None:
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
