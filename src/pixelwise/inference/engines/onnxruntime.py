"""Engines: what turns images into logits. An engine knows nothing of tiles, classes or files."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ModelFileError, OptionError
from pixelwise.core.files import special_file_kind
from pixelwise.core.telemetry import import_silently
from pixelwise.core.text import is_text
from pixelwise.modelfile.graph import REMEDY, require_safe_graph
from pixelwise.modelfile.info import COARSE, DROPOUT_SEED, METADATA_KEY, ModelInfo

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
_ERRORS_ONLY = 3
_PLACES = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |/\S+:\d+ \S.*?\) (?=\S)")
"""What onnxruntime puts before its words: a number, and a place and function in its source code."""
MAX_REASON_LENGTH = 300
"""Letters of an engine's own words that are shown."""


class Engine(Protocol):
    """Takes uint8 (N, height, width, C) of any size, returns float32 logits (N, K, height, width), of an instance model
    (N, K + 3, height, width)."""

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


class OnnxRuntimeEngine:
    """Run a model file with onnxruntime on `threads` CPU cores, by default all that this process may use: the caller's
    thread and others, which several callers share. A GPU takes their place where onnxruntime-gpu is installed.

    `info` is what the file says of itself. Raises `ModelFileError` for a file that is missing, is not ONNX, was not
    written by pixelwise, or whose graph does not take and return what `Engine` says.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        path = Path(path)
        self._session = _open_session(path, threads or available_cores())
        self._path = path
        with require_utf8(path):
            self.info = ModelInfo.from_json(self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY), path)
            inputs = [_signature(node) for node in self._session.get_inputs()]
            require_signature(inputs, [_signature(node) for node in self._session.get_outputs()], self.info, path)
            self.has_coarse = COARSE in {node.name for node in self._session.get_outputs()}
            self._has_dropout = DROPOUT_SEED in {node.name for node in self._session.get_overridable_initializers()}

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run("logits", {"image": images})

    def coarse(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the logits (N, K, h, w) that the others are up-sampled from, where the file `has_coarse` ones."""
        return self._run(COARSE, {"image": images})

    def sample(self, images: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.float32]:
        """Return logits as a call does, with dropout on: what is dropped depends on `seed`, 1..2**32 - 1, alone.

        Raises `OptionError` for a model file without dropout.
        """
        if not self._has_dropout:
            found = f"{self.info.model}, a model file without dropout"
            remedy = (
                "Train a model that has it, such as bayesian_segnet or unet; export a run of an older version again."
            )
            raise OptionError(f"`sampling` with {self._path}", found, "a model with dropout", remedy)
        return self._run("logits", {"image": images, DROPOUT_SEED: np.array(seed, np.int64)})

    def _run(self, output: str, inputs: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        try:
            (logits,) = self._session.run([output], inputs)
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise run_error(self._path, "onnxruntime", inputs["image"], error) from error
        return check_logits(logits, self.info, self._path)


def available_cores() -> int:
    """Return how many CPU cores this process may run on: less than the machine's under taskset or a cpuset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_file(path: Path) -> None:
    """Raise `ModelFileError` where there is no file, or one whose name no engine takes."""
    if not path.is_file():
        raise ModelFileError(path, special_file_kind(path) or "no such file", "a model file", REMEDY)
    if not is_text(path):
        remedy = "Rename it, or its folder; where the locale is not UTF-8, set LC_ALL=C.UTF-8."
        raise ModelFileError(path, "a name that is not UTF-8", "one that engines take", remedy)


def require_model(path: Path) -> None:
    """Raise `ModelFileError` where there is no file, or one with a graph that pixelwise does not write."""
    require_file(path)
    try:
        require_safe_graph(path)
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror or error})"
        raise ModelFileError(path, found, "a model file", "Check its permissions.") from error


def check_logits(logits: npt.NDArray[np.float32], info: ModelInfo, path: Path) -> npt.NDArray[np.float32]:
    """Return what a model file gave of some images. Raises `ModelFileError` for what are no logits, or no numbers."""
    if logits.ndim != 4 or logits.dtype != np.float32 or logits.shape[1] != info.channels or not logits.size:
        found = f"a model that gives {logits.dtype} of {' x '.join(map(str, logits.shape))}"
        raise ModelFileError(path, found, f"float32 of images x {info.channels} x height x width", REMEDY)
    # A sum is not finite where one of its terms is not, and is quick; of huge terms it may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        total = logits.sum()
    if not np.isfinite(total) and not (finite := np.isfinite(logits)).all():
        found = f"scores that are no finite numbers in {np.count_nonzero(~finite.all(axis=1)):,} pixels"
        remedy = "Train or export it again; one that openvino-bf16 runs, with `engine='onnxruntime'`."
        raise ModelFileError(path, found, "a number for each class and pixel", remedy)
    return logits


def run_error(path: Path, runtime: str, images: npt.NDArray[np.uint8], error: Exception) -> ModelFileError:
    """Return the error of a model file that its engine could not run on some images."""
    reason = shorten_reason(str(error) or type(error).__name__)
    _, height, width, _ = images.shape
    found = f"a model that {runtime} cannot run on {height} x {width} pixels ({reason})"
    remedy = "Where memory is short, close other programs; otherwise train or export the model again."
    return ModelFileError(path, found, "one that gives logits", remedy)


@contextlib.contextmanager
def name_image_in_errors(image: Path) -> Iterator[None]:
    """Let a `ModelFileError` that comes while a model looks at an image name that too."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{error.where} on {image}", error.found, error.expected, error.remedy) from error


def shorten_reason(reason: str) -> str:
    """Return an engine's own words in one line, without its places in source code."""
    reason = " ".join(_PLACES.sub("", reason.rpartition("failed:")[2]).split()).strip(" .")
    return reason if len(reason) <= MAX_REASON_LENGTH else f"{reason[:MAX_REASON_LENGTH]} ..."


def require_signature(inputs: list[str], outputs: list[str], info: ModelInfo, path: Path) -> None:
    """Raise `ModelFileError` for a graph that is not image: uint8 (N, height, width, C) -> logits: float32
    (N, channels, height, width), coarser ones beside them or not, each told as "name: tensor(type) (side, ...)"."""
    expected = f"image: tensor(uint8) (any, any, any, {info.in_channels})"
    if inputs != [expected]:
        raise ModelFileError(path, f"inputs {', '.join(inputs)}", f"the one input {expected}", REMEDY)
    expected = f"logits: tensor(float) (any, {info.channels}, any, any)"
    known = (expected, "logits: tensor(float) (any, any, any, any)")
    names = [output.partition(":")[0] for output in outputs]
    if names not in (["logits"], ["logits", COARSE]) or outputs[0] not in known:
        raise ModelFileError(path, f"outputs {', '.join(outputs)}", f"the one output {expected}", REMEDY)


def providers() -> list[str]:
    """Return what onnxruntime runs a graph on, best first: CUDA where onnxruntime-gpu is installed, then the CPU."""
    available = import_silently("onnxruntime").get_available_providers()
    return [own for own in PROVIDERS if own in available]


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    require_model(path)
    runtime = import_silently("onnxruntime")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    # It would keep a plan of the memory for every size of image that was ever seen, 60 KB each, and take what all of
    # an image's maps need at once: half as much memory again, and no faster.
    options.enable_mem_pattern = False
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin between the nodes of a graph are fast; between two images they would take the cores from the
    # threads that read and write files.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        known = providers()
        # From the CPU it would fall back to the CPU, and print that.
        fallback = int(len(known) > 1)
        session: onnxruntime.InferenceSession = runtime.InferenceSession(
            str(path), options, providers=known, enable_fallback=fallback
        )
    except Exception as error:  # onnxruntime's errors share no base class of their own
        found = f"a file that onnxruntime cannot load ({shorten_reason(str(error) or type(error).__name__)})"
        raise ModelFileError(path, found, "an ONNX model", REMEDY) from error
    return session


@contextlib.contextmanager
def require_utf8(path: Path) -> Iterator[None]:
    """Make what an engine raises of texts in a model file that are damaged a `ModelFileError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ModelFileError(path, "metadata or names that are not UTF-8", "a pixelwise model file", REMEDY) from error


def _signature(node: onnxruntime.NodeArg) -> str:
    sides = ", ".join(str(side) if isinstance(side, int) else "any" for side in node.shape or ())
    return f"{node.name}: {node.type} ({sides})"
