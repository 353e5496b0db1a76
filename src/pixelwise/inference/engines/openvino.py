"""The engine OpenVINO, which is faster than onnxruntime for some nets on some machines, and slower for others."""

from __future__ import annotations

import threading
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
from pixelwise.modelfile.info import ModelInfo

if TYPE_CHECKING:
    import openvino

TYPES = {"u8": "uint8", "f32": "float"}
"""From OpenVINO's to ONNX's names of the types of a model file's inputs and outputs."""


def open_openvino(path: Path, at_once: int = 1, *, device: Device = AUTO) -> OpenVinoEngine:
    """Open a model file in float32, for `at_once` threads that call it at the same time."""
    _require_cpu(device)
    return OpenVinoEngine(path, at_once)


def open_openvino_bf16(path: Path, at_once: int = 1, *, device: Device = AUTO) -> OpenVinoEngine:
    """Open a model file in bfloat16, for `at_once` threads that call it at the same time."""
    _require_cpu(device)
    return OpenVinoEngine(path, at_once, half=True)


def _require_cpu(device: Device) -> None:
    if device.kind not in ("auto", "cpu"):
        remedy = "Use `engine='torch'` or `engine='onnxruntime'`."
        raise OptionError("device", f"{device} with OpenVINO", "cpu", remedy)


class OpenVinoEngine(Engine):
    """Runs a model file with OpenVINO on all cores that this process may use, for `at_once` threads that call it at the
    same time: in float32, or with `half` in bfloat16.

    `info` is the file's metadata. Raises what `OnnxRuntimeEngine` does, `MissingDependencyError` if OpenVINO is not
    installed, and `OptionError` for bfloat16 on a processor without bfloat16 arithmetic.
    """

    def __init__(self, path: str | Path, at_once: int = 1, *, half: bool = False) -> None:
        path = Path(path)
        require_model(path)
        core = _openvino().Core()
        if half and not multiplies_bfloat16(core):
            remedy = "Take openvino or onnxruntime."
            problem = "openvino-bf16 on a processor that does not multiply bfloat16"
            raise OptionError("engine", problem, "one that does", remedy)
        try:
            model = core.read_model(path)
        except Exception as error:  # of the binding, which have no common base class
            raise _load_error(path, error) from error
        with require_utf8(path):
            self.info = ModelInfo.read(path)
            inputs, outputs = ([_signature(port) for port in ports] for ports in (model.inputs, model.outputs))
            require_signature(inputs, outputs, self.info, path)
        options = {
            "INFERENCE_NUM_THREADS": available_cores(),
            "NUM_STREAMS": at_once,
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        }
        try:
            self._compiled = core.compile_model(model, "CPU", options)
        except Exception as error:
            raise _load_error(path, error) from error
        self._path = path
        self._thread = threading.local()

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            if not hasattr(self._thread, "request"):
                self._thread.request = self._compiled.create_infer_request()
            logits: npt.NDArray[np.float32] = self._thread.request.infer({"image": images})["logits"]
        except Exception as error:
            raise run_error(self._path, "OpenVINO", images, error) from error
        return check_logits(logits, self.info, self._path)


def multiplies_bfloat16(core: openvino.Core) -> bool:
    """Return whether this processor has bfloat16 arithmetic, according to OpenVINO."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _openvino() -> Any:
    try:
        return import_silently("openvino")
    except ImportError as error:
        remedy = "pip install 'pixelwise[openvino]', or leave `engine` out."
        raise MissingDependencyError("engine='openvino'", "no package openvino", "OpenVINO", remedy) from error


def _load_error(path: Path, error: Exception) -> ModelFileError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    problem = f"a file that OpenVINO cannot load ({shorten_reason(lines[-1])})"
    return ModelFileError(path, problem, "an ONNX model", REMEDY)


def _signature(port: Any) -> str:
    shape = port.get_partial_shape()
    sides = "" if shape.rank.is_dynamic else ", ".join(str(s.get_length()) if s.is_static else "any" for s in shape)
    kind = port.get_element_type().get_type_name()
    return f"{port.get_any_name()}: tensor({TYPES.get(kind, kind)}) ({sides})"
