"""Objects on the nuclei of the Data Science Bowl 2018, beside StarDist and Mask R-CNN: tables and pictures in docs/.

    python benchmarks/nuclei.py DSB2018 OUT [--kind fluorescence|all] [--minutes 30] [--stardist PYTHON]
        [--maskrcnn PYTHON] [--rates 3e-4 1e-3]

DSB2018 holds images/, instances/ and index.csv, which gives each image's kind and split. The interpreters are those of
environments that have StarDist with tensorflow, and torchvision with timm; without one the peer is left out. Each
training has all cores to itself for the same minutes; a peer's learning rate is the one of `--rates` that does best on
the validation images. Predictions are instance maps in OUT, scored here by the same code. A finished training is not
repeated. Writes docs/nuclei.md and docs/nuclei.png, for all kinds docs/nuclei_all.md and docs/nuclei_all.png: what is
found in each kind, and where least is.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import pixelwise as pw
from lab.schedule import train_and_evaluate
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.inference.engines.onnxruntime import available_cores
from pixelwise.instances.objects import Objects, numbered, objects_of
from pixelwise.metrics.instances import InstanceScorer, InstanceScores, matched
from pixelwise.nn.encoders.timm import PACKAGED, packaged_file
from pixelwise.render import labelled_row, object_errors, object_overlay, stacked

UInt8 = npt.NDArray[np.uint8]

ALL = "all"
DOCS = Path(__file__).parent.parent / "docs"
PAGE = """# Nuclei, beside StarDist and Mask R-CNN

![Test images, the truth, and what each found](nuclei.png)

Written by `benchmarks/nuclei.py`: the {kind} images of the Data Science Bowl 2018, {train} for training, {val} for
validation, {test} for the test, on the same {cores} cores one after the other, {minutes:g} minutes of wall time each.
pixelwise and Mask R-CNN start from the same ImageNet weights, StarDist from random ones, as its authors do; all three
learn from images turned by quarters and mirrored, pixelwise by `--rotate`. A peer's learning rate is {rates}. TP / (TP
+ FN + FP) of all test images' objects together, by the IoU from which on two are the same.

| | rate | 0.5 | 0.6 | 0.7 | 0.8 | 0.9 | mean of images at 0.5 / 0.7 / 0.9 | panoptic quality |
|---|---|---|---|---|---|---|---|---|
{table}

For comparison, published on a split of the same size (Schmidt et al., MICCAI 2018, arXiv:1806.03535, table 1, on
GPUs): StarDist 0.864 / 0.685 / 0.119 at 0.5 / 0.7 / 0.9, Mask R-CNN 0.832 / 0.684 / 0.189, U-Net 0.806 / 0.654 / 0.226.
"""
ALL_PAGE = """# Nuclei of every kind

![Test images in which least was found: the image, the truth, what was found, and the errors](nuclei_all.png)

Written by `benchmarks/nuclei.py`: all images of the Data Science Bowl 2018, {train} for training, {val} for validation,
{test} for the test, on {cores} cores in {minutes:g} minutes of wall time. TP / (TP + FN + FP) of all test images'
objects together, by the IoU from which on two are the same. Above, of each kind the test image in which least was
found: matched objects are green, missed ones blue, invented ones red.

| images | number | 0.5 | 0.6 | 0.7 | 0.8 | 0.9 | mean of images at 0.5 / 0.7 / 0.9 | panoptic quality |
|---|---|---|---|---|---|---|---|---|
{table}
"""
SHOWN = 3
"""Test images in the picture: the first whose objects are many."""
SHOWN_SIDE = 256
"""Of them so many rows and columns at most."""
Found = Callable[[str], Objects]
"""From a test image's name to what was found in it."""


@dataclass(frozen=True)
class Row:
    """A line of the table and a column of the picture."""

    name: str
    rate: str
    scores: InstanceScores
    found: Found


def arranged(source: Path, out: Path, kind: str) -> Dataset:
    """Return the data set of the images of one kind: a copy of their folders, and a list for each split."""
    folder = out / kind
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("images", "instances"):
        if not (folder / name).exists():
            shutil.copytree(source / name, folder / name)
    rows = [row for row in index(source) if kind in (ALL, row["kind"])]
    for split in ("train", "val", "test"):
        names = [row["name"] for row in rows if row["split"] == split]
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    return pw.open_dataset(folder)


def index(source: Path) -> list[dict[str, str]]:
    """Return what is known of each image: its name, kind and split, among others."""
    with (source / "index.csv").open() as file:
        return list(csv.DictReader(file))


def ours(args: argparse.Namespace, data: Dataset) -> Row:
    run = args.out / f"pixelwise-{args.kind}-{args.minutes:g}"
    train_and_evaluate(data.root, run, args.minutes, ["--task", "instance", "--rotate"])
    predictor = pw.load(run)

    @cache
    def found(name: str) -> Objects:
        objects = predictor.predict(data.root / "images" / f"{name}.png").instances
        assert objects is not None
        return objects

    return Row("pixelwise", "its own", scored(data, "test", found), found)


def theirs(args: argparse.Namespace, data: Dataset, name: str, script: str, interpreter: str) -> Row:
    """Return a peer's scores at the rate that does best on the validation images."""
    val = {}
    for rate in args.rates:
        run = args.out / f"{name.replace(' ', '-')}-{args.kind}-{args.minutes:g}-{rate:g}"
        if not (run / "done.json").is_file():
            print(f"{run}: {args.minutes:g} minutes", flush=True)
            line = [interpreter, Path(__file__).with_name(script), data.root, run, "--minutes", args.minutes]
            line += ["--rate", rate, "--encoder-weights", packaged_file(PACKAGED["efficientnet_lite1"])]
            with run.with_name(f"{run.name}.log").open("w") as log:
                subprocess.run([str(part) for part in line], check=True, stdout=log, stderr=log)
        val[run] = scored(data, "val", stored(run / "val")).dsb
    best = max(val, key=lambda run: sum(val[run].values()))
    found = stored(best / "test")
    return Row(name, best.name.rpartition("-")[2], scored(data, "test", found), found)


def stored(folder: Path) -> Found:
    """Return what a peer wrote: an instance map a name, and the scores of its objects by their ids."""

    def found(name: str) -> Objects:
        instance_map, ids = numbered(np.asarray(Image.open(folder / f"{name}.png")).astype(np.int32))
        score = np.array(json.loads((folder / f"{name}.json").read_text()), np.float32)
        return Objects(instance_map, np.ones(len(ids), np.int32), score[ids - 1])

    return found


def scored(data: Dataset, split: str, found: Found) -> InstanceScores:
    return scores_of(data, data.splits[split], found)


def scores_of(data: Dataset, items: Iterable[Item], found: Found) -> InstanceScores:
    scorer = InstanceScorer(data.classes)
    for item in items:
        scorer.update(found(item.name), truth(data.read(item)))
    return scorer.scores()


def truth(sample: Sample) -> Objects:
    assert sample.instance_map is not None
    return objects_of(sample.label_map, sample.instance_map)


def line(name: str, second: str, scores: InstanceScores) -> str:
    each = " / ".join(f"{scores.dsb_of_images[key]:.3f}" for key in ("0.5", "0.7", "0.9"))
    cells = [name, second, *(f"{value:.3f}" for value in scores.dsb.values()), each, f"{scores.pq:.3f}"]
    return f"| {' | '.join(cells)} |"


def write_all(args: argparse.Namespace, data: Dataset, own: Row) -> None:
    """Write what was found in all images and in each kind, with the image of each in which least was."""
    kinds = {row["name"]: row["kind"] for row in index(args.dsb2018)}
    items = data.splits["test"]
    lines, sheets = [line(ALL, str(len(items)), own.scores)], []
    for kind in sorted(set(kinds.values())):
        members = [item for item in items if kinds[item.name] == kind]
        lines.append(line(kind, str(len(members)), scores_of(data, members, own.found)))
        worst = min(members, key=lambda item: scores_of(data, [item], own.found).dsb["0.5"])
        sheets.append(failure(data.read(worst), own.found(worst.name)))
    table = "\n".join(lines)
    print(table)
    counts = {split: len(members) for split, members in data.splits.items()}
    page = ALL_PAGE.format(minutes=args.minutes, cores=available_cores(), table=table, **counts)
    (DOCS / "nuclei_all.md").write_text(page)
    Image.fromarray(stacked(sheets)).save(DOCS / "nuclei_all.png", optimize=True)


def failure(sample: Sample, found: Objects) -> UInt8:
    """Return a row of pictures of one size, of where errors are many: the image, the truth, what was found, and the
    errors."""
    target, image = truth(sample), brightened(sample.image)
    right, partner = matched(found, target)
    missed = np.append(False, ~partner)[target.instance_map] * target.instance_map
    invented = np.append(False, ~right)[found.instance_map] * (found.instance_map + len(target))
    box = crowded(np.where(missed > 0, missed, invented))
    drawn = [image, *(object_overlay(image, own.instance_map) for own in (target, found))]
    drawn.append(object_errors(image, found.instance_map, target.instance_map, right, partner))
    square = [np.zeros((SHOWN_SIDE, SHOWN_SIDE, 3), np.uint8) for _ in drawn]
    for canvas, pixels in zip(square, drawn, strict=True):
        part = pixels[box]
        canvas[: part.shape[0], : part.shape[1]] = part
    return labelled_row(square, ["image", "truth", "found", "errors"])


def brightened(image: UInt8) -> UInt8:
    return np.clip(image.astype(float) * 255 / max(1, np.percentile(image, 99.5)), 0, 255).astype(np.uint8)


def crowded(instance_map: npt.NDArray[np.int32]) -> tuple[slice, slice]:
    """Return the part of an image, `SHOWN_SIDE` a side at most, in which most objects lie."""
    sides = [min(SHOWN_SIDE, side) for side in instance_map.shape]
    starts = (range(0, full - side + 1, SHOWN_SIDE // 4) for full, side in zip(instance_map.shape, sides, strict=True))
    boxes = [(slice(row, row + sides[0]), slice(column, column + sides[1])) for row, column in product(*starts)]
    return max(boxes, key=lambda box: len(np.unique(instance_map[box])))


def picture(data: Dataset, rows: Sequence[Row]) -> UInt8:
    """Return crowded test images, a row each: the image, the truth, and what each found."""
    samples = ((item.name, data.read(item)) for item in data.splits["test"])
    fullest = sorted(samples, key=lambda pair: -len(np.unique(pair[1].instance_map)))[: 4 * SHOWN : 4]
    sheets = []
    for name, sample in fullest:
        assert sample.instance_map is not None
        box = crowded(sample.instance_map)
        image = np.ascontiguousarray(brightened(sample.image)[box])
        maps = {"truth": sample.instance_map, **{row.name: row.found(name).instance_map for row in rows}}
        drawn = [image, *(object_overlay(image, np.ascontiguousarray(own[box])) for own in maps.values())]
        sheets.append(labelled_row(drawn, ["image", *maps]))
    return stacked(sheets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=("fluorescence", ALL), default="fluorescence")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--stardist", help="interpreter that has StarDist")
    parser.add_argument("--maskrcnn", help="interpreter that has torchvision and timm")
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-4, 1e-3])
    args = parser.parse_args()
    if not (args.dsb2018 / "index.csv").is_file():
        sys.exit(f"{args.dsb2018}: no index.csv; give the folder with images/, instances/ and index.csv")
    data = arranged(args.dsb2018, args.out, args.kind)
    rows = [ours(args, data)]
    if args.kind == ALL:
        write_all(args, data, rows[0])
    for name, script, interpreter in (
        ("StarDist", "peer_stardist.py", args.stardist),
        ("Mask R-CNN", "peer_maskrcnn.py", args.maskrcnn),
    ):
        if interpreter:
            rows.append(theirs(args, data, name, script, interpreter))
    table = "\n".join(line(row.name, row.rate, row.scores) for row in rows)
    print(table)
    if args.stardist and args.maskrcnn and args.kind != ALL:
        counts = {split: len(items) for split, items in data.splits.items()}
        rates = " or ".join(f"{rate:g}" for rate in args.rates)
        if len(args.rates) > 1:
            rates += ", whichever did better on the validation images"
        page = PAGE.format(
            kind=args.kind, minutes=args.minutes, cores=available_cores(), rates=rates, table=table, **counts
        )
        (DOCS / "nuclei.md").write_text(page)
        Image.fromarray(picture(data, rows)).save(DOCS / "nuclei.png", optimize=True)


if __name__ == "__main__":
    main()
