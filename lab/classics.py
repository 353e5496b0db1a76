"""The classics and the default at one budget of minutes and one resolution, as a table and a picture.

    python -m lab.classics OUT [--camvid DIR] [--isbi DIR] [--only NAME ...] [--cores 0 1] [--minutes 15] [--scale 1]

Trains every net of NETS on CamVid at 180x240 for 5 minutes and for `--minutes`, on ISBI-2012 (24 slices to train on,
6 held out) for 5, and on the generated landscapes for 2; evaluates each on the test images. `--cores` trains as many
nets at once, each on one core. A finished run is not repeated, so the command can be stopped and given again. `--only`
trains a few nets at a time. `--scale 2` doubles height and width: that and `--minutes` are for those with a GPU. Writes
docs/experiments/classics.md, from all figures so far, and draws classics.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lab.datasets import CAMVID_SIZE, write_resized
from lab.page import format_page, format_table
from lab.schedule import Training, images_per_second, read_scores, run_on_cores, train_and_evaluate
from lab.store import Places, Store, make_origin, start_suite
from lab.timing import prediction_milliseconds
from pixelwise.data import open_dataset
from pixelwise.inference.loading import load
from pixelwise.render import UInt8, join_column, join_row, join_row_with_captions, legend, overlay
from pixelwise_scenes import write_scenes

SHORT_MINUTES = 5.0
SCENE_MINUTES = 2.0
COLUMNS = 4
SCORES = ("miou", "global_accuracy", "class_accuracy", "boundary_f1")
TEXT = """\
Every net was trained for the same minutes on one core, by the recipe that `pixelwise train` chooses. CamVid: 367
training images at {size}, and scores on its 233 test images after {minutes:g} minutes; "5 min mIoU" is from a
separate run of 5 minutes. ISBI-2012: 24 slices for training, 6 held out, 5 minutes. `fpn` and `deeplabv3plus` start
from an encoder with ImageNet weights, and train only its last layers. All others start from random weights, at a
width that one core can train in this time. BF is boundary F1. "ms a prediction" is the time for one CamVid image on
all cores. "Papers" is what the authors report, under their own conditions. Blank cells were not measured."""
PICTURE_TEXT = "The picture's nets were trained for 2 minutes each on the generated landscapes."
HEAD = (
    *("net", "5 min mIoU", "mIoU", "accuracy", "class accuracy", "BF", "ISBI mIoU", "ISBI accuracy", "ISBI BF"),
    *("parameters", "multiply-adds", "images/s in training", "ms a prediction", "papers"),
)
SCORED = 9
"""The column at which a second table begins: a page is not wide enough for all of them."""
CONDITIONS = "conditions"
PRETRAINED = ("fpn", "deeplabv3plus")
"""The models whose default encoder has ImageNet weights without a network."""


@dataclass(frozen=True)
class Net:
    """A row of the table: `width` is what two cores can train in the time, `paper` what its authors report."""

    model: str
    encoder: str | None = None
    width: float | None = None
    paper: str = "-"

    @property
    def title(self) -> str:
        words = [self.model, self.encoder or "", "" if self.width is None else f"width {self.width:g}"]
        return " ".join(word for word in words if word)

    @property
    def options(self) -> list[str]:
        """The options of `pixelwise train`."""
        given = {"--model": self.model, "--encoder": self.encoder, "--width": self.width}
        words = [part for key, value in given.items() if value is not None for part in (key, str(value))]
        return words if self.model in PRETRAINED else [*words, "--no-pretrained"]


NETS = (
    Net("fpn"),
    Net("fcn32s", "vgg16_bn", 0.25, "VOC 2011 val mIoU 63.6 (reference code), pretrained, 500 px"),
    Net("fcn16s", "vgg16_bn", 0.25, "VOC 2011 val mIoU 65.0 (reference code), from FCN-32s"),
    Net("fcn8s", "vgg16_bn", 0.25, "VOC 2011 val mIoU 65.5; CamVid, 367 images, 57.0"),
    Net("segnet", None, 0.25, "CamVid 360x480, 3,433 images: 60.1, BF 46.8; 367 images: 46.4"),
    Net("segnet_basic", None, 0.5),
    Net("bayesian_segnet", None, 0.25),
    Net("unet", None, 0.25, "ISBI 2012, hidden test: Rand 0.0382, pixel error 0.0611"),
    Net("deeplabv3plus", None, 0.5),
)


@dataclass(frozen=True)
class Job:
    """One training: a net on a data set for so many minutes, in a directory of its own."""

    net: Net
    data: Path
    minutes: float
    run: Path
    train: Training

    def __call__(self) -> None:
        self.train(self.data, self.run, self.minutes, self.net.options)

    @property
    def is_done(self) -> bool:
        return (self.run / "test.json").is_file()


def list_jobs(args: argparse.Namespace, train: Training) -> Iterator[Job]:
    """Yield every training there is data for, the longest first."""
    camvid = args.camvid and args.out / "data" / "camvid"
    kinds: list[tuple[str, Path | None, float]] = [
        ("camvid", camvid, args.minutes),
        ("camvid-short", camvid, SHORT_MINUTES),
        ("isbi", args.isbi, SHORT_MINUTES),
        ("landscapes", args.out / "data" / "landscapes", SCENE_MINUTES),
    ]
    for name, data, minutes in kinds:
        for net in NETS:
            if data is not None and (args.only is None or net.model in args.only):
                yield Job(net, data, minutes, args.out / net.title.replace(" ", "-") / name, train)


def write_data(args: argparse.Namespace) -> None:
    """Write the data sets that are not there yet."""
    scenes, camvid = args.out / "data" / "landscapes", args.out / "data" / "camvid"
    if not scenes.is_dir():
        write_scenes(scenes, 0)
    if args.camvid is not None and not camvid.is_dir():
        write_resized(open_dataset(args.camvid), camvid, scaled_size(args.scale))


def scaled_size(scale: float) -> tuple[int, int]:
    """Return the height and width of CamVid's images here."""
    height, width = CAMVID_SIZE
    return round(scale * height), round(scale * width)


def list_figures(jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """Return the figures of finished trainings, by the title of the net and the name of the run."""
    figures: dict[str, dict[str, Any]] = {}
    for job in jobs:
        if job.is_done and job.run.name != "landscapes":
            scores = read_scores(job.run)
            of_net = figures.setdefault(job.net.title, {})
            speed = {"images_per_second": images_per_second(job.run)}
            of_net[job.run.name] = {key: scores[key] for key in SCORES} | speed
            if job.run.name == "camvid":
                of_net["costs"] = measure_costs(job)
    return figures


def measure_costs(job: Job) -> dict[str, float]:
    """Return trainable parameters, multiply-adds at the size of CamVid, and the milliseconds of one prediction."""
    from pixelwise.analysis.inspect_target import from_run
    from pixelwise.analysis.summary import summarise

    data = open_dataset(job.data)
    image = data.read(data.splits["test"][0]).image
    target = from_run(job.run)
    summary = summarise(target.model, (image.shape[0], image.shape[1]), target.in_channels, effective=False)
    milliseconds = prediction_milliseconds(load(job.run), image)
    return {
        "parameters": summary.parameters,
        "multiply_adds": summary.multiply_adds,
        "prediction_ms": milliseconds,
    }


def format_row(net: Net, of_net: Mapping[str, Any]) -> list[str]:
    """Return a net's row of the table; what was not run is left blank."""
    keys = [("camvid-short", "miou"), *(("camvid", key) for key in SCORES)]
    keys += [("isbi", key) for key in ("miou", "global_accuracy", "boundary_f1")]
    cells = [net.title, *(f"{of_net[run][key]:.3f}" if run in of_net else "" for run, key in keys)]
    if "costs" in of_net:
        cost = of_net["costs"]
        cells += [f"{cost['parameters'] / 1e6:.2f} M", f"{cost['multiply_adds'] / 1e9:.2f} G"]
        cells += [f"{of_net['camvid']['images_per_second']:.1f}", f"{cost['prediction_ms']:.0f}"]
    else:
        cells += [""] * 4
    return [*cells, net.paper]


def make_page(store: Store) -> str:
    """Return the page. Entries are called by the titles of nets; `conditions` has the minutes and the size."""
    outdated = [f"`{title}`" for title, figures in store.items() if figures.get("outdated")]
    notice = f"Measured on an earlier version of the net: {', '.join(outdated)}." if outdated else ""
    rows = [HEAD, *(format_row(net, store.get(net.title, {})) for net in NETS)]
    tables = []
    for columns in (slice(1, SCORED), slice(SCORED, None)):
        head, *others = [[row[0], *row[columns]] for row in rows]
        tables.append(format_table(head, others))
    parts = [TEXT.format(**store[CONDITIONS]), notice, *tables, PICTURE_TEXT]
    return format_page("The classics, side by side", store, parts, "![One landscape, every net](classics.png)")


def draw_landscape(landscapes: Path, jobs: Sequence[Job]) -> UInt8:
    """Return a picture of one landscape, its truth, and the prediction of every net."""
    data = open_dataset(landscapes)
    sample = data.read(data.splits["test"][3])
    pictures = {"photo": sample.image, "truth": overlay(sample.image, sample.label_map, data.classes)}
    for job in jobs:
        if job.run.name == "landscapes" and job.is_done:
            pictures[job.net.title] = load(job.run).predict(sample.image).overlay()
    while len(pictures) % COLUMNS:
        pictures[" " * len(pictures)] = np.full_like(sample.image, 255)
    names, images = list(pictures), list(pictures.values())
    rows = [
        join_row_with_captions(images[i : i + COLUMNS], names[i : i + COLUMNS]) for i in range(0, len(images), COLUMNS)
    ]
    rows.append(legend(data.classes, join_row(images[:COLUMNS]).shape[1]))
    return join_column(rows)


def main(
    arguments: Sequence[str] | None = None, places: Places = Places(), train: Training = train_and_evaluate
) -> None:
    """Run the suite."""
    words, parser = start_suite("classics", __doc__, arguments)
    parser.add_argument("out", type=Path)
    parser.add_argument("--camvid", type=Path)
    parser.add_argument("--isbi", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted({net.model for net in NETS}))
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args(words)
    for folder in (args.camvid, args.isbi):
        if folder is not None and not folder.is_dir():
            parser.error(f"{folder}: no such directory")
    write_data(args)
    run_on_cores(args.cores, list_jobs(args, train))
    args.only = None
    jobs = list(list_jobs(args, train))
    store, origin = Store("classics", places), make_origin("classics", words, args)
    for title, figures in list_figures(jobs).items():
        earlier = {key: value for key, value in store.get(title, {}).items() if key != "outdated"}
        store.add(title, earlier | figures, origin)
    size = "x".join(map(str, scaled_size(args.scale)))
    store.add(CONDITIONS, {"minutes": args.minutes, "size": size}, origin)
    (places.pages / "classics.md").write_text(make_page(store), encoding="utf-8")
    Image.fromarray(draw_landscape(args.out / "data" / "landscapes", jobs)).save(
        places.pages / "classics.png", optimize=True
    )


if __name__ == "__main__":
    main()
