"""How the cost of a training step grows with crop, classes, threads and data set: images/s and peak memory.

    python benchmarks/growth.py OUT

Trains the default model for a few steps on generated photos, each row in a process of its own. Data sets are written
into OUT as PNG files; the largest is 16 times the smallest. Writes docs/growth.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

WARM, TIMED = 3, 9
IMAGES, SIZE = 64, (360, 480)
PAGE = Path(__file__).parent.parent / "docs" / "growth.md"
TEXT = """# How the cost of training grows

Written by `benchmarks/growth.py`: the default model on {images} generated photos of 360x480, eight crops a step (two of
512x640), each row in a process of its own. Ratios are to the first row: crops of 256x320, 11 classes, 2 threads, photos
in memory.

| | images/s | | peak memory | |
|---|---|---|---|---|
{rows}
"""


@dataclass(frozen=True)
class Case:
    """A row of the table; `repeats` is how often the data set holds the same images, `kept` where they are decoded to:
    memory, disk or nowhere."""

    name: str
    crop: tuple[int, int] = (256, 320)
    num_classes: int = 11
    threads: int = 2
    repeats: int = 1
    kept: str = "memory"


CASES = (
    Case("as it is"),
    Case("crop 128x160", crop=(128, 160)),
    Case("crop 512x640", crop=(512, 640)),
    Case("150 classes", num_classes=150),
    Case("1 thread", threads=1),
    Case("4 x the images", repeats=4),
    Case("16 x the images", repeats=16),
    Case("16 x the images, mapped from disk", repeats=16, kept="disk"),
    Case("16 x the images, decoded each time", repeats=16, kept="nowhere"),
)


def written(root: Path, case: Case) -> Path:
    """Return a data set of `IMAGES` photos that `case.repeats` times stand beside each other."""
    data = root / f"{case.num_classes}-classes-x{case.repeats}"
    if data.is_dir():
        return data
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (data / "train" / name).mkdir(parents=True)
    for index in range(IMAGES):
        label_map = rng.integers(0, case.num_classes, (9, 12), np.uint8)
        mask = Image.fromarray(label_map).resize(SIZE[::-1], Image.Resampling.NEAREST)
        coarse = Image.fromarray(rng.integers(0, 256, (45, 60, 3), np.uint8))
        photo = coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC)
        for repeat in range(case.repeats):
            photo.save(data / "train" / "images" / f"{repeat}-{index}.png", compress_level=1)
            mask.save(data / "train" / "masks" / f"{repeat}-{index}.png", compress_level=1)
    classes = [{"name": f"class {index}"} for index in range(case.num_classes)]
    (data / "classes.yaml").write_text(yaml.safe_dump({"classes": classes}))
    return data


def measured(data: Path, case: Case) -> dict[str, float]:
    """Return images/s of a step, batches included, and the peak memory of this process in MiB."""
    import torch

    import pixelwise as pw
    from pixelwise.nn.models import build
    from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
    from pixelwise.training import samples as training_data
    from pixelwise.training.loop import Trainer
    from pixelwise.training.memory import keep_freed_memory
    from pixelwise.training.recipe import make_recipe, with_length

    torch.set_num_threads(case.threads)
    keep_freed_memory()
    if case.kept != "memory":
        training_data.CACHE_SHARE = 0.0
    dataset = pw.open_dataset(data)
    store = training_data.SampleStore(dataset, dataset.splits["train"], data if case.kept == "disk" else None)
    if case.kept == "disk":
        for index in range(len(store)):
            store[index]
    recipe = with_length(make_recipe(case.crop, len(store), (1.0,) * case.num_classes), steps=100, evaluations=1)
    trainer = Trainer(Pipeline(build("fpn", case.num_classes), IMAGENET_MEAN, IMAGENET_STD), recipe, seed=0)
    trainer.pipeline.train()
    seconds = []
    for step in range(WARM + TIMED):
        started = time.perf_counter()
        trainer.train_step(training_data.batch_at(store, recipe, 0, step))
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"images_per_second": recipe.batch / statistics.median(seconds[WARM:]), "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure is not None:
        print(json.dumps(measured(args.out, Case(**args.measure))))
        return
    rows: list[str] = []
    first: dict[str, float] = {}
    for case in CASES:
        line = [sys.executable, __file__, str(written(args.out, case)), "--measure", json.dumps(asdict(case))]
        found = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)
        first = first or found
        speed, peak = found["images_per_second"], found["peak"]
        ratios = speed / first["images_per_second"], peak / first["peak"]
        rows.append(f"| {case.name} | {speed:.1f} | {ratios[0]:.2f}x | {peak:,.0f} MiB | {ratios[1]:.2f}x |")
        print(rows[-1], flush=True)
    PAGE.write_text(TEXT.format(images=IMAGES, rows="\n".join(rows)), encoding="utf-8")


if __name__ == "__main__":
    main()
