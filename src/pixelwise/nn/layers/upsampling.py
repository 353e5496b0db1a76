"""Up-sampling by bilinear weights: interpolation, and the transposed convolution that starts out as one.

Corner conventions. Enlarging n pixels by `factor`, output pixel p takes its value at the input coordinate
- half-pixel centres (`align_corners=False`, the default here and in OpenCV, Pillow, ONNX): (p + 0.5) / factor - 0.5.
  Pixels are squares and the image's outer edges stay where they are, so a shift by one input pixel is a shift by
  `factor` output pixels, whatever the size. At the border the outermost value is continued.
- aligned corners (`align_corners=True`, DeepLab's early code): p * (n - 1) / (n * factor - 1). Pixels are points and
  the centres of the corner pixels stay where they are; the scale, a little less than `factor`, depends on the size.

Transposed convolution as learnable up-sampling: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, section 3.3; bilinear weights: Shelhamer, Long, Darrell, PAMI 2017, arXiv:1605.06211.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from pixelwise.nn.layers.arguments import require_counts, require_maps, require_size


def bilinear_interpolation(features: torch.Tensor, size: Sequence[int], *, align_corners: bool = False) -> torch.Tensor:
    """Resize (N, C, H, W) to (N, C, *size), each value from its four neighbours by fixed weights of distance.

    Raises `ShapeError` for anything but maps, `OptionError` for a size that is not (height, width).

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> ops.bilinear_interpolation(torch.tensor([[[[0.0, 8]]]]), (1, 4)).tolist()
    [[[[0.0, 2.0, 6.0, 8.0]]]]
    """
    require_maps(features)
    require_size(size)
    return F.interpolate(features, size=size, mode="bilinear", align_corners=align_corners)


def bilinear_kernel(size: int) -> torch.Tensor:
    """Return the float32 (size, size) weights of bilinear up-sampling: a pyramid that falls off linearly to each side.

    Along a side, weight t is 1 - |t - centre| / reach with centre (size - 1) / 2 and reach (size + 1) // 2. Raises
    `OptionError` for a size below 1.

    Examples
    --------
    >>> from pixelwise.nn import layers as ops
    >>> (16 * ops.bilinear_kernel(4)).tolist()
    [[1.0, 3.0, 3.0, 1.0], [3.0, 9.0, 9.0, 3.0], [3.0, 9.0, 9.0, 3.0], [1.0, 3.0, 3.0, 1.0]]
    """
    require_counts("Up-sampling by a factor f takes a kernel of size 2f.", size=size)
    side = 1 - (torch.arange(size) - (size - 1) / 2).abs() / ((size + 1) // 2)
    return side[:, None] * side


class BilinearUpsampling(nn.ConvTranspose2d):
    """Transposed convolution with bilinear weights: (N, C, H, W) -> (N, C, (H + 1) * factor, (W + 1) * factor).

    A kernel of 2 * factor, stride `factor`, no bias, one kernel a channel: channels do not mix. The weights are a
    buffer, or with `learnt` a parameter that starts out bilinear; either way the state dict calls them `weight`.

    `crop` rows and columns taken off every side leave (H * factor, W * factor) pixels in line with half-pixel centres:
    they equal `bilinear_interpolation`, but for the outermost `crop`, which fade into the zeros outside. An odd factor
    has no pixel in the middle of 2 * factor, so its kernel is one shorter, and the output too. With `on_pixels` that
    is so for every factor, and `crop` does not apply: pixel (i + 1) * factor - 1 of the output is input pixel i. Raises
    `OptionError` for a factor below 1.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> layer = ops.BilinearUpsampling(1, 2)
    >>> layer(torch.ones(1, 1, 3, 5)).shape, layer.crop
    (torch.Size([1, 1, 8, 12]), 1)
    """

    def __init__(self, channels: int, factor: int, *, on_pixels: bool = False, learnt: bool = False) -> None:
        require_counts(
            "Give the channels of the maps, and the factor by which sides grow.", channels=channels, factor=factor
        )
        kernel_size = 2 * factor - (on_pixels or factor % 2)
        super().__init__(channels, channels, kernel_size, stride=factor, groups=channels, bias=False)
        self.crop = factor // 2
        if not learnt:
            fixed = self.weight.detach()
            del self.weight
            self.register_buffer("weight", fixed)

    def reset_parameters(self) -> None:
        """Make the weights bilinear; torch calls this when the layer is made."""
        with torch.no_grad():
            self.weight.copy_(bilinear_kernel(self.kernel_size[0]).expand_as(self.weight))
