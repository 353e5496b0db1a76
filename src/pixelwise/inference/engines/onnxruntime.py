"""The engine onnxruntime: on the CPU, or with onnxruntime-gpu on a GPU, through CUDA or TensorRT."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import MissingDependencyError, ModelFileError, OptionError
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

TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
PROVIDERS = (CUDA, CPU)
_ERRORS_ONLY = 3
_FATAL_ONLY = 4
UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Inputs = dict[str, npt.NDArray[Any]]
Run = Callable[[str, Inputs], Float32]
"""Takes the name of an output, and the inputs, and returns the output."""


def open_onnxruntime(path: Path, at_once: int = 1, *, device: Device = AUTO) -> OnnxRuntimeEngine:
    """Open a model file for `at_once` threads that call it at the same time; they count among its threads."""
    return OnnxRuntimeEngine(path, available_cores() - at_once + 1, device=device)


def open_tensorrt(path: Path, at_once: int = 1, *, device: Device = AUTO) -> OnnxRuntimeEngine:
    """Open a model file in TensorRT, in half precision. CUDA computes those parts of the graph that TensorRT does not
    support.

    TensorRT builds a program for each image size, which takes minutes. Programs are stored in the user's cache.
    """
    if device.kind not in ("auto", "cuda"):
        remedy = "Use `engine='onnxruntime'`."
        raise OptionError("device", f"{device} with the engine onnxruntime-tensorrt", "cuda", remedy)
    gpu = Device("cuda", device.index)
    return OnnxRuntimeEngine(path, available_cores() - at_once + 1, device=gpu, tensorrt=True)


class OnnxRuntimeEngine(Engine):
    """Runs a model file with onnxruntime on `threads` CPU cores, by default all that this process may use. Threads
    beside the caller's are shared by all callers. With onnxruntime-gpu it runs on a GPU instead, unless `device` is the
    CPU.

    `info` is the file's metadata. Raises `ModelFileError` for a file that is missing, is not ONNX, was not written by
    pixelwise, or whose graph has other inputs or outputs than `Engine` requires; `MissingDependencyError` and
    `OptionError` for a device that this onnxruntime does not reach.
    """

    def __init__(
        self, path: str | Path, threads: int | None = None, *, device: Device = AUTO, tensorrt: bool = False
    ) -> None:
        path = Path(path)
        self._path = path
        choice = choose_providers(device, tensorrt=tensorrt)
        self._session = session = _open_session(path, threads or available_cores(), choice)
        _require_first(session, choice, device)
        with require_utf8(path):
            self.info = ModelInfo.read(path)
            inputs = [_signature(node) for node in session.get_inputs()]
            require_signature(inputs, [_signature(node) for node in session.get_outputs()], self.info, path)
            has_coarse = COARSE in {node.name for node in session.get_outputs()}
            self.can_sample = DROPOUT_SEED in {node.name for node in session.get_overridable_initializers()}
        bound = None if session.get_providers()[0] == CPU else Device("cuda", device.index or 0)
        self._run: Run = partial(_run, session, self.info, path, bound)
        run = self._run
        if has_coarse:
            self.coarse = lambda images: run(COARSE, {"image": images})

    def __call__(self, images: UInt8) -> Float32:
        return self._run("logits", {"image": images})

    def sample(self, images: UInt8, seed: int) -> Float32:
        if not self.can_sample:
            problem = f"{self.info.model}, a model file without dropout"
            remedy = (
                "Train a model with dropout, such as bayesian_segnet or unet. If the run has dropout, export it again: "
                "its file is of an older version."
            )
            raise OptionError(f"`sampling` with {self._path}", problem, "a model with dropout", remedy)
        return self._run("logits", {"image": images, DROPOUT_SEED: np.array(seed, np.int64)})


def _run(
    session: onnxruntime.InferenceSession,
    info: ModelInfo,
    path: Path,
    bound: Device | None,
    output: str,
    inputs: Inputs,
) -> Float32:
    """Return an output of the graph. `bound`: the GPU to which inputs and outputs are bound."""
    try:
        if bound is None:
            (logits,) = session.run([output], inputs)
        else:
            logits = run_bound(session, bound, output, inputs)
    except Exception as error:  # onnxruntime's errors have no common base class
        raise run_error(path, "onnxruntime", inputs["image"], error) from error
    return check_logits(logits, info, path)


def run_bound(session: onnxruntime.InferenceSession, device: Device, output: str, inputs: Inputs) -> Float32:
    """Return an output, with the memory of inputs and output bound to the device: one copy there and one back."""
    runtime = import_silently("onnxruntime")
    binding = session.io_binding()
    for name, values in inputs.items():
        there = runtime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(values), device.kind, device.index or 0)
        binding.bind_ortvalue_input(name, there)
    binding.bind_output(output, device.kind, device.index or 0)
    session.run_with_iobinding(binding)
    logits: Float32
    (logits,) = binding.copy_outputs_to_cpu()
    return logits


def providers() -> list[str]:
    """Return the available providers, best first: CUDA if onnxruntime-gpu is installed, then the CPU."""
    available = import_silently("onnxruntime").get_available_providers()
    return [provider for provider in PROVIDERS if provider in available]


Choice = Sequence[str | tuple[str, dict[str, Any]]]
"""Execution providers of onnxruntime, best first, some with options."""


def choose_providers(device: Device, *, tensorrt: bool = False) -> Choice:
    """Return the providers to run a graph on `device`. Raises `OptionError` or `MissingDependencyError` if this
    onnxruntime has none."""
    if device == AUTO:
        return providers()
    if device.kind == "cpu":
        return [CPU]
    if device.kind != "cuda":
        raise OptionError("device", f"{device} with onnxruntime", "cuda or cpu", "Use `engine='torch'`.")
    wanted = TENSORRT if tensorrt else CUDA
    runtime = import_silently("onnxruntime")
    if wanted not in runtime.get_available_providers():
        where = "engine='onnxruntime-tensorrt'" if tensorrt else f"device={str(device)!r}"
        found = f"onnxruntime {runtime.__version__} without {wanted.removesuffix('ExecutionProvider')}"
        remedy = "Install onnxruntime-gpu in its place, or use `engine='torch'`."
        raise MissingDependencyError(where, found, "onnxruntime-gpu", remedy)
    here = {"device_id": device.index or 0}
    cached = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(_cache()), "trt_fp16_enable": True}
    return [*([(TENSORRT, here | cached)] if tensorrt else []), (CUDA, here), CPU]


def _require_first(session: onnxruntime.InferenceSession, choice: Choice, device: Device) -> None:
    """Raise `MissingDependencyError` if the requested provider did not start: onnxruntime would silently use the
    next."""
    first = choice[0] if isinstance(choice[0], str) else choice[0][0]
    if device != AUTO and session.get_providers()[0] != first:
        found = f"onnxruntime-gpu, whose {first} does not start"
        remedy = "Install the CUDA, cuDNN or TensorRT that its release notes name, or use `engine='torch'`."
        raise MissingDependencyError(f"device={str(device)!r}", found, "the libraries that it needs", remedy)


def _cache() -> Path:
    """Return the cache directory of TensorRT's programs."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "pixelwise" / "tensorrt"


def _open_session(path: Path, threads: int, choice: Choice) -> onnxruntime.InferenceSession:
    require_model(path)
    runtime = import_silently("onnxruntime")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    # It would keep a plan of the memory for every size of image that was ever seen, 60 KB each, and take what all of
    # an image's maps need at once: half as much memory again, and no faster.
    options.enable_mem_pattern = False
    on_cpu = list(choice) == [CPU]
    # That the first of several providers does not start is told as an error of our own.
    options.log_severity_level = _ERRORS_ONLY if on_cpu else _FATAL_ONLY
    # Threads that spin between the nodes of a graph are fast; between two images they would take the cores from the
    # threads that read and write files.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        if not on_cpu and hasattr(runtime, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):  # which prints what it does not find
                runtime.preload_dlls()
        # From the CPU it would fall back to the CPU, and print that.
        session: onnxruntime.InferenceSession = runtime.InferenceSession(
            str(path), options, providers=list(choice), enable_fallback=int(not on_cpu)
        )
    except Exception as error:  # onnxruntime's errors have no common base class
        problem = f"a file that onnxruntime cannot load ({shorten_reason(str(error) or type(error).__name__)})"
        raise ModelFileError(path, problem, "an ONNX model", REMEDY) from error
    return session


def _signature(node: onnxruntime.NodeArg) -> str:
    sides = ", ".join(str(side) if isinstance(side, int) else "any" for side in node.shape or ())
    return f"{node.name}: {node.type} ({sides})"
