"""The classics and the default at one budget of minutes and one resolution, as a table and a picture in docs/.

    python benchmarks/classics.py OUT [--camvid DIR] [--isbi DIR] [--only NAME ...] [--minutes 15] [--scale 1]

Trains every net of NETS on CamVid at 180x240 for 5 minutes and for `--minutes`, on ISBI-2012 (24 slices to train on,
6 held out) and on the embedded landscapes; evaluates each on the test images; then writes docs/classics.md and
docs/classics.png from what lies in OUT. A finished run is not repeated, so the command can be stopped and given again,
and `--only` trains a few nets at a time. `--scale 2` doubles height and width, `--minutes` is for those with a GPU.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

import pixelwise as pw
from pixelwise.formats.dataset import Dataset
from pixelwise.render import labelled_row, legend, overlay, side_by_side, stacked
from pixelwise.scenes import write_scenes

CAMVID_SIZE = (180, 240)
SHORT_MINUTES = 5.0
SCENE_MINUTES = 3.0
PREDICTIONS = 15
COLUMNS = 4
PAGE = """# The classics, side by side

![One landscape, every net](classics.png)

Written by `benchmarks/classics.py`. Every net had the same minutes on the same two cores, the recipe that
`pixelwise train` chooses, and CamVid's 367 training images at {size}; CamVid's columns are scores on its 233 test
images after {minutes:g} minutes, "5 min" is a run of its own. ISBI-2012: 24 slices to train on, 6 held out, the same
minutes. `fpn` and `deeplabv3plus` start from an encoder with ImageNet weights, all others from random ones; a width
below 1 is what two cores train in the time. "Papers" is what the authors report, under their own conditions.

| net | 5 min mIoU | mIoU | accuracy | class accuracy | BF | ISBI mIoU | ISBI accuracy | parameters | multiply-adds | \
images/s in training | ms a prediction | papers |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
{table}

The picture's nets were trained for 3 minutes each on the embedded landscapes.
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


@dataclass(frozen=True)
class Job:
    """One training: a net on a data set for so many minutes, in a directory of its own."""

    net: Net
    data: Path
    minutes: float
    run: Path

    def train(self) -> None:
        """Train and evaluate, unless that has been done."""
        if (self.run / "test.json").is_file():
            return
        shutil.rmtree(self.run, ignore_errors=True)  # a budget of minutes is not shared with an earlier attempt
        print(f"{self.net.title} on {self.data.name}, {self.minutes:g} minutes", flush=True)
        pixelwise = [sys.executable, "-m", "pixelwise"]
        budget = ["--out", str(self.run), "--minutes", str(self.minutes), "--no-pretrained"]
        if self.net.model in ("fpn", "deeplabv3plus"):
            budget.pop()
        subprocess.run([*pixelwise, "train", str(self.data), *budget, *self.net.arguments], check=True)
        line = [*pixelwise, "evaluate", str(self.run), str(self.data), "--split", "test", "--json"]
        (self.run / "test.json").write_text(subprocess.run(line, check=True, capture_output=True, text=True).stdout)

    @property
    def scores(self) -> dict[str, float]:
        scores: dict[str, float] = json.loads((self.run / "test.json").read_text())
        return scores


def jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Yield every training there is data for, the short ones first."""
    for net in NETS:
        folder = args.out / net.title.replace(" ", "-")
        if args.only and net.model not in args.only:
            continue
        yield Job(net, args.out / "data" / "landscapes", SCENE_MINUTES, folder / "landscapes")
        if args.camvid is not None:
            data = args.out / "data" / "camvid"
            yield Job(net, data, SHORT_MINUTES, folder / "camvid-short")
            yield Job(net, data, args.minutes, folder / "camvid")
        if args.isbi is not None:
            yield Job(net, args.isbi, args.minutes, folder / "isbi")


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


def prepare(args: argparse.Namespace) -> None:
    scenes, camvid = args.out / "data" / "landscapes", args.out / "data" / "camvid"
    if not scenes.is_dir():
        write_scenes(scenes, 0)
    if args.camvid is not None and not camvid.is_dir():
        shrunk(pw.open_dataset(args.camvid), camvid, scaled_size(args))


def scaled_size(args: argparse.Namespace) -> tuple[int, int]:
    height, width = CAMVID_SIZE
    return round(args.scale * height), round(args.scale * width)


def row(args: argparse.Namespace, net: Net) -> str:
    """Return a net's line of the table; what was not run is left blank."""
    done = {job.run.name: job for job in jobs(args) if job.net == net and (job.run / "test.json").is_file()}
    cells = [net.title]
    for name in ("camvid-short", "camvid"):
        scores = done[name].scores if name in done else None
        cells.append("" if scores is None else f"{scores['miou']:.3f}")
    keys = ("global_accuracy", "class_accuracy", "boundary_f1")
    cells += [f"{done['camvid'].scores[key]:.3f}" if "camvid" in done else "" for key in keys]
    keys = ("miou", "global_accuracy")
    cells += [f"{done['isbi'].scores[key]:.3f}" if "isbi" in done else "" for key in keys]
    cells += costs(done["camvid"]) if "camvid" in done else [""] * 4
    return " | ".join([*cells, net.paper])


def costs(job: Job) -> list[str]:
    """Return parameters, multiply-adds at the size of CamVid, training images/s and the time of one prediction."""
    data = pw.open_dataset(job.data)
    image = data.read(data.splits["test"][0]).image
    size = [str(side) for side in image.shape[:2]]
    line = [sys.executable, "-m", "pixelwise", "inspect", str(job.run), "--size", *size, "--json"]
    counted = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    config = yaml.safe_load((job.run / "config.yaml").read_text())
    last = (job.run / "history.csv").read_text().splitlines()[-1].split(",")
    rate = config["recipe"]["steps"] * config["recipe"]["batch"] / float(last[-1])
    model = pw.load(job.run)
    seconds = []
    for _ in range(PREDICTIONS):
        started = time.perf_counter()
        model.predict(image)
        seconds.append(time.perf_counter() - started)
    millions = counted["parameters"] / 1e6
    return [
        f"{millions:.2f} M",
        f"{counted['multiply_adds'] / 1e9:.2f} G",
        f"{rate:.1f}",
        f"{1000 * statistics.median(seconds):.0f}",
    ]


def draw(args: argparse.Namespace, docs: Path) -> None:
    """Draw one landscape, its truth, and what every net makes of it."""
    data = pw.open_dataset(args.out / "data" / "landscapes")
    sample = data.read(data.splits["test"][3])
    pictures = {"photo": sample.image, "truth": overlay(sample.image, sample.label_map, data.classes)}
    for job in jobs(args):
        if job.run.name == "landscapes" and (job.run / "model.onnx").is_file():
            pictures[job.net.title] = pw.load(job.run).predict(sample.image).overlay()
    while len(pictures) % COLUMNS:
        pictures[" " * len(pictures)] = np.full_like(sample.image, 255)
    names, images = list(pictures), list(pictures.values())
    rows = [labelled_row(images[i : i + COLUMNS], names[i : i + COLUMNS]) for i in range(0, len(images), COLUMNS)]
    rows.append(legend(data.classes, side_by_side(images[:COLUMNS]).shape[1]))
    Image.fromarray(np.asarray(stacked(rows))).save(docs / "classics.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--camvid", type=Path)
    parser.add_argument("--isbi", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted({net.model for net in NETS}))
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    prepare(args)
    for job in jobs(args):
        job.train()
    args.only = None
    docs = Path(__file__).parent.parent / "docs"
    table = "\n".join(f"| {row(args, net)} |" for net in NETS)
    text = PAGE.format(table=table, minutes=args.minutes, size="x".join(map(str, scaled_size(args))))
    (docs / "classics.md").write_text(text, encoding="utf-8")
    draw(args, docs)


if __name__ == "__main__":
    main()
