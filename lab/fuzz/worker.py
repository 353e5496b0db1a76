"""A process that runs inputs one after the other: lines of KIND INDEX come in, lines of JSON go out.

    python -m lab.fuzz.worker SEED MADE SCRATCH MEMORY_MIB [--torch] [--plant MODULE]

It counts the memory of each input and limits what it can ask for. On SIGUSR1 it writes where its threads are.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from lab.fuzz.inputs import Input, make
from lab.fuzz.outcome import MEMORY, OK, Outcome, classified
from lab.fuzz.steps import Step, steps
from lab.fuzz.tree import write_tree
from pixelwise.core.telemetry import import_silently
from pixelwise.raster.gdal import has_rasterio

MIB = 2**20
HEADROOM = 1.5
"""How much more address space than memory an input can ask for: so much more is reserved than used."""
DUMP = "threads.txt"


def run_input(mutated: Input, folder: Path, made: Path, most_mib: int) -> Outcome:
    """Write an input below `folder`, do what is to be done with it, and return the worst that came of it."""
    root, out = folder / "data", folder / "out"
    root.mkdir(parents=True)
    write_tree(mutated.tree, root)
    outcome = Outcome(OK)
    _reset_peak()
    for name, action in steps(mutated, root, out, made):
        step_outcome = run_step((name, action))
        if (peak := peak_mib()) > most_mib and not step_outcome.is_fault:
            step_outcome = Outcome(
                MEMORY, name, message=f"{peak:,.0f} MiB at its peak, {step_outcome.outcome}", frame=step_outcome.frame
            )
        if step_outcome.outcome != OK:
            outcome = step_outcome
        if outcome.is_fault:
            break
    return outcome


def run_step(step: Step) -> Outcome:
    """Take a step and return what came of it."""
    name, action = step
    try:
        action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever comes is what is looked for
        return classified(error, name)
    return Outcome(OK, name)


def peak_mib() -> float:
    """Return the most memory that this process has had in use since `_reset_peak`."""
    return _status("VmHWM:") / 1024


def _status(key: str) -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(key)), 0)


def _reset_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _limit_address_space(more: int) -> None:
    """Let this process ask for so many more bytes of address space than it has. What earlier inputs left, such as the
    stacks of threads, does not count."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _status("VmSize:") * 1024 + more
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _prepare(torch: bool) -> None:
    """Import what the inputs need, so that the first of them does not pay for it."""
    import_silently("onnxruntime")
    more = ["rasterio"] if has_rasterio() else []
    for name in ("rich.table", "pixelwise.cli.app", *more, *(["pixelwise.training.run"] if torch else [])):
        importlib.import_module(name)


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser()
    for name in ("seed", "made", "scratch", "memory"):
        parser.add_argument(name)
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--plant")
    given = parser.parse_args()
    scratch, made = Path(given.scratch), Path(given.made)
    scratch.mkdir(parents=True, exist_ok=True)
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # libraries write to it past Python
    os.dup2(nothing, 2)
    dump = (scratch / DUMP).open("w", encoding="utf-8")
    faulthandler.enable(dump)
    faulthandler.register(signal.SIGUSR1, dump, all_threads=True)
    warnings.showwarning = lambda *_, **__: None  # as `main` does
    if given.plant:
        importlib.import_module(given.plant)
    _prepare(given.torch)
    most = int(given.memory)
    replies.write("\n")  # ready
    replies.flush()
    for line in sys.stdin:
        kind, index = line.split()
        mutated = make(kind, int(given.seed), int(index), made)
        folder = scratch / f"{kind}-{index}"
        _reply(replies, {"notes": mutated.notes})
        _limit_address_space(int(HEADROOM * most * MIB))
        started = time.perf_counter()
        outcome = run_input(mutated, folder, made, most)
        shutil.rmtree(folder, ignore_errors=True)
        _reply(
            replies,
            outcome.to_dict() | {"seconds": time.perf_counter() - started, "resident": _status("VmRSS:") / 1024},
        )


def _reply(file: Any, content: dict[str, Any]) -> None:
    file.write(json.dumps(content) + "\n")
    file.flush()


if __name__ == "__main__":
    main()
