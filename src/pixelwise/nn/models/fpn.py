"""FPN: a light top-down decoder on any encoder; the default.

Lin, Dollar, Girshick, He, Hariharan, Belongie, "Feature Pyramid Networks for Object Detection", CVPR 2017,
arXiv:1612.03144, figure 3; as a segmentation decoder: Kirillov, Girshick, He, Dollar, "Panoptic Feature Pyramid
Networks", CVPR 2019, arXiv:1901.02446, section 3.

Differs from the paper:
- the sums are smoothed by one depthwise separable 3x3 convolution with batch norm and ReLU instead of a plain 3x3
  convolution, and have 96 channels (times `width`) instead of 256, for speed on a CPU;
- laterals read maps before their projection, if the encoder consists of inverted residuals (`expanded` in
  `encoders/timm.py`): the projections serve the next block, and discard information that a decoder can use;
- only the finest sum feeds the head; the panoptic FPN adds an up-sampled branch of every level;
- bilinear instead of nearest-neighbour up-sampling.
"""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders import DEFAULT_ENCODER
from pixelwise.nn.encoders.registry import build_pyramid
from pixelwise.nn.layers.upsampling import bilinear_interpolation
from pixelwise.nn.layers.width import scale_channels
from pixelwise.nn.models.base import UpsampledModel
from pixelwise.nn.models.blocks import SeparableConvBNReLU

CHANNELS = 96
FINEST_STRIDE = 4


class FPN(UpsampledModel):
    """FPN: a light top-down decoder on any encoder; the default.

    (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W. Features of stride 4 and more are projected to
    96 channels, times `width`, by 1x1 convolutions (laterals), and summed from the coarsest down; a 1x1 head at stride
    4 gives the class scores.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        encoder: str = DEFAULT_ENCODER,
        *,
        width: float = 1.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = build_pyramid(encoder, in_channels, pretrained=pretrained, expanded=True)
        self.levels = [i for i, stride in enumerate(self.encoder.strides) if stride >= FINEST_STRIDE]
        if not self.levels:
            found = f"features at strides {self.encoder.strides}"
            raise OptionError(
                f"encoder={encoder!r}", found, f"strides of {FINEST_STRIDE} or more", "Take a deeper one."
            )
        self.stride = self.encoder.strides[-1]
        channels = scale_channels(CHANNELS, width)
        self.laterals = nn.ModuleList(nn.Conv2d(self.encoder.channels[i], channels, 1) for i in self.levels)
        self.smooth = nn.ModuleList(SeparableConvBNReLU(channels, channels) for _ in self.levels[:-1])
        self.head = nn.Conv2d(channels, num_classes, 1)

    def coarse(self, image: torch.Tensor) -> torch.Tensor:
        features = self.encoder(image)
        laterals = [lateral(features[i]) for lateral, i in zip(self.laterals, self.levels, strict=True)]
        summed = laterals.pop()
        for lateral, smooth in zip(reversed(laterals), reversed(self.smooth), strict=True):
            summed = smooth(lateral + bilinear_interpolation(summed, lateral.shape[-2:]))
        logits: torch.Tensor = self.head(summed)
        return logits
