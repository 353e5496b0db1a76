"""Checks of all engines for model files: the file, its graph, and its outputs."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ModelFileError
from pixelwise.core.files import special_file_kind
from pixelwise.core.text import is_text
from pixelwise.modelfile.graph import REMEDY, require_safe_graph
from pixelwise.modelfile.info import COARSE, ModelInfo

_PLACES = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |/\S+:\d+ \S.*?\) (?=\S)")
"""The prefix of onnxruntime's messages: an error number, and a place and function in its source code."""
MAX_REASON_LENGTH = 300
"""The most characters of a runtime's message that are shown."""


def available_cores() -> int:
    """Return how many CPU cores this process may run on: less than the machine's under taskset or a cpuset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_file(path: Path) -> None:
    """Raise `ModelFileError` if there is no file, or if engines cannot open its name."""
    if not path.is_file():
        raise ModelFileError(path, special_file_kind(path) or "no such file", "a model file", REMEDY)
    if not is_text(path):
        remedy = "Rename it, or its folder; where the locale is not UTF-8, set LC_ALL=C.UTF-8."
        raise ModelFileError(path, "a name that is not UTF-8", "one that engines take", remedy)


def require_model(path: Path) -> None:
    """Raise `ModelFileError` if there is no file, or if its graph is not one that pixelwise writes."""
    require_file(path)
    try:
        require_safe_graph(path)
    except OSError as error:
        problem = f"a file that cannot be read ({error.strerror or error})"
        raise ModelFileError(path, problem, "a model file", "Check its permissions.") from error


def require_signature(inputs: list[str], outputs: list[str], info: ModelInfo, path: Path) -> None:
    """Raise `ModelFileError` for a graph that is not image: uint8 (N, height, width, C) -> logits: float32
    (N, channels, height, width), with the coarse logits as a second output or without.

    Each input and output is a text "name: tensor(type) (side, ...)".
    """
    expected = f"image: tensor(uint8) (any, any, any, {info.in_channels})"
    if inputs != [expected]:
        raise ModelFileError(path, f"inputs {', '.join(inputs)}", f"the one input {expected}", REMEDY)
    expected = f"logits: tensor(float) (any, {info.channels}, any, any)"
    known = (expected, "logits: tensor(float) (any, any, any, any)")
    names = [output.partition(":")[0] for output in outputs]
    if names not in (["logits"], ["logits", COARSE]) or outputs[0] not in known:
        raise ModelFileError(path, f"outputs {', '.join(outputs)}", f"the one output {expected}", REMEDY)


def check_logits(logits: npt.NDArray[np.float32], info: ModelInfo, path: Path) -> npt.NDArray[np.float32]:
    """Return the logits of a model file. Raises `ModelFileError` for another shape or dtype, or no finite numbers."""
    if logits.ndim != 4 or logits.dtype != np.float32 or logits.shape[1] != info.channels or not logits.size:
        problem = f"a model that gives {logits.dtype} of {' x '.join(map(str, logits.shape))}"
        raise ModelFileError(path, problem, f"float32 of images x {info.channels} x height x width", REMEDY)
    # A sum is fast, and not finite if any term is not. It may also overflow, so the terms are then checked.
    with np.errstate(over="ignore", invalid="ignore"):
        total = logits.sum()
    if not np.isfinite(total) and not (finite := np.isfinite(logits)).all():
        problem = f"scores that are no finite numbers in {np.count_nonzero(~finite.all(axis=1)):,} pixels"
        remedy = "Train or export it again; if openvino-bf16 runs it, try `engine='onnxruntime'`."
        raise ModelFileError(path, problem, "a number for each class and pixel", remedy)
    return logits


def run_error(path: Path, runtime: str, images: npt.NDArray[np.uint8], error: Exception) -> ModelFileError:
    """Return the error of a model file that its engine could not run on some images."""
    reason = shorten_reason(str(error) or type(error).__name__)
    _, height, width, _ = images.shape
    problem = f"a model that {runtime} cannot run on {height} x {width} pixels ({reason})"
    remedy = "Where memory is short, close other programs; otherwise train or export the model again."
    return ModelFileError(path, problem, "one that gives logits", remedy)


def shorten_reason(reason: str) -> str:
    """Return a runtime's message in one line, without places in its source code."""
    reason = " ".join(_PLACES.sub("", reason.rpartition("failed:")[2]).split()).strip(" .")
    return reason if len(reason) <= MAX_REASON_LENGTH else f"{reason[:MAX_REASON_LENGTH]} ..."


@contextlib.contextmanager
def require_utf8(path: Path) -> Iterator[None]:
    """Turn the `UnicodeDecodeError` of a damaged text in a model file into a `ModelFileError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ModelFileError(path, "metadata or names that are not UTF-8", "a pixelwise model file", REMEDY) from error


@contextlib.contextmanager
def name_image_in_errors(image: Path) -> Iterator[None]:
    """Add the image that is predicted to a `ModelFileError`."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{error.where} on {image}", error.found, error.expected, error.remedy) from error
