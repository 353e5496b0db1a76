"""Objects on the nuclei of the Data Science Bowl 2018, beside StarDist and Mask R-CNN: a table and a picture in docs/.

    python benchmarks/nuclei.py DSB2018 OUT [--kind fluorescence|all] [--minutes 30] [--stardist PYTHON]
        [--maskrcnn PYTHON] [--rates 3e-4 1e-3]

DSB2018 holds images/, instances/ and index.csv, which gives each image's kind and split. The interpreters are those of
environments that have StarDist with tensorflow, and torchvision with timm; without one the peer is left out. Each
training has all cores to itself for the same minutes; a peer's learning rate is the one of `--rates` that does best on
the validation images. Predictions are instance maps in OUT, scored here by the same code. A finished training is not
repeated. Writes docs/nuclei.md and docs/nuclei.png.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from budget import train_and_evaluate
from PIL import Image

import pixelwise as pw
from pixelwise.encoders.timm import PACKAGED, packaged_file
from pixelwise.formats.dataset import Dataset
from pixelwise.instances.objects import Objects, numbered, objects_of
from pixelwise.metrics.instances import InstanceScorer, InstanceScores
from pixelwise.predict.engine import available_cores
from pixelwise.render import labelled_row, object_overlay, stacked

DOCS = Path(__file__).parent.parent / "docs"
PAGE = """# Nuclei, beside StarDist and Mask R-CNN

![Test images, the truth, and what each found](nuclei.png)

Written by `benchmarks/nuclei.py`: the {kind} images of the Data Science Bowl 2018, {train} for training, {val} for
validation, {test} for the test, on the same {cores} cores one after the other, {minutes:g} minutes of wall time each.
pixelwise and Mask R-CNN start from the same ImageNet weights, StarDist from random ones, as its authors do. A peer's
learning rate is the one of {rates} that did best on the validation images. TP / (TP + FN + FP) of all test images'
objects together, by the IoU from which on two are the same.

| | rate | 0.5 | 0.6 | 0.7 | 0.8 | 0.9 | mean of images at 0.5 / 0.7 / 0.9 | panoptic quality |
|---|---|---|---|---|---|---|---|---|
{table}

For comparison, published on a split of the same size (Schmidt et al., MICCAI 2018, arXiv:1806.03535, table 1, on
GPUs): StarDist 0.864 / 0.685 / 0.119 at 0.5 / 0.7 / 0.9, Mask R-CNN 0.832 / 0.684 / 0.189, U-Net 0.806 / 0.654 / 0.226.
"""
SHOWN = 3
"""Test images in the picture: the first whose objects are many."""
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
    """Return the data set of the images of one kind: links to their folders, and a list for each split."""
    folder = out / kind
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("images", "instances"):
        if not (folder / name).exists():
            (folder / name).symlink_to((source / name).resolve())
    with (source / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if kind in ("all", row["kind"])]
    for split in ("train", "val", "test"):
        names = [row["name"] for row in rows if row["split"] == split]
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    return pw.open_dataset(folder)


def ours(args: argparse.Namespace, data: Dataset) -> Row:
    run = args.out / f"pixelwise-{args.kind}-{args.minutes:g}"
    train_and_evaluate(data.root, run, args.minutes, ["--task", "instance", "--rotate"])
    predictor = pw.load(run)

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
    scorer = InstanceScorer(data.classes)
    for item in data.splits[split]:
        sample = data.read(item)
        assert sample.instance_map is not None
        scorer.update(found(item.name), objects_of(sample.label_map, sample.instance_map))
    return scorer.scores()


def line(row: Row) -> str:
    dsb, images = row.scores.dsb, row.scores.dsb_of_images
    each = " / ".join(f"{images[key]:.3f}" for key in ("0.5", "0.7", "0.9"))
    cells = [row.name, row.rate, *(f"{value:.3f}" for value in dsb.values()), each, f"{row.scores.pq:.3f}"]
    return f"| {' | '.join(cells)} |"


def picture(data: Dataset, rows: Sequence[Row]) -> np.ndarray:
    """Return crowded test images, a row each: the image, the truth, and what each found."""
    samples = ((item.name, data.read(item)) for item in data.splits["test"])
    crowded = sorted(samples, key=lambda pair: -len(np.unique(pair[1].instance_map)))[: 4 * SHOWN : 4]
    sheets = []
    for name, sample in crowded:
        assert sample.instance_map is not None
        box = tuple(slice(0, min(256, side)) for side in sample.label_map.shape)
        bright = np.clip(sample.image.astype(float) * 255 / max(1, np.percentile(sample.image, 99.5)), 0, 255)
        image = np.ascontiguousarray(bright.astype(np.uint8)[box])
        maps = {"truth": sample.instance_map, **{row.name: row.found(name).instance_map for row in rows}}
        drawn = [image, *(object_overlay(image, np.ascontiguousarray(own[box])) for own in maps.values())]
        sheets.append(labelled_row(drawn, ["image", *maps]))
    return stacked(sheets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=("fluorescence", "all"), default="fluorescence")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--stardist", help="interpreter that has StarDist")
    parser.add_argument("--maskrcnn", help="interpreter that has torchvision and timm")
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-4, 1e-3])
    args = parser.parse_args()
    if not (args.dsb2018 / "index.csv").is_file():
        sys.exit(f"{args.dsb2018}: no index.csv; give the folder with images/, instances/ and index.csv")
    data = arranged(args.dsb2018, args.out, args.kind)
    rows = [ours(args, data)]
    for name, script, interpreter in (
        ("StarDist", "peer_stardist.py", args.stardist),
        ("Mask R-CNN", "peer_maskrcnn.py", args.maskrcnn),
    ):
        if interpreter:
            rows.append(theirs(args, data, name, script, interpreter))
    table = "\n".join(map(line, rows))
    print(table)
    if args.stardist and args.maskrcnn and args.kind == "fluorescence":
        counts = {split: len(items) for split, items in data.splits.items()}
        rates = " and ".join(f"{rate:g}" for rate in args.rates)
        page = PAGE.format(
            kind=args.kind, minutes=args.minutes, cores=available_cores(), rates=rates, table=table, **counts
        )
        (DOCS / "nuclei.md").write_text(page)
        Image.fromarray(picture(data, rows)).save(DOCS / "nuclei.png", optimize=True)


if __name__ == "__main__":
    main()
