"""What can run a model file, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine, available_cores

if TYPE_CHECKING:
    from pixelwise.inference.engines.openvino import OpenVinoEngine

ENGINES = ("onnxruntime", "openvino")
"""The second is an extra."""
HALF_ENGINE = "openvino-bf16"
"""OpenVINO in bfloat16: faster where the processor multiplies it, and a little less exact."""


def open_engine(path: Path, engine: str, at_once: int = 1) -> OnnxRuntimeEngine | OpenVinoEngine:
    """Return a model file in one of `ENGINES`, or `HALF_ENGINE`, for so many threads that call it at once. Raises what
    that does."""
    if engine == "onnxruntime":
        return OnnxRuntimeEngine(path, available_cores() - at_once + 1)
    from pixelwise.inference.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(path, at_once=at_once, half=engine == HALF_ENGINE)
