"""A run and model files to mutate, made once by pixelwise itself.

python -m lab.fuzz.models DIRECTORY
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab.fuzz.layouts_masks import SPLITS, label_map
from lab.fuzz.pictures import encoded, photo_file
from lab.fuzz.tree import Tree, read_tree, write_tree

ROOT = Path(__file__).parents[2]
DATA, RUN, OBJECTS = "data", "run", "objects.onnx"
DONE = "made"
LEFT_OUT = ("tensorboard", "report.html")
"""Files of a run that nothing reads; without its report it is not finished, so that --resume reads the others."""


def made(cache: Path) -> Path:
    """Return a directory with `DATA`, a data set, `RUN`, a run on it, and `OBJECTS`, an instance model; made anew where
    it is not complete. A process of its own needs torch for it."""
    if not (cache / DONE).is_file():
        command = [sys.executable, "-m", "lab.fuzz.models", str(cache)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"no model to mutate: {done.stderr}")
    return cache


def run_tree(cache: Path) -> Tree:
    """Return the files of the run."""
    tree = read_tree(cache / RUN)
    return {name: entry for name, entry in tree.items() if not name.startswith(LEFT_OUT)}


def _make(cache: Path) -> None:
    from pixelwise.training.run import train

    data: Tree = {"classes.yaml": b"classes: [background, cell, disc]\n"}
    for split, stems in {**SPLITS, "test": "d"}.items():
        for stem in stems:
            data[f"{split}/images/{stem}.png"] = photo_file(ord(stem))
            data[f"{split}/masks/{stem}.png"] = encoded(label_map(0, 1, 2))
    write_tree(data, cache / DATA)
    train(cache / DATA, out=cache / RUN, model="segnet_basic", width=0.05, epochs=2, seed=0, quiet=True)
    _export_objects(cache / OBJECTS)
    (cache / DONE).touch()


def _export_objects(path: Path) -> None:
    """Export a small net with random weights that gives objects."""
    import torch

    from pixelwise.core.classes import ClassMap
    from pixelwise.instances.grouping_parameters import CHANNELS, GroupingParameters
    from pixelwise.model_export.onnx import export_onnx
    from pixelwise.modelfile.info import ModelInfo
    from pixelwise.nn.models import build
    from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline

    torch.manual_seed(0)
    name, width, classes = "segnet_basic", 0.05, ClassMap(("background", "cell"), ((0, 0, 0), (200, 30, 30)))
    grouping = GroupingParameters((1,), radius=2, least_heat=0.1, least_area=1)
    net = build(name, 2 + CHANNELS, width=width)
    pipeline = Pipeline(net, IMAGENET_MEAN, IMAGENET_STD, grouping=grouping).eval()
    info = ModelInfo(
        model=name,
        encoder=None,
        task="instance",
        classes=classes,
        mean=pipeline.mean,
        std=pipeline.std,
        stride=pipeline.stride,
        tile=2 * pipeline.stride,
        overlap=pipeline.stride - 1,
        width=width,
        grouping=grouping,
    )
    export_onnx(pipeline, info, path)


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
