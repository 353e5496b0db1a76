"""What a training in the background makes of strokes on three images of CamVid and of images without a label.

    python -m lab.label_training CAMVID OUT [--minutes 1] [--unlabelled 40] [--seeds 0 1 2] [--images 60]

The strokes are those of `lab.labels`; the images without a label come next in the same random order. The default model,
no option but minutes, as the studio trains it, beside the live model on the same strokes. Scores are those of test
images spread over the split, at full resolution. Each training has all cores to itself. Writes
docs/experiments/label_training.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.labels import Budget, draw_labels, fit_live, score, spread
from lab.page import format_page, format_table
from lab.schedule import train_model
from lab.store import Places, Store, make_origin, start_suite
from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.dataset import Dataset, Item, Labels

UInt8 = npt.NDArray[np.uint8]
Predict = Callable[[Item], UInt8]
Training = Callable[[Path, Path, float, int], Predict]
"""(data, run, minutes, seed) -> what predicts an image."""
BUDGET = Budget(3)
TEXT = """\
Strokes on three random training images of CamVid at 360x480, as in [What labels are worth](labels.md), and further
training images without a label. "trained" is the default model, with no option but the minutes of wall time; "live"
is the live model on the same strokes. Figures are the test mIoU at full resolution: the mean over the seeds, and
each seed."""
HEAD = ("model", "images without a label", "minutes", "mean test mIoU", "each seed")


@dataclass(frozen=True)
class DrawnLabels:
    """Reads the label map of an item: the one that was drawn, or one without a label."""

    read: Callable[[Item], Labels]
    label_maps: Mapping[str, UInt8]

    def __call__(self, item: Item) -> Labels:
        labels = self.read(item)
        empty = np.full(labels.label_map.shape, IGNORE_INDEX, np.uint8)
        return replace(labels, label_map=self.label_maps.get(item.name, empty))


def write_drawn(data: Dataset, labels: Sequence[tuple[Item, UInt8]], unlabelled: Sequence[Item], out: Path) -> Path:
    """Write a data set of images with the labels that were drawn and of images without any; return its path."""
    if not out.is_dir():
        read = DrawnLabels(data.read_labels, {item.name: label_map for item, label_map in labels})
        items = sorted((*(item for item, _ in labels), *unlabelled), key=lambda item: item.name)
        write_dataset(replace(data, splits={"train": tuple(items)}, read_labels=read), "folders", out)
    return out


def train_in_background(data: Path, run: Path, minutes: float, seed: int) -> Predict:
    """Train as the studio does; return what predicts an image."""
    from pixelwise.inference.loading import load
    from pixelwise.raster.image import read_image

    train_model(data, run, minutes, ["--seed", str(seed)])
    predictor = load(run)
    return lambda item: predictor.predict(read_image(item.image)).label_map


def measure(data: Dataset, args: argparse.Namespace, train: Training) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of the live model and of the training, seed by seed."""
    items, candidates = spread(data.splits["test"], args.images), data.splits["train"]
    for seed in args.seeds:
        labels, _ = draw_labels(data, BUDGET, seed)
        live = score(data, items, fit_live(data, labels, args.out / "features", seed))
        yield f"live, seed {seed}", {"model": "live", "unlabelled": 0, "minutes": 0.0, **live}
        order = np.random.default_rng(seed).permutation(len(candidates)).tolist()
        further = [candidates[number] for number in order[BUDGET.images : BUDGET.images + args.unlabelled]]
        drawn = write_drawn(data, labels, further, args.out / f"strokes-{args.unlabelled}-seed-{seed}")
        run = args.out / f"{args.unlabelled}-unlabelled-{args.minutes:g}-minutes-seed-{seed}"
        trained = score(data, items, train(drawn, run, args.minutes, seed))
        about = {"model": "trained", "unlabelled": args.unlabelled, "minutes": args.minutes}
        yield f"trained, {args.unlabelled} unlabelled, {args.minutes:g} minutes, seed {seed}", {**about, **trained}


def make_page(store: Store) -> str:
    """Return the page."""
    groups: dict[tuple[str, int, float], list[float]] = {}
    for figures in store.values():
        key = figures["model"], figures["unlabelled"], figures["minutes"]
        groups.setdefault(key, []).append(figures["miou"])
    rows = []
    for (model, unlabelled, minutes), scores in sorted(groups.items()):
        each = ", ".join(f"{score:.3f}" for score in scores)
        numbers = (str(unlabelled), f"{minutes:g}") if model == "trained" else ("", "")
        rows.append([model, *numbers, f"{statistics.mean(scores):.3f}", each])
    return format_page("A training on strokes", store, [TEXT, format_table(HEAD, rows)])


def main(
    arguments: Sequence[str] | None = None, places: Places = Places(), train: Training = train_in_background
) -> None:
    """Run the suite."""
    words, parser = start_suite("label_training", __doc__, arguments)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--unlabelled", type=int, default=40, help="images without a label")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=60, help="test images")
    args = parser.parse_args(words)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    data = open_dataset(args.camvid)
    store, origin = Store("label_training", places), make_origin("label_training", words, args)
    for name, figures in measure(data, args, train):
        print(f"{name}: {figures['miou']:.3f}", file=sys.stderr, flush=True)
        store.add(name, figures, origin)
    page = make_page(store)
    (places.pages / "label_training.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
