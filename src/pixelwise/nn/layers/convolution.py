"""Convolutions that see more, or cost less, than a plain one. All keep the sides of the maps, or divide them by the
stride.

On H x W output pixels, a k x k kernel and C_in to C_out channels, in multiply-adds:

    plain, of any dilation    H W k² C_in C_out        k² C_in C_out weights
    depthwise                 H W k² C_in              k² C_in weights
    depthwise separable       H W C_in (k² + C_out)    that is 1 / C_out + 1 / k² of the plain one

They have no bias, since the batch norm after them has one. "Same" padding needs an odd kernel, which has a middle
pixel.

Dilation: Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, arXiv:1511.07122. Depthwise
separable: Howard et al., "MobileNets", 2017, arXiv:1704.04861, section 3.1.
"""

from __future__ import annotations

from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.layers.arguments import require_counts

WHOLE = "Give the channels of the maps, and 1 for a stride that keeps the sides."


def span(kernel_size: int, dilation: int = 1) -> int:
    """Return how many pixels a kernel spans along a side: d (k - 1) + 1.

    Parameters
    ----------
    kernel_size
        k, the number of taps along a side.
    dilation
        d, the distance in pixels between neighbouring taps.

    Returns
    -------
    int
        The span in pixels.

    Raises
    ------
    OptionError
        The kernel size or the dilation is no whole number of at least 1.

    Examples
    --------
    >>> from pixelwise.nn import layers as ops
    >>> [ops.span(3, dilation) for dilation in (1, 2, 4)]
    [3, 5, 9]
    """
    remedy = "A 3x3 kernel of dilation 2 reaches over 5x5 pixels."
    require_counts(remedy, kernel_size=kernel_size, dilation=dilation)
    return dilation * (kernel_size - 1) + 1


def dilated_convolution(
    in_channels: int, out_channels: int, kernel_size: int = 3, *, dilation: int, stride: int = 1
) -> nn.Conv2d:
    """Make a convolution that leaves out dilation - 1 pixels between its taps: a wider view with the same weights.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)), padded by zeros, without bias.

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input and of the output.
    kernel_size
        Taps along a side, an odd number.
    dilation
        Distance in pixels between neighbouring taps; 1 is a plain convolution.
    stride
        Distance in input pixels between neighbouring output pixels.

    Returns
    -------
    nn.Conv2d

    Raises
    ------
    OptionError
        The kernel size is even, or a number is below 1.

    References
    ----------
    Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, arXiv:1511.07122.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> layer = ops.dilated_convolution(8, 16, dilation=4)
    >>> layer(torch.zeros(1, 8, 30, 50)).shape, layer.weight.numel()
    (torch.Size([1, 16, 30, 50]), 1152)
    """
    padding = _same_padding(kernel_size, dilation)
    require_counts(WHOLE, in_channels=in_channels, out_channels=out_channels, stride=stride)
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride=stride, padding=padding, dilation=dilation, bias=False
    )


def depthwise_convolution(channels: int, kernel_size: int = 3, *, dilation: int = 1, stride: int = 1) -> nn.Conv2d:
    """Make a convolution with one spatial filter a channel: channels do not mix.

    (N, channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)), padded by zeros, without bias.

    Parameters
    ----------
    channels
        Channels of the input and of the output.
    kernel_size
        Taps along a side, an odd number.
    dilation
        Distance in pixels between neighbouring taps.
    stride
        Distance in input pixels between neighbouring output pixels.

    Returns
    -------
    nn.Conv2d

    Raises
    ------
    OptionError
        The kernel size is even, or a number is below 1.

    References
    ----------
    Howard et al., "MobileNets", 2017, arXiv:1704.04861, section 3.1.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> layer = ops.depthwise_convolution(8, stride=2)
    >>> layer(torch.zeros(1, 8, 30, 50)).shape, layer.weight.numel()
    (torch.Size([1, 8, 15, 25]), 72)
    """
    padding = _same_padding(kernel_size, dilation)
    require_counts(WHOLE, channels=channels, stride=stride)
    return nn.Conv2d(channels, channels, kernel_size, stride, padding, dilation=dilation, groups=channels, bias=False)


def depthwise_separable_convolution(
    in_channels: int, out_channels: int, kernel_size: int = 3, *, dilation: int = 1, stride: int = 1
) -> nn.Sequential:
    """Make a depthwise convolution followed by a 1x1 convolution, at 1 / C_out + 1 / k² of the cost of a plain one.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)), padded by zeros, without bias.

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input and of the output, C_out.
    kernel_size
        k, the taps along a side of the depthwise convolution, an odd number.
    dilation
        Distance in pixels between neighbouring taps.
    stride
        Distance in input pixels between neighbouring output pixels.

    Returns
    -------
    nn.Sequential
        The two convolutions, without normalisation or activation between them.

    Raises
    ------
    OptionError
        The kernel size is even, or a number is below 1.

    References
    ----------
    Howard et al., "MobileNets", 2017, arXiv:1704.04861, section 3.1.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> layer = ops.depthwise_separable_convolution(128, 128)
    >>> sum(weight.numel() for weight in layer.parameters()), 9 * 128 * 128
    (17536, 147456)
    """
    require_counts(WHOLE, in_channels=in_channels, out_channels=out_channels)
    return nn.Sequential(
        depthwise_convolution(in_channels, kernel_size, dilation=dilation, stride=stride),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
    )


def _same_padding(kernel_size: int, dilation: int) -> int:
    """Return the zeros that every side needs for an output as large as the input."""
    if isinstance(kernel_size, int) and kernel_size % 2 == 0:
        remedy = "An even kernel has no middle pixel: take one more or one less."
        raise OptionError("kernel_size", str(kernel_size), "an odd number", remedy)
    return span(kernel_size, dilation) // 2
