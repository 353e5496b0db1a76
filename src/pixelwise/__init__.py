"""Image segmentation on the machine you have.

import pixelwise as pw
data = pw.open_dataset("camvid/")
run = pw.train(data, model="fpn", minutes=20, out="runs/camvid")
model = pw.load("runs/camvid/model.onnx")              # no torch here
result = model.predict("street.jpg")                   # .label_map  .probabilities  .overlay()
net = pw.models.build("unet", num_classes=11)          # an nn.Module like any other
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pixelwise.api import check as check
    from pixelwise.api import convert as convert
    from pixelwise.api import evaluate as evaluate
    from pixelwise.api import export as export
    from pixelwise.core.classes import IGNORE_INDEX as IGNORE_INDEX
    from pixelwise.core.classes import ClassMap as ClassMap
    from pixelwise.core.errors import DataError as DataError
    from pixelwise.core.errors import ExtensionError as ExtensionError
    from pixelwise.core.errors import ExtensionWarning as ExtensionWarning
    from pixelwise.core.errors import ImageError as ImageError
    from pixelwise.core.errors import MaskError as MaskError
    from pixelwise.core.errors import MissingDependencyError as MissingDependencyError
    from pixelwise.core.errors import ModelFileError as ModelFileError
    from pixelwise.core.errors import OptionError as OptionError
    from pixelwise.core.errors import OutputError as OutputError
    from pixelwise.core.errors import PixelwiseError as PixelwiseError
    from pixelwise.core.errors import RunError as RunError
    from pixelwise.core.errors import ShapeError as ShapeError
    from pixelwise.data import open_dataset as open_dataset
    from pixelwise.data.dataset import Dataset as Dataset
    from pixelwise.extensions import register_augmentation as register_augmentation
    from pixelwise.extensions import register_encoder as register_encoder
    from pixelwise.extensions import register_engine as register_engine
    from pixelwise.extensions import register_layout as register_layout
    from pixelwise.extensions import register_loss as register_loss
    from pixelwise.extensions import register_metric as register_metric
    from pixelwise.extensions import register_model as register_model
    from pixelwise.extensions import register_task as register_task
    from pixelwise.extensions import register_writer as register_writer
    from pixelwise.inference.engines.base import Engine as Engine
    from pixelwise.inference.loading import load as load
    from pixelwise.inference.mc_dropout import MonteCarloDropout as MonteCarloDropout
    from pixelwise.inference.predictor import Predictor as Predictor
    from pixelwise.inference.result import Result as Result
    from pixelwise.inference.writers.base import Writer as Writer
    from pixelwise.nn import models as models
    from pixelwise.training.run import Run as Run
    from pixelwise.training.run import train as train

_HOMES = {
    "ClassMap": "pixelwise.core.classes",
    "DataError": "pixelwise.core.errors",
    "Dataset": "pixelwise.data.dataset",
    "Engine": "pixelwise.inference.engines.base",
    "ExtensionError": "pixelwise.core.errors",
    "ExtensionWarning": "pixelwise.core.errors",
    "IGNORE_INDEX": "pixelwise.core.classes",
    "ImageError": "pixelwise.core.errors",
    "MaskError": "pixelwise.core.errors",
    "MissingDependencyError": "pixelwise.core.errors",
    "ModelFileError": "pixelwise.core.errors",
    "OptionError": "pixelwise.core.errors",
    "OutputError": "pixelwise.core.errors",
    "PixelwiseError": "pixelwise.core.errors",
    "Predictor": "pixelwise.inference.predictor",
    "Result": "pixelwise.inference.result",
    "Run": "pixelwise.training.run",
    "RunError": "pixelwise.core.errors",
    "MonteCarloDropout": "pixelwise.inference.mc_dropout",
    "ShapeError": "pixelwise.core.errors",
    "Writer": "pixelwise.inference.writers.base",
    "check": "pixelwise.api",
    "convert": "pixelwise.api",
    "evaluate": "pixelwise.api",
    "export": "pixelwise.api",
    "load": "pixelwise.inference.loading",
    "models": "pixelwise.nn.models",
    "open_dataset": "pixelwise.data",
    "register_augmentation": "pixelwise.extensions",
    "register_layout": "pixelwise.extensions",
    "register_encoder": "pixelwise.extensions",
    "register_engine": "pixelwise.extensions",
    "register_loss": "pixelwise.extensions",
    "register_model": "pixelwise.extensions",
    "register_metric": "pixelwise.extensions",
    "register_task": "pixelwise.extensions",
    "register_writer": "pixelwise.extensions",
    "train": "pixelwise.training.run",
}
"""The module that defines each public name."""
__all__ = [
    "IGNORE_INDEX",
    "ClassMap",
    "DataError",
    "Dataset",
    "Engine",
    "ExtensionError",
    "ExtensionWarning",
    "ImageError",
    "MaskError",
    "MissingDependencyError",
    "ModelFileError",
    "MonteCarloDropout",
    "OptionError",
    "OutputError",
    "PixelwiseError",
    "Predictor",
    "Result",
    "Run",
    "RunError",
    "ShapeError",
    "Writer",
    "__version__",
    "check",
    "convert",
    "evaluate",
    "export",
    "load",
    "models",
    "open_dataset",
    "register_augmentation",
    "register_encoder",
    "register_engine",
    "register_layout",
    "register_loss",
    "register_metric",
    "register_model",
    "register_task",
    "register_writer",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import pixelwise` stays light (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pixelwise' has no attribute {name!r}")
    if _HOMES[name].startswith("pixelwise.training."):
        from pixelwise.core.extras import require_train_extra

        require_train_extra(f"pixelwise.{name}")
    home = importlib.import_module(_HOMES[name])
    return home if name == "models" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
