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
    from pixelwise import models as models
    from pixelwise.classes import IGNORE_INDEX as IGNORE_INDEX
    from pixelwise.classes import ClassMap as ClassMap
    from pixelwise.errors import PixelwiseError as PixelwiseError
    from pixelwise.formats import open_dataset as open_dataset
    from pixelwise.predict.loading import load as load
    from pixelwise.predict.sampling import Sampling as Sampling
    from pixelwise.training import train as train

_HOMES = {
    "IGNORE_INDEX": "pixelwise.classes",
    "ClassMap": "pixelwise.classes",
    "PixelwiseError": "pixelwise.errors",
    "Sampling": "pixelwise.predict.sampling",
    "load": "pixelwise.predict.loading",
    "models": "pixelwise.models",
    "open_dataset": "pixelwise.formats",
    "train": "pixelwise.training",
}
__all__ = [
    "IGNORE_INDEX",
    "ClassMap",
    "PixelwiseError",
    "Sampling",
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
