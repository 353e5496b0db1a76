"""What a process holds that predicts images of many sizes, and nothing else.

    python -m lab.memory MODEL [--predictions 1000] [--warm 50]

The first image is as large as any. Prints JSON: the MiB held after the warm predictions, and the most held after those.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.timing import process_memory
from pixelwise.inference.loading import load

SIDES = (64, 640)
MEBIBYTE = 2**20


def measure(model: Path, predictions: int, warm: int) -> dict[str, int]:
    """Return the MiB held after the `warm` predictions, and the most held after those."""
    predictor, rng = load(model), np.random.default_rng(0)
    sizes = rng.integers(SIDES[0], SIDES[1] + 1, (predictions, 2))
    sizes[0] = SIDES[1]
    held = []
    for height, width in sizes:
        predictor.label_map(rng.integers(0, 256, (height, width, 3), np.uint8))
        held.append(process_memory("VmRSS"))
    return {"warm": round(held[warm - 1] / MEBIBYTE), "most": round(max(held[warm:]) / MEBIBYTE)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suite."""
    parser = argparse.ArgumentParser(prog="python -m lab.memory", description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--predictions", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=50)
    args = parser.parse_args(arguments)
    print(json.dumps(measure(args.model, args.predictions, args.warm)))


if __name__ == "__main__":
    main()
