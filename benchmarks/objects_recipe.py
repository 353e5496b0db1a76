"""What the choices of an instance model's recipe are worth: one change at a time, on nuclei.

    python benchmarks/objects_recipe.py DSB2018 OUT [--only NAME ...] [--steps 1800] [--cores 0 1]

Trains on the fluorescence images of the Data Science Bowl 2018 by the recipe for 30 minutes, once as it was and once
for each of VARIANTS, and scores the validation images, by the class bias and the grouping that suit them. Lengths are
in steps, so that what else the machine does, or a GPU, changes nothing. What was measured is gathered in
docs/objects_recipe.json, from which docs/objects_recipe.md is written; what is in there is not measured again. Whoever
changes the recipe writes down here what it was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import alternatives
from budget import answer_of, gathered, on_cores
from nuclei import arranged
from recipe import ANOTHER, CONSTANTS, DILATED, LOVASZ, Variant, trained
from recipe import VARIANTS as RECIPE

from pixelwise.data.check import check
from pixelwise.instances.objects import objects_of
from pixelwise.metrics.instances import InstanceScorer
from pixelwise.training import recipe as recipes
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.plan import make_config
from pixelwise.training.posthoc.class_bias import best_bias, spread
from pixelwise.training.posthoc.grouping import best_grouping
from pixelwise.training.samples import SampleStore
from pixelwise.training.torch_engine import torch_predictor

GATHERED = Path(__file__).parent.parent / "docs" / "objects_recipe.json"
PAGE = GATHERED.with_suffix(".md")
TEXT = """# What the choices for objects are worth

Written by `benchmarks/objects_recipe.py`: the default model, trained on the fluorescence images of the Data Science
Bowl 2018 by the recipe for 30 minutes, {steps} steps. TP / (TP + FN + FP) on the validation images at IoU 0.5 / 0.7 /
0.9, of all objects together and as mean of images, and the panoptic quality. One run each, on a GPU, from images
compressed as JPEG (quality 95). Shares of the steps are those after which a dearer step has taken as long. The recipe
as it is leaves colours as they are, has crops of half the sides, four times as many, in the first half, and
EfficientNet-Lite1 for its encoder, as it has for classes alone. With `--rotate` crops are turned by quarters and
predictions made four ways round: over four seeds 0.8 points more at 0.5 and at 0.7.

{table}

Other ways with `--rotate`, the mean of so many seeds, this time from images that are not compressed. Contrast is
stretched so that an image's values are 0 at the first and 255 at the 99.8th percentile, as StarDist's users do. The
distance to the border is that within the object, 1 where it is largest. Small objects count by the square root of how
much smaller they are than the crop's median, up to four times. None is better by more than seeds differ by.

{means}
"""
MINUTES = 30.0
THRESHOLDS = ("0.5", "0.7", "0.9")
WRITING = threading.Lock()
BEFORE = Variant({"encoder": "efficientnet_lite0"}, {"color": 1.0, "early_split": 1})
"""The recipe that the changes are changes of."""
HEAT, OFFSET = recipes.HEAT_WEIGHT, recipes.OFFSET_WEIGHT
WITHOUT = Variant(numbers={"color": 0.0})
NOW = WITHOUT + Variant({"encoder": "efficientnet_lite1"}, {"early_split": 2}, longer=0.78)
ROTATED = NOW + Variant(numbers={"rotate": True})
SEEDS = {"": 0, ", another seed": 1, ", a third seed": 2, ", a fourth seed": 3}
APART = "uncompressed, "
UNCOMPRESSED = {
    "--rotate": Variant(),
    "contrast stretched": Variant(replaced={"pixelwise.data.dataset.Dataset.read": alternatives.read_stretched}),
    "square roots of the values": Variant(
        replaced={"pixelwise.data.dataset.Dataset.read": alternatives.read_square_roots}
    ),
    "the distance to the object's border for heat": Variant(
        replaced={"pixelwise.training.samples.centre_targets": alternatives.distance_targets}
    ),
    "heat two thirds as wide": Variant(numbers={"heat_width": 0.25}),
    "small objects count more": Variant(
        numbers={"border_weight": 1.0},
        replaced={"pixelwise.training.samples.border_weights": alternatives.small_weights},
    ),
    "border weights of 5": Variant(numbers={"border_weight": 5.0}),
    LOVASZ: RECIPE[LOVASZ],
}
"""Changes of `ROTATED`, tried on images that are not compressed, each with some of SEEDS."""
VARIANTS = {
    "as it was": Variant(),
    "the same again": Variant(),
    "another seed": Variant({"seed": 1}),
    "heat counts a third": Variant(numbers={"heat_weight": HEAT / 3}),
    "heat counts three times": Variant(numbers={"heat_weight": 3 * HEAT}),
    "offsets count a quarter": Variant(numbers={"offset_weight": OFFSET / 4}),
    "offsets count four times": Variant(numbers={"offset_weight": 4 * OFFSET}),
    "small objects not enlarged": Variant(replaced={f"{CONSTANTS}.OBJECT_PIXELS": 1.0}),
    "small objects enlarged to 36 pixels": Variant(replaced={f"{CONSTANTS}.OBJECT_PIXELS": 36.0}),
    "crops magnified by 0.8 to 3.5": Variant(numbers={"scale": (0.8, 3.5)}),
    "no class weights": Variant({"class_weights": "none"}),
    "nothing frozen": Variant(numbers={"frozen_stride": 0}, longer=0.4),
    "frozen up to stride 8": Variant(numbers={"frozen_stride": 8}, longer=0.6),
    "frozen up to stride 16": Variant(numbers={"frozen_stride": 16}, longer=0.75),
    "colours changed 1.6 times as much": Variant(numbers={"color": 1.6}),
    "colours changed half as much": Variant(numbers={"color": 0.5}),
    "no colour": WITHOUT,
    "no colour, rate / 2": WITHOUT + RECIPE["rate / 2"],
    "no colour, dilated convolutions at stride 32 (ASPP)": WITHOUT + RECIPE[DILATED],
    "no colour, crops of half the sides in the first half": WITHOUT + Variant(numbers={"early_split": 2}),
    "no colour, EfficientNet-Lite2": WITHOUT + RECIPE["EfficientNet-Lite2"],
    "dropout of 0.1 before the head": RECIPE["dropout of 0.1 before the head"],
    "smoothed twice below stride 4": RECIPE["smoothed twice below stride 4"],
    "twice the decoder's width": RECIPE["twice the decoder's width"],
    "weight decay / 5": RECIPE["weight decay / 5"],
    **{f"as it is{name}": NOW + Variant({"seed": seed}) for name, seed in SEEDS.items()},
    **{f"--rotate{name}": ROTATED + Variant({"seed": seed}) for name, seed in SEEDS.items()},
    "--rotate, another map of the encoder at strides 8, 16 and 32": ROTATED + RECIPE[ANOTHER],
    "--rotate, colours changed half as much": ROTATED + Variant(numbers={"color": 0.5}),
    "--rotate, EfficientNet-Lite2": ROTATED + Variant({"encoder": "efficientnet_lite2"}, longer=0.83),
    "--rotate, nothing frozen": ROTATED + Variant(numbers={"frozen_stride": 0}, longer=0.4),
    **{
        f"{APART}{name}{seed}": ROTATED + change + Variant({"seed": number})
        for name, change in UNCOMPRESSED.items()
        for seed, number in SEEDS.items()
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--measure", choices=list(VARIANTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not (args.dsb2018 / "index.csv").is_file():
        sys.exit(f"{args.dsb2018}: no index.csv; give the folder with images/, instances/ and index.csv")
    if args.measure:
        variant = BEFORE + VARIANTS[args.measure]
        with variant.applied():
            print(json.dumps(scores(args, variant)))
        return
    known = gathered(GATHERED)
    on_cores(args.cores, [partial(measure, args, name) for name in args.only if name not in known])


def measure(args: argparse.Namespace, name: str) -> None:
    """Run one variant in a process of its own, on the cores that this thread keeps to, and write what it found."""
    found = answer_of(__file__, [args.dsb2018, args.out, "--steps", args.steps, "--measure", name])
    with WRITING:
        results = gathered(GATHERED) | {name: found}
        GATHERED.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(TEXT.format(steps=args.steps, table=table(results), means=means(results)))
    print(name, found, flush=True)


def scores(args: argparse.Namespace, variant: Variant) -> dict[str, Any]:
    """Train without validation, settle bias and grouping, and return what the validation images are scored."""
    keep_freed_memory()
    data = arranged(args.dsb2018, args.out, "fluorescence")
    options = TrainOptions(task="instance", minutes=MINUTES, **variant.options)
    config = make_config(options, data, check(data), "", long=True)
    recipe = recipes.with_length(
        config.recipe.model_copy(update=variant.numbers), round(variant.longer * args.steps), 0
    )
    config = config.model_copy(update={"recipe": recipe})
    pipeline = trained(config, variant, SampleStore(data, data.splits["train"])).averaged_pipeline()
    predictor = torch_predictor(pipeline, config)
    items = spread(data.splits["val"])
    _, bias = best_bias(predictor, map(data.read, items), len(items), recipe.class_weights)
    assert pipeline.grouping is not None
    pipeline.grouping = best_grouping(
        predictor, map(data.read, items), bias, pipeline.grouping, recipe.radii, recipe.least_areas
    )
    predictor = torch_predictor(pipeline.biased((*bias, 0.0, 0.0, 0.0)), config)
    scorer = InstanceScorer(data.classes)
    for sample in map(data.read, data.splits["val"]):
        found = predictor.predict(sample.image).instances
        assert found is not None
        assert sample.instance_map is not None
        scorer.update(found, objects_of(sample.label_map, sample.instance_map))
    reached = scorer.scores()
    return {
        "all": [reached.dsb[key] for key in THRESHOLDS],
        "images": [reached.dsb_of_images[key] for key in THRESHOLDS],
        "pq": reached.pq,
    }


def table(results: dict[str, Any]) -> str:
    lines = ["| change | all objects | mean of images | panoptic quality |", "|---|---|---|---|"]
    for name, variant in VARIANTS.items():
        if name in results and not name.startswith(APART):
            change = name if variant.longer == 1 else f"{name}, {variant.longer:.2g} of the steps"
            lines.append(line(change, results[name]))
    return "\n".join(lines)


def means(results: dict[str, Any]) -> str:
    lines = ["| change | seeds | all objects | mean of images | panoptic quality |", "|---|---|---|---|---|"]
    for name in UNCOMPRESSED:
        found = [results[own] for own in (f"{APART}{name}{seed}" for seed in SEEDS) if own in results]
        if found:
            mean: dict[str, Any] = {"pq": statistics.mean(own["pq"] for own in found)}
            for kind in ("all", "images"):
                mean[kind] = [statistics.mean(values) for values in zip(*(own[kind] for own in found), strict=True)]
            lines.append(line(f"{name} | {len(found)}", mean))
    return "\n".join(lines)


def line(name: str, found: dict[str, Any]) -> str:
    each = [" / ".join(f"{value:.3f}" for value in found[kind]) for kind in ("all", "images")]
    return f"| {' | '.join([name, *each, format(found['pq'], '.3f')])} |"


if __name__ == "__main__":
    main()
