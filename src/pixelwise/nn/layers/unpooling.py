"""Unpooling: what pooling made of a window goes back into it, everywhere, in its corner, or where the maximum stood.

Bed of nails: Dosovitskiy, Springenberg, Brox, "Learning to Generate Chairs with Convolutional Neural Networks", CVPR
2015, arXiv:1411.5928. Max unpooling: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV
2014, section 2.1, as SegNet uses it (arXiv:1511.00561, section 3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pixelwise.core.errors import ShapeError
from pixelwise.nn.layers.arguments import require_counts, require_maps, require_size

DOUBLING = "A window of 2 doubles the sides."


def nearest_unpool(features: torch.Tensor, window: int = 2) -> torch.Tensor:
    """Fill a whole window with each value: (N, C, H, W) -> (N, C, window * H, window * W).

    Raises `OptionError` for a window below 1, `ShapeError` for anything but maps.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> ops.nearest_unpool(torch.tensor([[[[1, 2]]]])).tolist()
    [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]
    """
    require_counts(DOUBLING, window=window)
    require_maps(features)
    n, channels, height, width = features.shape
    windows = features[:, :, :, None, :, None].expand(-1, -1, -1, window, -1, window)
    return windows.reshape(n, channels, window * height, window * width)


def bed_of_nails(features: torch.Tensor, window: int = 2) -> torch.Tensor:
    """Put each value at its window's top left, zeros elsewhere: (N, C, H, W) -> (N, C, window * H, window * W).

    Raises `OptionError` for a window below 1, `ShapeError` for anything but maps.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> ops.bed_of_nails(torch.tensor([[[[1, 2]]]])).tolist()
    [[[[1, 0, 2, 0], [0, 0, 0, 0]]]]
    """
    require_counts(DOUBLING, window=window)
    require_maps(features)
    n, channels, height, width = features.shape
    windows = F.pad(features[:, :, :, None, :, None], (0, window - 1, 0, 0, 0, window - 1))
    return windows.reshape(n, channels, window * height, window * width)


def max_unpool(features: torch.Tensor, indices: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Place (N, C, H, W) values at their `indices` in planes of `size`, (height, width), zeros elsewhere.

    `size` is that of the plane that `pooling.max_pool_with_indices` took the `indices` from: an index counts its rows,
    so with another width values come to stand elsewhere. Where windows overlapped, several values may be sent to one
    place, and one of them, not said which, stays. Written as a scatter, which has an ONNX counterpart; equal to
    `torch.nn.functional.max_unpool2d`. Raises `ShapeError` where `indices` have another shape or reach beyond `size`.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> maxima, indices = ops.max_pool_with_indices(torch.tensor([[[[1.0, 5, 2, 3], [0, 4, 6, 1]]]]))
    >>> ops.max_unpool(maxima, indices, (2, 4)).tolist()
    [[[[0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 6.0, 0.0]]]]
    """
    require_maps(features)
    require_size(size)
    n, channels = features.shape[:2]
    rows, columns = size
    if indices.shape != features.shape:
        found = f"shape {tuple(indices.shape)} for features of shape {tuple(features.shape)}"
        raise ShapeError("indices", found, "the features' shape", "Pass the indices that the pooling returned.")
    planes = features.new_zeros(n, channels, rows * columns)
    try:
        planes = planes.scatter(2, indices.flatten(2), features.flatten(2))
    except RuntimeError as error:
        found = f"{rows}x{columns}, which the indices do not fit ({str(error).partition(chr(10))[0]})"
        remedy = "Pass the plane's (height, width) from before the pooling, and its int64 indices."
        raise ShapeError("size", found, "the size of the plane that was pooled", remedy) from error
    return planes.view(n, channels, rows, columns)
