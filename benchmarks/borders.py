"""U-Net's border weights on ISBI-2012: does the net keep cells apart better with them than without?

    python benchmarks/borders.py ISBI OUT [--minutes 20] [--width 0.25] [--cores 0 1]

Trains the same U-Net twice on the 24 training slices, with w0 = 10 and with w0 = 0 and all else equal, each in the same
minutes of a core of its own (`--cores`, empty for all cores, one after the other), scores both on the 6 slices held
out, and writes docs/borders.md. Where ISBI is no such directory it says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from budget import on_cores, steps_and_seconds, train_and_evaluate

import pixelwise as pw
from pixelwise.data.dataset import Dataset
from pixelwise.metrics.boundary import BoundaryF1
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.metrics.rand import components, rand_error

CELL = 1
WEIGHTS = (0.0, 10.0)
THRESHOLDS = tuple(round(0.1 * i, 1) for i in range(1, 10))
PAGE = """# Border weights, measured

Written by `benchmarks/borders.py`: `unet` at width {width:g} on ISBI-2012, 24 slices to train on, the 6 that follow
held out, {minutes:g} minutes of {cores} each, the default recipe with elastic deformation and balanced classes, and the
border weights w0 of the U-Net paper's equation 2 as the one difference. A cell is a 4-connected part of what is
labelled cell; the Rand error counts pairs of pixels wrongly joined or parted (0 is best). Beside the label map's own
(the likelier class), the Rand error at the best threshold on the probability of *cell*, chosen on the training slices.

| w0 | cell IoU | membrane IoU | pixel accuracy | boundary F1 | Rand error | threshold | Rand error there | steps |
|---|---|---|---|---|---|---|---|---|
{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("isbi", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--cores", type=int, nargs="*", default=[0, 1])
    args = parser.parse_args()
    if not args.isbi.is_dir():
        sys.exit(f"{args.isbi}: no such directory; give the ISBI-2012 slices (docs/formats.md says how they lie)")
    runs = {w0: args.out / f"w0-{w0:g}" for w0 in WEIGHTS}
    common = ["--model", "unet", "--width", str(args.width), "--elastic", "10", "--class-weights", "median"]
    on_cores(
        args.cores,
        [
            partial(train_and_evaluate, args.isbi, run, args.minutes, [*common, "--border-weight", str(w0)])
            for w0, run in runs.items()
        ],
    )
    data = pw.open_dataset(args.isbi)
    table = "\n".join(row(data, w0, run) for w0, run in runs.items())
    docs = Path(__file__).parent.parent / "docs"
    cores = "one core" if args.cores else "all cores of the machine"
    page = PAGE.format(table=table, minutes=args.minutes, width=args.width, cores=cores)
    (docs / "borders.md").write_text(page, encoding="utf-8")
    print(table)


def row(data: Dataset, w0: float, run: Path) -> str:
    """Return one line of the table."""
    confusion, boundary, at_argmax = ConfusionMatrix(2), BoundaryF1(2), []
    at_threshold: dict[str, list[list[float]]] = {"train": [], "test": []}
    for split, errors in at_threshold.items():
        for cell, target in predictions(data, run, split):
            truth = components(counted_pixels(target) & (target == CELL))
            errors.append([rand_error(components(cell > threshold), truth) for threshold in THRESHOLDS])
            if split == "test":
                label_map = (cell > 0.5).astype(np.uint8)
                confusion.update(label_map, target)
                boundary.update(label_map, target)
                at_argmax.append(rand_error(components(cell > 0.5), truth))
    chosen = int(np.argmin(np.mean(at_threshold["train"], axis=0)))
    there = np.mean(at_threshold["test"], axis=0)[chosen]
    membrane, inside = confusion.iou()
    scores = [inside, membrane, confusion.global_accuracy(), boundary.score(), np.mean(at_argmax)]
    cells = [
        f"{w0:g}",
        *(f"{score:.3f}" for score in scores),
        f"{THRESHOLDS[chosen]}",
        f"{there:.3f}",
        str(steps_and_seconds(run)[0]),
    ]
    return f"| {' | '.join(cells)} |"


def predictions(
    data: Dataset, run: Path, split: str
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]:
    """Yield the probability of cell, (H, W), and the true label map of every slice of `split`."""
    model = pw.load(run)
    for item in data.splits[split]:
        sample = data.read(item)
        yield model.predict(sample.image).probabilities[CELL], sample.label_map


if __name__ == "__main__":
    main()
