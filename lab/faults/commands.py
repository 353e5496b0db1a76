"""The commands that meet faults, and what they work on."""

from __future__ import annotations

import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lab.faults.process import Ended, Process

INPUTS, DISK = "inputs", "disk"
"""Folders of a trial: what the command reads, and where it writes, which may be a disk of its own."""
EARLIER = {"disk/notes.txt": b"mine\n", "disk/.draft.png": b"mine too\n", "disk/masks/earlier.png": b"of yesterday\n"}
"""What lies there before, and has to stay."""
TRAIN = ("train", f"{INPUTS}/data", "--out", f"{DISK}/run", "--model", "segnet", "--width", "0.06", "--epochs", "8")
ENLARGED = 6
"""How often a pixel of a scene is repeated in a scan, down and right."""
TILE, OVERLAP = 256, 64
"""Of the model that predicts, in pixels: a scan has several tiles."""
PHOTOS = 8


@dataclass(frozen=True)
class Command:
    """A command, the one to run after a fault, and the input that may vanish. exact: whether the files that it writes
    have the same bytes each time, or which of them have. makes: a directory that appears whole."""

    name: str
    arguments: tuple[str, ...]
    again: tuple[str, ...]
    vanishing: str
    exact: bool | tuple[str, ...]
    makes: str | None = None


def _writing(name: str, arguments: tuple[str, ...], vanishing: str) -> Command:
    return Command(name, arguments, (*arguments, "--resume"), vanishing, exact=True)


WEIGHTS = ("disk/run/weights.safetensors",)
KINDS = ("--as", "mask,overlay,geojson,probabilities")
CONVERT = ("convert", f"{INPUTS}/data", "--to", "coco", "--out", f"{DISK}/coco")
EXPORT = ("export", f"{INPUTS}/run", "--out", f"{DISK}/model.onnx")
COMMANDS = (
    Command("train", TRAIN, (*TRAIN, "--resume"), f"{INPUTS}/data", WEIGHTS),
    Command("train --resume", (*TRAIN, "--resume"), (*TRAIN, "--resume"), f"{INPUTS}/data", WEIGHTS),
    _writing(
        "predict",
        ("predict", f"{INPUTS}/m.onnx", f"{INPUTS}/photos", "--out", f"{DISK}/masks", *KINDS),
        "inputs/photos",
    ),
    _writing(
        "predict a scan",
        ("predict", f"{INPUTS}/m.onnx", f"{INPUTS}/scan.tif", "--out", f"{DISK}/masks", *KINDS),
        "inputs/scan.tif",
    ),
    Command("convert", CONVERT, CONVERT, f"{INPUTS}/data", exact=True, makes=f"{DISK}/coco"),
    Command("export", EXPORT, EXPORT, f"{INPUTS}/run", exact=False),
)


def prepare(folder: Path, names: set[str]) -> None:
    """Lay out for each of the commands, in a folder of its own in `folder`, what it begins with."""
    from pixelwise_scenes import write_scenes

    sizes = {"train": 8, "val": 3}
    base = folder / "base"
    write_scenes(base / INPUTS / "data", 0, sizes, size=(64, 96))
    if names != {"convert"}:
        _require(Process(TRAIN, base).wait())
    if {"predict", "predict a scan"} & names:
        _require(Process(("export", _use_small_tiles(base), "--out", "m.onnx"), base).wait())
    for command in COMMANDS:
        if command.name not in names:
            continue
        place = folder / command.name
        (place / INPUTS).mkdir(parents=True)
        for name, content in EARLIER.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        if command.name == "convert":
            write_scenes(place / INPUTS / "data", 1, {"train": 20, "val": 4}, size=(64, 96))
        elif command.name.startswith("train"):
            shutil.copytree(base / INPUTS / "data", place / INPUTS / "data")
        elif command.name == "export":
            shutil.copytree(base / DISK / "run", place / INPUTS / "run")
            shutil.copy(base / DISK / "run" / "model.onnx", place / DISK / "model.onnx")  # of an earlier export
        else:
            shutil.copy(base / "m.onnx", place / INPUTS / "m.onnx")
            write_scenes(place / INPUTS / "scenes", 2, {"test": PHOTOS}, size=(64, 96))
            (place / INPUTS / "scenes" / "test" / "images").rename(place / INPUTS / "photos")
            _write_scan(place / INPUTS)
        if command.name == "train --resume":
            _stop_midway(place)


def _use_small_tiles(base: Path) -> str:
    """Return the name of a copy, in `base`, of the trained run whose model predicts in tiles of `TILE` pixels."""
    copy = shutil.copytree(base / DISK / "run", base / "small tiles")
    config = copy / "config.yaml"
    text = re.sub(r"(?m)^  tile: .*$", f"  tile: {TILE}", config.read_text(encoding="utf-8"))
    config.write_text(re.sub(r"(?m)^  overlap: .*$", f"  overlap: {OVERLAP}", text), encoding="utf-8")
    return copy.name


def _write_scan(inputs: Path) -> None:
    """Write a scene as a scan."""
    import rasterio

    with Image.open(min((inputs / "photos").iterdir())) as scene:
        pixels = np.asarray(scene).repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    height, width, _ = pixels.shape
    form = {"driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8", "tiled": True}
    place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(500000, 5000000, 0.5, 0.5)}
    with rasterio.open(inputs / "scan.tif", "w", **form, **place) as file:
        file.write(pixels.transpose(2, 0, 1))


def _stop_midway(place: Path) -> None:
    """Leave a run that was stopped after its first checkpoint."""
    process = Process(TRAIN, place)
    while not process.has_ended and not (place / DISK / "run" / "checkpoints" / "last.ckpt").is_file():
        time.sleep(0.005)
    process.signal(signal.SIGTERM)
    ended = process.wait()
    if ended.code != 128 + signal.SIGTERM:
        raise SystemExit(f"no run to go on with: a stopped training ended with {ended.code}: {ended.errors}")


def _require(ended: Ended) -> None:
    if ended.code != 0:
        raise SystemExit(f"what the suite works on cannot be made: exit code {ended.code}: {ended.errors}")
