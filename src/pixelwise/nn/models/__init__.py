"""Models by name. A model is one file and one line here; the table feeds the command line, the docs and the tests."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from pixelwise.core.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

MODELS = {
    "fpn": "fpn:FPN",
    "unet": "unet:unet",
    "segnet": "segnet:SegNet",
    "segnet_basic": "segnet:SegNetBasic",
    "bayesian_segnet": "segnet:bayesian_segnet",
    "bayesian_segnet_basic": "segnet:bayesian_segnet_basic",
    "deeplabv3plus": "deeplab:DeepLabV3Plus",
    "fcn32s": "fcn:fcn32s",
    "fcn16s": "fcn:fcn16s",
    "fcn8s": "fcn:fcn8s",
}
DEFAULT_MODEL = "fpn"
FINE_TUNED = ("fcn32s", "fcn16s", "fcn8s")
"""The models all of whose layers learn from pretrained weights too, which is their method (arXiv:1411.4038, section
4.3). In the others a pretrained encoder stays as it is."""
Option = bool | int | float | str
_BOOLEANS = {"true": True, "false": False}
COMMON = ("num_classes", "in_channels", "encoder", "width", "pretrained")


def build(
    name: str,
    num_classes: int,
    in_channels: int = 3,
    encoder: str | None = None,
    *,
    width: float | None = None,
    pretrained: bool = False,
    options: Mapping[str, Option] | None = None,
) -> nn.Module:
    """Build a model: `forward(image: N,C,H,W float) -> logits N,num_classes,H,W` at the input's size, any H and W.

    `encoder`, and `width`, a factor on the model's own channels, are for the models that take them; `None` is the
    model's default. `pretrained` weights are the encoder's: a model without one has none. `options` are the keywords
    that only this model has, such as `output_stride`. Raises `OptionError` for an unknown name, an option the model
    does not have or whose value is of another type, or fewer than two classes.
    """
    if num_classes < 2:
        raise OptionError("num_classes", str(num_classes), "at least 2", "Count the background as a class of its own.")
    if in_channels < 1:
        raise OptionError("in_channels", str(in_channels), "at least 1", "An RGB image has 3.")
    builder = _builder(name)
    takes = inspect.signature(builder).parameters
    keywords: dict[str, Any] = {}
    for keyword, value in {"encoder": encoder, "width": width}.items():
        if value is None:
            continue
        if keyword not in takes:
            found, remedy = f"no {keyword} with model {name}", f"Leave `{keyword}` out."
            raise OptionError(keyword, repr(value), found, remedy)
        keywords[keyword] = value
    if "pretrained" in takes:
        keywords["pretrained"] = pretrained
    keywords |= _own_options(name, takes, options or {})
    model: nn.Module = builder(num_classes, in_channels, **keywords)
    return model


def model_options(name: str) -> tuple[str, ...]:
    """Return the names of the options that model `name` has beside those that all take."""
    return tuple(keyword for keyword in inspect.signature(_builder(name)).parameters if keyword not in COMMON)


def parse_options(name: str, pairs: Sequence[str]) -> dict[str, Option]:
    """Read `KEY=VALUE` pairs as options of model `name`, each in the type of the keyword's default.

    Raises `OptionError` for a pair without "=", an option that the model does not have, or a value of another type.
    """
    takes = inspect.signature(_builder(name)).parameters
    options: dict[str, Option] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise OptionError("options", repr(pair), "KEY=VALUE", "Write for example `options=['output_stride=8']`.")
        if key not in takes or key in COMMON:
            raise _no_such_option(name, key, takes)
        default = takes[key].default
        try:
            options[key] = _BOOLEANS[text.lower()] if isinstance(default, bool) else type(default)(text)
        except (ValueError, KeyError) as error:
            expected = "true or false" if isinstance(default, bool) else f"a value like {default}"
            raise OptionError(key, repr(text), expected, "Leave it out for the default.") from error
    return options


def describe(name: str) -> str:
    """Return what model `name` is: the first line of its builder's docstring. Torch is not loaded for it."""
    module, _, attribute = MODELS[name].partition(":")
    source = resources.files(__name__).joinpath(f"{module}.py").read_text(encoding="utf-8")
    builders = (ast.ClassDef, ast.FunctionDef)
    found = [node for node in ast.parse(source).body if isinstance(node, builders) and node.name == attribute]
    return (ast.get_docstring(found[0]) or "").partition("\n")[0]


def default_encoder(name: str) -> str | None:
    """Return the encoder that model `name` uses when none is named, `None` for a model with layers of its own."""
    parameter = inspect.signature(_builder(name)).parameters.get("encoder")
    return None if parameter is None else parameter.default


def has_coarse_logits(name: str) -> bool:
    """Return whether the logits of model `name` are those of a coarser map (`UpsampledModel`)."""
    from pixelwise.nn.models.blocks import UpsampledModel

    builder = _builder(name)
    return isinstance(builder, type) and issubclass(builder, UpsampledModel)


def _own_options(name: str, takes: Mapping[str, Any], options: Mapping[str, Option]) -> dict[str, Option]:
    for key, value in options.items():
        if key not in takes or key in COMMON:
            raise _no_such_option(name, key, takes)
        default = takes[key].default
        if type(value) is not type(default):
            raise OptionError(key, repr(value), f"a value like {default!r}", "Give one of that type.")
    return dict(options)


def _no_such_option(name: str, key: str, takes: Mapping[str, Any]) -> OptionError:
    known = ", ".join(option for option in takes if option not in COMMON) or "none"
    return OptionError("options", repr(key), f"an option of model {name}: {known}", "Leave it out.")


def _builder(name: str) -> Any:
    if name not in MODELS:
        close = difflib.get_close_matches(name, MODELS, 3) or list(MODELS)
        raise OptionError("model", repr(name), f"one of {', '.join(close)}", "Run `pixelwise models` for all.")
    module, _, attribute = MODELS[name].partition(":")
    return getattr(importlib.import_module(f"pixelwise.nn.models.{module}"), attribute)
