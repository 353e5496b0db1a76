"""How the server holds memory: it runs beside other programs all day."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
MAPPED_BYTES = 2**22
"""From so many bytes on an array has pages of its own, which go back to the system when it is freed."""
KEPT_BYTES = 2**25
"""A heap keeps so many freed bytes: smaller arrays come and go by the thousand, and new pages take longer than the work
on them."""
ARENAS = 2
"""Heaps that the threads share."""


def return_freed_memory() -> None:
    """Tell glibc's malloc to give freed arrays back to the system instead of keeping them for the next.

    By itself it keeps what it once gave out, in a heap for each of the many threads of a server. Does nothing where the
    C library is not glibc. This holds for the whole process from then on, so it is left to the command line.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)  # by itself 128 KiB once the other is set
        mallopt(M_ARENA_MAX, ARENAS)
