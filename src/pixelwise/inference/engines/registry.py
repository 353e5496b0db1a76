"""What can run a model file, by name."""

from __future__ import annotations

from pathlib import Path

from pixelwise.core.registry import Registry
from pixelwise.inference.engines.base import Engine, OpenEngine

DEFAULT_ENGINE = "onnxruntime"
HALF_ENGINE = "openvino-bf16"
"""OpenVINO in bfloat16: faster where the processor multiplies it, and a little less exact."""
AUTO = "auto"
"""The faster of onnxruntime and OpenVINO with a model file on this machine."""
ENGINES: Registry[OpenEngine] = Registry(
    "engine",
    "pixelwise.engines",
    {
        DEFAULT_ENGINE: "pixelwise.inference.engines.onnxruntime:open_onnxruntime",
        "openvino": "pixelwise.inference.engines.openvino:open_openvino",
        HALF_ENGINE: "pixelwise.inference.engines.openvino:open_openvino_bf16",
        AUTO: "pixelwise.inference.engine_benchmark:open_fastest",
    },
)
"""What opens a model file in an engine. Packages add theirs with `register_engine`, or by an entry point of the group
`pixelwise.engines`."""


def open_engine(path: str | Path, name: str = DEFAULT_ENGINE, at_once: int = 1) -> Engine:
    """Open a model file in one of `ENGINES`, for `at_once` threads that call it at the same time.

    Raises
    ------
    OptionError
        No engine has this name; the message lists the close ones. Or the engine does not run on this processor.
    ModelFileError
        The file is missing, or no model of pixelwise.
    MissingDependencyError
        The engine is not installed.
    """
    return ENGINES[name](Path(path), at_once)
