"""Building blocks of decoders: He initialisation, small stacks of layers."""

from __future__ import annotations

from torch import nn

from pixelwise.nn.layers.convolution import depthwise_separable_convolution


def he_initialise(model: nn.Module) -> None:
    """Draw the weights of convolutions by He et al. (ICCV 2015, arXiv:1502.01852), and set their biases to zero."""
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
