"""What labels are worth on CamVid: the live model on simulated strokes and pixels, beside ilastik's features.

    python -m lab.labels CAMVID OUT [--budget 1 2 3 5 10 20] [--seeds 0 1 2] [--images 60] [--only live forest]

`--budget` gives numbers of training images, random ones, each of which holds those of the smaller budgets. On them
strokes and pixels are drawn from the true masks, as a person would. Scores are those of test images spread over the
split, at full resolution. Features of images stay in OUT. The forest is scikit-learn's, which has to be installed.
Writes docs/experiments/labels.md, and labels.svg: scores over labelled pixels and over minutes of labelling.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.chart import Panel, Point, draw_panels
from lab.ilastik_bank import Classifier, compute_bank, make_forest
from lab.page import format_page, format_table
from lab.store import Places, Store, make_origin, start_suite
from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Item
from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import SETTLED_STEPS, LiveModel
from pixelwise.labels.simulate import sample_pixels, simulate_strokes
from pixelwise.labels.strokes import paint_stroke
from pixelwise.metrics.confusion import ConfusionMatrix

UInt8 = npt.NDArray[np.uint8]
Labels = list[tuple[Item, UInt8]]
"""Images and their sparse label maps."""
SECONDS_A_STROKE = 4.0
"""Of a person: to choose the class and to draw."""
SECONDS_A_PIXEL = 2.0
"""Of a person: to look where the pixel lies and to press the key of its class."""
SECONDS_AN_IMAGE = 5.0
"""Of a person: to open the next image and to look at it."""
SECONDS_IN_FULL = 3600.0
"""Of a person: to label an image of CamVid in full (Brostow et al., 2009, "about an hour")."""
PIXELS = 20
"""Single pixels that are labelled in an image."""
FIT_STEPS = SETTLED_STEPS
"""Of the only fit: steps, not seconds, so that figures do not depend on what else the machine does."""

TEXT = f"""\
Labels are drawn from the true masks of random training images of CamVid at 360x480: up to three strokes per class
and image, 50 pixels long and 3 pixels wide; or {PIXELS} single random pixels per image; or the whole masks. Figures
are test mIoU at full resolution: the median over the seeds, and each seed. The time of labelling is simulated:
{SECONDS_A_STROKE:g} s a stroke, {SECONDS_A_PIXEL:g} s a pixel, {SECONDS_AN_IMAGE:g} s an image; full labels of
CamVid took about an hour an image (Brostow et al., 2009). The live model takes {SETTLED_STEPS} steps. The forest has
100 trees on ilastik's features (all its filters and scales) and learns from the same strokes. It is scored on every
second row and column, and its milliseconds are those of the features alone. In the picture, lines are medians over
the seeds, and bands reach from the lowest to the highest."""
TRIALS_TEXT = """\
The second table shows what each choice of the live model is worth. Three random training images are labelled with
strokes as above. The scores are mIoU on validation images and on training images that are not labelled; the test
images had no part in these choices. Maps: 1,500 random pixels in each of 34 validation and 34 training images,
bilinear interpolation, means of four draws of the labelled images. Refinement: all pixels of 7 and 7 images, means
of two draws. Stages are those of the encoder, counted from 0. Weights are those of the channels of each map, from
the colours on. Rows on maps and on the fit change the first row of their kind. Features of flipped images help, but
are not used yet: they would take as long to compute as those of the image itself."""
LIVE, FOREST = "live", "ilastik's features, forest"
HEAD = ("labels", "model", "labelled pixels", "labelling", "test mIoU", "each seed", "ms to predict an image")


@dataclass(frozen=True)
class Budget:
    """What is labelled: so many images, with strokes, with `PIXELS` each, or in full."""

    images: int
    kind: str = "strokes"

    def __str__(self) -> str:
        what = f"{PIXELS} pixels" if self.kind == "pixels" else self.kind
        return f"{what} on {self.images} image{'s' if self.images > 1 else ''}"

    def seconds(self, labels: int) -> float:
        """Return how long a person would need for so many strokes or pixels."""
        if self.kind == "full labels":
            return self.images * SECONDS_IN_FULL
        return (
            labels * (SECONDS_A_STROKE if self.kind == "strokes" else SECONDS_A_PIXEL) + self.images * SECONDS_AN_IMAGE
        )


KINDS = ("strokes", "pixels", "full labels")


def draw_labels(data: Dataset, budget: Budget, seed: int) -> tuple[Labels, int]:
    """Return the labelled images, and the number of strokes or pixels."""
    items = data.splits["train"]
    chosen = np.random.default_rng(seed).permutation(len(items))[: budget.images]
    labels, count = [], 0
    for number in chosen.tolist():
        truth = data.read(items[number]).label_map
        if budget.kind == "strokes":
            label_map = np.full(truth.shape, IGNORE_INDEX, np.uint8)
            strokes = simulate_strokes(truth, seed)
            for stroke, class_index in strokes:
                paint_stroke(label_map, stroke, class_index)
            count += len(strokes)
        elif budget.kind == "pixels":
            label_map = sample_pixels(truth, seed, PIXELS)
            count += PIXELS
        else:
            label_map = truth
        labels.append((items[number], label_map))
    return labels, count


def fit_live(data: Dataset, labels: Labels, folder: Path, seed: int) -> Callable[[Item], UInt8]:
    """Fit a live model as the studio does; return what predicts an image."""
    model = LiveModel(data.classes.num_classes, folder, seed=seed)
    for item, label_map in labels:
        model.add_image(item.name, ArrayImage(data.read_image(item)))
        model.set_labels(item.name, ArrayImage(label_map))
    for key, tile in model.missing_tiles():
        model.compute_features(key, tile)
    model.fit(steps=FIT_STEPS)

    def predict(item: Item) -> UInt8:
        image = ArrayImage(data.read_image(item))
        model.add_image(item.name, image)
        label_map = np.empty(image.size, np.uint8)
        for number, (top, left, bottom, right) in enumerate(model.tiles(item.name)):
            label_map[top:bottom, left:right] = model.predict(item.name, number).label_map
        return label_map

    return predict


def fit_forests(
    data: Dataset, labels: Labels, sizes: Sequence[int], make: Callable[[], Classifier]
) -> list[Classifier]:
    """Return forests that learn from the first so many images, on ilastik's features."""
    banks = [compute_bank(data.read_image(item))[label_map != IGNORE_INDEX] for item, label_map in labels]
    classes = [label_map[label_map != IGNORE_INDEX] for _, label_map in labels]
    forests = [make() for _ in sizes]
    for size, forest in zip(sizes, forests, strict=True):
        forest.fit(np.concatenate(banks[:size]), np.concatenate(classes[:size]))
    return forests


def score_forests(data: Dataset, items: Sequence[Item], forests: Sequence[Classifier]) -> list[dict[str, float]]:
    """Return the scores of forests on every second row and column. An image's features are computed once for all."""
    confusions = [ConfusionMatrix(data.classes.num_classes) for _ in forests]
    seconds = 0.0
    for item in items:
        started = time.perf_counter()
        bank, truth = compute_bank(data.read_image(item))[::2, ::2], data.read(item).label_map[::2, ::2]
        seconds += time.perf_counter() - started
        for forest, confusion in zip(forests, confusions, strict=True):
            classes = forest.predict(bank.reshape(-1, bank.shape[-1]))
            confusion.update(np.asarray(classes, np.uint8).reshape(truth.shape), truth)
    milliseconds = 1000 * seconds / len(items)
    return [{"miou": float(np.nanmean(confusion.iou())), "ms_an_image": milliseconds} for confusion in confusions]


def score(data: Dataset, items: Sequence[Item], predict: Callable[[Item], UInt8]) -> dict[str, float]:
    """Return the mIoU over all pixels of the images, and the milliseconds an image; its features count too where they
    were not there."""
    confusion, started = ConfusionMatrix(data.classes.num_classes), time.perf_counter()
    for item in items:
        confusion.update(predict(item), data.read(item).label_map)
    milliseconds = 1000 * (time.perf_counter() - started) / len(items)
    return {"miou": float(np.nanmean(confusion.iou())), "ms_an_image": milliseconds}


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return so many images, evenly spread over the split."""
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places.tolist()]


def measure_live(data: Dataset, args: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of the live model."""
    items = spread(data.splits["test"], args.images)
    for seed, kind, images in product(args.seeds, KINDS, args.budget):
        budget = Budget(images, kind)
        labels, about = describe_labels(data, budget, seed)
        figures = score(data, items, fit_live(data, labels, args.out / "features", seed))
        yield f"live, {budget}, seed {seed}", {"model": LIVE, **about, **figures}


def measure_forests(
    data: Dataset, args: argparse.Namespace, make: Callable[[int], Classifier]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of the forests."""
    budgets, forests = list(product(args.seeds, args.budget)), []
    for seed in args.seeds:
        labels, _ = draw_labels(data, Budget(max(args.budget)), seed)
        forests += fit_forests(data, labels, args.budget, partial(make, seed))
    scores = score_forests(data, spread(data.splits["test"], args.images), forests)
    for (seed, images), figures in zip(budgets, scores, strict=True):
        budget = Budget(images)
        _, about = describe_labels(data, budget, seed)
        yield f"forest, {budget}, seed {seed}", {"model": FOREST, **about, **figures}


def describe_labels(data: Dataset, budget: Budget, seed: int) -> tuple[Labels, dict[str, Any]]:
    """Return the labels of a budget, and what the page tells of them."""
    labels, count = draw_labels(data, budget, seed)
    pixels = sum(int((label_map != IGNORE_INDEX).sum()) for _, label_map in labels)
    return labels, {"labels": str(budget), "pixels": pixels, "seconds": budget.seconds(count)}


def group_seeds(store: Store) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the figures of all seeds by labels and model, smaller budgets first."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for figures in sorted((one for one in store.values() if "model" in one), key=lambda one: one["pixels"]):
        groups.setdefault((figures["labels"], figures["model"]), []).append(figures)
    return dict(sorted(groups.items(), key=lambda group: (group[0][1] != LIVE, _kind_of(group[0][0]))))


def make_page(store: Store) -> str:
    """Return the page."""
    rows = [_format_row(labels, model, seeds) for (labels, model), seeds in group_seeds(store).items()]
    trials = [TRIALS_TEXT, format_table(*store["trials"])] if "trials" in store else []
    table = [TEXT, format_table(HEAD, rows)] if rows else []
    picture = "![Test mIoU over labelled pixels and over minutes of labelling](labels.svg)" if rows else ""
    return format_page("What labels are worth", store, [*table, *trials], picture)


def make_chart(store: Store) -> str:
    """Return the picture of the page, as SVG."""
    groups = group_seeds(store)
    lines: dict[str, list[list[dict[str, Any]]]] = {}
    for (labels, model), seeds in groups.items():
        lines.setdefault(f"{model}, {_kind_of(labels)}", []).append(seeds)
    panels = []
    for key, divisor, label in (("pixels", 1, "labelled pixels"), ("seconds", 60, "minutes of labelling, simulated")):
        panel = {}
        for name, points in lines.items():
            panel[name] = [
                Point(statistics.median(one[key] for one in seeds) / divisor, [one["miou"] for one in seeds])
                for seeds in points
            ]
        panels.append(Panel(label, panel))
    return draw_panels("test mIoU", panels)


def _kind_of(labels: str) -> str:
    return labels.partition(" on ")[0]


def _format_row(labels: str, model: str, seeds: Sequence[dict[str, Any]]) -> list[str]:
    def median(key: str) -> float:
        return float(statistics.median(figures[key] for figures in seeds))

    each = ", ".join(f"{figures['miou']:.3f}" for figures in seeds)
    return [
        labels,
        model,
        f"{median('pixels'):,.0f}",
        f"{median('seconds') / 60:.1f} min",
        f"{median('miou'):.3f}",
        each,
        f"{median('ms_an_image'):.0f}",
    ]


def main(
    arguments: Sequence[str] | None = None,
    places: Places = Places(),
    forest: Callable[[int], Classifier] = make_forest,
) -> None:
    """Run the suite."""
    words, parser = start_suite("labels", __doc__, arguments)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--budget", type=int, nargs="+", default=[1, 2, 3, 5, 10, 20], help="numbers of images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=60, help="test images")
    parser.add_argument("--only", nargs="+", choices=("live", "forest"), default=["live", "forest"])
    args = parser.parse_args(words)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    data = open_dataset(args.camvid)
    store, origin = Store("labels", places), make_origin("labels", words, args)
    suites = {"live": measure_live(data, args), "forest": measure_forests(data, args, forest)}
    for kind in args.only:
        for name, figures in suites[kind]:
            print(f"{name}: {figures['miou']:.3f}", file=sys.stderr, flush=True)
            store.add(name, figures, origin)
    page = make_page(store)
    (places.pages / "labels.md").write_text(page, encoding="utf-8")
    (places.pages / "labels.svg").write_text(make_chart(store), encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
