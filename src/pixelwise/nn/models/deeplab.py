"""DeepLabV3+: an encoder dilated to keep its resolution, context at five scales, and a light decoder.

Chen, Zhu, Papandreou, Schroff, Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation", ECCV 2018, arXiv:1802.02611, section 3 and figure 2; the spatial pyramid is that of Chen, Papandreou,
Schroff, Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, arXiv:1706.05587, section 3.3.
Dropout and the normalisation inside separable convolutions as in the authors' reference code.

Differs from the paper:
- any encoder whose strides can be replaced by dilation, not the modified Xception-65 or ResNet-101;
- image pooling has no batch norm: it gives one value per channel and image, so in training on a batch of one the
  normalised value would not depend on the image (torch refuses it), and on a small batch it would be mostly noise;
- image pooling averages over the input of the net: in a tiled prediction over each tile, in training over each crop. So
  scores differ from those of the whole image even in the middle of a tile. Measured once, at width 1/4 after 158 steps
  on 192x256 crops, on 6 generated scenes of 384x640 in tiles of 256 that overlap by 64: 97.5 % of the labels agree, and
  also 97.5 % if every tile gets the mean of the whole image, so most of the difference is due to what convolutions
  would see beyond a tile. Pixels labelled right: whole 92.1 %, tiles 92.0 %, tiles with the whole's mean 91.6 %;
- bilinear interpolation aligns pixel centres; the reference aligns corners, on sides of 16 k + 1. Here an image is
  padded with zeros to multiples of the output stride, and the logits are cropped;
- batch norm has torch's momentum of 0.1 instead of the reference's 0.0003, with which the statistics of a short
  training would not converge;
- `width` scales the pyramid's and the decoder's channels (1 is the paper's net).
"""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders import DEFAULT_ENCODER
from pixelwise.nn.encoders.registry import build_pyramid
from pixelwise.nn.layers.convolution import depthwise_convolution
from pixelwise.nn.layers.upsampling import bilinear_interpolation
from pixelwise.nn.layers.width import scale_channels
from pixelwise.nn.models.base import UpsampledModel

CHANNELS = 256
DETAIL_CHANNELS = 48
DETAIL_STRIDE = 4
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}
"""Dilations of the pyramid's 3x3 convolutions by output stride: the same reach in pixels of the image."""


class DeepLabV3Plus(UpsampledModel):
    """DeepLabV3+: a dilated encoder, atrous spatial pyramid pooling, and a decoder that adds stride-4 detail.

    (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W. `output_stride` is 16, or 8 for finer
    features at about four times the work in the encoder's last stages.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        encoder: str = DEFAULT_ENCODER,
        *,
        width: float = 1.0,
        pretrained: bool = False,
        output_stride: int = 16,
    ) -> None:
        super().__init__()
        if output_stride not in RATES:
            remedy = "Take 8 for detail, 16 for speed."
            raise OptionError("output_stride", str(output_stride), "8 or 16", remedy)
        channels, detail_channels = scale_channels(CHANNELS, width), scale_channels(DETAIL_CHANNELS, width)
        self.encoder = build_pyramid(encoder, in_channels, pretrained=pretrained, output_stride=output_stride)
        if DETAIL_STRIDE not in self.encoder.strides:
            found = f"features at strides {self.encoder.strides}"
            raise OptionError(f"encoder={encoder!r}", found, f"one at stride {DETAIL_STRIDE}", "Take another encoder.")
        self.stride = output_stride
        self.detail_level = self.encoder.strides.index(DETAIL_STRIDE)
        self.pyramid = SpatialPyramid(self.encoder.channels[-1], channels, RATES[output_stride])
        self.detail = _pointwise(self.encoder.channels[self.detail_level], detail_channels)
        self.decoder = nn.Sequential(_separable(channels + detail_channels, channels), _separable(channels, channels))
        self.head = nn.Conv2d(channels, num_classes, 1)

    def coarse(self, image: torch.Tensor) -> torch.Tensor:
        features = self.encoder(image)
        detail = self.detail(features[self.detail_level])
        context = bilinear_interpolation(self.pyramid(features[-1]), detail.shape[-2:])
        logits: torch.Tensor = self.head(self.decoder(torch.cat([context, detail], dim=1)))
        return logits


class SpatialPyramid(nn.Module):
    """Atrous spatial pyramid pooling: (N, in_channels, H, W) -> (N, out_channels, H, W).

    Five branches with `out_channels` each see every position at a different scale: a 1x1 convolution, three 3x3
    convolutions with dilations `rates`, and the mean over all positions. A 1x1 convolution combines them.
    """

    def __init__(self, in_channels: int, out_channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        atrous = [_separable(in_channels, out_channels, rate) for rate in rates]
        self.branches = nn.ModuleList([_pointwise(in_channels, out_channels), *atrous])
        self.pooled = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.ReLU(inplace=True))
        self.join = nn.Sequential(_pointwise(out_channels * (len(rates) + 2), out_channels), nn.Dropout(0.1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        scales = [branch(features) for branch in self.branches]
        mean = self.pooled(features.mean((2, 3), keepdim=True))
        joined: torch.Tensor = self.join(torch.cat([*scales, mean.expand_as(scales[0])], dim=1))
        return joined


def _pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    """1x1 convolution, batch norm, ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def _separable(in_channels: int, out_channels: int, rate: int = 1) -> nn.Sequential:
    """Depthwise 3x3 convolution with dilation `rate`, then 1x1, each with batch norm and ReLU; same size."""
    depthwise = depthwise_convolution(in_channels, dilation=rate)
    return nn.Sequential(
        depthwise, nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), *_pointwise(in_channels, out_channels)
    )
