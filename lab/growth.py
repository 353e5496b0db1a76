"""How the cost of a training step grows with crop, classes, threads and data set: images/s and peak memory.

    python -m lab.growth OUT

Trains the default model for a few steps on generated photos, each row in a process of its own. Data sets are written
into OUT as PNG files; the largest is 16 times the smallest. Writes docs/experiments/growth.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from lab.page import format_page, format_table
from lab.schedule import run_suite
from lab.store import Places, Store, make_origin, start_suite

WARM, TIMED = 3, 9
IMAGES, SIZE = 64, (360, 480)
TEXT = """\
The default model on 64 generated photos of 360x480, with eight crops a step (two if crops have 512x640 pixels). The
first row has crops of 256x320, 11 classes, 2 threads and the photos in memory. Each further row changes one of
these, or the number of images. Ratios are to the first row. Each row ran in its own process."""
HEAD = ("", "images/s", "", "peak memory", "")
Figures = dict[str, float]
"""images_per_second, and peak, in MiB."""


@dataclass(frozen=True)
class Case:
    """A row of the table. `repeats` is how often the data set holds the same images, `storage` where they are decoded
    to: memory, disk or nowhere."""

    name: str
    crop: tuple[int, int] = (256, 320)
    num_classes: int = 11
    threads: int = 2
    repeats: int = 1
    storage: str = "memory"


CASES = (
    Case("as it is"),
    Case("crop 128x160", crop=(128, 160)),
    Case("crop 512x640", crop=(512, 640)),
    Case("150 classes", num_classes=150),
    Case("1 thread", threads=1),
    Case("4 x the images", repeats=4),
    Case("16 x the images", repeats=16),
    Case("16 x the images, mapped from disk", repeats=16, storage="disk"),
    Case("16 x the images, decoded each time", repeats=16, storage="nowhere"),
)


def write_photos(root: Path, case: Case, images: int = IMAGES) -> Path:
    """Return a data set of photos, each of which it holds `case.repeats` times."""
    data = root / f"{case.num_classes}-classes-x{case.repeats}"
    if data.is_dir():
        return data
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (data / "train" / name).mkdir(parents=True)
    for index in range(images):
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


def measure_steps(data: Path, case: Case, warm: int = WARM, timed: int = TIMED) -> Figures:
    """Return images/s of a step, batches included, and the peak memory of this process in MiB."""
    import torch

    from pixelwise.data import open_dataset
    from pixelwise.nn.models import build
    from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
    from pixelwise.training.loop import Trainer
    from pixelwise.training.memory import keep_freed_memory
    from pixelwise.training.planning import defaults
    from pixelwise.training.planning.crops import batch_size
    from pixelwise.training.planning.length import with_length
    from pixelwise.training.samples import CACHE_SHARE, SampleStore, batch_at

    torch.set_num_threads(case.threads)
    keep_freed_memory()
    dataset = open_dataset(data)
    cache_share = CACHE_SHARE if case.storage == "memory" else 0.0
    folder = data if case.storage == "disk" else None
    store = SampleStore(dataset, dataset.splits["train"], folder, cache_share=cache_share)
    if case.storage == "disk":
        for index in range(len(store)):
            store[index]
    recipe = defaults.RECIPE.replace(
        crop=case.crop, color=0.0, batch=batch_size(case.crop, len(store)), class_weights=(1.0,) * case.num_classes
    )
    recipe = with_length(recipe, steps=100, evaluations=1)
    trainer = Trainer(Pipeline(build("fpn", case.num_classes), IMAGENET_MEAN, IMAGENET_STD), recipe, seed=0)
    trainer.start()
    seconds = []
    for step in range(warm + timed):
        started = time.perf_counter()
        trainer.train_step(batch_at(store, recipe, 0, step))
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"images_per_second": recipe.batch / statistics.median(seconds[warm:]), "peak": peak}


def measure_in_a_process(out: Path, case: Case) -> Figures:
    """Return what `measure_steps` does in a process of its own."""
    figures: Figures = run_suite("growth", [write_photos(out, case), "--measure", json.dumps(asdict(case))])
    return figures


def make_page(store: Store) -> str:
    """Return the page. Entries are called by their rows."""
    rows = []
    for name, figures in store.items():
        speed, peak = f"{figures['images_per_second']:.1f}", f"{figures['peak']:,.0f} MiB"
        rows.append([name, speed, f"{figures['speed_ratio']:.2f}x", peak, f"{figures['peak_ratio']:.2f}x"])
    return format_page("How the cost of training grows", store, [TEXT, format_table(HEAD, rows)])


def main(
    arguments: Sequence[str] | None = None,
    places: Places = Places(),
    measure: Callable[[Case], Figures] | None = None,
) -> None:
    """Run the suite; `measure` takes the place of `measure_in_a_process`."""
    words, parser = start_suite("growth", __doc__, arguments)
    parser.add_argument("out", type=Path)
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.measure is not None:
        case: dict[str, Any] = args.measure
        print(json.dumps(measure_steps(args.out, Case(**case | {"crop": tuple(case["crop"])}))))
        return
    store, origin = Store("growth", places), make_origin("growth", words, args)
    first: Figures = {}
    for row in CASES:
        figures = (measure or partial(measure_in_a_process, args.out))(row)
        first = first or figures
        ratios = {"speed_ratio": figures["images_per_second"] / first["images_per_second"]}
        ratios["peak_ratio"] = figures["peak"] / first["peak"]
        store.add(row.name, figures | ratios, origin)
    page = make_page(store)
    (places.pages / "growth.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
