"""Models by name. The command line, the docs and the tests use this table; other packages can add to it.

A model is a class or function `(num_classes, in_channels=3, ...) -> nn.Module`. It may also take `encoder` (a name, or
`None`), `width` (a factor on its own channels), `pretrained` (of its encoder), and keywords of its own with a default
that is a bool, int, float or str, which become its options. The net that it returns has

- `forward(image)`: float (N, in_channels, H, W), normalised -> logits, float (N, num_classes, H, W), for any H and W;
- `stride`: int, the distance in pixels between neighbouring positions of its coarsest map. Tiles start at multiples of
  it;
- `head`: its last layer, the only one that depends on `num_classes`;
- `encoder`, where it has one: the child whose parameters learn at `encoder_factor` of the learning rate. An
  `encoders.base.Encoder` can be frozen, and has the `mean` and `std` that its weights were trained with;
- `mean` and `std`, if it has no such encoder and needs others than ImageNet's: one value a channel, in 0..1.

A net with up-sampled logits is an `UpsampledModel`. `tests/nn/models/test_contract.py` checks all this.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.core.errors import OptionError
from pixelwise.core.extras import require_train_extra
from pixelwise.core.registry import Registry, Requirement, extension_errors

if TYPE_CHECKING:
    from torch import nn

ModelBuilder = Callable[..., "nn.Module"]
MODELS: Registry[ModelBuilder] = Registry(
    "model",
    "pixelwise.models",
    {
        "fpn": "pixelwise.nn.models.fpn:FPN",
        "unet": "pixelwise.nn.models.unet:unet",
        "segnet": "pixelwise.nn.models.segnet:SegNet",
        "segnet_basic": "pixelwise.nn.models.segnet:SegNetBasic",
        "bayesian_segnet": "pixelwise.nn.models.segnet:bayesian_segnet",
        "bayesian_segnet_basic": "pixelwise.nn.models.segnet:bayesian_segnet_basic",
        "deeplabv3plus": "pixelwise.nn.models.deeplab:DeepLabV3Plus",
        "fcn32s": "pixelwise.nn.models.fcn:fcn32s",
        "fcn16s": "pixelwise.nn.models.fcn:fcn16s",
        "fcn8s": "pixelwise.nn.models.fcn:fcn8s",
    },
    Requirement("a class or function of (num_classes, in_channels, ...) that returns a net", callable),
)
"""The models by name. `pixelwise.register_model` and the entry points `pixelwise.models` add to them."""
DEFAULT_MODEL = "fpn"
FINE_TUNED = ("fcn32s", "fcn16s", "fcn8s")
"""The models in which pretrained layers learn, too, as in their paper (arXiv:1411.4038, section 4.3). In the other
models a pretrained encoder is frozen."""
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
    """Build a model.

    Parameters
    ----------
    name
        As `pixelwise models` lists it, or as `register_model` was given it.
    num_classes
        Channels of the logits, at least 2: the background is a class of its own.
    in_channels
        Channels of the image.
    encoder
        The encoder, for a model that takes one, as `pixelwise encoders` lists it; `None` for the model's default.
    width
        A factor on the model's own channels, for a model that takes one; `None` for the model's default.
    pretrained
        Whether the encoder starts from ImageNet weights. It has no effect on a model without an encoder.
    options
        Options of this model only, such as `{"output_stride": 8}`.

    Returns
    -------
    nn.Module
        `forward` takes images, float (N, in_channels, H, W) of any height and width, and gives logits, float
        (N, num_classes, H, W).

    Raises
    ------
    OptionError
        A name is unknown, the model does not have an option, or a value makes no sense.
    MissingDependencyError
        The pretrained weights are not available, or pixelwise was installed without the extra `train`.

    Examples
    --------
    >>> import torch, pixelwise as pw
    >>> net = pw.models.build("segnet_basic", num_classes=11, width=0.25)
    >>> net(torch.zeros(1, 3, 30, 50)).shape
    torch.Size([1, 11, 30, 50])
    """
    if num_classes < 2:
        raise OptionError("num_classes", str(num_classes), "at least 2", "Count the background as a class of its own.")
    if in_channels < 1:
        raise OptionError("in_channels", str(in_channels), "at least 1", "An RGB image has 3.")
    require_train_extra("models.build")
    parameters = _parameters(name)
    keywords: dict[str, Any] = {}
    for keyword, value in {"encoder": encoder, "width": width}.items():
        if value is None:
            continue
        if keyword not in parameters:
            raise _no_such_keyword(name, keyword, value)
        keywords[keyword] = value
    if "pretrained" in parameters:
        keywords["pretrained"] = pretrained
    _require_options(name, options or {})
    with extension_errors(MODELS.origin(name), "a net"):
        model = MODELS[name](num_classes, in_channels, **keywords, **(options or {}))
    if type(getattr(model, "stride", None)) is not int:
        found = f"{name!r}, whose net has no `stride`"
        remedy = "Set it to the pixels between neighbouring positions of the coarsest map."
        raise OptionError("model", found, "a net with a whole number as `stride`", remedy)
    return model


def require_net(name: str, encoder: str | None = None) -> None:
    """Raise `OptionError` for an unknown model or encoder, or an encoder that the model does not take.

    Nothing is built, so that a misspelt name is reported before the data are read.
    """
    from pixelwise.nn.encoders.registry import ENCODERS, find_encoder, require_pyramid

    parameters = _parameters(name)
    if encoder is None:
        return
    if "encoder" not in parameters:
        raise _no_such_keyword(name, "encoder", encoder)
    family, _ = find_encoder(encoder)
    if name not in FINE_TUNED:
        require_pyramid(encoder)
    elif ENCODERS[family].aligned:
        classifiers = [net for other in ENCODERS if not ENCODERS[other].aligned for net in ENCODERS[other].names()]
        expected = f"a classifier with fully connected layers to convert: {', '.join(classifiers)}"
        raise OptionError("encoder", repr(encoder), expected, "Choose one of these, or another model for this encoder.")


def model_options(name: str) -> tuple[str, ...]:
    """Return the names of the options of model `name`, without those that all models take."""
    return tuple(keyword for keyword in _parameters(name) if keyword not in COMMON)


def parse_options(name: str, pairs: Sequence[str]) -> dict[str, Option]:
    """Read `KEY=VALUE` pairs as options of model `name`, each in the type of the keyword's default.

    Raises `OptionError` for a pair without "=", an unknown option, or a value of another type.
    """
    parameters = _parameters(name)
    options: dict[str, Option] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise OptionError("options", repr(pair), "KEY=VALUE", "Write for example `options=['output_stride=8']`.")
        if key not in parameters or key in COMMON:
            raise _no_such_option(name, key)
        default = parameters[key].default
        try:
            options[key] = _BOOLEANS[text.lower()] if isinstance(default, bool) else type(default)(text)
        except (ValueError, KeyError) as error:
            expected = "true or false" if isinstance(default, bool) else f"a value like {default}"
            raise OptionError(key, repr(text), expected, "Leave it out for the default.") from error
    return options


def describe(name: str) -> str:
    """Return what a model is, in one line. Torch is not loaded for a model of pixelwise.

    Parameters
    ----------
    name
        As `pixelwise models` lists it, or as `register_model` was given it.

    Returns
    -------
    str
        The first line of the model's docstring.

    Raises
    ------
    OptionError
        No model has this name.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.models.describe("fpn")
    'FPN: a light top-down decoder on any encoder; the default.'
    """
    source = MODELS.source_of(name)
    documentation = inspect.getdoc(MODELS[name]) if source is None else _read_docstring(source)
    return (documentation or "").partition("\n")[0]


def default_encoder(name: str) -> str | None:
    """Return the default encoder of model `name`; `None` for a model without one."""
    parameter = _parameters(name).get("encoder")
    return None if parameter is None else parameter.default


def has_coarse_logits(name: str) -> bool:
    """Return whether the logits of model `name` are up-sampled from a coarser map (`UpsampledModel`)."""
    from pixelwise.nn.models.base import UpsampledModel

    builder = MODELS[name]
    return isinstance(builder, type) and issubclass(builder, UpsampledModel)


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(MODELS[name]).parameters


def _read_docstring(source: str) -> str | None:
    """Return the docstring of `module:attribute` from the module's file, without running it."""
    module, _, attribute = source.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    definitions = (ast.ClassDef, ast.FunctionDef)
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, definitions) and node.name == attribute:
            return ast.get_docstring(node)
    return None


def _require_options(name: str, options: Mapping[str, Option]) -> None:
    for key, value in options.items():
        if key not in model_options(name):
            raise _no_such_option(name, key)
        default = _parameters(name)[key].default
        if type(value) is not type(default):
            raise OptionError(key, repr(value), f"a value like {default!r}", "Give one of that type.")


def _no_such_keyword(name: str, keyword: str, value: object) -> OptionError:
    return OptionError(keyword, repr(value), f"no {keyword} with model {name}", f"Leave `{keyword}` out.")


def _no_such_option(name: str, key: str) -> OptionError:
    known = ", ".join(model_options(name)) or "none"
    return OptionError("options", repr(key), f"an option of model {name}: {known}", "Leave it out.")
