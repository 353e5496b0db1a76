"""What models are made of: channel counts by width, and the two small stacks of decoders."""

from __future__ import annotations

from torch import nn

from pixelwise.errors import OptionError


def scaled(channels: int, width: float) -> int:
    """Return `channels` times the factor `width`, at least 1. Raises `OptionError` for a factor outside 0..4."""
    if not 0 < width <= 4:
        raise OptionError("--width", str(width), "a factor above 0 and at most 4", "Use 1 for the net as it is.")
    return max(1, round(channels * width))


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
            nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )
