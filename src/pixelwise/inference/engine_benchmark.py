"""Measures how fast engines run a model file on this machine, and finds the fastest."""

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

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import MissingDependencyError, OptionError, OutputError, PixelwiseError
from pixelwise.core.files import read_json_object, sha256, write_text
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.engines.checks import available_cores
from pixelwise.inference.engines.registry import DEFAULT_ENGINE, TORCH, open_engine
from pixelwise.inference.predictor import Predictor
from pixelwise.modelfile.info import ModelInfo

CANDIDATES = ("onnxruntime", "openvino")
"""The float32 engines that `fastest_engine` chooses from, each named like its package."""
SIZE = (480, 640)
"""Height and width of the image that is timed."""
CALLS = 5


@dataclass(frozen=True)
class EngineTiming:
    """Milliseconds that an engine takes to open a model file, and to label an image: the median of `CALLS`."""

    engine: str
    opening_ms: float
    image_ms: float


def installed_engines() -> list[str]:
    """Return those of `CANDIDATES` that are installed."""
    return [engine for engine in CANDIDATES if importlib.util.find_spec(engine) is not None]


def time_engine(path: Path, engine: str, size: tuple[int, int], device: Device = AUTO) -> EngineTiming:
    """Time an engine with a model file on an image of noise of `size` (height, width). Raises what the engine does."""
    started = time.perf_counter()
    predictor = Predictor(open_engine(path, engine, device=device), ModelInfo.read(path), path)
    opening = time.perf_counter() - started
    image = np.random.default_rng(0).integers(0, 256, (*size, predictor.info.in_channels), np.uint8)
    predictor.label_map(image)
    calls = [_time_call(lambda: predictor.label_map(image)) for _ in range(CALLS)]
    return EngineTiming(engine, 1000 * opening, 1000 * statistics.median(calls))


def fastest_engine(path: Path, device: Device = AUTO) -> str:
    """Return the fastest engine for a model file. The result of the timing is stored in the user's cache."""
    engines = installed_engines() if device.kind in ("auto", "cpu") else engines_on(path, device)
    if len(engines) == 1:
        return engines[0]
    cache, key = _cache(), _key(path, engines) + ("" if device == AUTO else f", {device}")
    remembered: dict[str, str] = read_json_object(cache)
    if remembered.get(key) not in engines:
        where = () if device == AUTO else (device,)
        timings = [time_engine(path, engine, SIZE, *where) for engine in engines]
        remembered[key] = min(timings, key=lambda timing: timing.image_ms).engine
        _write(cache, remembered)
    return remembered[key]


def engines_on(path: Path, device: Device) -> list[str]:
    """Return the engines that open a model file on a device. If none does, raises the error of the last."""
    failures = {engine: _failure(path, engine, device) for engine in (DEFAULT_ENGINE, TORCH)}
    engines = [engine for engine, failure in failures.items() if failure is None]
    if not engines and (failure := failures[TORCH]) is not None:
        raise failure
    return engines


def _failure(path: Path, engine: str, device: Device) -> PixelwiseError | None:
    """Return why an engine does not run on a device."""
    try:
        open_engine(path, engine, device=device)
    except (MissingDependencyError, OptionError) as error:
        return error
    return None


def open_fastest(path: Path, at_once: int = 1, *, device: Device = AUTO) -> Engine:
    """Open a model file in its fastest engine, for `at_once` threads that call it at the same time."""
    return open_engine(path, fastest_engine(path, device), at_once, device)


def processor_name() -> str:
    """Return the name of the processor, as the machine reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "pixelwise" / "engines.json"


def _key(path: Path, engines: Sequence[str]) -> str:
    """Return everything that the choice depends on."""
    versions = [f"{engine} {version(engine)}" for engine in engines]
    model = sha256(path)
    return ", ".join([model, processor_name(), f"{available_cores()} cores", *versions])


def _write(cache: Path, remembered: dict[str, str]) -> None:
    with contextlib.suppress(OutputError):  # without a cache it is timed each time
        write_text(cache, json.dumps(remembered, indent=1))


def _time_call(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
