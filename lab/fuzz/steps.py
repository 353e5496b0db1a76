"""What is done with an input: the commands that a user would give, in this process."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from lab.fuzz.inputs import LAYOUTS, Input
from lab.fuzz.models import RUN
from lab.fuzz.outcome import OUTPUT, REFUSED, TRACEBACK, FaultError
from pixelwise.core.errors import PixelwiseError
from pixelwise.raster.image import pixels_in

MOST_TTA_PIXELS = 2**18
"""A larger picture is predicted once: with `--tta` a megapixel takes 20 seconds, which is work and no hang."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
"""Characters that change what a terminal does."""
ENCODINGS = ("utf-8", "utf-8", "cp1252", "ascii")
PICTURES_OF = "mask,overlay,probabilities"
OUTLINES_OF = f"{PICTURES_OF},geojson"
"""Of pictures that are small in any case: the outlines of noise take 30 microseconds a pixel."""
SMALL = 10_000
Step = tuple[str, Callable[[], None]]
"""What is done, as one would type it, and what does it; the next is not reached where it raises."""


@dataclass(frozen=True)
class Reply:
    code: int
    out: str
    err: str


@cache
def _command() -> Any:
    import typer

    from pixelwise.cli.app import app

    return typer.main.get_command(app)


def capture_output(action: Callable[[], Any], encoding: str = "utf-8", *, strict: bool = False) -> Reply:
    """Call a function in this process and return what it printed and its exit code; raise what it raises. What the
    encoding cannot show is written as an escape, but where it is `strict`."""
    streams = [
        io.TextIOWrapper(io.BytesIO(), encoding, errors="strict" if strict else "backslashreplace") for _ in range(2)
    ]
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        code = action()
    except SystemExit as error:
        code = error.code
    finally:
        sys.stdout, sys.stderr = before
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding, "replace"))
    return Reply(code if isinstance(code, int) else 0 if code is None else 1, *texts)


def run_command(arguments: list[str], encoding: str = "utf-8", *, whole: bool = False) -> Reply:
    """Run a command line in this process, with `whole` as the shell does, and return what it printed; raise what it
    raises. Without `whole` what the encoding cannot show is written as an escape, as `main` has it."""

    def run() -> Any:
        if not whole:
            return _command().main(arguments, prog_name="pixelwise", standalone_mode=False)
        from pixelwise.cli.app import main

        return main()

    before, sys.argv = sys.argv, ["pixelwise", *arguments]
    try:
        return capture_output(run, encoding, strict=whole)
    finally:
        sys.argv = before


def cli(*arguments: str | Path, codes: tuple[int, ...] = (0,), encoding: str = "utf-8", whole: bool = False) -> Reply:
    reply = run_command([str(word) for word in arguments], encoding, whole=whole)
    check_reply(reply, str(arguments[0]), codes)
    if "--json" in arguments and reply.code in (0, 1) and reply.out:
        try:
            json.loads(reply.out, parse_constant=_no_number)
        except ValueError as error:
            raise FaultError(OUTPUT, f"no JSON in {arguments[0]}'s output ({error})") from error
    return reply


def check_reply(reply: Reply, command: str, codes: tuple[int, ...] = (0,)) -> None:
    """Raise `FaultError` for another exit code, and for control characters in what was printed."""
    if reply.code not in codes:
        raise FaultError(TRACEBACK, f"exit code {reply.code}: {reply.err[-300:]}")
    for text in (reply.out, reply.err):
        if control := CONTROL.search(text):
            raise FaultError(OUTPUT, f"the control character {control[0]!r} in {command}'s output")


def _no_number(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON")


def steps(mutated: Input, root: Path, out: Path, made: Path) -> Iterator[Step]:
    """Yield what to do with an input that lies at `root`; `out` is a directory for what comes of it."""
    rng = mutated.rng
    if mutated.kind == "run":
        from lab.fuzz.steps_of_runs import steps_of_run

        yield from steps_of_run(rng, root, out, made)
    elif mutated.kind == "model":
        yield from _of_model(rng, root, out)
    else:
        yield from _of_data(mutated, root, out, made)


def _of_data(mutated: Input, root: Path, out: Path, made: Path) -> Iterator[Step]:
    rng = mutated.rng
    options: list[str] = []
    if mutated.kind in LAYOUTS and rng.random() < 0.15:
        options = ["--format", mutated.kind]
    elif mutated.kind in ("raster", "image") and rng.random() < 0.1:
        options = ["--bands", rng.choice(("1", "3,2,1", "1,2", "4,1", "2"))]
    if mutated.kind in ("image", "raster") and rng.random() < 0.5:
        pictures = [
            path for path in sorted((root / "images").glob("a*")) if path.suffix not in (".xml", ".jgw", ".wld")
        ]
        model = made / RUN / "model.onnx"
        for picture in (path for path in pictures[:1] if not _is_linked_folder(path)):
            more = ["--json"] if rng.random() < 0.5 else []
            kinds = OUTLINES_OF if _is_small(picture) else PICTURES_OF
            yield step("predict", model, picture, "--out", out / "p", "--as", kinds, *more, codes=(0, 1))
    way = rng.random()
    if way < 0.45:
        yield step("check", root, "--json", *options, codes=(0, 1))
    elif way < 0.6:
        yield step("check", root, *options, codes=(0, 1), encoding=rng.choice(ENCODINGS))
    elif way < 0.65:
        yield step("check", root, *options, codes=(0, 1, 2), encoding=rng.choice(ENCODINGS), whole=True)
    else:
        yield "read", partial(_read_accepted, root)
    if rng.random() < 0.15:
        layout = rng.choice(("folders", "coco", "voc", "yolo", "cvat", "labelme", "dsb"))
        yield step("convert", root, "--to", layout, "--out", out / "c")
    if rng.random() < 0.05:
        yield step("evaluate", made / RUN / "model.onnx", root, "--split", rng.choice(("train", "val")), "--json")


def _is_linked_folder(path: Path) -> bool:
    """Return whether a path is a link to a folder such as /usr, whose thousands of images take their time."""
    return path.is_symlink() and path.is_dir()


def _is_small(picture: Path) -> bool:
    from PIL import Image

    try:
        if not picture.is_file():
            return False
        with Image.open(picture) as image:
            return image.width * image.height <= SMALL
    except Exception:  # whatever a reader makes of a spoilt file
        return False


def _of_model(rng: Random, root: Path, out: Path) -> Iterator[Step]:
    model, more = root / "model.onnx", [["--json"], ["--tta"], ["--overwrite"], [], []]
    if not (root / "a.png").is_file():  # of a link to a folder every image would be predicted
        return
    kinds = rng.choice(("mask", "mask,overlay,probabilities", "entropy", "instances,objects", "coco,labelme,geojson"))
    options = rng.choice(more)
    if pixels_in(root / "a.png") > MOST_TTA_PIXELS:
        options = [option for option in options if option != "--tta"]
    yield step("predict", model, root / "a.png", "--out", out / "p", "--as", kinds, *options, codes=(0, 1))


def step(*arguments: str | Path, **options: Any) -> Step:
    return " ".join(map(str, arguments)), partial(_run_cli, arguments, options)


def _run_cli(arguments: tuple[str | Path, ...], options: dict[str, Any]) -> None:
    cli(*arguments, **options)


def _read_accepted(root: Path) -> None:
    """Read every image and label map that `check` finds right, but for images that are meant to have no label."""
    from pixelwise.data import open_dataset
    from pixelwise.data.check import check

    dataset = open_dataset(root).with_value_range()
    result = check(dataset)
    json.dumps(result.to_json_dict())
    accepted = [item for _, item in dataset.without(result.unusable | result.unlabelled).items()]
    try:
        for item in accepted:
            dataset.read(item)
    except PixelwiseError as error:
        raise FaultError(REFUSED, f"check accepts an image that reading refuses: {error}") from error
