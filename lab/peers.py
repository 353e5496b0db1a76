"""The default beside its peers on CamVid: the same images, cores and minutes; a table and its curves in docs/.

    python benchmarks/peers.py CAMVID OUT --peers PYTHON --ultralytics PYTHON [--minutes 3 9] [--rates 1e-3 3e-3]

The interpreters are those of environments that have segmentation_models.pytorch and torchvision, and Ultralytics. Each
training has all cores to itself; a peer's learning rate is the one of `--rates` (ten times that for SGD) that does best
on the validation images in the shortest of `--minutes`. Predictions are label maps in OUT, scored here by the same
code. A finished training is not repeated. Writes docs/peers.md and docs/peers.svg.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import pixelwise as pw
from lab.schedule import images_per_second, train_and_evaluate, val_scores
from pixelwise.data.dataset import Dataset
from pixelwise.inference.engines.onnxruntime import available_cores
from pixelwise.metrics.scores import SemanticScorer
from pixelwise.nn.encoders.timm import PACKAGED, packaged_file

DOCS = Path(__file__).parent.parent / "docs"
ENCODER = "efficientnet_lite0"
PAGE = """# Beside its peers

![Test mIoU over minutes](peers.svg)

Written by `benchmarks/peers.py`. CamVid at 360x480, trained on its 367 training images and scored on its 233 test
images, on the same {cores} cores ({capability}) one after the other. pixelwise, segmentation_models.pytorch's FPN and
torchvision's LR-ASPP start from the same ImageNet weights of EfficientNet-Lite0; Ultralytics' yolo26n-sem from random
ones, since it has none without a network. Minutes are of wall time: pixelwise's include checking the data, export and
report, its peers' reading and training. A peer's learning rate is the one of those tried in the shortest time that did
best on the validation images: {rates}, and ten times that for the SGD of torchvision's references. All but Ultralytics
predict an image both ways round and take the mean.

| | rate | minutes | val mIoU | test mIoU | boundary F1 | ms an image in training |
|---|---|---|---|---|---|---|
{table}
"""
LINE = 16
"""Pixels from one line of text in the picture to the next."""
COLOURS = ("#0b6e4f", "#c1502e", "#3b5b92", "#8a6d00")


@dataclass(frozen=True)
class Peer:
    """A package's training: its script, what that takes beside the data and the rate, and the factor on the rate."""

    name: str
    script: str
    interpreter: str
    arguments: tuple[str, ...]
    rate_factor: float = 1.0


@dataclass(frozen=True)
class Row:
    """A line of the table: what a training reached in so many minutes."""

    name: str
    rate: str
    minutes: float
    val: float
    test: float
    boundary_f1: float
    milliseconds: float


def ours(args: argparse.Namespace, minutes: float) -> Row:
    run = args.out / f"pixelwise-{minutes:g}"
    test = train_and_evaluate(args.camvid, run, minutes, ["--encoder", ENCODER])
    val, cost = val_scores(run)["miou"], 1000 / images_per_second(run)
    return Row("pixelwise", "its own", minutes, val, test["miou"], test["boundary_f1"], cost)


def theirs(args: argparse.Namespace, data: Dataset, peer: Peer) -> list[Row]:
    """Return a peer's scores; its rate is the one that does best on the validation images in the shortest time."""
    rows, rates = [], [peer.rate_factor * rate for rate in args.rates]
    for minutes in sorted(args.minutes):
        runs = {rate: trained(args, peer, minutes, rate) for rate in rates}
        val = {rate: scored(data, "val", run / "val")["miou"] for rate, run in runs.items()}
        best = max(rates, key=val.__getitem__)
        test = scored(data, "test", runs[best] / "test")
        cost = json.loads((runs[best] / "done.json").read_text())["ms_an_image"]
        rows.append(Row(peer.name, f"{best:g}", minutes, val[best], test["miou"], test["boundary_f1"], cost))
        rates = [best]
    return rows


def trained(args: argparse.Namespace, peer: Peer, minutes: float, rate: float) -> Path:
    """Return the folder of a peer's training, done now if it has not been."""
    out: Path = args.out / f"{peer.name.replace(' ', '-')}-{minutes:g}-{rate:g}"
    if not (out / "done.json").is_file():
        print(f"{out}: {minutes:g} minutes", flush=True)
        line = [peer.interpreter, Path(__file__).with_name(peer.script), args.camvid, *peer.arguments, out]
        line += ["--minutes", minutes, "--rate", rate]
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.with_name(f"{out.name}.log").open("w") as log:
            subprocess.run([str(part) for part in line], check=True, stdout=log, stderr=log)
    return out


def scored(data: Dataset, split: str, folder: Path) -> dict[str, Any]:
    """Return the scores of the label maps in `folder`."""
    scorer = SemanticScorer(data.classes)
    for item in data.splits[split]:
        prediction = np.asarray(Image.open(folder / f"{item.name}.png"))
        scorer.update(prediction, data.read(item).label_map)
    return scorer.scores().to_json_dict()


def curves(rows: Sequence[Row]) -> str:
    """Return test mIoU over minutes as SVG, a line a package."""
    width, height, left, bottom, top = 640, 360, 60, 310, 30
    right = width - 210
    longest, most = max(row.minutes for row in rows), 0.7

    def at(minutes: float, miou: float) -> tuple[float, float]:
        return left + (right - left) * minutes / longest, bottom - (bottom - top) * miou / most

    marks = []
    for tick in np.arange(0, most + 0.01, 0.1):
        _, y = at(0, tick)
        marks.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#ddd"/>')
        marks.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.1f}</text>')
    for minutes in sorted({row.minutes for row in rows}):
        x, _ = at(minutes, 0)
        marks.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{minutes:g}</text>')
    names = dict(zip(dict.fromkeys(row.name for row in rows), COLOURS, strict=False))
    ends: list[tuple[float, str]] = []
    for name, colour in names.items():
        points = [at(row.minutes, row.test) for row in rows if row.name == name]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
        ends.append((points[-1][1], name))
    lowest = -np.inf
    for y, name in sorted(ends):  # from the top down, none on another
        lowest = max(y + 4, lowest + LINE)
        marks.append(f'<text x="{right + 10}" y="{lowest:.1f}" fill="{names[name]}">{name}</text>')
    marks.append(f'<text x="{left}" y="18">test mIoU</text>')
    marks.append(f'<text x="{right}" y="{height - 12}" text-anchor="end">minutes</text>')
    body = "\n".join(marks)
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#333"'
    background = f'<rect width="{width}" height="{height}" fill="white"/>'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{background}\n{body}\n</svg>\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--ultralytics", required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 9.0])
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 3e-3])
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    data = pw.open_dataset(args.camvid)
    weights = str(packaged_file(PACKAGED[ENCODER]))
    peers = [
        Peer("smp FPN", "peer_torch.py", args.peers, (weights, "--package", "smp")),
        Peer("torchvision LR-ASPP", "peer_torch.py", args.peers, (weights, "--package", "torchvision"), 10.0),
        Peer("Ultralytics yolo26n-sem", "peer_ultralytics.py", args.ultralytics, ()),
    ]
    their_rows = [row for peer in peers for row in theirs(args, data, peer)]
    rows = [ours(args, minutes) for minutes in sorted(args.minutes)] + their_rows
    lines = []
    for row in rows:
        scores = [f"{score:.3f}" for score in (row.val, row.test, row.boundary_f1)]
        lines.append(f"| {' | '.join([row.name, row.rate, f'{row.minutes:g}', *scores, f'{row.milliseconds:.0f}'])} |")
    rates = ", ".join(f"{rate:g}" for rate in args.rates)
    page = PAGE.format(
        cores=available_cores(),
        capability=torch.backends.cpu.get_cpu_capability(),
        rates=rates,
        table="\n".join(lines),
    )
    (DOCS / "peers.md").write_text(page, encoding="utf-8")
    (DOCS / "peers.svg").write_text(curves(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
