"""What is done with a run directory: everything that reads one, up to before the first step of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from lab.fuzz.models import DATA
from lab.fuzz.steps import Step, cli, step


class ReachedError(Exception):
    """A training was about to take its first step."""


def steps_of_run(rng: Random, root: Path, out: Path, made: Path) -> Iterator[Step]:
    """Yield one of what reads a run: going on with it, repeating it, starting from it, looking at it, exporting it."""
    data, way = made / DATA, rng.random()
    if way < 0.4:
        yield _planned("train", data, "--out", root, "--resume")
    elif way < 0.5:
        yield _planned("train", data, "--out", out / "r", "--config", root / "config.yaml")
    elif way < 0.6:
        net = ["--model", "segnet_basic", "--width", "0.05", "--epochs", "1"]
        yield _planned("train", data, "--out", out / "r", "--from", root, *net)
    elif way < 0.75:
        yield step("inspect", root, "--json")
    elif way < 0.85:
        yield f"export {root} --out x.onnx", partial(_export, root, out)
    elif way < 0.93:
        yield step("evaluate", root, data, "--split", "test", "--json")
    else:
        yield step("predict", root, data / "test" / "images", "--out", out / "p")


def _planned(*arguments: str | Path) -> Step:
    return " ".join(map(str, arguments)), partial(_plan, arguments)


def _plan(arguments: tuple[str | Path, ...]) -> None:
    """Run a training up to its first step."""
    from pixelwise.training.session import Session

    with _replaced(Session, "_fit", _reach):
        try:
            cli(*arguments)
        except ReachedError:
            return


def _reach(*arguments: Any) -> None:
    raise ReachedError


def _export(root: Path, out: Path) -> None:
    """Export a run but for the tracing of its net, which takes seconds and knows nothing of the run's files."""
    from pixelwise.training import finish

    with _replaced(finish, "export_onnx", lambda pipeline, info, path: path.write_bytes(info.to_json().encode())):
        out.mkdir(parents=True, exist_ok=True)
        cli("export", root, "--out", out / "x.onnx")


@contextmanager
def _replaced(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, original)
