"""What each choice of the default recipe is worth: one change at a time, on a street that training never sees.

    python benchmarks/recipe.py CAMVID [--stages NAME ...] [--minutes 5 15 30] [--cores 0 1]
    python benchmarks/recipe.py CAMVID --speed

The recipe was found in STAGES: each starts from a recipe, changes it in one way or several, and what did best is where
the next starts. Trains the default model on CamVid's training images less the sequence 0006R0, for so many minutes, by
each of them, and takes the mIoU on that sequence and on the validation images (which continue a training sequence),
predicted in each of WAYS with the class bias that suits the validation images. Lengths are in steps, those that two
cores take in the time, so that what else the machine does, or a GPU, changes nothing. With --speed it takes the
images/s of a few steps of each instead, with all cores to itself. What was measured is gathered in docs/recipe.json,
from which docs/recipe.md is written; what is in there is not measured again. Whoever changes the recipe adds a stage.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any
from unittest import mock

import alternatives
from alternatives import Augmentation, Loss
from budget import answer_of, gathered, on_cores

import pixelwise as pw
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.inference.predictor import Predictor
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.nn.models.fpn import FPN
from pixelwise.training import loop
from pixelwise.training import recipe as recipes
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.plan import make_config
from pixelwise.training.posthoc.class_bias import best_bias
from pixelwise.training.samples import SampleStore, batch_at
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.weights import build_pipeline

GATHERED = Path(__file__).parent.parent / "docs" / "recipe.json"
PAGE = GATHERED.with_suffix(".md")
TEXT = """# What each choice of the recipe is worth

Written by `benchmarks/recipe.py`. The default model, trained on CamVid at 360x480 without the sequence 0006R0: mIoU on
every third image of that street ("left-out") and of the validation images, which continue a street of the training (on
all of them from the second stage on), predicted both ways round at 1.25 times the size, and at the mean of 1.25 and
1.75, each with the class bias that suits the validation images. One run each. What other seeds have says what a
difference must exceed to be one. The runs were made on a GPU, with the steps that two cores take in the time, from
images compressed as JPEG (quality 92). A cheaper or dearer step is taken more or less often, as the row says, so that
all take about as long. Images a second are those of eight steps on two cores, on a machine whose speed varied by some
20 %.
"""
Results = dict[str, dict[str, dict[str, Any]]]
"""What was measured, by stage, minutes and row."""
WRITING = threading.Lock()
SCORED = ("left-out", "val")
LEFT_OUT = "0006R0"
STEPS = {5: 718, 15: 1430, 30: 3174}
"""What two cores take in so many minutes."""
LONG_MINUTES = 6
"""Of two such cores, from which on a run is long."""
WARM_STEPS, TIMED_STEPS = 2, 8
EVERY = 3
"""One of so many images is looked at: neighbours show the same street a second later."""
WAYS = {"at 1.25": (Fraction(5, 4),), "at both": (Fraction(5, 4), Fraction(7, 4))}
"""By what images are enlarged when they are predicted."""


@dataclass(frozen=True)
class Variant:
    """Changes of the recipe: options of `train`, numbers, those of the first half alone, and what is none of these."""

    options: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    first_half: dict[str, Any] = field(default_factory=dict)
    longer: float = 1.0
    """By how much the run has more steps."""
    loss: Loss | None = None
    teacher: str | None = None
    """The encoder of a net that is trained first, for as many steps, and whose answers are learnt as well."""
    augmentations: tuple[Augmentation, ...] = ()
    decoders: tuple[Callable[[FPN], None], ...] = ()
    """Change the net before it is trained."""
    replaced: dict[str, Any] = field(default_factory=dict)
    """What stands in for something of the package's, by its dotted name, while the variant is `applied`."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name, own in self.replaced.items():
                stack.enter_context(mock.patch(name, own))
            yield

    def __add__(self, other: Variant) -> Variant:
        """Return both changes, the other's where they contradict each other."""
        return Variant(
            self.options | other.options,
            self.numbers | other.numbers,
            self.first_half | other.first_half,
            self.longer * other.longer,
            other.loss or self.loss,
            other.teacher or self.teacher,
            self.augmentations + other.augmentations,
            self.decoders + other.decoders,
            self.replaced | other.replaced,
        )


CONSTANTS = recipes.__name__
VARIANTS = {
    "another seed": Variant(options={"seed": 1}),
    "a third seed": Variant(options={"seed": 2}),
    "a fourth seed": Variant(options={"seed": 3}),
    "crops of 256x320, batch 8": Variant(numbers={"crop": (256, 320), "batch": 8}),
    "crops of 256x320, batch 8, in the first half": Variant(first_half={"crop": (256, 320), "batch": 8}),
    "smaller crops for three quarters of the run": Variant(replaced={f"{CONSTANTS}.EARLY_SHARE": 0.75}),
    "crops of 352x480, batch 4, magnified by 0.667 to 2 (short runs)": Variant(
        numbers={"crop": (352, 480), "batch": 4, "scale": (0.667, 2.0)}, longer=1.2
    ),
    "crops of 448x608, batch 3, magnified by 0.8 to 1.6": Variant(
        numbers={"crop": (448, 608), "batch": 3, "scale": (0.8, 1.6)}, longer=0.8
    ),
    "crops of 544x736, batch 2, magnified by 1 to 2 (long runs)": Variant(
        numbers={"crop": (544, 736), "batch": 2, "scale": (1.0, 2.0)}, longer=0.84
    ),
    "crops magnified by 0.5 to 1.5": Variant(numbers={"scale": (0.5, 1.5)}),
    "crops magnified by 0.85 to 1.25": Variant(numbers={"scale": (0.85, 1.25)}),
    "crops magnified by 0.667 to 2": Variant(numbers={"scale": (0.667, 2.0)}),
    "crops magnified by 0.85 to 2.5": Variant(numbers={"scale": (0.85, 2.5)}),
    "batch 2, rate / 1.4": Variant(
        numbers={"batch": 2, "learning_rate": recipes.LEARNING_RATE / math.sqrt(2)}, longer=2.0
    ),
    "batch 4, rate x 1.4": Variant(
        numbers={"batch": 4, "learning_rate": recipes.LEARNING_RATE * math.sqrt(2)}, longer=0.5
    ),
    "SGD": Variant(numbers={"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "weight_decay": 5e-4}),
    "rate x 2": Variant(numbers={"learning_rate": 2 * recipes.LEARNING_RATE}),
    "rate / 1.4": Variant(numbers={"learning_rate": recipes.LEARNING_RATE / math.sqrt(2)}),
    "rate / 2": Variant(numbers={"learning_rate": recipes.LEARNING_RATE / 2}),
    "a rate that ends at 0": Variant(replaced={f"{CONSTANTS}.FINAL_RATE": 0.0}),
    "no class weights": Variant(options={"class_weights": "none"}),
    "median class weights": Variant(options={"class_weights": "median"}),
    "a loss of all pixels": Variant(numbers={"loss_step": 1}),
    "Dice loss beside it": Variant(loss=alternatives.with_dice),
    "Lovasz loss beside it": Variant(loss=alternatives.with_lovasz),
    "focal loss": Variant(loss=alternatives.focal),
    "the hardest quarter of the pixels (OHEM)": Variant(loss=alternatives.hardest),
    "pixels at boundaries count twice": Variant(loss=alternatives.boundary_twice),
    "label smoothing of 0.05": Variant(loss=alternatives.smoothed),
    "a teacher on EfficientNet-Lite2 trained first": Variant(teacher="efficientnet_lite2", longer=0.4),
    "average over 3 % of the run": Variant(replaced={f"{CONSTANTS}.EMA_SHARE": 0.03}),
    "average over 30 % of the run": Variant(replaced={f"{CONSTANTS}.EMA_SHARE": 0.3}),
    "nothing frozen": Variant(numbers={"frozen_stride": 0}, longer=0.35),
    "nothing frozen, its rate / 4": Variant(numbers={"frozen_stride": 0, "encoder_factor": 0.025}, longer=0.35),
    "frozen up to stride 8": Variant(numbers={"frozen_stride": 8}, longer=0.6),
    "frozen up to stride 16": Variant(numbers={"frozen_stride": 16}, longer=0.75),
    "frozen up to stride 8, and all batch norms": Variant(
        numbers={"frozen_stride": 8}, decoders=(alternatives.batch_norms_kept,), longer=0.6
    ),
    "no colour": Variant(numbers={"color": 0.0}),
    "colours changed": Variant(numbers={"color": 1.0}),
    "colours changed 1.6 times as much": Variant(numbers={"color": 1.6}),
    "rare classes pasted from other crops": Variant(augmentations=(alternatives.rare_pasted,)),
    "boxes of other crops pasted (CutMix)": Variant(augmentations=(alternatives.boxes_pasted,)),
    "crops turned by up to 5 degrees": Variant(augmentations=(alternatives.turned,)),
    "noise": Variant(augmentations=(alternatives.noisy,)),
    "dropout of 0.1 before the head": Variant(decoders=(partial(alternatives.with_dropout, share=0.1),)),
    "dropout of 0.3 before the head": Variant(decoders=(partial(alternatives.with_dropout, share=0.3),)),
    "dropout of 0.1 of the encoder's channels": Variant(decoders=(partial(alternatives.with_dropped_maps, share=0.1),)),
    "dropout of 0.25 of the encoder's channels": Variant(
        decoders=(partial(alternatives.with_dropped_maps, share=0.25),)
    ),
    "styles of the encoder's maps mixed (MixStyle)": Variant(decoders=(alternatives.with_mixed_styles,)),
    "another map of the encoder at strides 8, 16 and 32": Variant(
        decoders=(alternatives.with_maps_between,), longer=0.93
    ),
    "smoothed at stride 32 too": Variant(
        decoders=(partial(alternatives.behind_the_coarsest, block=alternatives.smooth),)
    ),
    "smoothed twice below stride 4": Variant(decoders=(alternatives.smoothed_twice,), longer=0.93),
    "the mean of the image at stride 32": Variant(
        decoders=(partial(alternatives.behind_the_coarsest, block=alternatives.PlusMean),)
    ),
    "dilated convolutions at stride 32 (ASPP)": Variant(
        decoders=(partial(alternatives.behind_the_coarsest, block=alternatives.Pyramid),)
    ),
    "twice the decoder's width": Variant(options={"width": 2.0}, longer=0.75),
    "EfficientNet-Lite1": Variant(options={"encoder": "efficientnet_lite1"}, longer=0.78),
    "EfficientNet-Lite2, its step taken for dearer": Variant(options={"encoder": "efficientnet_lite2"}, longer=0.6),
    "EfficientNet-Lite2": Variant(options={"encoder": "efficientnet_lite2"}, longer=0.65),
    "weight decay / 5": Variant(numbers={"weight_decay": recipes.WEIGHT_DECAY / 5}),
    "weight decay x 3": Variant(numbers={"weight_decay": 3 * recipes.WEIGHT_DECAY}),
}
Row = tuple[str, ...]
"""The names of the changes that are made together; none: the stage's recipe itself."""


@dataclass(frozen=True)
class Stage:
    """A recipe to start from, and the changes of it that were tried, by minutes."""

    text: str
    base: Variant
    rows: dict[int, tuple[Row, ...]]


SEEDS = ("another seed", "a third seed", "a fourth seed")
PASTED = "boxes of other crops pasted (CutMix)"
LOVASZ = "Lovasz loss beside it"
SMOOTHED = "smoothed at stride 32 too"
DILATED = "dilated convolutions at stride 32 (ASPP)"
DROPPED = "dropout of 0.1 of the encoder's channels"
ANOTHER = "another map of the encoder at strides 8, 16 and 32"
LATER = (
    "crops of 448x608, batch 3, magnified by 0.8 to 1.6",
    "crops of 544x736, batch 2, magnified by 1 to 2 (long runs)",
    "crops magnified by 0.85 to 1.25",
    "batch 2, rate / 1.4",
    "colours changed",
    "smaller crops for three quarters of the run",
    "rate / 1.4",
    "frozen up to stride 8, and all batch norms",
    "crops turned by up to 5 degrees",
    "dropout of 0.25 of the encoder's channels",
    "styles of the encoder's maps mixed (MixStyle)",
    ANOTHER,
    "EfficientNet-Lite1",
    "EfficientNet-Lite2",
)
FIRST = [name for name in VARIANTS if name not in LATER]
LITE0 = {"encoder": "efficientnet_lite0"}
STAGES = {
    "at first": Stage(
        "EfficientNet-Lite0 and colours changed. Leaving colours as they are, and crops of a quarter of the area in "
        "the first half, did best for 15 minutes, by the mean of both streets.",
        Variant(LITE0, {"color": 1.0, "early_split": 1}),
        {15: ((), *((name,) for name in FIRST))},
    ),
    "then": Stage(
        "Colours as they are, and for more than six minutes crops of half the sides, four times as many, in the first "
        "half. Changes that helped before do not all help on top of these. EfficientNet-Lite1 did best, for 15 minutes "
        "and, by the validation images, for 30.",
        Variant(LITE0),
        {
            15: (
                (),
                ("another seed",),
                ("smaller crops for three quarters of the run",),
                ("crops magnified by 0.85 to 2.5",),
                ("rate / 2",),
                (LOVASZ,),
                ("frozen up to stride 8",),
                ("frozen up to stride 8, and all batch norms",),
                ("frozen up to stride 16",),
                (PASTED,),
                ("crops turned by up to 5 degrees",),
                (DROPPED,),
                ("dropout of 0.25 of the encoder's channels",),
                ("styles of the encoder's maps mixed (MixStyle)",),
                (ANOTHER,),
                (SMOOTHED,),
                (DILATED,),
                (PASTED, LOVASZ),
                (PASTED, DROPPED),
                (PASTED, LOVASZ, SMOOTHED),
                (PASTED, LOVASZ, DILATED, DROPPED),
                (PASTED, LOVASZ, DILATED, "rate / 2"),
                ("EfficientNet-Lite1",),
                ("EfficientNet-Lite2",),
                ("EfficientNet-Lite2", PASTED, LOVASZ),
            ),
            30: (
                (),
                ("another seed",),
                ("frozen up to stride 8",),
                (ANOTHER,),
                (SMOOTHED,),
                (DILATED,),
                (ANOTHER, SMOOTHED),
                (ANOTHER, DILATED),
                ("EfficientNet-Lite1",),
                ("EfficientNet-Lite2",),
                ("EfficientNet-Lite2", SMOOTHED),
            ),
        },
    ),
    "as it is": Stage(
        "EfficientNet-Lite1 in long runs. At one magnification another map of the encoder is worth half a point "
        "more, as it is with EfficientNet-Lite0: the next to take up.",
        Variant(longer=0.78),
        {
            30: (
                (),
                ("another seed",),
                ("crops magnified by 0.85 to 2.5",),
                ("rate / 1.4",),
                (ANOTHER,),
                (SMOOTHED,),
                (DILATED,),
                (ANOTHER, SMOOTHED),
                (LOVASZ, SMOOTHED),
                ("twice the decoder's width",),
            ),
        },
    ),
    "for short runs": Stage(
        "EfficientNet-Lite0 and crops of 352x480, four a step: what short runs take. Nothing does "
        "better by more than seeds differ by but another map of the encoder, half a point at 1.25 over four seeds, and "
        "a Lovasz loss beside the other, nearly as much in as many steps, which take a quarter longer though.",
        Variant(),
        {
            5: (
                (),
                *((seed,) for seed in SEEDS),
                ("crops of 256x320, batch 8",),
                ("crops of 256x320, batch 8, in the first half",),
                ("crops of 448x608, batch 3, magnified by 0.8 to 1.6",),
                ("SGD",),
                ("rate x 2",),
                ("rate / 2",),
                ("no class weights",),
                ("median class weights",),
                ("Dice loss beside it",),
                (LOVASZ,),
                ("focal loss",),
                ("the hardest quarter of the pixels (OHEM)",),
                ("pixels at boundaries count twice",),
                ("nothing frozen",),
                ("frozen up to stride 8",),
                ("frozen up to stride 8, and all batch norms",),
                ("colours changed",),
                ("rare classes pasted from other crops",),
                ("a teacher on EfficientNet-Lite2 trained first",),
                ("average over 3 % of the run",),
                ("average over 30 % of the run",),
                ("batch 2, rate / 1.4",),
                ("crops magnified by 0.5 to 1.5",),
                ("crops magnified by 0.85 to 2.5",),
                ("a loss of all pixels",),
                (PASTED,),
                (ANOTHER,),
                ("EfficientNet-Lite1",),
                *((LOVASZ, seed) for seed in SEEDS),
                *((ANOTHER, seed) for seed in SEEDS),
                (ANOTHER, LOVASZ),
                *((ANOTHER, LOVASZ, seed) for seed in SEEDS),
            ),
        },
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--stages", nargs="*", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--minutes", type=int, nargs="*", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    if args.measure is not None:
        stage, minutes, row = args.measure
        print(json.dumps((speed if args.speed else scores)(args.camvid, variant_of(stage, row), minutes)))
        return
    known, asked = gathered(GATHERED), "images_per_second" if args.speed else "val"
    on_cores(
        [] if args.speed else args.cores,
        [
            partial(measure, args, stage, minutes, row)
            for stage in args.stages
            for minutes, rows in STAGES[stage].rows.items()
            for row in rows
            if minutes in args.minutes and asked not in found_of(known, stage, minutes, row)
        ],
    )


def variant_of(stage: str, row: Iterable[str]) -> Variant:
    """Return the stage's recipe with all changes of a row."""
    return sum((VARIANTS[name] for name in row), STAGES[stage].base)


def found_of(results: Results, stage: str, minutes: int, row: Row) -> dict[str, Any]:
    """Return what was measured of a row; nothing if it was not."""
    return results.get(stage, {}).get(str(minutes), {}).get(named(row), {})


def named(row: Row) -> str:
    return " + ".join(row) or "the recipe"


def measure(args: argparse.Namespace, stage: str, minutes: int, row: Row) -> None:
    """Run one row in a process of its own, on the cores that this thread keeps to, and write what it found."""
    asked = [args.camvid, "--measure", json.dumps([stage, minutes, row]), *["--speed"] * args.speed]
    found = answer_of(__file__, asked)
    gather(stage, minutes, row, found)
    print(stage, minutes, named(row), found, flush=True)


def gather(stage: str, minutes: int, row: Row, found: dict[str, Any]) -> None:
    """Add to what was measured of a row, and write the page."""
    with WRITING:
        results = gathered(GATHERED)
        results.setdefault(stage, {}).setdefault(str(minutes), {}).setdefault(named(row), {}).update(found)
        GATHERED.write_text(json.dumps(results, indent=1) + "\n")
        parts = [
            f"## The recipe {name}\n\n{fill(STAGES[name].text, 120)}\n\n{table(results, name)}\n" for name in STAGES
        ]
        PAGE.write_text("\n".join([TEXT, *parts]))


def table(results: Results, stage: str) -> str:
    """Return a line a row: for each length, mIoU in each of `WAYS` on both streets, their mean, and the speed."""
    lengths = STAGES[stage].rows
    heads = [f"{minutes} minutes: left-out {', '.join(WAYS)} | val | mean at both | images/s" for minutes in lengths]
    lines = [f"| change | {' | '.join(heads)} |", f"|{'---|' * (1 + 4 * len(lengths))}"]
    for row in dict.fromkeys(row for rows in lengths.values() for row in rows):
        longer = math.prod(VARIANTS[name].longer for name in row)
        cells = [named(row) if longer == 1 else f"{named(row)}, {longer:.2g} times the steps"]
        for minutes in lengths:
            found = found_of(results, stage, minutes, row)
            cells += [", ".join(f"{found[on][way]:.3f}" for way in WAYS) if on in found else "" for on in SCORED]
            cells += [f"{statistics.mean(found[on]['at both'] for on in SCORED):.3f}" if SCORED[0] in found else ""]
            cells += [f"{found['images_per_second']:.1f}" if "images_per_second" in found else ""]
        if any(cells[1:]):
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def scores(camvid: Path, variant: Variant, minutes: int) -> dict[str, Any]:
    """Return the mIoU in each of `WAYS` on both streets."""
    config, data, left_out = configured(camvid, variant, minutes)
    with variant.applied():
        trainer = trained(config, variant, SampleStore(data, data.splits["train"]))
    pipeline = trainer.averaged_pipeline()
    predictor = torch_predictor(pipeline, config)
    items = (left_out, data.splits["val"])
    samples = {split: list(map(data.read, own[::EVERY])) for split, own in zip(SCORED, items, strict=True)}
    found: dict[str, Any] = {split: {} for split in SCORED}
    pipeline.flipped = (-1,)
    for way, pipeline.magnifications in WAYS.items():
        pipeline.biased(None)
        _, fitted = best_bias(predictor, samples["val"], len(samples["val"]), config.recipe.class_weights)
        pipeline.biased(fitted)
        for split in SCORED:
            found[split][way] = miou(predictor, samples[split])
    return found


def speed(camvid: Path, variant: Variant, minutes: int) -> dict[str, Any]:
    """Return the images/s of a few steps, learning from a teacher included."""
    config, data, _ = configured(camvid, variant, minutes)
    store = SampleStore(data, data.splits["train"][:: len(data.splits["train"]) // 64])
    steps = WARM_STEPS + TIMED_STEPS
    config = config.model_copy(update={"recipe": recipes.with_length(config.recipe, steps, 1)})
    times: list[float] = []
    trained(config, variant, store, lambda: times.append(time.perf_counter()))
    return {"images_per_second": TIMED_STEPS * config.recipe.batch / (times[-1] - times[-1 - TIMED_STEPS])}


def configured(camvid: Path, variant: Variant, minutes: int) -> tuple[RunConfig, Dataset, list[Item]]:
    """Return the configuration of a variant, what it is trained on, and the images that are left out."""
    keep_freed_memory()
    data = pw.open_dataset(camvid)
    left_out = [item for item in data.splits["train"] if item.name.startswith(LEFT_OUT)]
    data = data.without({item.image for item in left_out})
    with variant.applied():
        options = TrainOptions(minutes=minutes, **variant.options)
        config = make_config(options, data, check(data), "", long=minutes >= LONG_MINUTES)
        recipe = config.recipe.model_copy(update=variant.numbers)
        recipe = recipes.with_length(recipe, round(variant.longer * STEPS[minutes]), 1)
    return config.model_copy(update={"recipe": recipe}), data, left_out


def trained(
    config: RunConfig, variant: Variant, store: SampleStore, on_step: Callable[[], None] = lambda: None
) -> Trainer:
    """Train without validation."""
    recipe = config.recipe
    pipeline = build_pipeline(config, pretrained=config.pretrained)
    for change in variant.decoders:
        change(pipeline.model)
    trainer = Trainer(pipeline, recipe, config.seed)
    trainer.pipeline.train()
    loss = variant.loss or loop.cross_entropy
    if variant.teacher is not None:
        teacher = trained(config.model_copy(update={"encoder": variant.teacher}), Variant(), store)
        loss = alternatives.Taught(teacher.averaged_pipeline(), recipe.loss_step)
    early = recipe.model_copy(update=variant.first_half)
    with mock.patch.object(loop, "cross_entropy", loss):
        for step in range(recipe.steps):
            batch = batch_at(store, early if 2 * step < recipe.steps else recipe, config.seed, step)
            for augmentation in variant.augmentations:
                batch = augmentation(batch, config, step)
            if isinstance(loss, alternatives.Taught):
                loss.images = batch.images
            trainer.train_step(batch)
            on_step()
    return trainer


def miou(predictor: Predictor, samples: Iterable[Sample]) -> float:
    confusion = ConfusionMatrix(predictor.classes.num_classes)
    for sample in samples:
        confusion.update(predictor.label_map(sample.image), sample.label_map)
    return confusion.miou()


if __name__ == "__main__":
    main()
