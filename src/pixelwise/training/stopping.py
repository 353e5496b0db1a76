"""Ctrl-C and SIGTERM during a training: the current step is finished and saved first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked to stop, and which."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    def obey(self) -> NoReturn:
        """Let the signal have its usual effect, and raise `KeyboardInterrupt` if the process still continues."""
        if self.number is not None:
            signal.raise_signal(self.number)
        raise KeyboardInterrupt


@contextmanager
def catch_stop_signals(processes: int = 1) -> Iterator[StopRequest]:
    """Yield the request to stop, which the first of `SIGNALS` sets; a second one has its usual effect at once. Ignored
    signals stay ignored. Signals are not caught outside the main thread, where Python has none, nor in a run on several
    `processes`, which must stop together.
    """
    request = StopRequest()
    if processes > 1 or threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            if handler is not None:  # a handler that was not set from Python
                signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        if request:
            restore()
            signal.raise_signal(number)
        request.number = number

    try:
        for number, handler in before.items():
            if handler not in (signal.SIG_IGN, None):
                signal.signal(number, note)
        yield request
    finally:
        restore()
