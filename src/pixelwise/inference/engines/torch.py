"""The entry to the torch engine. The engine itself is in `pixelwise.torch_runtime`, since this package imports no
torch."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import MissingDependencyError
from pixelwise.inference.engines.base import Engine

PACKAGES = ("torch", "onnx")


def open_torch(path: Path, at_once: int = 1, *, device: Device = AUTO) -> Engine:
    """Open a model file in torch, on a GPU in half precision. Raises `MissingDependencyError` without torch."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "Run pip install 'pixelwise[train]', or leave `engine` out."
        found = f"no package {', '.join(missing)}"
        raise MissingDependencyError("engine='torch'", found, "torch and onnx", remedy)
    engine: Engine = importlib.import_module("pixelwise.torch_runtime.engine").open_engine(path, device)
    return engine
