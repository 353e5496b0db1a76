"""What minutes of training are worth on CamVid: test mIoU of every seed and their median.

    python benchmarks/minutes.py CAMVID OUT [--minutes 3 10 30] [--seeds 0 1 2]

Each training has all cores to itself; its minutes are of wall time, from the start of the command to its report. A
finished one is not repeated, so the command can be stopped and given again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from lab.schedule import images_per_second, train_and_evaluate, val_scores


def row(camvid: Path, out: Path, minutes: float, seeds: list[int]) -> str:
    """Return a line of the table: medians over the seeds, and each seed's test mIoU."""
    scores, val, milliseconds = [], [], []
    for seed in seeds:
        run = out / f"{minutes:g}-minutes-seed-{seed}"
        scores.append(train_and_evaluate(camvid, run, minutes, ["--seed", str(seed)]))
        val.append(val_scores(run)["miou"])
        milliseconds.append(1000 / images_per_second(run))
    miou = [score["miou"] for score in scores]
    medians = [statistics.median(values) for values in (miou, [score["boundary_f1"] for score in scores], val)]
    each = ", ".join(f"{value:.3f}" for value in miou)
    cells = [f"{minutes:g}", *(f"{value:.3f}" for value in medians), each, f"{statistics.median(milliseconds):.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 10.0, 30.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    lines = [row(args.camvid, args.out, minutes, args.seeds) for minutes in args.minutes]
    print("| minutes | test mIoU | boundary F1 | val mIoU | test mIoU of each seed | ms an image in training |")
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
