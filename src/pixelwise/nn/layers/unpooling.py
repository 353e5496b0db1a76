"""Unpooling: each value of a pooled map is put back into its window: everywhere, in its corner, or where the maximum
was.

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
    """Fill a whole window with each value.

    Parameters
    ----------
    features
        (N, C, H, W).
    window
        Side of a window in pixels.

    Returns
    -------
    torch.Tensor
        (N, C, window * H, window * W).

    Raises
    ------
    OptionError
        The window is no whole number of at least 1.
    ShapeError
        `features` are no maps (N, C, H, W).

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
    """Put each value at the top left of its window, and zeros elsewhere.

    Parameters
    ----------
    features
        (N, C, H, W).
    window
        Side of a window in pixels.

    Returns
    -------
    torch.Tensor
        (N, C, window * H, window * W).

    Raises
    ------
    OptionError
        The window is no whole number of at least 1.
    ShapeError
        `features` are no maps (N, C, H, W).

    References
    ----------
    Dosovitskiy, Springenberg, Brox, "Learning to Generate Chairs with Convolutional Neural Networks", CVPR 2015,
    arXiv:1411.5928.

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
    """Put values where the maxima of a pooling stood, and zeros elsewhere.

    It is a scatter, which ONNX has too, and equals `torch.nn.functional.max_unpool2d`. Where windows overlapped,
    several values may have the same place; one of them is kept, and it is not defined which.

    Parameters
    ----------
    features
        (N, C, H, W).
    indices
        int64 of the same shape, the places in the flattened plane that `max_pool_with_indices` returned.
    size
        (height, width) of the plane that was pooled. Another width moves values to other rows and columns.

    Returns
    -------
    torch.Tensor
        (N, C, height, width).

    Raises
    ------
    OptionError
        `size` is not (height, width) of at least 1.
    ShapeError
        `indices` have another shape than `features`, or reach beyond `size`.

    References
    ----------
    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 2.1; SegNet,
    arXiv:1511.00561, section 3.

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
