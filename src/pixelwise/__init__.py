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
    from pixelwise.core.classes import IGNORE_INDEX as IGNORE_INDEX
    from pixelwise.core.classes import ClassMap as ClassMap
    from pixelwise.core.errors import PixelwiseError as PixelwiseError
    from pixelwise.data import open_dataset as open_dataset
    from pixelwise.inference.loading import load as load
    from pixelwise.inference.mc_dropout import MonteCarloDropout as MonteCarloDropout
    from pixelwise.nn import models as models
    from pixelwise.training import train as train

_HOMES = {
    "IGNORE_INDEX": "pixelwise.core.classes",
    "ClassMap": "pixelwise.core.classes",
    "PixelwiseError": "pixelwise.core.errors",
    "MonteCarloDropout": "pixelwise.inference.mc_dropout",
    "load": "pixelwise.inference.loading",
    "models": "pixelwise.nn.models",
    "open_dataset": "pixelwise.data",
    "train": "pixelwise.training",
}
__all__ = [
    "IGNORE_INDEX",
    "ClassMap",
    "MonteCarloDropout",
    "PixelwiseError",
    "__version__",
    "load",
    "models",
    "open_dataset",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import pixelwise` stays light (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pixelwise' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if name == "models" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
