"""The engines by name."""

from __future__ import annotations

import inspect
from pathlib import Path

from pixelwise.core.device import AUTO as AUTO_DEVICE
from pixelwise.core.device import Device
from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry, Requirement, extension_errors
from pixelwise.inference.engines.base import Engine, OpenEngine

DEFAULT_ENGINE = "onnxruntime"
HALF_ENGINE = "openvino-bf16"
"""OpenVINO in bfloat16: faster on processors with bfloat16 arithmetic, and slightly less exact."""
TORCH = "torch"
"""torch on a GPU, in half precision; for machines where only torch reaches the GPU."""
AUTO = "auto"
"""The faster of onnxruntime and OpenVINO for a model file on this machine."""
ENGINES: Registry[OpenEngine] = Registry(
    "engine",
    "pixelwise.engines",
    {
        DEFAULT_ENGINE: "pixelwise.inference.engines.onnxruntime:open_onnxruntime",
        "openvino": "pixelwise.inference.engines.openvino:open_openvino",
        HALF_ENGINE: "pixelwise.inference.engines.openvino:open_openvino_bf16",
        AUTO: "pixelwise.inference.engine_benchmark:open_fastest",
        TORCH: "pixelwise.inference.engines.torch:open_torch",
        "onnxruntime-tensorrt": "pixelwise.inference.engines.onnxruntime:open_tensorrt",
    },
    Requirement("a class or function of (path, at_once) that returns an `Engine`", callable),
)
"""The functions that open a model file in an engine. Packages add theirs with `register_engine`, or by an entry point
of the group `pixelwise.engines`."""


def open_engine(path: str | Path, name: str = DEFAULT_ENGINE, at_once: int = 1, device: Device = AUTO_DEVICE) -> Engine:
    """Open a model file in one of `ENGINES`, for `at_once` threads that call it at the same time, on a device.

    Raises
    ------
    OptionError
        No engine has this name (the message lists similar names), or the engine does not run on this processor or
        device.
    ModelFileError
        The file is missing, or no model of pixelwise.
    MissingDependencyError
        The engine is not installed.
    """
    opener = ENGINES[name]
    if device == AUTO_DEVICE:
        with extension_errors(ENGINES.origin(name), "an `Engine`"):
            return opener(Path(path), at_once)
    if "device" not in inspect.signature(opener).parameters:
        remedy = "Leave `device` out."
        raise OptionError("device", f"{device} with the engine {name}", "an engine that can be told", remedy)
    return opener(Path(path), at_once, device=device)
