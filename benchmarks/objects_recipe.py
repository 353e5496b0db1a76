"""What the choices of an instance model's recipe are worth: one change at a time, on nuclei and on fruit.

    python benchmarks/objects_recipe.py DSB2018 OUT [--only NAME ...] [--steps 600] [--cores 0 1]

Trains on the fluorescence images of the Data Science Bowl 2018 and on drawn tables of fruit, as `pixelwise train --task
instance` does, once as the recipe says and once for each of VARIANTS, and takes what the model file says of the
validation images. Lengths are in steps, so that what else the machine does changes nothing. A finished training in OUT
is not repeated. Writes docs/objects_recipe.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from budget import on_cores, val_scores
from nuclei import arranged

import pixelwise as pw
from pixelwise.formats.check import check
from pixelwise.formats.dataset import Dataset
from pixelwise.scenes import write_scenes
from pixelwise.training import recipe as recipes
from pixelwise.training.options import TrainOptions
from pixelwise.training.plan import new_config

PAGE = Path(__file__).parent.parent / "docs" / "objects_recipe.md"
TEXT = """# What the choices for objects are worth

Written by `benchmarks/objects_recipe.py`: the default model with the recipe of runs of ten minutes, {steps} steps each,
on the fluorescence images of the Data Science Bowl 2018 and on drawn tables of fruit. Scores of the model file on the
validation images: AP over IoU 0.5 to 0.95, and TP / (TP + FN + FP) at IoU 0.5 / 0.7 / 0.9, of all objects together and,
where it says so, as mean of images. One run each.

| change | nuclei: AP | all objects | mean of images | fruit: AP | all objects |
|---|---|---|---|---|---|
{table}
"""
MINUTES = 10.0
THRESHOLDS = ("0.5", "0.7", "0.9")


@dataclass(frozen=True)
class Variant:
    """Options of `train`, numbers of the recipe, and constants that it is made with."""

    options: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)


VARIANTS = {
    "as it is": Variant(),
    "another seed": Variant({"seed": 1}),
    "heat counts a third": Variant(numbers={"heat_weight": recipes.HEAT_WEIGHT / 3}),
    "heat counts three times": Variant(numbers={"heat_weight": 3 * recipes.HEAT_WEIGHT}),
    "offsets count a quarter": Variant(numbers={"offset_weight": recipes.OFFSET_WEIGHT / 4}),
    "offsets count four times": Variant(numbers={"offset_weight": 4 * recipes.OFFSET_WEIGHT}),
    "small objects not enlarged": Variant(constants={"OBJECT_PIXELS": 1.0}),
    "small objects enlarged to 36 pixels": Variant(constants={"OBJECT_PIXELS": 36.0}),
    "class weights none": Variant({"class_weights": "none"}),
    "nothing frozen": Variant(numbers={"frozen_stride": 0}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    args = parser.parse_args()
    if not (args.dsb2018 / "index.csv").is_file():
        sys.exit(f"{args.dsb2018}: no index.csv; give the Data Science Bowl's images with their index")
    fruit = args.out / "fruit"
    if not fruit.is_dir():
        write_scenes(fruit, 0, {"train": 120, "val": 48}, kind="fruit")
    data = {"nuclei": arranged(args.dsb2018, args.out, "fluorescence"), "fruit": pw.open_dataset(fruit)}
    runs = {
        (kind, name): args.out / str(args.steps) / kind / name.replace(" ", "-") for name in VARIANTS for kind in data
    }
    wanted = [(kind, name) for kind, name in runs if name in args.only]
    for kind, name in wanted:
        write_config(data[kind], runs[kind, name], VARIANTS[name], args.steps)
    on_cores(args.cores, [partial(train, data[kind].root, runs[kind, name]) for kind, name in wanted])
    rows = [line(name, runs["nuclei", name], runs["fruit", name]) for name in VARIANTS]
    PAGE.write_text(TEXT.format(steps=args.steps, table="\n".join(filter(None, rows))), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


def write_config(data: Dataset, run: Path, variant: Variant, steps: int) -> None:
    """Write the configuration of a run beside it."""
    options = TrainOptions(task="instance", minutes=MINUTES, **variant.options)
    with mock.patch.dict(vars(recipes), variant.constants):
        config = new_config(options, data, check(data), "")
    recipe = recipes.with_steps(config.recipe.model_copy(update=variant.numbers), steps, 0)
    run.parent.mkdir(parents=True, exist_ok=True)
    config.model_copy(update={"recipe": recipe}).save(run.with_suffix(".yaml"))


def train(data: Path, run: Path) -> None:
    """Train in a process of its own, on the cores that this thread keeps to; one that was stopped goes on."""
    if (run / "report.html").is_file():
        return
    line = [sys.executable, "-m", "pixelwise", "train", data, "--out", run, "--config", run.with_suffix(".yaml")]
    if run.is_dir():
        line.append("--resume")
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    with run.with_suffix(".log").open("w") as log:
        subprocess.run([str(part) for part in line], check=True, env=os.environ | threads, stdout=log, stderr=log)
    print(run, val_scores(run)["ap"], flush=True)


def line(name: str, nuclei: Path, fruit: Path) -> str:
    """Return a row of the table; none where neither was trained."""
    cells = [name]
    for run, kinds in ((nuclei, ("dsb", "dsb_of_images")), (fruit, ("dsb",))):
        found = val_scores(run) if (run / "metrics.json").is_file() else None
        cells.append(f"{found['ap']:.3f}" if found else "")
        cells += [" / ".join(f"{found[kind][key]:.3f}" for key in THRESHOLDS) if found else "" for kind in kinds]
    return f"| {' | '.join(cells)} |" if any(cells[1:]) else ""


if __name__ == "__main__":
    main()
