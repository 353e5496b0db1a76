"""The default beside its peers on CamVid: the same images, cores, minutes and ImageNet weights, a table in docs/.

    python benchmarks/peers.py CAMVID OUT --smp PYTHON [--minutes 3 10] [--rates 3e-4 1e-3]

PYTHON is the interpreter of an environment that has segmentation_models.pytorch. Each training has all cores to itself;
the peer's learning rate is the one of `--rates` that does best on the validation images. Predictions are label maps in
OUT, scored here by the same code. A finished training is not repeated. Writes docs/peers.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from budget import steps_and_seconds, train_and_evaluate
from PIL import Image

import pixelwise as pw
from pixelwise.encoders.timm import PACKAGED, packaged_file
from pixelwise.formats.dataset import Dataset
from pixelwise.metrics.scores import SemanticScorer

DOCS = Path(__file__).parent.parent / "docs"
PAGE = """# Beside its peers

Written by `benchmarks/peers.py`. CamVid at 360x480, trained on its 367 training images and scored on its 233 test
images, all nets from the same ImageNet weights of EfficientNet-Lite0, on the same cores one after the other. Minutes
are of wall time: pixelwise's include checking the data, validation, export and report, its peer's reading and training.
The peer's learning rate is the best of {rates} on the validation images.

| | minutes | val mIoU | test mIoU | boundary F1 | ms an image in training |
|---|---|---|---|---|---|
{table}
"""
Row = tuple[str, float, float, float, float, float]


def ours(args: argparse.Namespace, minutes: float) -> Row:
    run = args.out / f"pixelwise-{minutes:g}"
    test = train_and_evaluate(args.camvid, run, minutes, [])
    val = json.loads((run / "metrics.json").read_text())
    steps, seconds = steps_and_seconds(run)
    batch = yaml.safe_load((run / "config.yaml").read_text())["recipe"]["batch"]
    cost = 1000 * seconds / (steps * batch)
    return "pixelwise", minutes, val["miou"], test["miou"], test["boundary_f1"], cost


def peers(args: argparse.Namespace, data: Dataset, minutes: float) -> Row:
    """Return the scores of segmentation_models.pytorch's FPN at the rate that suits the validation images."""
    tried: list[tuple[float, float, Path]] = []
    for rate in args.rates:
        out = args.out / f"smp-fpn-{minutes:g}-{rate:g}"
        if not (out / "done.json").is_file():
            print(f"{out}: {minutes:g} minutes", flush=True)
            script = [args.smp, Path(__file__).with_name("peer_smp.py"), args.camvid]
            weights = packaged_file(PACKAGED["efficientnet_lite0"])
            line = [*script, weights, out, "--minutes", minutes, "--rate", rate]
            subprocess.run([str(part) for part in line], check=True)
        tried.append((scored(data, "val", out / "val")["miou"], rate, out))
    val, rate, out = max(tried)
    test = scored(data, "test", out / "test")
    name = f"segmentation_models.pytorch FPN, rate {rate:g}"
    cost = json.loads((out / "done.json").read_text())["ms_an_image"]
    return name, minutes, val, test["miou"], test["boundary_f1"], cost


def scored(data: Dataset, split: str, folder: Path) -> dict[str, Any]:
    """Return the scores of the label maps in `folder`."""
    scorer = SemanticScorer(data.classes)
    for item in data.splits[split]:
        prediction = np.asarray(Image.open(folder / f"{item.name}.png"))
        scorer.update(prediction, data.read(item).label_map)
    return scorer.scores().to_json_dict()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--smp", required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 10.0])
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-4, 1e-3])
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    data = pw.open_dataset(args.camvid)
    rows = [row for minutes in args.minutes for row in (ours(args, minutes), peers(args, data, minutes))]
    lines = []
    for name, minutes, *figures, cost in rows:
        cells = [name, f"{minutes:g}", *(f"{figure:.3f}" for figure in figures), f"{cost:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    rates = " and ".join(f"{rate:g}" for rate in args.rates)
    (DOCS / "peers.md").write_text(PAGE.format(rates=rates, table="\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
