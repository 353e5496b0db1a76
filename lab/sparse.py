"""Training on single labelled pixels: test mIoU on CamVid with n random labelled pixels in each image.

    python -m lab.sparse CAMVID OUT [--pixels 20 100] [--minutes 10] [--seeds 0]

Writes a copy of the data set in which each image of train and val has n labelled pixels, drawn uniformly among those
that are not void, and no other label; test keeps all of its labels. Trains on it with the defaults. Nothing but the
score that is reported sees a test image. Each training has all cores to itself. A finished one is not repeated, so the
command can be stopped and given again. Writes docs/experiments/sparse.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.page import format_page, format_table
from lab.schedule import Training, format_figures, measure_training, train_and_evaluate
from lab.store import Places, Store, make_origin, start_suite
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.labels.simulate import sample_pixels

TEXT = """\
CamVid at 360x480. Each of its 367 training and 101 validation images has only a few labelled pixels, drawn uniformly
among those that are not void; the first column has their number. Scores are on all pixels of its 233 test images.
The default model is trained with no option but the minutes of wall time. Its weights and its class bias are chosen
on the labelled pixels of the validation images. Figures are medians over the seeds."""
OTHERS_TEXT = """\
PixelPick (Shin, Xie, Albanie, "All you need are a few pixels", ICCV 2021 workshops, arXiv:2104.06394) draws its
first pixels in the same way and picks the others where its model is uncertain. Its figures are those of DeepLabV3+,
trained on a GPU. They are measured on test images that were also used to choose its best epoch."""
TRIALS_TEXT = """\
Trials of 2026-11-28 with 20 pixels, one run of 10 minutes each; mIoU on all pixels of every second validation image.
They continue streets of the training. The learning rate is the one that counts there: 0.637 at 0.0006, 0.648 at 0.0015,
0.623 at 0.004. At 0.004, 0.625 with 0.3 of the encoder's channels dropped, and 0.622 with images at half the area, of
which a run sees twice as many. On the street 0006R0, left out of training, at an equal number of steps, the rate hardly
counts: 0.457 at 0.0015, 0.456 at 0.004. Runs of a minute on strokes need the higher one (mean of three seeds: 0.325 at
0.0008, 0.382 at 0.0015, 0.417 at 0.004, 0.435 at 0.008, 0.387 at 0.016)."""
PIXELPICK = {20: (0.597, 0.508), 100: (0.651, 0.559)}
"""Test mIoU by pixels an image, on ResNet-50 and on MobileNetV2."""
HEAD = (
    "pixels an image",
    "minutes",
    "test mIoU",
    "boundary F1",
    "val mIoU",
    "test mIoU of each seed",
    "ms an image in training",
    "PixelPick, ResNet-50",
    "MobileNetV2",
)


@dataclass(frozen=True)
class SampledLabels:
    """Reads the labels of an item: all of a test image, of any other `count` pixels that follow from seed and name."""

    read: Callable[[Item], Labels]
    whole: frozenset[Path]
    count: int
    seed: int

    def __call__(self, item: Item) -> Labels:
        labels = self.read(item)
        if item.image in self.whole:
            return labels
        digest = hashlib.sha256(f"{self.seed} {item.name}".encode()).digest()
        seed = int.from_bytes(digest[:8], "big")
        return replace(labels, label_map=sample_pixels(labels.label_map, seed, self.count))


def write_sampled(data: Dataset, out: Path, count: int, seed: int) -> Path:
    """Write the data set with `count` labelled pixels in each image but those of the test split; return its path."""
    if not out.is_dir():
        whole = frozenset(item.image for item in data.splits["test"])
        write_dataset(replace(data, read_labels=SampledLabels(data.read_labels, whole, count, seed)), "folders", out)
    return out


def format_row(name: str, seeds: Sequence[dict[str, float]]) -> list[str]:
    """Return a row of the table, of the trainings called `name`, "PIXELS pixels, MINUTES minutes"."""
    pixels, minutes = (part.partition(" ")[0] for part in name.split(", "))
    others = [f"{score:.3f}" for score in PIXELPICK.get(int(pixels), ())] or ["", ""]
    return [pixels, minutes, *format_figures(seeds), *others]


def make_page(store: Store) -> str:
    """Return the page. An entry is called `PIXELS pixels, MINUTES minutes, seed SEED`."""
    names = dict.fromkeys(name.rpartition(", ")[0] for name in store)
    ordered = sorted(names, key=lambda name: [float(part.partition(" ")[0]) for part in name.split(", ")])
    rows = [[store[entry] for entry in store if entry.rpartition(", ")[0] == name] for name in ordered]
    table = format_table(HEAD, map(format_row, ordered, rows))
    return format_page("CamVid from single pixels", store, [TEXT, OTHERS_TEXT, table, TRIALS_TEXT])


def main(
    arguments: Sequence[str] | None = None, places: Places = Places(), train: Training = train_and_evaluate
) -> None:
    """Run the suite."""
    words, parser = start_suite("sparse", __doc__, arguments)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pixels", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args(words)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    data = open_dataset(args.camvid)
    store, origin = Store("sparse", places), make_origin("sparse", words, args)
    for pixels in args.pixels:
        for seed in args.seeds:
            sampled = write_sampled(data, args.out / f"{pixels}-pixels-seed-{seed}", pixels, seed)
            run = args.out / f"{pixels}-pixels-{args.minutes:g}-minutes-seed-{seed}"
            figures = measure_training(sampled, run, args.minutes, seed, train)
            store.add(f"{pixels} pixels, {args.minutes:g} minutes, seed {seed}", figures, origin)
    page = make_page(store)
    (places.pages / "sparse.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
