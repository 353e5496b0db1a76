"""Progress bars on standard error, where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

WIDE = 100
"""Terminals with this many characters in a line, or more, are wide."""
Advance = Callable[[int, int], None]
"""Takes (done, total) and updates the bar."""


@contextlib.contextmanager
def progress_bar(description: str) -> Iterator[Advance | None]:
    """Yield a function of (done, total) that updates a bar; `None` without a terminal, where rich is not loaded."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import MofNCompleteColumn

    with _draw_bar(description, MofNCompleteColumn()) as advance:
        yield advance


@contextlib.contextmanager
def megapixel_bar(description: str) -> Iterator[Advance | None]:
    """Yield a function of (done, total), in pixels, that updates a bar of megapixels with its rate; `None` without a
    terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Megapixels(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = f", {task.speed:.2f} a second" if task.speed else ""
            return Text(f"{task.completed:,.0f}/{task.total or 0:,.0f} megapixels{rate}")

    with _draw_bar(description, Megapixels()) as advance:
        yield lambda done, total: advance(done / 1e6, total / 1e6)


@contextlib.contextmanager
def _draw_bar(description: str, column: ProgressColumn) -> Iterator[Callable[[float, float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = BarColumn(bar_width=None if console.width < WIDE else 40)  # None: the space that the other columns leave
    columns = (TextColumn("{task.description}"), bar, column, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
