"""Max pooling that remembers its winners, and the unpooling that puts values back where they won.

Max unpooling: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 2.1, as
SegNet uses it (arXiv:1511.00561, section 3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def max_pool_with_indices(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pool (N, C, H, W), H and W even, by 2x2 windows of stride 2.

    Returns the maxima (N, C, H/2, W/2) and, int64 of the same shape, where each stood: its position in the flattened
    H*W plane. Of equal values the first in reading order wins.
    """
    return F.max_pool2d(features, 2, 2, return_indices=True)


def max_unpool(features: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Place (N, C, H, W) values at their `indices` in planes of (2H, 2W), zeros elsewhere.

    Written as a scatter, which has an ONNX counterpart; equal to `torch.nn.functional.max_unpool2d`.
    """
    n, channels, height, width = features.shape
    planes = features.new_zeros(n, channels, 4 * height * width)
    planes = planes.scatter(2, indices.flatten(2), features.flatten(2))
    return planes.view(n, channels, 2 * height, 2 * width)
