"""`python -m lab.fuzz`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from lab.fuzz.inputs import KINDS, TORCH, make, shares
from lab.fuzz.models import made
from lab.fuzz.report import Summary
from lab.fuzz.steps import steps
from lab.fuzz.supervisor import Limits, Result, Task, Worker, run_all
from lab.fuzz.tree import write_tree

EVERY = 500


def fuzz(
    out: Path,
    counts: dict[str, int],
    seed: int = 0,
    workers: int = 2,
    limits: Limits = Limits(),
    *,
    first: int = 0,
    plant: str | None = None,
    quiet: bool = False,
) -> Summary:
    """Run so many inputs of each kind, from number `first` on, and return what came of them.

    `out` gets the model files that are mutated and, meanwhile, the inputs. `plant` is a module that each worker imports
    before it begins: a fault that the suite must find. Ctrl-C ends it with what there is.
    """
    cache, summary, started = made((out / "cache").absolute()), Summary(seed), time.monotonic()

    def tell(result: Result) -> None:
        if summary.add(result):
            summary.save(out)
        if not quiet and (summary.inputs % EVERY == 0 or result.outcome.is_fault):
            pace = 1000 * (time.monotonic() - started) / summary.inputs
            print(
                f"{summary.inputs:,} inputs, {pace:.0f} ms each, {len(summary.faults)} distinct faults", file=sys.stderr
            )

    for torch in (False, True):
        share = {kind: count for kind, count in counts.items() if (kind in TORCH) == torch}
        start = partial(_worker, seed, cache, out.absolute(), limits, torch, plant)
        try:
            run_all(_tasks(share, first), min(workers, sum(share.values())), start, tell)
        except KeyboardInterrupt:
            break
    return summary


def _worker(seed: int, cache: Path, out: Path, limits: Limits, torch: bool, plant: str | None, number: int) -> Worker:
    return Worker(seed, cache, out / f"worker{number}", limits, torch=torch, plant=plant)


def _tasks(counts: dict[str, int], first: int) -> Iterator[Task]:
    """Yield the inputs, of all kinds in turn."""
    for row in zip_longest(*([(kind, first + i) for i in range(count)] for kind, count in counts.items())):
        yield from (task for task in row if task is not None)


def repeat(out: Path, kind: str, seed: int, index: int) -> int:
    """Write an input to `out`, run it here, print what comes of it, and return the exit code."""
    cache = made((out / "cache").absolute())
    mutated = make(kind, seed, index, cache)
    folder = out.absolute() / f"{kind}-{seed}-{index}"
    number = 0
    while folder.exists():
        number += 1
        folder = out.absolute() / f"{kind}-{seed}-{index}-{number}"
    root = folder / "data"
    root.mkdir(parents=True)
    write_tree(mutated.tree, root)
    print(f"{root}: changed: {', '.join(mutated.notes)}")
    for name, action in steps(mutated, root, folder / "out", cache):
        print(f"\n$ {name}".encode("utf-8", "backslashreplace").decode())
        try:
            action()
        except Exception:
            traceback.print_exc()
            return 1
        print("ok")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says and return the exit code: 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m lab.fuzz", description="Mutated files, each run under limits.")
    parser.add_argument("--inputs", type=int, default=1000, help="how many, spread over the kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input of each kind")
    parser.add_argument("--out", type=Path, default=Path("fuzz"), help="where the report, and the model files, go")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), help="this kind alone; may be repeated")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="that an input may take")
    parser.add_argument("--memory", type=int, default=Limits.memory_mib, help="MiB that an input may take")
    parser.add_argument("--repeat", nargs=3, metavar=("KIND", "SEED", "INDEX"), help="run this one input here")
    given = parser.parse_args(arguments)
    if given.repeat:
        kind, seed, index = given.repeat
        return repeat(given.out, kind, int(seed), int(index))
    limits = Limits(given.seconds, given.memory)
    counts = shares(given.inputs, given.kind or KINDS)
    summary = fuzz(given.out, counts, given.seed, given.workers, limits, first=given.first)
    summary.save(given.out)
    print(summary.to_markdown().encode("utf-8", "backslashreplace").decode())
    return 1 if summary.faults else 0


if __name__ == "__main__":
    sys.exit(main())
