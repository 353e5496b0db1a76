"""What models share: channel counts by width, He initialisation, small stacks of decoders, up-sampled logits."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.nn.layers.convolution import depthwise_separable_convolution
from pixelwise.nn.layers.padding import pad_to_multiple
from pixelwise.nn.layers.upsampling import bilinear_interpolation


def he_initialise(model: nn.Module) -> None:
    """Draw the convolutions' weights as He et al. (ICCV 2015, arXiv:1502.01852) do and set their biases to zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class ConvBNReLU(nn.Sequential):
    """3x3 convolution, batch norm, ReLU: (N, in_channels, H, W) -> (N, out_channels, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class SeparableConvBNReLU(nn.Sequential):
    """Depthwise separable 3x3 convolution (Howard et al. 2017, arXiv:1704.04861), batch norm, ReLU; same size."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            *depthwise_separable_convolution(in_channels, out_channels),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class UpsampledModel(nn.Module):
    """A model whose logits are those of a coarser map, `coarse`, up-sampled bilinearly to the image.

    Its images are padded with zeros, at the bottom and right, to multiples of `stride`.
    """

    stride: int

    def coarse(self, image: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes, h, w), H and W multiples of `stride`."""
        raise NotImplementedError

    def forward(self, image: torch.Tensor, step: int = 1) -> torch.Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes, H // step, W // step), any H and W.

        With a `step` above 1, one a square of `step` pixels, at its centre: enough for a loss, at a fraction of the
        memory to go through.
        """
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        size = [side // step for side in padded.shape[-2:]]
        return bilinear_interpolation(self.coarse(padded), size)[..., : height // step, : width // step]
