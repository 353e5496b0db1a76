"""What each number of the default recipe is worth: one change at a time, on a street that training never sees.

    python benchmarks/recipe.py CAMVID OUT [--only NAME ...] [--steps 300] [--cores 0 1]

Trains the default model on CamVid's training images less the sequence 0006R0, once as the recipe says and once for each
of VARIANTS, and prints the mIoU on that sequence and on the validation images (which continue a training sequence),
as trained and with the class bias that suits the validation images, the share of the class weights that this takes
back, and the training's images/s. Lengths are in steps, so that what else the machine does changes nothing but the last
column; two runs that differ in their seed alone differ by about 0.01. A variant that has been run is read back from
OUT.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from budget import on_cores

import pixelwise as pw
from pixelwise.formats.check import check
from pixelwise.formats.dataset import Sample
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.predict.predictor import Predictor
from pixelwise.training import recipe as recipes
from pixelwise.training.calibration import best_bias
from pixelwise.training.config import RunConfig
from pixelwise.training.data import SampleStore, batch_at
from pixelwise.training.engine import torch_predictor
from pixelwise.training.loop import Trainer
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.options import TrainOptions
from pixelwise.training.plan import new_config
from pixelwise.training.weights import build_pipeline

LEFT_OUT = "0006R0"


@dataclass(frozen=True)
class Variant:
    """A change: options of `train`, numbers of the recipe, and by how much the run has more steps."""

    options: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    longer: float = 1.0


VARIANTS = {
    "as it is": Variant(),
    "another seed": Variant({"seed": 1}),
    "no class weights": Variant({"class_weights": "none"}),
    "median class weights": Variant({"class_weights": "median"}),
    "batch 4, rate / 1.4": Variant(numbers={"batch": 4, "learning_rate": recipes.LEARNING_RATE / 1.4}, longer=2.0),
    "rate x 2, encoder's kept": Variant(
        numbers={"learning_rate": 2 * recipes.LEARNING_RATE, "encoder_factor": recipes.ENCODER_FACTOR / 2}
    ),
    "rate / 2, encoder's x 1.5": Variant(
        numbers={"learning_rate": recipes.LEARNING_RATE / 2, "encoder_factor": 3 * recipes.ENCODER_FACTOR}
    ),
    "whole images, batch 4": Variant(numbers={"crop": (352, 480), "batch": 4, "scale": (0.75, 1.5)}),
    "no colour": Variant(numbers={"color": 0.0}),
    "nothing frozen": Variant(numbers={"frozen_stride": 0}),
    "frozen up to stride 4": Variant(numbers={"frozen_stride": 4}),
    "frozen up to stride 8": Variant(numbers={"frozen_stride": 8}),
    "a loss of all pixels": Variant(numbers={"loss_step": 1}),
    "twice as long": Variant(longer=2.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--measure", choices=list(VARIANTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    if args.measure:
        print(json.dumps(measured(args.camvid, VARIANTS[args.measure], args.steps)))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    files = {name: args.out / f"{name.replace(' ', '-').replace('/', 'over')}-{args.steps}.json" for name in args.only}
    on_cores(args.cores, [partial(measure, args, name, file) for name, file in files.items() if not file.is_file()])
    print("| change | left-out mIoU | biased | val mIoU | biased | share | images/s |")
    print("|---|---|---|---|---|---|---|")
    for name, file in files.items():
        found = json.loads(file.read_text())
        scores = [f"{found[split][key]:.3f}" for split in ("left out", "val") for key in ("trained", "biased")]
        cells = [name, *scores, f"{found['share']:g}", f"{found['images_per_second']:.1f}"]
        print(f"| {' | '.join(cells)} |")


def measure(args: argparse.Namespace, name: str, file: Path) -> None:
    """Run one variant in a process of its own, on the cores that this thread keeps to."""
    line = [sys.executable, __file__, str(args.camvid), str(args.out), "--steps", str(args.steps), "--measure", name]
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    found = subprocess.run(line, check=True, env=os.environ | threads, stdout=subprocess.PIPE, text=True).stdout
    file.write_text(found)


def measured(camvid: Path, variant: Variant, steps: int) -> dict[str, Any]:
    """Return the scores, the share taken back, and the images/s of a training."""
    keep_freed_memory()
    data = pw.open_dataset(camvid)
    left_out = [item for item in data.splits["train"] if item.name.startswith(LEFT_OUT)]
    data = data.without({item.image for item in left_out})
    config = new_config(TrainOptions(**variant.options), data, check(data), "")
    recipe = config.recipe.model_copy(update=variant.numbers)
    config = config.model_copy(update={"recipe": recipes.with_steps(recipe, round(variant.longer * steps), 1)})
    trainer, seconds = trained(config, SampleStore(data, data.splits["train"]))
    pipeline = trainer.averaged_pipeline()
    predictor = torch_predictor(pipeline, config)
    scored = {"left out": list(map(data.read, left_out)), "val": list(map(data.read, data.splits["val"]))}
    share, fitted = best_bias(predictor, scored["val"], len(scored["val"]), config.recipe.class_weights)
    found: dict[str, Any] = {"share": share}
    for key, bias in (("trained", None), ("biased", fitted)):
        pipeline.biased(bias)
        for split, samples in scored.items():
            found.setdefault(split, {})[key] = miou(predictor, samples)
    return found | {"images_per_second": config.recipe.steps * config.recipe.batch / seconds}


def trained(config: RunConfig, store: SampleStore) -> tuple[Trainer, float]:
    """Train without validation; return the trainer and the seconds it took."""
    trainer = Trainer(build_pipeline(config, pretrained=config.pretrained), config.recipe, config.seed)
    trainer.pipeline.train()
    started = time.perf_counter()
    for step in range(config.recipe.steps):
        trainer.train_step(batch_at(store, config.recipe, config.seed, step))
    return trainer, time.perf_counter() - started


def miou(predictor: Predictor, samples: Iterable[Sample]) -> float:
    confusion = ConfusionMatrix(predictor.classes.num_classes)
    for sample in samples:
        confusion.update(predictor.label_map(sample.image), sample.label_map)
    return confusion.miou()


if __name__ == "__main__":
    main()
