"""A model file in onnxruntime, on the CPU or, with onnxruntime-gpu, on a GPU."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ModelFileError, OptionError
from pixelwise.core.telemetry import import_silently
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.engines.checks import (
    available_cores,
    check_logits,
    require_model,
    require_signature,
    require_utf8,
    run_error,
    shorten_reason,
)
from pixelwise.modelfile.graph import REMEDY
from pixelwise.modelfile.info import COARSE, DROPOUT_SEED, ModelInfo

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
_ERRORS_ONLY = 3


def open_onnxruntime(path: Path, at_once: int = 1) -> OnnxRuntimeEngine:
    """Open a model file for `at_once` threads that call it at the same time; they count among its threads."""
    return OnnxRuntimeEngine(path, available_cores() - at_once + 1)


class OnnxRuntimeEngine(Engine):
    """Runs a model file with onnxruntime on `threads` CPU cores, by default all that this process may use: the caller's
    thread and others, which several callers share. A GPU takes their place where onnxruntime-gpu is installed.

    `info` is the file's metadata. Raises `ModelFileError` for a file that is missing, is not ONNX, was not written by
    pixelwise, or whose graph does not take and return what `Engine` says.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        path = Path(path)
        self._path = path
        self._session = session = _open_session(path, threads or available_cores())
        with require_utf8(path):
            self.info = ModelInfo.read(path)
            inputs = [_signature(node) for node in session.get_inputs()]
            require_signature(inputs, [_signature(node) for node in session.get_outputs()], self.info, path)
            has_coarse = COARSE in {node.name for node in session.get_outputs()}
            self.can_sample = DROPOUT_SEED in {node.name for node in session.get_overridable_initializers()}
        self._run = run = partial(_run, session, self.info, path)
        if has_coarse:
            self.coarse = lambda images: run(COARSE, {"image": images})

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run("logits", {"image": images})

    def sample(self, images: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.float32]:
        if not self.can_sample:
            problem = f"{self.info.model}, a model file without dropout"
            remedy = (
                "Train a model that has it, such as bayesian_segnet or unet; export a run of an older version again."
            )
            raise OptionError(f"`sampling` with {self._path}", problem, "a model with dropout", remedy)
        return self._run("logits", {"image": images, DROPOUT_SEED: np.array(seed, np.int64)})


def _run(
    session: onnxruntime.InferenceSession, info: ModelInfo, path: Path, output: str, inputs: dict[str, npt.NDArray[Any]]
) -> npt.NDArray[np.float32]:
    try:
        (logits,) = session.run([output], inputs)
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise run_error(path, "onnxruntime", inputs["image"], error) from error
    return check_logits(logits, info, path)


def providers() -> list[str]:
    """Return what onnxruntime runs a graph on, best first: CUDA where onnxruntime-gpu is installed, then the CPU."""
    available = import_silently("onnxruntime").get_available_providers()
    return [provider for provider in PROVIDERS if provider in available]


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
        problem = f"a file that onnxruntime cannot load ({shorten_reason(str(error) or type(error).__name__)})"
        raise ModelFileError(path, problem, "an ONNX model", REMEDY) from error
    return session


def _signature(node: onnxruntime.NodeArg) -> str:
    sides = ", ".join(str(side) if isinstance(side, int) else "any" for side in node.shape or ())
    return f"{node.name}: {node.type} ({sides})"
