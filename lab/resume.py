"""Kill a training at random moments, resume it each time, and compare its weights with an uninterrupted run's.

    python benchmarks/resume.py CAMVID [--epochs 2] [--kills 3] [--seed 0]

Prints whether the two weights.safetensors are the same bytes. Needs a data set; nothing of it is changed.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def command(data: Path, out: Path, epochs: int) -> list[str]:
    line = [sys.executable, "-m", "pixelwise", "train", str(data), "--out", str(out), "--epochs", str(epochs)]
    return [*line, "--resume"] if (out / "config.yaml").is_file() else line


def digest(run: Path) -> str:
    return hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data}: no such directory; this benchmark needs a data set")
    chance = random.Random(arguments.seed)
    folder = Path(tempfile.mkdtemp())
    whole, broken = folder / "whole", folder / "broken"

    started = time.perf_counter()
    subprocess.run(command(arguments.data, whole, arguments.epochs), check=True)
    seconds = time.perf_counter() - started
    print(f"uninterrupted: {seconds:.0f} s")
    for _ in range(arguments.kills):
        moment = chance.uniform(0.2, 0.4) * seconds
        process = subprocess.Popen(command(arguments.data, broken, arguments.epochs))
        try:
            process.wait(timeout=moment)
            print(f"ended before it could be killed after {moment:.0f} s")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print(f"kill -9 after {moment:.0f} s; left: {sorted(p.name for p in broken.glob('*'))}")
    subprocess.run(command(arguments.data, broken, arguments.epochs), check=True)
    same = digest(whole) == digest(broken)
    print(f"weights bit-identical: {same}  {digest(whole)[:16]} {digest(broken)[:16]}")
    shutil.rmtree(folder)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
