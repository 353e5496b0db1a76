"""Encoders: torchvision's AlexNet, VGG16 and GoogLeNet with their fully connected layers as convolutions.

A fully connected layer on a k x k map is a convolution with kernel k and the same weights, so a classifier can be
evaluated at every position of a larger image: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, arXiv:1411.4038, section 3.1.

Differs from the classifiers' papers, as torchvision does:
- AlexNet is the single tower of arXiv:1404.5997 (64, 192, 384, 256, 256 channels), without groups and without local
  response normalisation; its first convolution pads 2;
- GoogLeNet has batch norm, and 3x3 convolutions where the paper has 5x5.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torchvision import models
from torchvision.models.googlenet import BasicConv2d, Inception

from pixelwise.core.errors import MissingDependencyError, OptionError
from pixelwise.core.files import sha256
from pixelwise.nn.encoders.base import IMAGENET_MEAN, IMAGENET_STD, Encoder
from pixelwise.nn.encoders.connection import find_connection_problem
from pixelwise.nn.encoders.weight_file import fill_net
from pixelwise.nn.layers.width import scale_channels

NETS: dict[str, Callable[[], nn.Module]] = {
    "alexnet": models.alexnet,
    "vgg16": partial(models.vgg16, init_weights=False),
    "vgg16_bn": partial(models.vgg16_bn, init_weights=False),
    "googlenet": partial(models.googlenet, init_weights=False, aux_logits=False),
}
STRIDES = [8, 16, 32]
REFERENCE_PADDING = 100
NO_PRETRAINED = "train from random weights with `pretrained=False`"
MARGINS = {"alexnet": 16, "googlenet": 7}
"""Additional padding of first convolutions: unpadded 3 x 3 poolings would leave nothing of 31 pixels or less."""
STATISTICS = {"googlenet": ((0.5,) * 3, (0.5,) * 3)}
"""Mean and standard deviation of the images that weights were trained on, if not ImageNet's. torchvision's own net
converts them."""


class ClassifierEncoder(Encoder):
    """A classifier without its last layer: (N, in_channels, H, W) -> maps at strides 8, 16 and 32, finest first.

    H and W are arbitrary: zeros at the bottom and right extend each to `fitting` more than a multiple of 32, so that
    poolings drop no pixels. The first two maps are the outputs of the poolings that reach their strides, the last is
    that of the last hidden layer. `offsets[i]` is the centre of the receptive field of map i's first cell, in pixels
    from the image's first pixel: cell j of a side belongs to pixel `strides[i] * j + offsets[i]`.
    """

    def __init__(
        self,
        net: nn.Module,
        channels: list[int],
        offsets: list[float],
        fitting: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__(net, channels, STRIDES, mean, std)
        self.offsets = offsets
        self.fitting = fitting

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        height, width = image.shape[-2:]
        right, below = self._pad_side(width) - width, self._pad_side(height) - height
        return super().forward(nn.functional.pad(image, (0, right, 0, below)))

    def _pad_side(self, side: int) -> int:
        # As a multiple: this takes fewer operations on sizes in an exported graph than a remainder.
        return (side - self.fitting + STRIDES[-1] - 1) // STRIDES[-1] * STRIDES[-1] + self.fitting


class Chain(nn.Sequential):
    """A chain of layers that returns its maps after the positions `taps`: image -> one map per tap. Positions count the
    layers of nested `Sequential`s one by one.
    """

    def __init__(self, layers: OrderedDict[str, nn.Module], taps: list[int]) -> None:
        super().__init__(layers)
        self.taps = taps

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        maps, features = [], image
        for position, layer in enumerate(_flatten(self)):
            features = layer(features)
            if position in self.taps:
                maps.append(features)
        return maps


def build_classifier(
    name: str,
    in_channels: int = 3,
    *,
    width: float = 1.0,
    pretrained: bool = False,
    reference_padding: bool = False,
) -> ClassifierEncoder:
    """Build one of `NETS` without its last layer, which scores ImageNet's classes, and with its fully connected layers
    as convolutions.

    Each of these is followed by dropout of 0.5. GoogLeNet has none; its average pooling is removed. The first of these
    layers pads half its kernel, so that every 32 pixels have a cell. With `reference_padding` it pads nothing, and the
    first convolution pads 100, as in the FCN authors' code. `width` scales all channels. Weights are torchvision's,
    from its cache or the network, or torch's random ones. Raises `OptionError` for a net without fully connected
    layers, and `MissingDependencyError` if weights are not available.
    """
    name = name.removeprefix("torchvision/")
    if name not in NETS:
        expected = f"a classifier with fully connected layers to convert: {', '.join(NETS)}"
        raise OptionError("encoder", repr(name), expected, "Choose one of these, or another model for this encoder.")
    if pretrained and width != 1.0:
        remedy = "Add `pretrained=False` to train the narrower net from random weights, or leave `width` out."
        raise OptionError("width", f"{width} with pretrained weights", "1", remedy)
    with torch.device("meta"):  # only shapes, until they are final
        layers = _drop_last_layer(convert_to_convolutions(NETS[name]()))
        _resize(layers, in_channels, width)
        _set_padding(layers, name, reference=reference_padding)
        grids = list(_follow_cells(_flatten(layers)))
        taps = [[stride for stride, _ in grids].index(stride) for stride in STRIDES[:2]] + [len(grids) - 1]
        net = Chain(OrderedDict(layers.named_children()), taps)
        channels = [features.shape[1] for features in net(torch.zeros(2, in_channels, 64, 64))]
    net.to_empty(device=torch.get_default_device())
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.reset_parameters()
    if pretrained:
        _fill(net, load_imagenet_weights(name, f"encoder={name!r}", NO_PRETRAINED), name)
    mean, std = STATISTICS.get(name, (IMAGENET_MEAN, IMAGENET_STD))
    offsets = [grids[tap][1] for tap in taps]
    return ClassifierEncoder(net, channels, offsets, _find_remainder(_flatten(net)), mean, std)


class TorchvisionFamily:
    """The classifiers of torchvision in `NETS`; see `EncoderFamily`."""

    aligned = False

    def names(self) -> list[str]:
        return list(NETS)

    def knows(self, name: str) -> bool:
        return name in NETS

    def build(
        self,
        name: str,
        in_channels: int = 3,
        *,
        pretrained: bool = False,
        output_stride: int | None = None,
        expanded: bool = False,
    ) -> ClassifierEncoder:
        """Build a classifier at its full width; see `build_classifier`."""
        if output_stride is not None:
            found, expected = f"{name!r}, which cannot be dilated", "one that can"
            raise OptionError("encoder", found, expected, "Leave `output_stride` out, or choose another encoder.")
        return build_classifier(name, in_channels, pretrained=pretrained)


FAMILY = TorchvisionFamily()


def convert_to_convolutions(classifier: nn.Module) -> nn.Sequential:
    """Turn torchvision's classifier into a net of convolutions with the same names that shares its weights.

    It returns the classifier's logits for every window of 224 x 224 pixels, 32 pixels apart: (N, 3, H, W) -> (N, 1000,
    h, w) with h = H / 32 - 6 for multiples of 32, so 1 x 1 for the classifier's own size.
    """
    layers = OrderedDict(classifier.named_children())
    side = int(cast(nn.AdaptiveAvgPool2d, layers["avgpool"]).output_size[0])  # type: ignore[index,arg-type]
    if side == 1:  # GoogLeNet: the mean over the 7 x 7 cells of 224 x 224 pixels
        layers["avgpool"] = nn.AvgPool2d(7, stride=1)
        return nn.Sequential(_replace_linear_layers(layers, 1))
    del layers["avgpool"]  # changes nothing at 224 x 224
    connected = OrderedDict(layers["classifier"].named_children())
    layers["classifier"] = nn.Sequential(_replace_linear_layers(connected, side))
    return nn.Sequential(layers)


def _replace_linear_layers(layers: OrderedDict[str, nn.Module], side: int) -> OrderedDict[str, nn.Module]:
    """Replace fully connected layers by convolutions; the first takes a flattened map of `side` x `side`."""
    for name, layer in layers.items():
        if isinstance(layer, nn.Linear):
            channels = layer.in_features // side**2
            convolution = nn.Conv2d(channels, layer.out_features, side, device="meta")
            convolution.weight = nn.Parameter(layer.weight.detach().view(-1, channels, side, side))
            convolution.bias = layer.bias
            layers[name], side = convolution, 1
    return layers


def _drop_last_layer(layers: nn.Sequential) -> nn.Sequential:
    """Remove the last layer, which scores ImageNet's classes, and add dropout after each hidden layer before it."""
    remaining = OrderedDict(layers.named_children())
    if "fc" in remaining:  # GoogLeNet: "discarding the final average pooling layer", section 4.1
        del remaining["avgpool"], remaining["fc"]
        return nn.Sequential(remaining)
    connected: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in list(remaining["classifier"].named_children())[:-1]:
        if isinstance(layer, nn.Conv2d):
            connected |= {name: layer, f"relu{name}": nn.ReLU(inplace=True), f"dropout{name}": nn.Dropout(0.5)}
    remaining["classifier"] = nn.Sequential(connected)
    return nn.Sequential(remaining)


def _resize(module: nn.Module, channels: int, width: float) -> int:
    """Replace all layers: the first takes `channels`, and each returns `width` times its own channels. Return the
    channels of the last."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            after = scale_channels(child.out_channels, width)
            side, stride, padding = _window(child)
            setattr(module, name, nn.Conv2d(channels, after, side, stride, padding, bias=child.bias is not None))
            channels = after
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(channels, child.eps))
        elif isinstance(child, Inception):
            channels = sum(_resize(branch, channels, width) for branch in child.children())
        else:
            channels = _resize(child, channels, width)
    return channels


def _set_padding(layers: nn.Sequential, name: str, *, reference: bool) -> None:
    """Set the padding of the first convolution and of the first fully connected layer; see `build_classifier`."""
    for layer in layers.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = False
    first = next(layer for layer in layers.modules() if isinstance(layer, nn.Conv2d))
    padding = REFERENCE_PADDING if reference else int(first.padding[0]) + MARGINS.get(name, 0)
    first.padding = (padding, padding)
    connected = getattr(layers, "classifier", None)
    if connected is not None and not reference:
        half = connected[0].kernel_size[0] // 2
        connected[0].padding = (half, half)


def _follow_cells(layers: Iterable[nn.Module]) -> Iterator[tuple[int, float]]:
    """Trace the cells of each layer's map: their distance in pixels, and the pixel at the centre of the first."""
    stride, offset = 1, 0.0
    for layer in layers:
        side, step, padding = _window(layer)
        offset += stride * ((side - 1) / 2 - padding)
        stride *= step
        yield stride, offset


def _find_remainder(layers: Iterable[nn.Module]) -> int:
    """Return the remainder, beyond a multiple of the last stride, of sides at which every pixel is in a window of each
    layer."""
    size, stride = 1, 1
    for layer in reversed(list(layers)):
        side, step, padding = _window(layer)
        size = (size - 1) * step + side - 2 * padding
        stride *= step
    return size % stride


def _window(layer: nn.Module) -> tuple[int, int, int]:
    """Return kernel size, stride and padding. An inception module is centred, since each of its branches is."""
    if isinstance(layer, BasicConv2d):
        layer = layer.conv
    if isinstance(layer, nn.Conv2d):
        return layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
    if isinstance(layer, nn.MaxPool2d):
        return int(layer.kernel_size), int(layer.stride), int(layer.padding)  # type: ignore[arg-type]
    return 1, 1, 0


def _flatten(layers: nn.Module) -> Iterator[nn.Module]:
    for layer in layers.children():
        if isinstance(layer, nn.Sequential):
            yield from _flatten(layer)
        else:
            yield layer


def load_imagenet_weights(name: str, where: str, otherwise: str) -> Mapping[str, torch.Tensor]:
    """Return torchvision's ImageNet weights of `name`, a state dict, from its cache (`TORCH_HOME`) or the network.
    Raises `MissingDependencyError` for the option `where` if they are not available; `otherwise` tells what to do
    without them.
    """
    url = models.get_model_weights(name)["IMAGENET1K_V1"].url
    cached = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    named = re.search(r"-([0-9a-f]{8,})\.", cached.name)  # torch checks downloads, but not cached files
    if cached.is_file() and named and not sha256(cached).startswith(named[1]):
        remedy = "Remove the file, so that it is fetched again, or give your own with `encoder_weights`."
        raise MissingDependencyError(cached, "weights with another SHA-256", f"one that begins {named[1]}", remedy)
    if not cached.exists() and (reason := find_connection_problem(url)) is not None:
        raise _no_weights(where, reason, url, cached, otherwise)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch reports a download on standard output
            weights: Mapping[str, torch.Tensor] = torch.hub.load_state_dict_from_url(
                url, map_location="cpu", progress=False, check_hash=True, weights_only=True
            )
    except Exception as error:  # a missing network and a damaged file cause errors of many kinds
        raise _no_weights(where, type(error).__name__, url, cached, otherwise) from error
    return weights


def _no_weights(where: str, reason: str, url: str, cached: Path, otherwise: str) -> MissingDependencyError:
    remedy = f"Put {url} into {cached.parent}, name a file with `encoder_weights`, or {otherwise}."
    return MissingDependencyError(where, f"no pretrained weights ({reason})", "torchvision's ImageNet weights", remedy)


def _fill(net: nn.Module, weights: Mapping[str, torch.Tensor], name: str) -> None:
    """Copy torchvision's `weights` into `net`, entry by entry under the same names."""
    cache = Path(torch.hub.get_dir(), "checkpoints")
    try:
        fill_net(net, dict(weights), cache, name)
    except OptionError as error:
        remedy = f"Remove the file from {cache}, so that it is fetched again."
        found = "weights of another architecture"
        raise MissingDependencyError(f"encoder={name!r}", found, f"those of torchvision's {name}", remedy) from error
