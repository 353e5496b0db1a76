"""The default beside its peers on CamVid: the same images, cores and minutes; a table and its curves.

    python -m lab.peers CAMVID OUT --peers PYTHON --ultralytics PYTHON [--minutes 3 9] [--rates 1e-3 3e-3]

The interpreters are those of environments that have segmentation_models.pytorch and torchvision, and Ultralytics. Each
training has all cores to itself. A peer's learning rate is the one of `--rates` (ten times that for SGD) that does best
on the validation images in the shortest of `--minutes`. A finished training is not repeated. Writes
docs/experiments/peers.md and peers.svg.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lab.page import format_page, format_table
from lab.peer import SCRIPTS, Peer, train_at_best_rate
from lab.schedule import Scores, Training, images_per_second, score_validation, train_and_evaluate
from lab.store import Places, Store, make_origin, start_suite
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset
from pixelwise.metrics.scores import SemanticScorer
from pixelwise.nn.encoders.timm import PACKAGED, packaged_file

ENCODER = "efficientnet_lite0"
TEXT = """\
CamVid at 360x480, trained on its 367 training images and scored on its 233 test images. The packages trained on the
same cores, one after the other. pixelwise, segmentation_models.pytorch's FPN and torchvision's LR-ASPP start from
the same ImageNet weights of EfficientNet-Lite0. Only Ultralytics' yolo26n-sem starts from random weights: its
pretrained weights are downloaded, and the measuring machine had no network. Its rows say nothing about what it
reaches from pretrained weights. Minutes are wall time: those of pixelwise include the check of the data, export and
report; those of its peers include reading and training. For each peer, several learning rates were tried in the
shortest time, and the one that did best on the validation images was used: {rates}, or ten times these for the SGD
of torchvision's references. All but Ultralytics predict with flip TTA."""
HEAD = ("", "rate", "minutes", "val mIoU", "test mIoU", "boundary F1", "ms an image in training")
LINE = 16
"""Pixels from one line of text in the picture to the next."""
COLOURS = ("#0b6e4f", "#c1502e", "#3b5b92", "#8a6d00")
Figures = dict[str, Any]
"""name, rate (in words), minutes, val_miou, miou, boundary_f1, ms_an_image."""


def measure_pixelwise(camvid: Path, out: Path, minutes: float, train: Training) -> Figures:
    """Return the figures of one training of the default."""
    run = out / f"pixelwise-{minutes:g}"
    test = train(camvid, run, minutes, ["--encoder", ENCODER])
    scores = {"val_miou": score_validation(run)["miou"], "miou": test["miou"], "boundary_f1": test["boundary_f1"]}
    return {"name": "pixelwise", "rate": "its own", "minutes": minutes, **scores} | {
        "ms_an_image": 1000 / images_per_second(run)
    }


def measure_peer(peer: Peer, data: Dataset, args: argparse.Namespace) -> list[Figures]:
    """Return the figures of a peer, for each length of training."""

    def score(folder: Path) -> float:
        return float(score_label_maps(data, "val", folder)["miou"])

    rows = []
    runs = train_at_best_rate(peer, data.root, args.out, args.minutes, args.rates, score)
    for minutes, run in runs.items():
        test = score_label_maps(data, "test", run.folder / "test")
        scores = {"val_miou": score(run.folder / "val"), "miou": test["miou"], "boundary_f1": test["boundary_f1"]}
        about = {"name": peer.name, "rate": f"{run.rate:g}", "minutes": minutes}
        rows.append(about | scores | {"ms_an_image": run.milliseconds})
    return rows


def score_label_maps(data: Dataset, split: str, folder: Path) -> Scores:
    """Return the scores of the label maps in `folder`."""
    scorer = SemanticScorer(data.classes)
    for item in data.splits[split]:
        prediction = np.asarray(Image.open(folder / f"{item.name}.png"))
        scorer.update(prediction, data.read(item).label_map)
    return scorer.scores().to_json_dict()


def draw_curves(rows: Sequence[Figures]) -> str:
    """Return test mIoU over minutes as SVG, a line a package."""
    width, height, left, bottom, top = 640, 360, 60, 310, 30
    right = width - 210
    longest, most = max(row["minutes"] for row in rows), 0.7

    def place(minutes: float, miou: float) -> tuple[float, float]:
        return left + (right - left) * minutes / longest, bottom - (bottom - top) * miou / most

    marks = []
    for tick in np.arange(0, most + 0.01, 0.1):
        _, y = place(0, tick)
        marks.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#ddd"/>')
        marks.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.1f}</text>')
    for minutes in sorted({row["minutes"] for row in rows}):
        x, _ = place(minutes, 0)
        marks.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{minutes:g}</text>')
    names = dict(zip(dict.fromkeys(row["name"] for row in rows), COLOURS, strict=False))
    ends: list[tuple[float, str]] = []
    for name, colour in names.items():
        points = [place(row["minutes"], row["miou"]) for row in rows if row["name"] == name]
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


def make_page(store: Store) -> str:
    """Return the page of the entries `rates` and `rows`."""
    text = TEXT.format(rates=", ".join(f"{rate:g}" for rate in store["rates"]))
    lines = []
    for row in store["rows"]:
        scores = [f"{row[key]:.3f}" for key in ("val_miou", "miou", "boundary_f1")]
        lines.append([row["name"], row["rate"], f"{row['minutes']:g}", *scores, f"{row['ms_an_image']:.0f}"])
    picture = "![Test mIoU over minutes](peers.svg)"
    return format_page("Beside its peers", store, [text, format_table(HEAD, lines)], picture)


def list_peers(args: argparse.Namespace) -> list[Peer]:
    """Return the peers that an environment was named for."""
    weights = ("--encoder-weights", str(packaged_file(PACKAGED[ENCODER])))
    script = SCRIPTS / "semantic_torch.py"
    peers = [
        Peer("smp FPN", script, args.peers, (*weights, "--package", "smp")),
        Peer("torchvision LR-ASPP", script, args.peers, (*weights, "--package", "torchvision"), rate_factor=10.0),
        Peer("Ultralytics yolo26n-sem", SCRIPTS / "semantic_ultralytics.py", args.ultralytics),
    ]
    return [peer for peer in peers if peer.interpreter is not None]


def main(
    arguments: Sequence[str] | None = None,
    places: Places = Places(),
    train: Training = train_and_evaluate,
    peers: Sequence[Peer] | None = None,
) -> None:
    """Run the suite; beside `peers`, those of `list_peers` where none are given."""
    words, parser = start_suite("peers", __doc__, arguments)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peers", type=Path, help="interpreter with segmentation_models.pytorch and torchvision")
    parser.add_argument("--ultralytics", type=Path, help="interpreter with Ultralytics")
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 9.0])
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 3e-3])
    args = parser.parse_args(words)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    data = open_dataset(args.camvid)
    rows = [measure_pixelwise(args.camvid, args.out, minutes, train) for minutes in sorted(args.minutes)]
    for peer in list_peers(args) if peers is None else peers:
        rows += measure_peer(peer, data, args)
    store, origin = Store("peers", places), make_origin("peers", words, args)
    store.add("rates", args.rates, origin)
    store.add("rows", rows, origin)
    (places.pages / "peers.md").write_text(make_page(store), encoding="utf-8")
    (places.pages / "peers.svg").write_text(draw_curves(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
