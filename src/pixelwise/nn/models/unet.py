"""U-Net: as published, with unpadded convolutions and crops; or with a padded decoder on any encoder.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
arXiv:1505.04597, figure 1. Details that the paper leaves open (the places of dropout, the initial weights of
up-convolutions) are as in the network that the authors released, u-net-release-2015-10-02, phseg_v5-train.prototxt.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders.registry import build_pyramid
from pixelwise.nn.layers.padding import mirror_pad, pad_to_multiple
from pixelwise.nn.layers.upsampling import bilinear_interpolation
from pixelwise.nn.layers.width import scale_channels
from pixelwise.nn.models.blocks import ConvBNReLU, he_initialise

WIDTHS = (64, 128, 256, 512, 1024)
BORDER = 92
"""Pixels that the unpadded convolutions remove on each side: 572 in, 388 out."""
DROPOUT_LEVELS = (3, 4)
"""The levels of 512 and 1024 channels: "at the end of the contracting path", section 3.1."""
DECODER_WIDTHS = (256, 128, 64, 32, 16)


def unet(
    num_classes: int,
    in_channels: int = 3,
    encoder: str | None = None,
    *,
    width: float = 1.0,
    pretrained: bool = False,
    released: bool = False,
) -> nn.Module:
    """U-Net: as published, with unpadded convolutions and crops; or with a padded decoder on any encoder."""
    if encoder is None:
        return UNet(num_classes, in_channels, width=width, released=released)
    if released:
        raise OptionError("released", "true with an encoder", "false", "Leave it or `encoder` out.")
    if width != 1.0:
        raise OptionError("width", f"{width} with an encoder", "1", "Leave `width` or `encoder` out.")
    return EncoderUNet(num_classes, in_channels, encoder, pretrained=pretrained)


class UNet(nn.Module):
    """The published net: (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W.

    Differs from the paper:
    - the image is mirrored at its border inside the net (the paper's overlap-tile strategy), so that logits have the
      input's size;
    - `width` scales all channel counts (1 is the paper's net).

    With `released` it is the network that the authors released, which differs from figure 1: a ReLU follows every
    up-convolution, and the last of them keeps its 128 channels. (It also concatenates in the other order, which is the
    same net with its weights in another order.)
    """

    stride = 16

    def __init__(self, num_classes: int, in_channels: int = 3, *, width: float = 1.0, released: bool = False) -> None:
        super().__init__()
        widths = [scale_channels(channels, width) for channels in WIDTHS]
        up_channels = [widths[1] if released else widths[0], *widths[1:-1]]
        self.contracting = nn.ModuleList(_two_convolutions(a, b) for a, b in pairwise([in_channels, *widths]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, up, 2, stride=2) for below, up in zip(widths[1:], up_channels, strict=True)
        )
        self.after_up = nn.ReLU(inplace=True) if released else nn.Identity()
        self.expanding = nn.ModuleList(
            _two_convolutions(skip + up, skip) for skip, up in zip(widths[:-1], up_channels, strict=True)
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Conv2d(widths[0], num_classes, 1)
        he_initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Mirror the border, run the net, crop to the input's size."""
        height, width = image.shape[-2:]
        below, right = (4 - height) % 16, (4 - width) % 16  # the net's outputs have sides of 16 k + 4
        context = mirror_pad(image, BORDER, BORDER + below, BORDER, BORDER + right)
        return self.valid(context)[..., :height, :width]

    def valid(self, image: torch.Tensor) -> torch.Tensor:
        """Run the published net: (N, in_channels, S, T) -> (N, num_classes, S - 184, T - 184), S and T = 16 k + 60."""
        skips: list[torch.Tensor] = []
        features = image
        for level, contracting in enumerate(self.contracting):
            features = contracting(F.max_pool2d(features, 2) if skips else features)
            if level in DROPOUT_LEVELS:
                features = self.dropout(features)
            skips.append(features)
        skips.pop()
        for up, expanding, skip in zip(reversed(self.up), reversed(self.expanding), reversed(skips), strict=True):
            features = self.after_up(up(features))
            features = expanding(torch.cat([_centre(skip, features), features], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits


class EncoderUNet(nn.Module):
    """U-Net's decoder on any encoder: (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W.

    Differs from the paper: padded 3x3 convolutions with batch norm; bilinear up-sampling instead of up-convolutions;
    a pretrained classifier as contracting path; decoder channels 256, 128, 64, 32, 16.
    """

    def __init__(self, num_classes: int, in_channels: int, encoder: str, *, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = build_pyramid(encoder, in_channels, pretrained=pretrained)
        self.stride = self.encoder.strides[-1]
        skips = [*reversed(self.encoder.channels[:-1]), 0]
        widths = DECODER_WIDTHS[-len(skips) :]
        if len(widths) < len(skips):
            found = f"{len(skips)} feature maps"
            raise OptionError(f"encoder={encoder!r}", found, f"at most {len(DECODER_WIDTHS)}", "Choose another one.")
        channels = [self.encoder.channels[-1], *widths]
        self.decoder = nn.ModuleList(
            nn.Sequential(ConvBNReLU(before + skip, after), ConvBNReLU(after, after))
            for (before, after), skip in zip(pairwise(channels), skips, strict=True)
        )
        self.head = nn.Conv2d(widths[-1], num_classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        *skips, features = self.encoder(padded)
        for stage in self.decoder:
            skip = skips.pop() if skips else None
            size = padded.shape[-2:] if skip is None else skip.shape[-2:]
            features = bilinear_interpolation(features, size)
            features = stage(features if skip is None else torch.cat([skip, features], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits[..., :height, :width]


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two unpadded 3x3 convolutions with ReLU; each removes one pixel on every side."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3),
        nn.ReLU(inplace=True),
    )


def _centre(skip: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Crop the middle of `skip` to the height and width of `like`."""
    height, width = like.shape[-2:]
    top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
    return skip[..., top : top + height, left : left + width]
