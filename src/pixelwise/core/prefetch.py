"""Working ahead: other threads read and predict the next images while what is at hand is looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(
    function: Callable[[T], R], items: Iterable[T], threads: int = 1
) -> Generator[tuple[T, Future[R]], None, None]:
    """Yield each item with `function(item)` to come, in order; `threads` threads are at most one item each ahead.

    An error of `function` is raised where its `result()` is asked for. Leaving the loop early waits for the calls under
    way.
    """
    with ThreadPoolExecutor(threads, "ahead") as pool:
        coming: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                coming.append((item, pool.submit(function, item)))
                if len(coming) > threads:
                    yield coming.popleft()
            yield from coming
        finally:
            pool.shutdown(cancel_futures=True)
