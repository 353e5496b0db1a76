"""Time one training step of the default model at 256x320: what freed memory and a loader thread do to it.

    python benchmarks/step.py

Each way runs in a process of its own, in turns; prints milliseconds an image, the batch's preparation included, and
ratios. Needs no data.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 3
WAYS = {
    "freed memory given back": ("free", "between"),
    "batches from a thread beside": ("keep", "thread"),
    "as it is": ("keep", "between"),
}
SCRIPT = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import torch
from pixelwise.export.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.formats.dataset import Sample
from pixelwise.models import build
from pixelwise.training.data import batch_at
from pixelwise.training.loop import Trainer
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.recipe import make_recipe, with_steps

memory, loading = sys.argv[1:]
if memory == "keep":
    keep_freed_memory()
torch.manual_seed(0)
rng = np.random.default_rng(0)
samples = [
    Sample(rng.integers(0, 256, (360, 480, 3), np.uint8), rng.integers(0, 11, (360, 480), np.uint8)) for _ in range(16)
]
recipe = with_steps(make_recipe((256, 320), 100, (1.0,) * 11), steps=100, evaluations=1)
trainer = Trainer(Pipeline(build("fpn", 11), IMAGENET_MEAN, IMAGENET_STD), recipe, seed=0)
trainer.pipeline.train()
seconds = []
with ThreadPoolExecutor(1) as pool:
    if loading == "thread":
        ahead = pool.submit(batch_at, samples, recipe, 0, 0)
    for step in range(16):
        started = time.perf_counter()
        if loading == "thread":
            batch, ahead = ahead.result(), pool.submit(batch_at, samples, recipe, 0, step + 1)
        else:
            batch = batch_at(samples, recipe, 0, step)
        trainer.train_step(batch)
        seconds.append(time.perf_counter() - started)
print(sorted(seconds[4:])[6] / 8 * 1000)
"""


def milliseconds(way: tuple[str, str]) -> float:
    """Return the median time an image of a training step takes in a fresh process."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *way], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    rounds = [[milliseconds(way) for way in WAYS.values()] for _ in range(ROUNDS)]
    medians = dict(zip(WAYS, (statistics.median(times) for times in zip(*rounds, strict=True)), strict=True))
    for name, time in medians.items():
        print(f"{name:30} {time:6.1f} ms an image, {time / medians['as it is']:.2f}x")


if __name__ == "__main__":
    main()
