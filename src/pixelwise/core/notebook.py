"""Progress bars in notebooks, drawn by IPython's own display: no widgets have to be installed."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

REFRESH_SECONDS = 0.2


def is_notebook() -> bool:
    """Return whether the code runs in a notebook (Jupyter, Colab), where pictures can be displayed."""
    ipython = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class NotebookBar:
    """A progress bar below the cell that runs, redrawn in place.

    Parameters
    ----------
    title
        What the bar measures.
    """

    def __init__(self, title: str) -> None:
        from IPython import display

        self._title = title
        self._html = display.HTML
        self._drawn_at = time.perf_counter()
        self._handle: Any = display.display(display.HTML(_bar(title, 0, 1, "")), display_id=True)

    def update(self, done: int, total: int, text: str = "") -> None:
        """Show that `done` of `total` are finished, with a text beside the bar; at most every `REFRESH_SECONDS`."""
        now = time.perf_counter()
        if done < total and now - self._drawn_at < REFRESH_SECONDS:
            return
        self._drawn_at = now
        self._handle.update(self._html(_bar(self._title, done, total, text or f"{done:,} of {total:,}")))


def _bar(title: str, done: int, total: int, text: str) -> str:
    label, beside = html.escape(title), html.escape(text)
    return f'<div>{label} <progress value="{done}" max="{max(1, total)}"></progress> {beside}</div>'


@contextmanager
def notebook_bar(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function to call with (done, total): a bar in a notebook, `None` elsewhere."""
    yield NotebookBar(title).update if is_notebook() else None
