"""How the process holds memory while it trains on a CPU."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Tell glibc's malloc to keep freed blocks instead of giving them back to the kernel.

    A training step frees and asks for the same few hundred megabytes again and again. By default each large tensor is
    a fresh mapping whose pages the kernel clears one fault at a time: a fifth of the step (`benchmarks/step.py`
    measures it). Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def available_bytes() -> int:
    """Return the memory that could be used without swapping, in bytes; 4 GiB where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4 * 2**30
