"""The memory of the server, which runs beside other programs all day."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
MAPPED_BYTES = 2**22
"""Arrays of this size or more get memory pages of their own, which are returned to the system when they are freed."""
KEPT_BYTES = 2**25
"""The most freed bytes that a heap keeps: thousands of smaller arrays come and go, and new pages would take longer than
the work on them."""
ARENAS = 2
"""The number of heaps, which the threads share."""


def return_freed_memory() -> None:
    """Make glibc's malloc return the memory of freed arrays to the system instead of keeping it.

    By default it keeps freed memory, in a heap for each of the many threads of a server. Has no effect where the C
    library is not glibc. The setting holds for the whole process, so only the command line calls this.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)  # it falls to 128 KiB once the other is set
        mallopt(M_ARENA_MAX, ARENAS)
