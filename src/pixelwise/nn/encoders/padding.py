"""TensorFlow's "same" padding with fixed amounts, for nets whose weights were trained with it.

On a side of n pixels, a window that spans d (k - 1) + 1 pixels with stride s is padded with exactly as many zeros as
make the output ceil(n / s) long, the odd one at the bottom and right. For multiples of s, and all maps of a padded
image are, these are d (k - 1) + 1 - s zeros for any n: a 3x3 convolution of stride 2 pads none above and left and one
below and right, a 5x5 one pads one and two. With fixed amounts an exported graph needs no arithmetic on sizes: ONNX's
Conv takes an amount for each side.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from pixelwise.nn.layers.convolution import span


class SamePaddedConv2d(nn.Conv2d):
    """A strided convolution with TensorFlow's "same" padding: (N, C, H, W) -> (N, O, H / stride, W / stride).

    H and W are multiples of the stride. It shares the weight and bias of the `convolution` from which it is made, and
    ignores that one's padding. `before` and `after` are the zeros (vertical, horizontal) above and left of the map, and
    below and right of it.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,  # type: ignore[arg-type]
            convolution.stride,  # type: ignore[arg-type]
            dilation=convolution.dilation,  # type: ignore[arg-type]
            groups=convolution.groups,
            bias=False,
            device="meta",
        )
        self.weight, self.bias = convolution.weight, convolution.bias
        sides = zip(self.kernel_size, self.stride, self.dilation, strict=True)
        amounts = [max(0, span(kernel, dilation) - stride) for kernel, stride, dilation in sides]
        self.before = tuple(amount // 2 for amount in amounts)
        self.after = tuple(amount - amount // 2 for amount in amounts)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.device.type == "cpu" and not torch.compiler.is_compiling():
            weight, padding = self.padded_symmetrically(self.weight)
            return F.conv2d(image, weight, self.bias, self.stride, padding, self.dilation, self.groups)
        (top, left), (bottom, right) = self.before, self.after
        padded = F.pad(image, (left, right, top, bottom))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def padded_symmetrically(self, weight: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        """Return weights (O, C / groups, h, w) and a symmetric padding (vertical, horizontal) with the same result.

        torch's convolutions pad opposite sides equally. Where more is padded after the map, the kernel gets a leading
        tap of zeros, which falls on the surplus padding before the map. This saves a copy of the map, which on a CPU
        takes longer than the convolution.
        """
        (top, left), (bottom, right) = self.before, self.after
        rows, columns = bottom - top, right - left
        return F.pad(weight, (columns, 0, rows, 0)), (bottom, right)


def fix_same_padding(net: nn.Module) -> None:
    """Replace each convolution of `net` that computes "same" padding from its input's size by one with fixed amounts.
    The names in the state dict do not change. Dilated convolutions are not replaced: a tap of zeros would be one
    dilation away.
    """
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Conv2dSame) and max(child.dilation) == 1:
                setattr(module, name, SamePaddedConv2d(child))


def pad_symmetrically(net: nn.Module) -> None:
    """Make the convolutions with TensorFlow's padding pad half their kernel on all sides, as in torch. Runs from before
    the field `encoder_padding` were trained like this.
    """
    for layer in net.modules():
        if isinstance(layer, SamePaddedConv2d):
            sides = zip(layer.kernel_size, layer.dilation, strict=True)
            layer.before = layer.after = tuple(span(kernel, dilation) // 2 for kernel, dilation in sides)
