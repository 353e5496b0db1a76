"""TensorFlow's "same" padding with fixed amounts, for nets whose weights were trained with it.

On a side of n pixels, a window that spans d (k - 1) + 1 pixels in steps of s gets just the zeros that make the output
ceil(n / s) long, the odd one at the bottom and right. On multiples of s, which all maps of a padded image are, that is
d (k - 1) + 1 - s zeros whatever n: a strided 3x3 convolution pads none above and left and one below and right, a 5x5
one and two. The amounts being fixed, an exported graph needs no arithmetic on sizes: ONNX's Conv takes one for each
side.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from pixelwise.nn.layers.convolution import span


class SamePaddedConv2d(nn.Conv2d):
    """A strided convolution with TensorFlow's "same" padding: (N, C, H, W) -> (N, O, H / stride, W / stride).

    H and W are multiples of the stride. It shares the weight and bias of the `convolution` that it is made of, whose
    own padding does not count. `before` and `after` are the zeros (vertical, horizontal) above and left of the map,
    and below and right of it.
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
        """Return weights (O, C / groups, h, w) and a padding (vertical, horizontal) that do the same from both sides.

        torch's convolutions pad all sides alike. A tap of zeros before the others, where more is padded after the map,
        stands on what is then padded before it too much. That saves a copy of the map, which takes a CPU longer than
        the convolution itself.
        """
        (top, left), (bottom, right) = self.before, self.after
        rows, columns = bottom - top, right - left
        return F.pad(weight, (columns, 0, rows, 0)), (bottom, right)


def fix_same_padding(net: nn.Module) -> None:
    """Replace each convolution of `net` that works out "same" padding from its input's size by one with fixed amounts.

    The names in the state dict stay. A dilated one stays as it is: a tap of zeros would stand a dilation away.
    """
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Conv2dSame) and max(child.dilation) == 1:
                setattr(module, name, SamePaddedConv2d(child))


def pad_symmetrically(net: nn.Module) -> None:
    """Let the convolutions that pad as TensorFlow does pad half their kernel on all sides, as torch's do.

    That is what pixelwise did before its runs kept `encoder_padding`, and what the weights of those runs know.
    """
    for layer in net.modules():
        if isinstance(layer, SamePaddedConv2d):
            sides = zip(layer.kernel_size, layer.dilation, strict=True)
            layer.before = layer.after = tuple(span(kernel, dilation) // 2 for kernel, dilation in sides)
