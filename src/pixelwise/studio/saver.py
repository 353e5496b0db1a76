"""A background thread that writes the masks soon after each action."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pixelwise.core.errors import PixelwiseError

PAUSE_SECONDS = 0.7
"""Masks are written after this many seconds without an action,"""
LATEST_SECONDS = 5.0
"""or at the latest this many seconds after the first one."""
AGAIN_SECONDS = 10.0
"""Seconds until the next attempt after an error such as a full disk."""


class Saver:
    """Calls `save` a little after each `wake`, in a thread of its own, until `close`.

    Parameters
    ----------
    save
        Writes the masks. On a `PixelwiseError` it is called again later.
    on_error
        Called with the error.
    """

    def __init__(self, save: Callable[[], None], on_error: Callable[[PixelwiseError], None]) -> None:
        self._save, self._on_error = save, on_error
        self._woken, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="pixelwise-saver", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Note that something has changed."""
        self._woken.set()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._woken.wait()
            waited = 0.0
            while not self._closed.is_set() and waited < LATEST_SECONDS:
                self._woken.clear()
                if not self._woken.wait(PAUSE_SECONDS):
                    break
                waited += PAUSE_SECONDS
            if self._closed.is_set():
                return
            try:
                self._save()
            except PixelwiseError as error:
                self._on_error(error)
                self._closed.wait(AGAIN_SECONDS)
                self._woken.set()
