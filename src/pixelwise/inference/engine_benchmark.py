"""How fast the engines are with a model file on this machine, and which of them is the fastest."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pixelwise.core.errors import OutputError
from pixelwise.core.files import read_json_object, sha256, write_text
from pixelwise.inference.engines.onnxruntime import available_cores
from pixelwise.inference.engines.registry import ENGINES, open_engine
from pixelwise.inference.predictor import Predictor

SIZE = (480, 640)
"""Height and width of the image that the choice is made with."""
CALLS = 5


@dataclass(frozen=True)
class EngineTiming:
    """Milliseconds that an engine takes to open a model file, and to label an image: the median of some calls."""

    engine: str
    opening_ms: float
    image_ms: float


def installed_engines() -> list[str]:
    """Return those of `ENGINES` that are installed."""
    return [engine for engine in ENGINES if importlib.util.find_spec(engine) is not None]


def time_engine(path: Path, engine: str, size: tuple[int, int]) -> EngineTiming:
    """Time an engine with a model file on an image of noise of `size` (height, width). Raises what the engine does."""
    started = time.perf_counter()
    own = open_engine(path, engine)
    predictor = Predictor(own, own.info)
    opening = time.perf_counter() - started
    image = np.random.default_rng(0).integers(0, 256, (*size, predictor.info.in_channels), np.uint8)
    predictor.label_map(image)
    calls = [_seconds(lambda: predictor.label_map(image)) for _ in range(CALLS)]
    return EngineTiming(engine, 1000 * opening, 1000 * statistics.median(calls))


def fastest_engine(path: Path) -> str:
    """Return the engine that is the fastest with a model file: timed once, and remembered in the user's cache."""
    engines = installed_engines()
    if len(engines) == 1:
        return engines[0]
    cache, key = _cache(), _key(path, engines)
    remembered: dict[str, str] = read_json_object(cache)
    if remembered.get(key) not in engines:
        paces = [time_engine(path, engine, SIZE) for engine in engines]
        remembered[key] = min(paces, key=lambda own: own.image_ms).engine
        _write(cache, remembered)
    return remembered[key]


def processor_name() -> str:
    """Return what the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "pixelwise" / "engines.json"


def _key(path: Path, engines: Sequence[str]) -> str:
    """Return all that the choice depends on."""
    versions = [f"{engine} {version(engine)}" for engine in engines]
    model = sha256(path)
    return ", ".join([model, processor_name(), f"{available_cores()} cores", *versions])


def _write(cache: Path, remembered: dict[str, str]) -> None:
    with contextlib.suppress(OutputError):  # a choice that cannot be remembered is made again
        write_text(cache, json.dumps(remembered, indent=1))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
