"""SegNet: VGG16's convolutions, mirrored as decoder; up-sampling by max unpooling.

Badrinarayanan, Kendall, Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
PAMI 2017, arXiv:1511.00561, sections 3 and 3.1 and figure 2; Kendall, Badrinarayanan, Cipolla, "Bayesian SegNet: Model
Uncertainty in Deep Convolutional Encoder-Decoder Architectures for Scene Understanding", BMVC 2017, arXiv:1511.02680.
Layers and sizes as in the authors' public definitions (SegNet-Tutorial: segnet_train.prototxt,
segnet_basic_train.prototxt, bayesian_segnet_train.prototxt, bayesian_segnet_basic_train.prototxt).

Only the pooling indices pass from encoder to decoder. For an image of 360x480, padded to 384x480, they take 45 MB in
SegNet as torch's int64, and would take 1.4 MB with the 2 bits that a window of four needs; the five feature maps that a
decoder with skips stores instead take 90 MB as float32.

Differs from the paper:
- the encoder starts from He-initialised weights unless `vgg16_weights` is set; those are VGG16's with batch norm, which
  the authors' VGG16 did not have;
- batch norm's shift starts at 0 (in the definitions of SegNet and SegNet-Basic at 0.001);
- an image whose sides are not multiples of the stride is padded with zeros, and the logits are cropped; the definitions
  are for one size, 360x480, and round the sizes of their maps up;
- `width` scales all channel counts (1 is the paper's net).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders.torchvision import load_imagenet_weights
from pixelwise.nn.encoders.weight_file import COUNTER
from pixelwise.nn.layers import max_pool_with_indices, max_unpool
from pixelwise.nn.layers.padding import pad_to_multiple
from pixelwise.nn.layers.width import scale_channels
from pixelwise.nn.models.blocks import he_initialise

Widths = tuple[tuple[int, ...], ...]
ENCODER: Widths = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DECODER: Widths = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))
BASIC: Widths = ((64,),) * 4
FIRST_DROPPED = 3
"""Dropout follows the encoders and decoders from this number on: the "central" six of Bayesian SegNet, four of Bayesian
SegNet-Basic."""


class SegNet(nn.Module):
    """SegNet: VGG16's convolutions, mirrored as decoder; up-sampling by max unpooling.

    (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W. Five stages of VGG16's convolutions and 2x2
    max pooling; five mirrored stages, each with max unpooling. `vgg16_weights` starts the encoder from ImageNet: it
    raises `OptionError` for another `width` or number of channels than VGG16's, and `MissingDependencyError` if the
    weights are not available.
    """

    stride = 32

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        *,
        width: float = 1.0,
        vgg16_weights: bool = False,
        bayesian: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = _stages(in_channels, ENCODER, width)
        self.decoder = _stages(scale_channels(ENCODER[-1][-1], width), DECODER, width)
        self.dropout = nn.Dropout(0.5) if bayesian else nn.Identity()
        self.head = nn.Conv2d(scale_channels(DECODER[-1][-1], width), num_classes, 3, padding=1)
        he_initialise(self)
        if vgg16_weights:
            if width != 1 or in_channels != 3:
                found = f"width {width:g} and {in_channels} channels"
                raise OptionError("vgg16_weights", found, "width 1 and 3 channels, as VGG16", "Leave one of them out.")
            fill_from_vgg16(self.encoder, load_imagenet_weights("vgg16_bn", "vgg16_weights", "leave vgg16_weights out"))

    def fill(self, features: Mapping[str, torch.Tensor], path: Path) -> None:
        """Copy the `features` of a `vgg16_bn`, read from the file at `path`, into the encoder.

        Raises `OptionError` for those of another net.
        """
        try:
            fill_from_vgg16(self.encoder, features)
        except (LookupError, ValueError, RuntimeError) as error:
            found = f"{path} with {len(features)} entries features.*, not those of vgg16_bn at this width"
            remedy = "Give a state dict of torchvision's vgg16_bn, for `width=1` and 3 channels."
            raise OptionError("encoder_weights", found, f"{len(self.encoder.state_dict())}", remedy) from error

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        logits: torch.Tensor = self.head(_encode_and_decode(padded, self.encoder, self.decoder, self.dropout))
        return logits[..., :height, :width]


def bayesian_segnet(
    num_classes: int, in_channels: int = 3, *, width: float = 1.0, vgg16_weights: bool = False
) -> SegNet:
    """Bayesian SegNet: SegNet with dropout in six places, for MC dropout (`predict(sampling=...)`)."""
    return SegNet(num_classes, in_channels, width=width, vgg16_weights=vgg16_weights, bayesian=True)


class SegNetBasic(nn.Module):
    """SegNet-Basic: four 7x7 convolutions of 64 channels down and four up, linked by pooling indices.

    (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W. The decoder has no ReLU. `mean` and `std`
    leave the values in 0..255, for which local response normalisation, which reduces bright values, is made.
    """

    stride = 16
    mean = (0.0, 0.0, 0.0)
    std = (1 / 255, 1 / 255, 1 / 255)

    def __init__(self, num_classes: int, in_channels: int = 3, *, width: float = 1.0, bayesian: bool = False) -> None:
        super().__init__()
        channels = scale_channels(BASIC[-1][-1], width)
        self.normalisation = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)
        self.encoder = _stages(in_channels, BASIC, width, kernel=7)
        self.decoder = _stages(channels, BASIC, width, kernel=7, relu=False)
        self.dropout = nn.Dropout(0.5) if bayesian else nn.Identity()
        self.head = nn.Conv2d(channels, num_classes, 1)
        he_initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        padded = pad_to_multiple(self.normalisation(image), self.stride)
        logits: torch.Tensor = self.head(_encode_and_decode(padded, self.encoder, self.decoder, self.dropout))
        return logits[..., :height, :width]


def bayesian_segnet_basic(num_classes: int, in_channels: int = 3, *, width: float = 1.0) -> SegNetBasic:
    """Bayesian SegNet-Basic: SegNet-Basic with dropout in its four central places (`predict(sampling=...)`)."""
    return SegNetBasic(num_classes, in_channels, width=width, bayesian=True)


def fill_from_vgg16(encoder: nn.ModuleList, weights: Mapping[str, torch.Tensor]) -> None:
    """Copy the convolutions and batch norms of torchvision's `vgg16_bn`, given by its state dict, into the encoder.

    Layers follow each other by the number in their names: `.safetensors` files have entries in another order, and old
    files lack the counters of batches. Raises `ValueError`, `LookupError` or `RuntimeError` for weights of another net.
    """
    entries = [name.rpartition(".") for name in encoder.state_dict() if not name.endswith(COUNTER)]
    layers = sorted({int(name.split(".")[1]) for name in weights if name.startswith("features.")})
    theirs = dict(zip(dict.fromkeys(layer for layer, _, _ in entries), layers, strict=True))
    encoder.load_state_dict(
        {f"{layer}.{entry}": weights[f"features.{theirs[layer]}.{entry}"] for layer, _, entry in entries}
    )


def _encode_and_decode(
    features: torch.Tensor, encoder: nn.ModuleList, decoder: nn.ModuleList, dropout: nn.Module
) -> torch.Tensor:
    """Run each stage of the encoder followed by a pooling, then each stage of the decoder after the matching
    unpooling."""
    winners = []
    for number, stage in enumerate(encoder, start=1):
        height, width = features.shape[-2:]
        features, indices = max_pool_with_indices(stage(features))
        winners.append((indices, (height, width)))
        if number >= FIRST_DROPPED:
            features = dropout(features)
    for number, stage in zip(range(len(decoder), 0, -1), decoder, strict=True):
        features = stage(max_unpool(features, *winners.pop()))
        if number >= FIRST_DROPPED:
            features = dropout(features)
    return features


def _stages(in_channels: int, widths: Widths, width: float, kernel: int = 3, *, relu: bool = True) -> nn.ModuleList:
    """Stages of convolutions with bias and batch norm, and with ReLU if `relu`."""
    stages = nn.ModuleList()
    for stage in widths:
        layers: list[nn.Module] = []
        for channels in (scale_channels(channels, width) for channels in stage):
            convolution = nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2)
            layers += [convolution, nn.BatchNorm2d(channels), *([nn.ReLU(inplace=True)] if relu else [])]
            in_channels = channels
        stages.append(nn.Sequential(*layers))
    return stages
