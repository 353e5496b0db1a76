"""Whether the headline of a small set is honest: its interval against the score on 200 fresh images.

    python benchmarks/headline.py OUT [--sets 10] [--epochs 15] [--model fpn]

Each set has 12 to 40 generated images and is trained on as a user would: every other one as a single folder, which
is split by pixelwise and measured on its test split, the others in train/ and val/, measured by cross-fitting. The
fresh images are drawn from another seed. A finished training is not repeated.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.training import train
from pixelwise_scenes import write_scenes

SIZE = (96, 128)
COUNTS = (12, 16, 20, 24, 30, 36, 40, 16, 24, 30)
FRESH_SEED, FRESH = 10_000, 200


@dataclass(frozen=True)
class Headline:
    """What a run says of itself, 0..1, and what fresh images say of it."""

    split: str
    images: int
    score: float
    interval: tuple[float, float]
    fresh: float

    @property
    def holds(self) -> bool:
        return self.interval[0] <= self.fresh <= self.interval[1]


def small_set(out: Path, seed: int, count: int, *, split: bool) -> Path:
    """Write a set of so many images, in train/ and val/ with `split`, else in one folder; return its path."""
    if out.is_dir():
        return out
    val = max(5, count // 5) if split else 0
    drawing = out.with_name(f"{out.name}-drawing")
    shutil.rmtree(drawing, ignore_errors=True)
    write_scenes(drawing, seed, {"train": count - val, **({"val": val} if split else {})}, size=SIZE)
    if not split:
        for folder in (drawing / "train").iterdir():
            folder.rename(drawing / folder.name)
        (drawing / "train").rmdir()
    return drawing.rename(out)


def headline(out: Path, number: int, epochs: int, model: str) -> Headline:
    """Train on one small set and measure the model on fresh images."""
    count = COUNTS[number % len(COUNTS)]
    data = small_set(out / f"data-{number}", number, count, split=number % 2 == 1)
    run = out / f"run-{number}"
    train(data, out=run, model=model, epochs=epochs, seed=number, resume=(run / "config.yaml").is_file(), quiet=True)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    fresh = evaluate(load(run, at_once=4), open_dataset(out / "fresh"), "test").to_json_dict()["miou"]
    low, high = metrics["intervals"]["miou"]
    return Headline(metrics["split"], metrics["images"], metrics["miou"], (low, high), fresh)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--model", default="fpn")
    args = parser.parse_args()
    if not (args.out / "fresh").is_dir():
        write_scenes(args.out / "fresh", FRESH_SEED, {"train": 2, "test": FRESH}, size=SIZE)
    print(f"| set | measured on | mIoU | 95 % interval | on {FRESH} fresh images | inside |")
    print("|---|---|---|---|---|---|")
    held = 0
    for number in range(args.sets):
        row = headline(args.out, number, args.epochs, args.model)
        held += row.holds
        bounds = f"{row.interval[0]:.3f} to {row.interval[1]:.3f}"
        inside = "yes" if row.holds else "no"
        print(
            f"| {number} | {row.images} {row.split} | {row.score:.3f} | {bounds} | {row.fresh:.3f} | {inside} |",
            flush=True,
        )
    print(f"\n{held} of {args.sets} inside")


if __name__ == "__main__":
    main()
