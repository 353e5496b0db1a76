"""SUN RGB-D, 37 classes: train nets on its 5,285 training images, score them on its 5,050 test images.

    python benchmarks/sunrgbd.py SUNRGBD OUT [--minutes 30] [--nets fpn segnet] [--options="--no-pretrained"]
    python benchmarks/sunrgbd.py OUT/miniature OUT --miniature [--minutes 1]

The data set is read as `pixelwise` reads it (docs/formats.md). `--miniature` first writes generated rooms of its 37
classes, in its files' layout and numbers, to SUNRGBD: what proves the command without the data set, and no more. The
table is printed and written to OUT/sunrgbd.md, the papers' figures beside it. A finished training is not repeated.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
from budget import train_and_evaluate
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.layouts.sunrgbd import NAMES, TEST_IMAGES

PAPERS = {
    "SegNet (arXiv:1511.00561)": (72.63, 44.76, 31.84, 12.66),
    "DeepLab-LargeFOV, as SegNet's authors trained it": (71.90, 42.21, 32.08, 8.26),
    "FCN, learnt deconvolution, as SegNet's authors trained it": (68.18, 38.41, 27.39, 9.68),
    "DeconvNet, as SegNet's authors trained it": (66.13, 32.28, 22.57, 10.47),
}
"""Global accuracy, class accuracy, mIoU and boundary F1 on the test images, in percent (arXiv:1511.00561, table 5)."""
SCORES = ("global_accuracy", "class_accuracy", "miou", "boundary_f1")
SIZE = (72, 96)
TRAIN_ROOMS, TEST_ROOMS = 40, 12
WALL, FLOOR, CEILING = (NAMES.index(name) + 1 for name in ("wall", "floor", "ceiling"))


def room(rng: np.random.Generator, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a generated room, uint8 (height, width, 3), and its label values 0..37: a wall between ceiling and floor,
    five things in front of it, and a rim without a label. Rooms in a row show all 37 classes in turn."""
    height, width = SIZE
    labels = np.full(SIZE, WALL, np.uint8)
    labels[: int(height * rng.uniform(0.1, 0.25))] = CEILING
    labels[int(height * rng.uniform(0.65, 0.8)) :] = FLOOR
    for number in range(5):
        top, left = int(rng.integers(8, height - 28)), int(rng.integers(2, width - 30))
        labels[top : top + int(rng.integers(14, 26)), left : left + int(rng.integers(14, 28))] = 1 + (
            5 * index + number
        ) % len(NAMES)
    colors = np.random.default_rng(37).integers(30, 226, (len(NAMES) + 1, 3))
    light = np.linspace(rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.0), width)[None, :, None]
    image = colors[labels] * light + rng.normal(0, 8, (height, width, 3))
    labels[:, :1] = labels[:, -1:] = 0
    return np.clip(image, 0, 255).astype(np.uint8), labels


def write_miniature(root: Path) -> None:
    """Write generated rooms under the names and numbers of SUN RGB-D's files."""
    rng = np.random.default_rng(0)
    for split, count, first in (("train", TRAIN_ROOMS, TEST_IMAGES), ("test", TEST_ROOMS, 0)):
        images, labels = root / f"SUNRGBD-{split}_images", root / "sunrgbd_train_test_labels"
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            image, label = room(rng, number)
            Image.fromarray(image).save(images / f"img-{number:06d}.jpg", quality=95)
            Image.fromarray(label).save(labels / f"img-{first + number:06d}.png")


def table(rows: dict[str, tuple[float, ...]]) -> str:
    """Return scores in percent as a Markdown table."""
    lines = ["| net | global accuracy | class accuracy | mIoU | BF |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(f'{score:.2f}' for score in scores)} |" for name, scores in rows.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sunrgbd", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--nets", nargs="+", default=["fpn", "segnet"])
    parser.add_argument("--options", default="", help="Further options of `pixelwise train`, in quotes.")
    parser.add_argument("--miniature", action="store_true")
    args = parser.parse_args()
    if args.miniature and not args.sunrgbd.is_dir():
        write_miniature(args.sunrgbd)
    if not args.sunrgbd.is_dir():
        sys.exit(f"{args.sunrgbd}: no such directory; give SUN RGB-D as docs/formats.md describes it, or --miniature")
    dataset = open_dataset(args.sunrgbd)
    if dataset.format != "sunrgbd":
        sys.exit(f"{args.sunrgbd}: found the layout {dataset.format}; expected SUN RGB-D, see docs/formats.md")
    rows: dict[str, tuple[float, ...]] = {}
    for net in args.nets:
        run = args.out / f"{net}-{args.minutes:g}-minutes"
        options = ["--model", net, *shlex.split(args.options)]
        scores = train_and_evaluate(args.sunrgbd, run, args.minutes, options)
        rows[f"{net}, {args.minutes:g} minutes"] = tuple(100 * scores[key] for key in SCORES)
    counts = {split: len(items) for split, items in dataset.splits.items()}
    where = f"{counts.get('train', 0):,} training images, {counts.get('test', 0):,} test images"
    page = f"{args.sunrgbd.name}: {where}, 37 classes\n\n{table(rows)}\n\nPapers, on SUN RGB-D's 5,050 test images:\n\n"
    page += table(PAPERS) + "\n"
    (args.out / "sunrgbd.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
