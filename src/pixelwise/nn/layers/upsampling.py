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
    """Resize maps. Each value is a mean of its four neighbours, weighted by distance.

    Parameters
    ----------
    features
        Float (N, C, H, W).
    size
        (height, width) of the result.
    align_corners
        Whether the centres of the corner pixels stay in place; by default the outer edges of the image do.

    Returns
    -------
    torch.Tensor
        (N, C, height, width).

    Raises
    ------
    ShapeError
        `features` are no maps (N, C, H, W).
    OptionError
        `size` is not (height, width) of at least 1.

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
    """Return the weights of bilinear up-sampling: a pyramid that falls off linearly to each side.

    Along a side, k(i) = 1 - abs(i - c) / f, with the centre c = (size - 1) / 2 and the factor f = (size + 1) // 2;
    the kernel is k(i) k(j). Up-sampling by f takes the size 2 f - f mod 2.

    Parameters
    ----------
    size
        Taps along a side; up-sampling by a factor f takes 2 f, or 2 f - 1.

    Returns
    -------
    torch.Tensor
        float32 (size, size).

    Raises
    ------
    OptionError
        The size is no whole number of at least 1.

    References
    ----------
    Shelhamer, Long, Darrell, PAMI 2017, arXiv:1605.06211.

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

    The kernel has 2 * factor taps along a side and the stride `factor`; there is no bias, and channels do not mix. An
    odd factor has no middle pixel among 2 * factor, so its kernel and its output are one shorter.

    Without the outermost `crop` rows and columns the output has (H * factor, W * factor) pixels, in line with
    half-pixel centres. They equal `bilinear_interpolation`, except for the outermost `crop`, which fade into the zeros
    outside.

    Parameters
    ----------
    channels
        C.
    factor
        How many times longer the sides become.
    on_pixels
        Use the kernel of 2 * factor - 1 taps for every factor: pixel (i + 1) * factor - 1 of the output then has the
        value of input pixel i. `crop` does not apply.
    learnt
        Make the weights a parameter that starts out bilinear, instead of a fixed buffer. The state dict names them
        `weight` in both cases.

    Attributes
    ----------
    crop : int
        Rows and columns to cut off each side of the output.

    Raises
    ------
    OptionError
        The channels or the factor are no whole number of at least 1.

    References
    ----------
    Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.3.

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
        """Make the weights bilinear. torch calls this when the layer is made.

        Examples
        --------
        >>> import torch
        >>> from pixelwise.nn import layers as ops
        >>> layer = ops.BilinearUpsampling(1, 1, learnt=True)
        >>> _ = torch.nn.init.zeros_(layer.weight)
        >>> layer.reset_parameters()
        >>> layer.weight.tolist()
        [[[[1.0]]]]
        """
        with torch.no_grad():
            self.weight.copy_(bilinear_kernel(self.kernel_size[0]).expand_as(self.weight))
