"""Prefetching: background threads process the next items while the caller uses the current one."""

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
    """Yield each item with the future of `function(item)`, in order. Each of `threads` threads works at most one item
    ahead. An error of `function` is raised by the future's `result()`. Leaving the loop early waits for calls in
    progress.
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
