"""What must hold after a fault, and after the run that follows it.

Told: an exit code and a message that say what happened, never a traceback, a hang or a crash. Nothing lost: inputs and
what lay in the output's place before have the same bytes. Nothing half-written: each file under its final name opens.
No leftover: after the next run the same files are there as after one that nobody disturbed, hidden ones included, and
where results do not depend on chance or time, with the same bytes; those of a training are its weights.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

from PIL import Image

from lab.faults.commands import DISK, EARLIER, INPUTS, Command
from lab.faults.process import Ended

SIGNS = ("Traceback (most recent call last)", "Exception ignored", "this is a fault of pixelwise")
"""Of an error that nobody foresaw, on standard error."""
Snapshot = dict[str, str]
"""The SHA-256 of files, by their paths within a trial's folder."""


def snapshot(folder: Path, *parts: str) -> Snapshot:
    """Return the files below parts of a trial's folder."""
    paths = (path for part in parts for path in sorted((folder / part).rglob("*")))
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }


def told(ended: Ended, codes: set[int]) -> list[str]:
    """Return what is wrong with how a command ended, where it may do so with these codes."""
    if ended.code is None:
        return ["hung"]
    wrong = [f"said {sign!r}: {_last_line(ended)}" for sign in SIGNS if sign in ended.errors]
    if ended.code not in codes:
        wrong.append(f"exit code {ended.code}: {_last_line(ended)}")
    if ended.code > 0 and not ended.errors.strip():
        wrong.append(f"exit code {ended.code} without a message")
    return wrong


def intact(folder: Path, inputs: Snapshot) -> list[str]:
    """Return what is lost of inputs, and of what lay beside the outputs before."""
    wrong = []
    if snapshot(folder, INPUTS) != inputs:
        wrong.append("an input has changed")
    for name, content in EARLIER.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            wrong.append(f"{name}, which was there before, has changed")
    return wrong


def whole(folder: Path, command: Command, reference: Snapshot) -> list[str]:
    """Return which files under their final names are not whole."""
    wrong = []
    present = snapshot(folder, DISK)
    for name, digest in present.items():
        if any(part.startswith(".") for part in Path(name).parts) or name in EARLIER or digest == reference.get(name):
            continue
        try:
            _open(folder / name)
        except Exception as error:  # whatever a reader makes of half a file
            wrong.append(f"{name} is not whole: {type(error).__name__}: {error}")
        if command.exact is True:
            wrong.append(f"{name} is not what an undisturbed run writes")
    if command.makes and (folder / command.makes).exists():
        wrong += [f"{name} is missing" for name in reference.keys() - present.keys() if name.startswith(command.makes)]
    return wrong


def same(folder: Path, command: Command, reference: Snapshot) -> list[str]:
    """Return what is not as after an undisturbed run."""
    present = snapshot(folder, DISK, "tmp")
    wrong = [f"left over: {name}" for name in sorted(present.keys() - reference.keys()) if not _is_log(name)]
    wrong += [f"missing: {name}" for name in sorted(reference.keys() - present.keys()) if not _is_log(name)]
    exact = reference.keys() if command.exact is True else (command.exact or ())
    wrong += [f"{name} has other bytes" for name in exact if name in present and present[name] != reference.get(name)]
    return wrong


def _is_log(name: str) -> bool:
    """Return whether each process of a run writes a file of its own."""
    return "/tensorboard/" in name


def _last_line(ended: Ended) -> str:
    return next(reversed(ended.errors.strip().splitlines()), "")


def _open(path: Path) -> None:
    """Read a file to its end, as what its suffix says. Raises whatever its reader does."""
    if _is_log(path.as_posix()):
        return
    if path.suffix in (".png", ".jpg"):
        with Image.open(path) as image:
            image.load()
    elif path.suffix == ".tif":
        import rasterio

        with rasterio.open(path) as file:
            file.read()
    elif path.suffix in (".json", ".geojson"):
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as text:
            if len({len(row) for row in csv.reader(text)}) != 1:
                raise ValueError("rows of different lengths")
    elif path.suffix in (".safetensors", ".ckpt"):
        from pixelwise.training.checkpoint import load_tensors

        load_tensors(path)
    elif path.suffix == ".onnx":
        import onnx

        onnx.checker.check_model(onnx.load(path))
    elif path.suffix == ".html":
        if not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
            raise ValueError("no end")
    elif path.suffix == ".yaml":
        import yaml

        if not yaml.safe_load(path.read_text(encoding="utf-8")):
            raise ValueError("empty")
    elif path.suffix != ".xml":
        raise ValueError("no kind of file that the suite knows")
