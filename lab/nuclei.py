"""Objects on the nuclei of the Data Science Bowl 2018, beside StarDist and Mask R-CNN: a table and a picture.

    python -m lab.nuclei DSB2018 OUT [--kind fluorescence|all] [--minutes 30] [--stardist PYTHON] [--maskrcnn PYTHON]
        [--rates 3e-4 1e-3]

DSB2018 holds images/, instances/ and index.csv, which gives each image's kind and split. The interpreters are those of
environments that have StarDist with tensorflow, and torchvision with timm; without one the peer is left out. Each
training has all cores to itself for the same minutes. A peer's learning rate is the one of `--rates` that does best on
the validation images. A finished training is not repeated. Writes docs/experiments/nuclei.md and nuclei.png, for all
kinds nuclei_all.md and nuclei_all.png: the scores of each kind, and its worst image.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lab.page import format_page, format_table
from lab.peer import SCRIPTS, Peer, train_at_best_rate
from lab.schedule import Training, train_and_evaluate
from lab.store import Places, Store, make_origin, start_suite
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.inference.loading import load
from pixelwise.instances.objects import Objects, objects_from_maps, renumber
from pixelwise.metrics.instances import InstanceScorer, InstanceScores, match_objects
from pixelwise.nn.encoders.timm import PACKAGED, packaged_file
from pixelwise.render import join_column, join_row_with_captions, object_errors, object_overlay

UInt8 = npt.NDArray[np.uint8]

ALL = "all"
TEXT = """\
The {kind} images of the Data Science Bowl 2018: {train} for training, {val} for validation, {test} for the test. The
three packages trained on the same cores, one after the other, for {minutes:g} minutes of wall time each. pixelwise
and Mask R-CNN start from the same ImageNet weights; StarDist starts from random weights, as its authors do. All
three train on images that are rotated by multiples of 90 degrees and mirrored (pixelwise with `--rotate`). The
learning rate of StarDist and Mask R-CNN is {rates}. Scores are TP / (TP + FN + FP) over the objects of all test
images together, at increasing IoU thresholds."""
PUBLISHED = """\
For comparison, scores that were published for a split of the same size (Schmidt et al., MICCAI 2018, arXiv:1806.03535,
table 1, trained on GPUs): StarDist 0.864 / 0.685 / 0.119 at 0.5 / 0.7 / 0.9, Mask R-CNN 0.832 / 0.684 / 0.189, U-Net
0.806 / 0.654 / 0.226."""
ALL_TEXT = """\
All images of the Data Science Bowl 2018: {train} for training, {val} for validation, {test} for the test. pixelwise
trained for {minutes:g} minutes of wall time. Scores are TP / (TP + FN + FP) over the objects of all test images
together, at increasing IoU thresholds. The picture shows the worst test image of each kind: matched objects are
green, missed objects blue, false objects red."""
HEAD = ("0.5", "0.6", "0.7", "0.8", "0.9", "mean of images at 0.5 / 0.7 / 0.9", "panoptic quality")
SHOWN = 3
"""Test images in the picture: the first whose objects are many."""
SHOWN_SIDE = 256
"""Of them at most this many rows and columns."""
Prediction = Callable[[str], Objects]
"""From a test image's name to the objects that were predicted in it."""


@dataclass(frozen=True)
class Result:
    """A row of the table and a column of the picture."""

    name: str
    rate: str
    scores: InstanceScores
    predict: Prediction


def select_kind(source: Path, out: Path, kind: str) -> Dataset:
    """Return the data set of the images of one kind: a copy of their folders, and a list for each split."""
    folder = out / kind
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("images", "instances"):
        if not (folder / name).exists():
            shutil.copytree(source / name, folder / name)
    rows = [row for row in read_index(source) if kind in (ALL, row["kind"])]
    for split in ("train", "val", "test"):
        names = [row["name"] for row in rows if row["split"] == split]
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    return open_dataset(folder)


def read_index(source: Path) -> list[dict[str, str]]:
    """Return what is known of each image: its name, kind and split, among others."""
    with (source / "index.csv").open() as file:
        return list(csv.DictReader(file))


def measure_pixelwise(args: argparse.Namespace, data: Dataset, train: Training) -> Result:
    """Return the scores of the default instance model."""
    run = args.out / f"pixelwise-{args.kind}-{args.minutes:g}"
    train(data.root, run, args.minutes, ["--task", "instance", "--rotate"])
    predictor = load(run)

    @cache
    def predict(name: str) -> Objects:
        objects = predictor.predict(data.root / "images" / f"{name}.png").instances
        if objects is None:
            raise TypeError(f"{run} is no instance model")
        return objects

    return Result("pixelwise", "its own", score(data, data.splits["test"], predict), predict)


def measure_peer(peer: Peer, args: argparse.Namespace, data: Dataset) -> Result:
    """Return a peer's scores at the rate that does best on the validation images."""

    def score_folder(folder: Path) -> float:
        return sum(score(data, data.splits["val"], read_objects(folder)).dsb.values())

    folder = args.out / f"peers-{args.kind}"
    (run,) = train_at_best_rate(peer, data.root, folder, [args.minutes], args.rates, score_folder).values()
    predict = read_objects(run.folder / "test")
    return Result(peer.name, f"{run.rate:g}", score(data, data.splits["test"], predict), predict)


def read_objects(folder: Path) -> Prediction:
    """Return a peer's predictions: an instance map a name, and the scores of its objects by their ids."""

    def predict(name: str) -> Objects:
        instance_map, ids = renumber(np.asarray(Image.open(folder / f"{name}.png")).astype(np.int32))
        confidence = np.array(json.loads((folder / f"{name}.json").read_text()), np.float32)
        return Objects(instance_map, np.ones(len(ids), np.int32), confidence[ids - 1])

    return predict


def score(data: Dataset, items: Iterable[Item], predict: Prediction) -> InstanceScores:
    """Return the scores of predictions of these images."""
    scorer = InstanceScorer(data.classes)
    for item in items:
        scorer.update(predict(item.name), true_objects(data.read(item)))
    return scorer.scores()


def true_objects(sample: Sample) -> Objects:
    """Return the labelled objects of a sample."""
    if sample.instance_map is None:
        raise TypeError("a sample without an instance map")
    return objects_from_maps(sample.label_map, sample.instance_map)


def list_figures(name: str, second: str, scores: InstanceScores) -> dict[str, Any]:
    """Return a row as it is stored."""
    images = {key: scores.dsb_of_images[key] for key in ("0.5", "0.7", "0.9")}
    return {"name": name, "second": second, "dsb": dict(scores.dsb), "dsb_of_images": images, "pq": scores.pq}


def format_row(figures: dict[str, Any]) -> list[str]:
    """Return a row of the table."""
    each = " / ".join(f"{value:.3f}" for value in figures["dsb_of_images"].values())
    dsb = [f"{value:.3f}" for value in figures["dsb"].values()]
    return [figures["name"], figures["second"], *dsb, each, f"{figures['pq']:.3f}"]


def make_page(store: Store) -> str:
    """Return the page beside the peers."""
    table = format_table(("", "rate", *HEAD), map(format_row, store["rows"]))
    picture = "![Test images, the truth, and the predictions](nuclei.png)"
    parts = [TEXT.format(**store["conditions"]), table, PUBLISHED]
    return format_page("Nuclei, beside StarDist and Mask R-CNN", store, parts, picture)


def make_page_of_kinds(store: Store) -> str:
    """Return the page of all kinds of images."""
    table = format_table(("images", "number", *HEAD), map(format_row, store["rows"]))
    picture = "![The worst test image of each kind: image, truth, prediction, errors](nuclei_all.png)"
    return format_page("Nuclei of every kind", store, [ALL_TEXT.format(**store["conditions"]), table], picture)


def compare_kinds(args: argparse.Namespace, data: Dataset, result: Result) -> tuple[list[dict[str, Any]], UInt8]:
    """Return rows of all images and of each kind, and a picture of the worst image of each kind."""
    kinds = {row["name"]: row["kind"] for row in read_index(args.dsb2018)}
    items = data.splits["test"]
    rows, sheets = [list_figures(ALL, str(len(items)), result.scores)], []
    for kind in sorted(set(kinds.values())):
        members = [item for item in items if kinds[item.name] == kind]
        rows.append(list_figures(kind, str(len(members)), score(data, members, result.predict)))
        worst = min(members, key=lambda item: score(data, [item], result.predict).dsb["0.5"])
        sheets.append(draw_errors(data.read(worst), result.predict(worst.name)))
    return rows, join_column(sheets)


def draw_errors(sample: Sample, prediction: Objects) -> UInt8:
    """Return a row of pictures of one size, of where errors are many: image, truth, prediction, errors."""
    target, image = true_objects(sample), brighten(sample.image)
    right, partner = match_objects(prediction, target)
    missed = np.append(False, ~partner)[target.instance_map] * target.instance_map
    false = np.append(False, ~right)[prediction.instance_map] * (prediction.instance_map + len(target))
    box = most_crowded_box(np.where(missed > 0, missed, false))
    pictures = [image, *(object_overlay(image, objects.instance_map) for objects in (target, prediction))]
    pictures.append(object_errors(image, prediction.instance_map, target.instance_map, right, partner))
    canvases = [np.zeros((SHOWN_SIDE, SHOWN_SIDE, 3), np.uint8) for _ in pictures]
    for canvas, pixels in zip(canvases, pictures, strict=True):
        part = pixels[box]
        canvas[: part.shape[0], : part.shape[1]] = part
    return join_row_with_captions(canvases, ["image", "truth", "prediction", "errors"])


def brighten(image: UInt8) -> UInt8:
    """Return the image with its 99.5th percentile at 255."""
    return np.clip(image.astype(float) * 255 / max(1, np.percentile(image, 99.5)), 0, 255).astype(np.uint8)


def most_crowded_box(instance_map: npt.NDArray[np.int32]) -> tuple[slice, slice]:
    """Return the part of an image, `SHOWN_SIDE` a side at most, in which most objects lie."""
    sides = [min(SHOWN_SIDE, side) for side in instance_map.shape]
    starts = (range(0, full - side + 1, SHOWN_SIDE // 4) for full, side in zip(instance_map.shape, sides, strict=True))
    boxes = [(slice(row, row + sides[0]), slice(column, column + sides[1])) for row, column in product(*starts)]
    return max(boxes, key=lambda box: len(np.unique(instance_map[box])))


def draw_results(data: Dataset, results: Sequence[Result]) -> UInt8:
    """Return crowded test images, a row each: the image, the truth, and the predictions."""
    samples = [(item.name, data.read(item)) for item in data.splits["test"]]
    fullest = sorted(samples, key=lambda pair: -len(true_objects(pair[1])))[: 4 * SHOWN : 4]
    sheets = []
    for name, sample in fullest:
        truth = true_objects(sample).instance_map
        box = most_crowded_box(truth)
        image = np.ascontiguousarray(brighten(sample.image)[box])
        maps = {"truth": truth, **{result.name: result.predict(name).instance_map for result in results}}
        pictures = [image, *(object_overlay(image, np.ascontiguousarray(ids[box])) for ids in maps.values())]
        sheets.append(join_row_with_captions(pictures, ["image", *maps]))
    return join_column(sheets)


def describe_rates(rates: Sequence[float]) -> str:
    """Return the learning rates that were tried, in words."""
    words = " or ".join(f"{rate:g}" for rate in rates)
    return f"{words}, whichever did better on the validation images" if len(rates) > 1 else words


def list_peers(args: argparse.Namespace) -> list[Peer]:
    """Return the peers that an environment was named for."""
    weights = ("--encoder-weights", str(packaged_file(PACKAGED["efficientnet_lite1"])))
    peers = [
        Peer("StarDist", SCRIPTS / "objects_stardist.py", args.stardist),
        Peer("Mask R-CNN", SCRIPTS / "objects_maskrcnn.py", args.maskrcnn, weights),
    ]
    return [peer for peer in peers if peer.interpreter is not None]


def main(
    arguments: Sequence[str] | None = None,
    places: Places = Places(),
    train: Training = train_and_evaluate,
    peers: Sequence[Peer] | None = None,
) -> None:
    """Run the suite; beside `peers`, those of `list_peers` where none are given."""
    words, parser = start_suite("nuclei", __doc__, arguments)
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=("fluorescence", ALL), default="fluorescence")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--stardist", type=Path, help="interpreter that has StarDist")
    parser.add_argument("--maskrcnn", type=Path, help="interpreter that has torchvision and timm")
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-4, 1e-3])
    args = parser.parse_args(words)
    if not (args.dsb2018 / "index.csv").is_file():
        parser.error(f"{args.dsb2018}: no index.csv; give the folder with images/, instances/ and index.csv")
    data = select_kind(args.dsb2018, args.out, args.kind)
    results = [measure_pixelwise(args, data, train)]
    suite = "nuclei_all" if args.kind == ALL else "nuclei"
    if args.kind == ALL:
        rows, picture = compare_kinds(args, data, results[0])
    else:
        results += [measure_peer(peer, args, data) for peer in (list_peers(args) if peers is None else peers)]
        rows = [list_figures(result.name, result.rate, result.scores) for result in results]
        picture = draw_results(data, results)
    conditions = {"kind": args.kind, "minutes": args.minutes, "rates": describe_rates(args.rates)}
    conditions |= {split: len(items) for split, items in data.splits.items()}
    store, origin = Store(suite, places), make_origin("nuclei", words, args)
    store.add("conditions", conditions, origin)
    store.add("rows", rows, origin)
    page = make_page_of_kinds(store) if args.kind == ALL else make_page(store)
    (places.pages / f"{suite}.md").write_text(page, encoding="utf-8")
    Image.fromarray(picture).save(places.pages / f"{suite}.png", optimize=True)
    print(page)


if __name__ == "__main__":
    main()
