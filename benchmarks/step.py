"""Time one training step of the default model at 256x320, with and without keeping freed memory.

    python benchmarks/step.py

Each side runs in a process of its own, in turns; prints milliseconds an image and their ratio. Needs no data.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 3
SCRIPT = """
import sys, time
import torch
from pixelwise.export.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.models import build
from pixelwise.training.loop import Trainer
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.recipe import make_recipe

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.manual_seed(0)
recipe = make_recipe((256, 320), 100, (1.0,) * 11, steps=100, evaluations=1)
trainer = Trainer(Pipeline(build("fpn", 11), IMAGENET_MEAN, IMAGENET_STD), recipe, seed=0)
trainer.pipeline.train()
batch = torch.randint(0, 256, (8, 256, 320, 3), dtype=torch.uint8), torch.randint(0, 11, (8, 256, 320))
seconds = []
for _ in range(13):
    started = time.perf_counter()
    trainer.train_step(batch)
    seconds.append(time.perf_counter() - started)
print(sorted(seconds[3:])[5] / 8 * 1000)
"""


def milliseconds(mode: str) -> float:
    """Return the median time an image of a training step takes in a fresh process."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, mode], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    rounds = [(milliseconds("free"), milliseconds("keep")) for _ in range(ROUNDS)]
    free, keep = (statistics.median(side) for side in zip(*rounds, strict=True))
    print(f"freed memory given back: {free:.1f} ms an image; kept: {keep:.1f} ms an image; ratio {free / keep:.2f}")


if __name__ == "__main__":
    main()
