"""Reading one step ahead: the next file is decoded while the model works on this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, Future[R]]]:
    """Yield each item with `function(item)` to come, in order; a second thread is at most one item ahead.

    An error of `function` is raised where its `result()` is asked for. Leaving the loop early waits for the one call
    under way.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        waiting: tuple[T, Future[R]] | None = None
        for item in items:
            upcoming = (item, thread.submit(function, item))
            if waiting is not None:
                yield waiting
            waiting = upcoming
        if waiting is not None:
            yield waiting
