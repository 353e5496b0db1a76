"""The memory of a process that trains on a CPU."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Make glibc's malloc keep freed blocks instead of returning them to the kernel.

    A training step frees and asks for the same few hundred megabytes again and again. By default each large tensor is a
    fresh mapping whose pages the kernel clears one fault at a time: a third of the step (docs/experiments/step.md
    measures it). Has no effect where the C library is not glibc. The setting holds for the whole process, so only the
    command line calls this. Call it before `train` to train from Python at the same speed.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def count_local_processes() -> int:
    """Return how many processes of the run share this machine's memory, as `torchrun` states it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def available_bytes() -> int:
    """Return the bytes of memory that can be used without swapping; 4 GiB where the system does not tell."""
    free = 4 * 2**30
    with contextlib.suppress(OSError, IndexError, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    with contextlib.suppress(OSError, ValueError):  # a container's limit, where there is one
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="ascii") for name in ("max", "current"))
        free = min(free, max(0, int(limit) - int(used)))
    return free
