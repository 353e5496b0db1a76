"""What a process holds that predicts images of many sizes, and nothing else; run by predict.py.

    python benchmarks/memory.py MODEL [--predictions 1000] [--warm 50]

The first image is as large as any. Prints the MiB held after the warm ones, and the most held after those.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import pixelwise as pw

SIDES = (64, 640)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--predictions", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=50)
    args = parser.parse_args()
    model, rng = pw.load(args.model), np.random.default_rng(0)
    sizes = rng.integers(SIDES[0], SIDES[1] + 1, (args.predictions, 2))
    sizes[0] = SIDES[1]
    found = []
    for height, width in sizes:
        model.label_map(rng.integers(0, 256, (height, width, 3), np.uint8))
        found.append(held("VmRSS"))
    print(round(found[args.warm - 1] / 2**20), round(max(found[args.warm :]) / 2**20))


def held(field: str, process: int | str = "self") -> int:
    """Return the bytes that a process holds, VmRSS now, VmHWM at most so far; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


if __name__ == "__main__":
    main()
