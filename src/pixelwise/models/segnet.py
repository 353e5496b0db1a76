"""SegNet: VGG16's convolutions and their mirror image, up-sampling to where the maxima stood.

Badrinarayanan, Kendall, Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
PAMI 2017, arXiv:1511.00561, section 3 and figure 2; layer sizes as in the authors' reference code.

Differs from the paper:
- the encoder starts from He-initialised weights, not from VGG16's;
- an image whose sides are no multiples of 32 is padded with zeros and the logits are cropped; the paper has one size;
- `width` scales all channel counts (1 is the paper's net).
"""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.models.blocks import he_initialise, scaled
from pixelwise.ops.padding import pad_to_multiple
from pixelwise.ops.unpooling import max_pool_with_indices, max_unpool

ENCODER: tuple[tuple[int, ...], ...] = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DECODER: tuple[tuple[int, ...], ...] = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))


class SegNet(nn.Module):
    """(N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W.

    Five stages of VGG16's convolutions and 2x2 max pooling; five mirrored stages, each unpooling to where the maxima
    stood. Only the pooling indices pass from encoder to decoder.
    """

    stride = 32

    def __init__(self, num_classes: int, in_channels: int = 3, *, width: float = 1.0) -> None:
        super().__init__()
        encoder, channels = [], in_channels
        for stage in ENCODER:
            encoder.append(_stage(channels, [scaled(c, width) for c in stage]))
            channels = scaled(stage[-1], width)
        decoder = []
        for stage in DECODER:
            decoder.append(_stage(channels, [scaled(c, width) for c in stage]))
            channels = scaled(stage[-1], width)
        self.encoder = nn.ModuleList(encoder)
        self.decoder = nn.ModuleList(decoder)
        self.head = nn.Conv2d(channels, num_classes, 3, padding=1)
        he_initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        features = pad_to_multiple(image, self.stride)
        winners = []
        for stage in self.encoder:
            features, indices = max_pool_with_indices(stage(features))
            winners.append(indices)
        for stage in self.decoder:
            features = stage(max_unpool(features, winners.pop()))
        logits: torch.Tensor = self.head(features)
        return logits[..., :height, :width]


def _stage(in_channels: int, widths: list[int]) -> nn.Sequential:
    """3x3 convolutions with bias, batch norm and ReLU each."""
    layers: list[nn.Module] = []
    for channels in widths:
        layers += [nn.Conv2d(in_channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        in_channels = channels
    return nn.Sequential(*layers)
