"""The classics and the default at one budget of minutes and one resolution, as a table and a picture in docs/.

    python benchmarks/classics.py OUT [--camvid DIR] [--isbi DIR] [--only NAME ...] [--cores 0 1] [--minutes 15]
                                  [--scale 1]
    python benchmarks/classics.py OUT --camvid DIR --isbi DIR --recipes 3 [--cores 0 1]

Trains every net of NETS on CamVid at 180x240 for 5 minutes and for `--minutes`, on ISBI-2012 (24 slices to train on,
6 held out) for 5, and on the embedded landscapes for 2; evaluates each on the test images. `--cores` trains as many
nets at once, each on one core. A finished run is not repeated, so the command can be stopped and given again, and
`--only` trains a few nets at a time, without a name none. What was measured is gathered in docs/classics.json, from
which docs/classics.md is written, and docs/classics.png is drawn from OUT. `--scale 2` doubles height and width: that
and `--minutes` are for those with a GPU. `--recipes` trains the classics for so many minutes by their authors' recipes
and by the default one, and writes that table of the page instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

import pixelwise as pw
from lab.schedule import gathered, images_per_second, on_cores, steps_and_seconds, train_and_evaluate
from pixelwise.data.dataset import Dataset
from pixelwise.render import labelled_row, legend, overlay, side_by_side, stacked
from pixelwise_scenes import write_scenes

DOCS = Path(__file__).parent.parent / "docs"
GATHERED = DOCS / "classics.json"
RECIPES = DOCS / "classics_recipes.json"
CAMVID_SIZE = (180, 240)
SHORT_MINUTES = 5.0
SCENE_MINUTES = 2.0
PREDICTIONS = 15
COLUMNS = 4
SCORES = ("miou", "global_accuracy", "class_accuracy", "boundary_f1")
PAGE = """# The classics, side by side

![One landscape, every net](classics.png)

Written by `benchmarks/classics.py`. Every net had the same minutes on {cores}, the recipe that `pixelwise train`
chooses, and CamVid's 367 training images at {size}; CamVid's columns are scores on its 233 test images after
{minutes:g} minutes, "5 min" is a run of its own. ISBI-2012: 24 slices to train on, 6 held out, 5 minutes. `fpn` and
`deeplabv3plus` start from an encoder with ImageNet weights, which learns in its last layers alone; all others start
from random ones, and a width below 1 is what such cores train in the time. A prediction is one CamVid image on all
cores. "Papers" is what the authors report, under their own conditions. A cell is blank where nothing has been measured.
{outdated}
| net | 5 min mIoU | mIoU | accuracy | class accuracy | BF | ISBI mIoU | ISBI accuracy | ISBI BF | parameters | \
multiply-adds | images/s in training | ms a prediction | papers |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
{table}

The picture's nets were trained for 2 minutes each on the embedded landscapes.

## Pretrained weights

An FCN's encoder starts from torchvision's ImageNet weights, where they are in the cache (`TORCH_HOME`) or a network is
there, or from a file: `--encoder-weights vgg16.pth` takes a state dict of the classifier as torchvision lays it out, or
`.safetensors`; SegNet takes that of `vgg16_bn`, any other encoder one of timm's layout. Entries are matched by name and
shape; one that is missing is an error, and what the encoder has no use for is told. All layers of an FCN learn from
there, as in the paper; `--freeze-through 32` keeps the encoder as it is, which is the paper's "fixed" ablation.

## As the authors trained them

{recipes}
"""
RECIPES_PAGE = """\
`pixelwise train --recipe fcn|segnet|unet` trains by the authors' solvers (their constants, with sources, stand in
tests/training/test_authors.py), on images whole and as they are. Both columns: {minutes:g} minutes on {cores}, from
random weights at the width of the row, all else equal; U-Net on the 6 held-out slices of ISBI-2012, the others on
CamVid's 233 test images at 180x240. The recipes are for tens of thousands of steps from ImageNet weights: minutes
from random ones show what a solver does early on, not what it ends at.

| net | recipe | steps, default | mIoU, default | steps, authors' | mIoU, authors' |
|---|---|---|---|---|---|
{table}

What differs from the authors, and why: a rate of FCN's summed loss belongs to images of 500x375 pixels and is scaled
to the images at hand; FCN-16s and FCN-8s keep the rate of FCN-32s. The authors' 1e-12 and 1e-14, like the factors
0.01 and 0.0001 of the at-once net, make up for maps of Caffe's VGG16 on pixels of 0..255 that are larger by as much.
The maps of torchvision's VGG16 on normalised images are not. Root mean square of what the score layers see,
He-initialised weights, CamVid at 180x240: {activations}. Over {steps} steps of `--recipe fcn` from there, FCN-8s, the
loss falls {adapted} at the adapted rate and {published} at the authors' 1e-14; the weights of `score_pool3` reach a
root mean square of {skip_adapted} and {skip_published}.
"""
RECIPE_STEPS = 80


@dataclass(frozen=True)
class Net:
    """A row of the table: `width` is what two cores can train in the time, `paper` what its authors report."""

    model: str
    encoder: str | None = None
    width: float | None = None
    paper: str = ""

    @property
    def title(self) -> str:
        words = [self.model, self.encoder or "", "" if self.width is None else f"width {self.width:g}"]
        return " ".join(word for word in words if word)

    @property
    def arguments(self) -> list[str]:
        given = {"--model": self.model, "--encoder": self.encoder, "--width": self.width}
        return [part for key, value in given.items() if value is not None for part in (key, str(value))]


NETS = (
    Net("fpn", paper="-"),
    Net("fcn32s", "vgg16_bn", 0.25, "VOC 2011 val mIoU 63.6 (reference code), pretrained, 500 px"),
    Net("fcn16s", "vgg16_bn", 0.25, "VOC 2011 val mIoU 65.0 (reference code), from FCN-32s"),
    Net("fcn8s", "vgg16_bn", 0.25, "VOC 2011 val mIoU 65.5; CamVid, 367 images, 57.0"),
    Net("segnet", None, 0.25, "CamVid 360x480, 3,433 images: 60.1, BF 46.8; 367 images: 46.4"),
    Net("segnet_basic", None, 0.5, "-"),
    Net("bayesian_segnet", None, 0.25, "-"),
    Net("unet", None, 0.25, "ISBI 2012, hidden test: Rand 0.0382, pixel error 0.0611"),
    Net("deeplabv3plus", None, 0.5, "-"),
)


RECIPE_NETS = (
    (Net("fcn32s", "alexnet", 0.5), "fcn"),
    (Net("fcn8s", "googlenet", 0.5), "fcn"),
    (Net("fcn8s", "vgg16", 0.25), "fcn"),
    (Net("segnet", None, 0.25), "segnet"),
    (Net("segnet_basic", None, 0.5), "segnet"),
    (Net("unet", None, 0.25), "unet"),
)
"""The classics with the recipe of their authors."""
PRETRAINED = ("fpn", "deeplabv3plus")
"""The models whose default encoder has ImageNet weights without a network."""


@dataclass(frozen=True)
class Job:
    """One training: a net on a data set for so many minutes, in a directory of its own."""

    net: Net
    data: Path
    minutes: float
    run: Path
    recipe: str | None = None

    def __call__(self) -> None:
        """Train and evaluate, unless that has been done."""
        options = self.net.arguments
        if self.net.model not in PRETRAINED:
            options.append("--no-pretrained")
        if self.recipe is not None:
            options += ["--recipe", self.recipe]
        train_and_evaluate(self.data, self.run, self.minutes, options)

    @property
    def done(self) -> bool:
        return (self.run / "test.json").is_file()


def jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Yield every training there is data for, the longest first."""
    camvid, scenes = args.out / "data" / "camvid", args.out / "data" / "landscapes"
    kinds: list[tuple[str, Path | None, float]] = [
        ("camvid", args.camvid and camvid, args.minutes),
        ("camvid-short", args.camvid and camvid, SHORT_MINUTES),
        ("isbi", args.isbi, SHORT_MINUTES),
        ("landscapes", scenes, SCENE_MINUTES),
    ]
    for name, data, minutes in kinds:
        for net in NETS:
            if data is not None and (args.only is None or net.model in args.only):
                yield Job(net, data, minutes, args.out / net.title.replace(" ", "-") / name)


def recipe_jobs(args: argparse.Namespace) -> Iterator[tuple[Job, Job]]:
    """Yield two trainings a classic: by the default recipe, and by its authors'."""
    for net, recipe in RECIPE_NETS:
        data = args.isbi if recipe == "unet" else args.out / "data" / "camvid"
        folder = args.out / net.title.replace(" ", "-")
        default, published = (folder / f"{kind}-{args.recipes:g}" for kind in ("default", recipe))
        yield Job(net, data, args.recipes, default), Job(net, data, args.recipes, published, recipe)


def recipes_measured(args: argparse.Namespace) -> dict[str, Any]:
    """Train by both recipes, and return what docs/classics.json keeps of them."""
    pairs = list(recipe_jobs(args))
    on_cores(args.cores, [job for pair in pairs for job in pair])
    rows = []
    for default, published in pairs:
        cells = []
        for job in (default, published):
            steps, _ = steps_and_seconds(job.run)
            cells.append({"steps": steps, "miou": json.loads((job.run / "test.json").read_text())["miou"]})
        rows.append({"net": default.net.title, "recipe": published.recipe, "default": cells[0], "authors": cells[1]})
    return {"minutes": args.recipes, "cores": len(args.cores), "rows": rows} | activations(args.out / "data" / "camvid")


def activations(camvid: Path) -> dict[str, Any]:
    """Measure the maps that FCN-8s scores, and what its summed loss learns at the adapted and at the published rate."""
    import torch

    from pixelwise.data.check import check
    from pixelwise.training.loop import Trainer
    from pixelwise.training.options import TrainOptions
    from pixelwise.training.paper_recipes import FCN_STAGES
    from pixelwise.training.planning.plan import make_config
    from pixelwise.training.samples import SampleStore, batch_at
    from pixelwise.training.weights import build_pipeline

    data = pw.open_dataset(camvid)
    options = TrainOptions(model="fcn8s", encoder="vgg16", width=0.25, pretrained=False, recipe="fcn")
    config = make_config(options, data, check(data), "", long=False)
    store = SampleStore(data, data.splits["train"][:64])
    result: dict[str, Any] = {"steps": RECIPE_STEPS}
    for name, rate in (("adapted", config.recipe.learning_rate), ("published", FCN_STAGES["fcn8s"])):
        recipe = config.recipe.model_copy(update={"steps": RECIPE_STEPS, "learning_rate": rate})
        pipeline = build_pipeline(config, pretrained=False)
        model = pipeline.model
        if name == "adapted":
            images = batch_at(store, recipe, 0, 0).images.permute(0, 3, 1, 2) / 255
            mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (pipeline.mean, pipeline.std))
            with torch.no_grad():
                maps = model.eval().encoder((images - mean) / std)
            result["rms"] = [float(features.square().mean().sqrt()) for features in maps]
        trainer = Trainer(pipeline, recipe, 0)
        trainer.pipeline.train()
        losses = [trainer.train_step(batch_at(store, recipe, 0, step)) for step in range(RECIPE_STEPS)]
        skip = model.get_submodule("head.score_pool3").weight
        result[name] = {
            "losses": [statistics.mean(losses[:8]), statistics.mean(losses[-8:])],
            "score_pool3": float(skip.detach().square().mean().sqrt()),
        }
    return result


def recipes_section(measured: dict[str, Any] | None) -> str:
    """Return the page's part on the authors' recipes."""
    if measured is None:
        return "Not measured yet: `python benchmarks/classics.py OUT --camvid DIR --isbi DIR --recipes 3`."
    lines = []
    for entry in measured["rows"]:
        cells = [f"{entry[kind]['steps']:,} | {entry[kind]['miou']:.3f}" for kind in ("default", "authors")]
        lines.append(f"| {entry['net']} | {entry['recipe']} | {cells[0]} | {cells[1]} |")
    fall = {name: "from {:,.0f} to {:,.0f}".format(*measured[name]["losses"]) for name in ("adapted", "published")}
    named = zip(("pool3", "pool4", "fc7"), measured["rms"], strict=True)
    page = RECIPES_PAGE.format(
        minutes=measured["minutes"],
        cores="one core each" if measured["cores"] else "all cores of the machine",
        table="\n".join(lines),
        activations=", ".join(f"{name} {value:.2f}" for name, value in named),
        steps=measured["steps"],
        adapted=fall["adapted"],
        published=fall["published"],
        skip_adapted=f"{measured['adapted']['score_pool3']:.1e}",
        skip_published=f"{measured['published']['score_pool3']:.1e}",
    )
    *before, last = page.rstrip("\n").split("\n\n")
    return "\n\n".join([*before, textwrap.fill(last, 118, break_on_hyphens=False)])


def prepare(args: argparse.Namespace) -> None:
    scenes, camvid = args.out / "data" / "landscapes", args.out / "data" / "camvid"
    if not scenes.is_dir():
        write_scenes(scenes, 0)
    if args.camvid is not None and not camvid.is_dir():
        shrunk(pw.open_dataset(args.camvid), camvid, scaled_size(args))


def shrunk(data: Dataset, out: Path, size: tuple[int, int]) -> None:
    """Write `data` at `size` (height, width) in the plain layout: images averaged, label maps by nearest neighbour."""
    for split, item in data.items():
        sample = data.read(item)
        image = Image.fromarray(sample.image).resize(size[::-1], Image.Resampling.BOX)
        label_map = Image.fromarray(sample.label_map).resize(size[::-1], Image.Resampling.NEAREST)
        for kind, picture in (("images", image), ("masks", label_map)):
            folder = out / split / kind
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{item.name}.png")
    (out / "classes.yaml").write_text(yaml.safe_dump({"classes": data.classes.to_dict()}, sort_keys=False))


def scaled_size(args: argparse.Namespace) -> tuple[int, int]:
    height, width = CAMVID_SIZE
    return round(args.scale * height), round(args.scale * width)


Measured = dict[str, dict[str, Any]]
"""By a net's title what was measured of it: scores by the name of the run, and its costs."""


def measure(args: argparse.Namespace) -> Measured:
    """Return docs/classics.json with what lies in OUT, and write it back."""
    measured: Measured = gathered(GATHERED)
    for job in jobs(args):
        if not job.done or job.run.name == "landscapes":
            continue
        of_net = measured.setdefault(job.net.title, {})
        of_net.pop("outdated", None)
        scores = json.loads((job.run / "test.json").read_text())
        speed = {"images_per_second": images_per_second(job.run)}
        of_net[job.run.name] = {key: scores[key] for key in SCORES} | speed
        if job.run.name == "camvid":
            of_net["costs"] = costs(job)
    GATHERED.write_text(json.dumps(measured, indent=1) + "\n")
    return measured


def costs(job: Job) -> dict[str, float]:
    """Return trainable parameters, multiply-adds at the size of CamVid, and the milliseconds of one prediction."""
    data = pw.open_dataset(job.data)
    image = data.read(data.splits["test"][0]).image
    size = [str(side) for side in image.shape[:2]]
    line = [sys.executable, "-m", "pixelwise", "inspect", str(job.run), "--size", *size, "--json"]
    counted = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    model = pw.load(job.run)
    seconds = []
    for _ in range(PREDICTIONS):
        started = time.perf_counter()
        model.predict(image)
        seconds.append(time.perf_counter() - started)
    counts = {key: counted[key] for key in ("parameters", "multiply_adds")}
    return counts | {"prediction_ms": 1000 * statistics.median(seconds)}


def row(net: Net, measured: Measured) -> str:
    """Return a net's line of the table; what was not run is left blank."""
    of_net = measured.get(net.title, {})
    keys = [("camvid-short", "miou"), *(("camvid", key) for key in SCORES)]
    keys += [("isbi", key) for key in ("miou", "global_accuracy", "boundary_f1")]
    cells = [net.title, *(f"{of_net[run][key]:.3f}" if run in of_net else "" for run, key in keys)]
    if "costs" in of_net:
        cost = of_net["costs"]
        cells += [f"{cost['parameters'] / 1e6:.2f} M", f"{cost['multiply_adds'] / 1e9:.2f} G"]
        cells += [f"{of_net['camvid']['images_per_second']:.1f}", f"{cost['prediction_ms']:.0f}"]
    else:
        cells += [""] * 4
    return f"| {' | '.join([*cells, net.paper])} |"


def draw(args: argparse.Namespace) -> None:
    """Draw one landscape, its truth, and what every net makes of it."""
    data = pw.open_dataset(args.out / "data" / "landscapes")
    sample = data.read(data.splits["test"][3])
    pictures = {"photo": sample.image, "truth": overlay(sample.image, sample.label_map, data.classes)}
    for job in jobs(args):
        if job.run.name == "landscapes" and job.done:
            pictures[job.net.title] = pw.load(job.run).predict(sample.image).overlay()
    while len(pictures) % COLUMNS:
        pictures[" " * len(pictures)] = np.full_like(sample.image, 255)
    names, images = list(pictures), list(pictures.values())
    rows = [labelled_row(images[i : i + COLUMNS], names[i : i + COLUMNS]) for i in range(0, len(images), COLUMNS)]
    rows.append(legend(data.classes, side_by_side(images[:COLUMNS]).shape[1]))
    Image.fromarray(np.asarray(stacked(rows))).save(DOCS / "classics.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--camvid", type=Path)
    parser.add_argument("--isbi", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted({net.model for net in NETS}))
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--recipes", type=float)
    args = parser.parse_args()
    for given in (args.camvid, args.isbi):
        if given is not None and not given.is_dir():
            sys.exit(f"{given}: no such directory")
    if args.recipes is not None and None in (args.camvid, args.isbi):
        sys.exit("--recipes trains on both data sets: give --camvid and --isbi")
    prepare(args)
    if args.recipes is not None:
        kept = gathered(RECIPES) if args.only == [] else recipes_measured(args)
        RECIPES.write_text(json.dumps(kept, indent=1) + "\n")
    else:
        on_cores(args.cores, jobs(args))
    args.only = None
    measured = measure(args)
    table = "\n".join(row(net, measured) for net in NETS)
    cores = "one core each" if args.cores else "all cores of the machine"
    size = "x".join(map(str, scaled_size(args)))
    recipes = recipes_section(gathered(RECIPES) or None)
    old = [f"`{title}`" for title, of_net in measured.items() if of_net.get("outdated")]
    outdated = f"Measured on an earlier version of the net: {', '.join(old)}.\n" if old else ""
    page = PAGE.format(table=table, minutes=args.minutes, size=size, cores=cores, recipes=recipes, outdated=outdated)
    (DOCS / "classics.md").write_text(page, encoding="utf-8")
    if args.recipes is None:
        draw(args)


if __name__ == "__main__":
    main()
