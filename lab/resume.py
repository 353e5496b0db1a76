"""Kill a training at random moments, resume it each time, and compare its weights with an uninterrupted run's.

    python -m lab.resume DATA [--epochs 2] [--kills 3] [--seed 0] [--options="--model segnet"]

Prints whether the two weights.safetensors are the same bytes; the exit code is 1 where they are not. Nothing of the
data set is changed.
"""

from __future__ import annotations

import argparse
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.schedule import make_environment
from pixelwise.core.files import sha256

Command = Callable[[Path, Path, int, Sequence[str]], list[str]]
"""(data, run, epochs, options) -> the command that trains."""


def make_command(data: Path, out: Path, epochs: int, options: Sequence[str]) -> list[str]:
    """Return the command that trains, or goes on where a run has begun."""
    line = [sys.executable, "-m", "pixelwise", "train", str(data), "--out", str(out), "--epochs", str(epochs), *options]
    return [*line, "--resume"] if (out / "config.yaml").is_file() else line


def train_to_the_end(command: Sequence[str]) -> float:
    """Run a command and return its seconds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, env=make_environment())
    return time.perf_counter() - started


def kill_after(command: Sequence[str], seconds: float) -> bool:
    """Start a command and kill it; return whether it was still running then."""
    process = subprocess.Popen(command, env=make_environment())
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def main(arguments: Sequence[str] | None = None, command: Command = make_command) -> int:
    """Run the suite and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.resume", description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", default="", help="further options of `pixelwise train`, in quotes")
    args = parser.parse_args(arguments)
    if not args.data.is_dir():
        parser.error(f"{args.data}: no such directory; this suite needs a data set")
    chance, options = random.Random(args.seed), shlex.split(args.options)
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder, "whole"), Path(folder, "broken")
        seconds = train_to_the_end(command(args.data, whole, args.epochs, options))
        print(f"uninterrupted: {seconds:.0f} s")
        for _ in range(args.kills):
            moment = chance.uniform(0.2, 0.4) * seconds
            killed = kill_after(command(args.data, broken, args.epochs, options), moment)
            print("kill -9 after" if killed else "ended before it could be killed after", f"{moment:.1f} s")
        train_to_the_end(command(args.data, broken, args.epochs, options))
        digests = [sha256(run / "weights.safetensors") for run in (whole, broken)]
    print(f"weights bit-identical: {digests[0] == digests[1]}  {digests[0][:16]} {digests[1][:16]}")
    return int(digests[0] != digests[1])


if __name__ == "__main__":
    sys.exit(main())
