"""What each choice of the default recipe is worth: one change at a time, on a street that training never sees.

    python benchmarks/recipe.py CAMVID [--only NAME ...] [--steps 718] [--cores 0 1]

Trains the default model on CamVid's training images less the sequence 0006R0, once as the recipe says and once for each
of VARIANTS, and takes the mIoU on every third image of that sequence and of the validation images (which continue a
training sequence), predicted in each of WAYS with the class bias that suits the validation images, and the training's
images/s. Lengths are in steps, so that what else the machine does changes nothing but the last column. What was
measured is gathered in docs/recipe.json, from which docs/recipe.md is written; a row in there is not measured again.
Whoever changes the recipe removes the rows that it makes old.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import alternatives
from alternatives import Augmentation, Loss
from budget import on_cores
from torch import nn

import pixelwise as pw
from pixelwise.formats.check import check
from pixelwise.formats.dataset import Sample
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.predict.predictor import Predictor
from pixelwise.training import loop
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

GATHERED = Path(__file__).parent.parent / "docs" / "recipe.json"
PAGE = GATHERED.with_suffix(".md")
TEXT = """# What each choice of the recipe is worth

Written by `benchmarks/recipe.py`. The default model with the recipe of runs below six minutes, trained on CamVid at
360x480 without the sequence 0006R0: mIoU on every third image of that street ("left-out") and of the validation images,
which continue a street of the training, predicted enlarged by 1.25, by 1.5, and by 1.25 both ways round, as the recipe
has it (the first rows were measured without that), each with the class bias that suits the validation images. One run
each; two that differ in their seed alone differ by about 0.01. Images a second are those of a training on one core
beside another on the other core. A cheaper step is taken more often, so that all take about as long.

{table}
"""
Results = dict[str, dict[str, Any]]
"""What was measured of each variant, by steps."""
WRITING = threading.Lock()
SCORED = ("left-out", "val")
LEFT_OUT = "0006R0"
SHORT_MINUTES = 5.0
"""What chooses the recipe of short runs; the length is given in steps."""
EVERY = 3
"""One of so many images is looked at: neighbours show the same street a second later."""
WAYS = {
    "at 1.25": ((Fraction(5, 4),), False),
    "at 1.5": ((Fraction(3, 2),), False),
    "both ways": ((Fraction(5, 4),), True),
}
"""How images are predicted: by what they are enlarged, and whether mirrored as well."""


@dataclass(frozen=True)
class Variant:
    """A change: options of `train`, numbers of the recipe, those of the first half alone, and what is no option."""

    options: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    first_half: dict[str, Any] = field(default_factory=dict)
    longer: float = 1.0
    """By how much the run has more steps."""
    ema_share: float = recipes.EMA_SHARE
    loss: Loss | None = None
    teacher: str | None = None
    """The encoder of a net that is trained first, for as many steps, and whose answers are learnt as well."""
    augmentation: Augmentation | None = None
    dropout: float = 0.0
    """Share of the channels before the head that each step does without."""


VARIANTS = {
    "as it is": Variant(),
    "another seed": Variant({"seed": 1}),
    "crops of 256x320, batch 8": Variant(numbers={"crop": (256, 320), "batch": 8}),
    "crops of 256x320, batch 8, in the first half": Variant(first_half={"crop": (256, 320), "batch": 8}),
    "crops of 448x608, batch 3, magnified by 0.8 to 1.6": Variant(
        numbers={"crop": (448, 608), "batch": 3, "scale": (0.8, 1.6)}, longer=0.8
    ),
    "crops of 544x736, batch 2, magnified by 1 to 2 (long runs)": Variant(
        numbers={"crop": (544, 736), "batch": 2, "scale": (1.0, 2.0)}, longer=0.84
    ),
    "crops magnified by 0.5 to 1.5": Variant(numbers={"scale": (0.5, 1.5)}),
    "crops magnified by 0.85 to 1.25": Variant(numbers={"scale": (0.85, 1.25)}),
    "crops magnified by 0.85 to 2.5": Variant(numbers={"scale": (0.85, 2.5)}),
    "batch 2, rate / 1.4": Variant(
        numbers={"batch": 2, "learning_rate": recipes.LEARNING_RATE / math.sqrt(2)}, longer=2.0
    ),
    "SGD": Variant(numbers={"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "weight_decay": 5e-4}),
    "rate x 2": Variant(numbers={"learning_rate": 2 * recipes.LEARNING_RATE}),
    "rate / 2": Variant(numbers={"learning_rate": recipes.LEARNING_RATE / 2}),
    "no class weights": Variant({"class_weights": "none"}),
    "median class weights": Variant({"class_weights": "median"}),
    "a loss of all pixels": Variant(numbers={"loss_step": 1}),
    "Dice loss beside it": Variant(loss=alternatives.with_dice),
    "Lovasz loss beside it": Variant(loss=alternatives.with_lovasz),
    "focal loss": Variant(loss=alternatives.focal),
    "the hardest quarter of the pixels (OHEM)": Variant(loss=alternatives.hardest),
    "pixels at boundaries count twice": Variant(loss=alternatives.boundary_twice),
    "a teacher on EfficientNet-Lite2 trained first": Variant(teacher="efficientnet_lite2"),
    "average over 3 % of the run": Variant(ema_share=0.03),
    "average over 30 % of the run": Variant(ema_share=0.3),
    "nothing frozen": Variant(numbers={"frozen_stride": 0}, longer=0.35),
    "frozen up to stride 8": Variant(numbers={"frozen_stride": 8}, longer=0.6),
    "frozen up to stride 16": Variant(numbers={"frozen_stride": 16}, longer=0.75),
    "no colour": Variant(numbers={"color": 0.0}),
    "colours changed 1.6 times as much": Variant(numbers={"color": 1.6}),
    "rare classes pasted from other crops": Variant(augmentation=alternatives.rare_pasted),
    "boxes of other crops pasted (CutMix)": Variant(augmentation=alternatives.boxes_pasted),
    "noise": Variant(augmentation=alternatives.noisy),
    "dropout of 0.1 before the head": Variant(dropout=0.1),
    "twice the decoder's width": Variant({"width": 2.0}, longer=0.75),
    "EfficientNet-Lite2": Variant({"encoder": "efficientnet_lite2"}, longer=0.6),
    "weight decay / 5": Variant(numbers={"weight_decay": recipes.WEIGHT_DECAY / 5}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=718)
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--measure", choices=list(VARIANTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    if args.measure:
        print(json.dumps(measured(args.camvid, VARIANTS[args.measure], args.steps)))
        return
    known = gathered().get(str(args.steps), {})
    on_cores(args.cores, [partial(measure, args, name) for name in args.only if name not in known])


def measure(args: argparse.Namespace, name: str) -> None:
    """Run one variant in a process of its own, on the cores that this thread keeps to, and write what it found."""
    line = [sys.executable, __file__, str(args.camvid), "--steps", str(args.steps), "--measure", name]
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    found = json.loads(subprocess.run(line, check=True, env=os.environ | threads, stdout=subprocess.PIPE).stdout)
    with WRITING:
        results = gathered()
        results.setdefault(str(args.steps), {})[name] = found
        GATHERED.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(TEXT.format(table=table(results)))
    print(name, found, flush=True)


def gathered() -> Results:
    results: Results = json.loads(GATHERED.read_text()) if GATHERED.is_file() else {}
    return results


def table(results: Results) -> str:
    """Return a row a change: for each length, mIoU in each of `WAYS` on both streets, and the training's speed."""
    lengths = sorted(results, key=int)
    heads = [f"{steps} steps: left-out {', '.join(WAYS)} | val | images/s" for steps in lengths]
    lines = [f"| change | {' | '.join(heads)} |", f"|{'---|' * (1 + 3 * len(lengths))}"]
    for name in VARIANTS:
        longer = VARIANTS[name].longer
        cells = [name if longer == 1 else f"{name}, {longer:g} times the steps"]
        for steps in lengths:
            found = results[steps].get(name)
            scores = [
                ", ".join(f"{found[on][way]:.3f}" for way in WAYS if way in found[on]) if found else "" for on in SCORED
            ]
            cells += [*scores, f"{found['images_per_second']:.1f}" if found and "images_per_second" in found else ""]
        if any(cells[1:]):
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measured(camvid: Path, variant: Variant, steps: int) -> dict[str, Any]:
    """Return the scores in each of `WAYS`, and the images/s of the training."""
    keep_freed_memory()
    data = pw.open_dataset(camvid)
    left_out = [item for item in data.splits["train"] if item.name.startswith(LEFT_OUT)]
    data = data.without({item.image for item in left_out})
    config = new_config(TrainOptions(minutes=SHORT_MINUTES, **variant.options), data, check(data), "")
    with mock.patch.object(recipes, "EMA_SHARE", variant.ema_share):
        recipe = recipes.with_steps(config.recipe.model_copy(update=variant.numbers), round(variant.longer * steps), 1)
    config = config.model_copy(update={"recipe": recipe})
    trainer, seconds = trained(config, variant, SampleStore(data, data.splits["train"]))
    pipeline = trainer.averaged_pipeline()
    predictor = torch_predictor(pipeline, config)
    items = (left_out, data.splits["val"])
    scored = {split: list(map(data.read, own[::EVERY])) for split, own in zip(SCORED, items, strict=True)}
    found: dict[str, Any] = {split: {} for split in scored}
    for way, (pipeline.magnifications, pipeline.mirrored) in WAYS.items():
        pipeline.biased(None)
        _, fitted = best_bias(predictor, scored["val"], len(scored["val"]), config.recipe.class_weights)
        pipeline.biased(fitted)
        for split, samples in scored.items():
            found[split][way] = miou(predictor, samples)
    return found | {"images_per_second": config.recipe.steps * config.recipe.batch / seconds}


def trained(config: RunConfig, variant: Variant, store: SampleStore) -> tuple[Trainer, float]:
    """Train without validation; return the trainer and the seconds it took."""
    recipe = config.recipe
    pipeline = build_pipeline(config, pretrained=config.pretrained)
    if variant.dropout:
        pipeline.model.head = nn.Sequential(nn.Dropout2d(variant.dropout), pipeline.model.head)
    trainer = Trainer(pipeline, recipe, config.seed)
    trainer.pipeline.train()
    loss = variant.loss or loop.cross_entropy
    if variant.teacher is not None:
        teacher, _ = trained(config.model_copy(update={"encoder": variant.teacher}), Variant(), store)
        loss = alternatives.Taught(teacher.averaged_pipeline(), recipe.loss_step)
    early = recipe.model_copy(update=variant.first_half)
    started = time.perf_counter()
    with mock.patch.object(loop, "cross_entropy", loss):
        for step in range(recipe.steps):
            batch = batch_at(store, early if 2 * step < recipe.steps else recipe, config.seed, step)
            if variant.augmentation is not None:
                batch = variant.augmentation(batch, config, step)
            if isinstance(loss, alternatives.Taught):
                loss.images = batch.images
            trainer.train_step(batch)
    return trainer, time.perf_counter() - started


def miou(predictor: Predictor, samples: Iterable[Sample]) -> float:
    confusion = ConfusionMatrix(predictor.classes.num_classes)
    for sample in samples:
        confusion.update(predictor.label_map(sample.image), sample.label_map)
    return confusion.miou()


if __name__ == "__main__":
    main()
