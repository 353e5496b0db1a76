"""Blocks of code in a page, and a world of small data in which they are run.

A block of commands or Python is run as it stands, in the order of the page, in one directory and one namespace. Three
things are cheaper than for a reader: a training takes one epoch of a small net, `benchmark` takes a small image, and
what `pixelwise demo` makes is there already. A block that cannot be run has a comment before it that says why:
`<!-- not run: it installs packages -->`.
"""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.raster.image import read_values
from pixelwise_scenes import write_scenes

ROOT = Path(__file__).parents[2]
SIZE = (64, 96)
SMALL_NET = ["--model", "segnet_basic", "--width", "0.06"]
COMMANDS = ("pixelwise", "python", "pip", "make", "torchrun", "curl", "ssh", ".", "git")
_TOKEN = re.compile(
    r"<!-- not run: (?P<reason>.+?) -->|^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^ *```[ ]*$",
    flags=re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code: commands, `is_python` or not, and why it is not run, "" where it is."""

    code: str
    is_python: bool
    reason: str = ""


def blocks(page: str) -> list[Block]:
    """Return the blocks of commands and of Python of a page; text, YAML, JSON and output are none."""
    found, reason = [], ""
    for token in _TOKEN.finditer(page):
        if token["reason"]:
            reason = token["reason"]
            continue
        language, code = token["language"], re.sub(rf"^{token['indent']}", "", token["code"], flags=re.MULTILINE)
        is_shell = language in ("bash", "sh", "shell", "console")
        is_shell |= not language and code.removeprefix("$ ").split(maxsplit=1)[0] in COMMANDS
        if language in ("python", "pycon") or is_shell:
            found.append(Block(code, not is_shell, reason))
        reason = ""
    return found


def commands(code: str) -> list[list[str]]:
    """Return the words of each command of a block."""
    lines = code.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):  # the others are output
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def make_world(folder: Path) -> None:
    """Fill a directory with what the guides name: data sets, new images, a scan, a finished run, a finished demo."""
    from rasterio.transform import from_origin

    import pixelwise as pw

    counts = {"train": 6, "val": 2, "test": 2}
    write_scenes(folder / "photos", 0, counts, size=SIZE)
    for name in ("cells", "streets"):
        write_scenes(folder / name, 1, counts, size=SIZE, kind="fruit")
    (folder / "new").mkdir()
    for number, name in enumerate(("street", "field")):
        picture = Image.fromarray(read_values(folder / "photos" / "val" / "images" / f"val-000{number}.png"))
        picture.save(folder / "new" / f"{name}.jpg")
    shutil.copy(folder / "new" / "street.jpg", folder / "street.jpg")
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5400000, 0.5, 0.5)}
    for kind in ("images", "masks"):
        (folder / "fields" / kind).mkdir(parents=True)
    for number in range(10):
        bands = np.random.default_rng(number).integers(0, 4000, (4, *SIZE), dtype=np.uint16)
        mask = np.zeros(SIZE, np.uint8)
        mask[16:48, 8 * number : 8 * number + 20] = 1
        bands[:, mask > 0] += 3000
        _write_tiff(folder / "fields" / "images" / f"{number}.tif", bands, place)
        Image.fromarray(mask).save(folder / "fields" / "masks" / f"{number}.png")
    values = np.random.default_rng(0).integers(0, 256, (3, 128, 160), dtype=np.uint8)
    _write_tiff(folder / "scan.tif", values, place)
    net = {"model": "segnet_basic", "width": 0.06, "epochs": 1, "quiet": True}
    pw.train("photos", out="runs/first", **net)
    pw.export("runs/first", "model.onnx")
    shutil.copytree(folder / "photos", folder / "demo" / "data")
    shutil.copytree(folder / "runs" / "first", folder / "demo" / "run")


def _write_tiff(path: Path, bands: np.ndarray[tuple[int, ...], np.dtype[np.generic]], place: dict[str, object]) -> None:
    import rasterio

    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype.name}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as file:
        file.write(bands)


def run_page(page: str, run: Callable[..., int]) -> int:
    """Run the blocks of a page in the working directory, and return how many were run; `run` runs a command."""
    names: dict[str, object] = {"__name__": "page"}
    count = 0
    for block in blocks(page):
        if block.reason:
            continue
        count += 1
        if not block.is_python:
            for words in commands(block.code):
                run_command(words, run)
        elif ">>> " in block.code:
            test = doctest.DocTestParser().get_doctest(block.code, names, "page", None, None)
            assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
            names |= test.globs
        else:
            code = re.sub(r"minutes=[\d.]+", "model='segnet_basic', width=0.06, epochs=1", block.code)
            exec(compile(code, "page", "exec"), names)
    return count


def run_command(words: list[str], run: Callable[..., int]) -> None:
    """Run a command; one that is not of pixelwise fails the test: its block says why it is not run."""
    assert words[0] == "pixelwise", f"{shlex.join(words)}: put <!-- not run: REASON --> before its block"
    name, *arguments = words[1:]
    if name == "demo":
        return
    if name in ("train", "export"):
        _make_room(arguments)
    if name == "train":
        arguments = _cheap_training(arguments)
    if name == "benchmark" and "--size" not in arguments:
        arguments += ["--size", "64", "96"]
    given = [str(path) for word in arguments for path in (sorted(Path().glob(word)) if "*" in word else [word])]
    assert run(name, *given) == 0, shlex.join(words)


def _cheap_training(arguments: list[str]) -> list[str]:
    """Return the arguments of a training of an epoch; 60 epochs become two."""
    arguments = list(arguments)
    if "--minutes" in arguments:
        place = arguments.index("--minutes")
        del arguments[place : place + 2]
    if "--epochs" in arguments:
        place = arguments.index("--epochs") + 1
        arguments[place] = str(max(1, int(arguments[place]) // 30))
    elif "--resume" not in arguments and "--config" not in arguments:
        arguments += ["--epochs", "1"]
    if not {"--model", "--resume", "--config"} & set(arguments):
        arguments += SMALL_NET
    elif "--model" in arguments and "--width" not in arguments:
        arguments += ["--width", "0.06"]
    return arguments


def _make_room(arguments: list[str]) -> None:
    """Remove the run or the model file of the world that a page makes itself."""
    out = Path(arguments[arguments.index("--out") + 1])
    if out.is_dir() and "--resume" not in arguments:
        shutil.rmtree(out)
    elif out.is_file():
        out.unlink()
