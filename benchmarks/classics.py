"""The classics and the default at one budget of minutes and one resolution, as a table and a picture in docs/.

    python benchmarks/classics.py OUT [--camvid DIR] [--isbi DIR] [--only NAME ...] [--cores 0 1] [--minutes 15]
                                  [--scale 1]

Trains every net of NETS on CamVid at 180x240 for 5 minutes and for `--minutes`, on ISBI-2012 (24 slices to train on,
6 held out) for 5, and on the embedded landscapes for 2; evaluates each on the test images. `--cores` trains as many
nets at once, each on one core. A finished run is not repeated, so the command can be stopped and given again, and
`--only` trains a few nets at a time, without a name none. What was measured is gathered in docs/classics.json, from
which docs/classics.md is written, and docs/classics.png is drawn from OUT. `--scale 2` doubles height and width: that
and `--minutes` are for those with a GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from budget import gathered, images_per_second, on_cores, train_and_evaluate
from PIL import Image

import pixelwise as pw
from pixelwise.formats.dataset import Dataset
from pixelwise.render import labelled_row, legend, overlay, side_by_side, stacked
from pixelwise.scenes import write_scenes

DOCS = Path(__file__).parent.parent / "docs"
GATHERED = DOCS / "classics.json"
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

| net | 5 min mIoU | mIoU | accuracy | class accuracy | BF | ISBI mIoU | ISBI accuracy | ISBI BF | parameters | \
multiply-adds | images/s in training | ms a prediction | papers |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
{table}

The picture's nets were trained for 2 minutes each on the embedded landscapes.
"""


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


PRETRAINED = ("fpn", "deeplabv3plus")
"""The models whose default encoder has ImageNet weights without a network."""


@dataclass(frozen=True)
class Job:
    """One training: a net on a data set for so many minutes, in a directory of its own."""

    net: Net
    data: Path
    minutes: float
    run: Path

    def __call__(self) -> None:
        """Train and evaluate, unless that has been done."""
        options = self.net.arguments
        if self.net.model not in PRETRAINED:
            options.append("--no-pretrained")
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
    args = parser.parse_args()
    for given in (args.camvid, args.isbi):
        if given is not None and not given.is_dir():
            sys.exit(f"{given}: no such directory")
    prepare(args)
    on_cores(args.cores, jobs(args))
    args.only = None
    measured = measure(args)
    table = "\n".join(row(net, measured) for net in NETS)
    cores = "one core each" if args.cores else "all cores of the machine"
    size = "x".join(map(str, scaled_size(args)))
    page = PAGE.format(table=table, minutes=args.minutes, size=size, cores=cores)
    (DOCS / "classics.md").write_text(page, encoding="utf-8")
    draw(args)


if __name__ == "__main__":
    main()
