"""Models by name. A model is one file and one line here; the table feeds the command line, the docs and the tests."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from importlib import resources
from typing import TYPE_CHECKING, Any

from pixelwise.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

MODELS = {
    "fpn": "fpn:FPN",
    "unet": "unet:unet",
    "segnet": "segnet:SegNet",
}
DEFAULT_MODEL = "fpn"


def build(
    name: str,
    num_classes: int,
    in_channels: int = 3,
    encoder: str | None = None,
    *,
    width: float | None = None,
    pretrained: bool = False,
) -> nn.Module:
    """Build a model: `forward(image: N,C,H,W float) -> logits N,num_classes,H,W` at the input's size, any H and W.

    `encoder`, and `width`, a factor on the model's own channels, are for the models that take them; `None` is the
    model's default. `pretrained` weights are the encoder's: a model without one has none. Raises `OptionError`
    for an unknown name, an option the model does not have, or fewer than two classes.
    """
    if num_classes < 2:
        raise OptionError("num_classes", str(num_classes), "at least 2", "Count the background as a class of its own.")
    if in_channels < 1:
        raise OptionError("in_channels", str(in_channels), "at least 1", "An RGB image has 3.")
    builder = _builder(name)
    takes = inspect.signature(builder).parameters
    given = {"encoder": encoder, "width": width}
    for option, value in given.items():
        if value is not None and option not in takes:
            raise OptionError(f"--{option}", repr(value), f"no {option} with model {name}", f"Leave --{option} out.")
    options: dict[str, Any] = {option: value for option, value in given.items() if value is not None}
    if "pretrained" in takes:
        options["pretrained"] = pretrained
    model: nn.Module = builder(num_classes, in_channels, **options)
    return model


def describe(name: str) -> str:
    """Return the first line of the file that holds model `name`: what it is. Torch is not loaded for it."""
    module = MODELS[name].partition(":")[0]
    source = resources.files(__name__).joinpath(f"{module}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def default_encoder(name: str) -> str | None:
    """Return the encoder that model `name` uses when none is named, `None` for a model with layers of its own."""
    parameter = inspect.signature(_builder(name)).parameters.get("encoder")
    return None if parameter is None else parameter.default


def _builder(name: str) -> Any:
    if name not in MODELS:
        close = difflib.get_close_matches(name, MODELS, 3) or list(MODELS)
        raise OptionError("--model", repr(name), f"one of {', '.join(close)}", "Run `pixelwise models` for all.")
    module, _, attribute = MODELS[name].partition(":")
    return getattr(importlib.import_module(f"pixelwise.models.{module}"), attribute)
