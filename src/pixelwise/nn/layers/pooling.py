"""Pooling: one value per window, the largest or the mean.

Windows of side `window` start every `stride` pixels (by default every `window` pixels, so that they tile the plane). H
pixels contain (H - window) // stride + 1 of them; rows and columns beyond the last window are left out.

Averages: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998.
Maxima with indices: SegNet (arXiv:1511.00561, section 3), to be reversed by `unpooling.max_unpool`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pixelwise.nn.layers.arguments import require_counts, require_fitting_window, require_maps


def max_pool(features: torch.Tensor, window: int = 2, stride: int | None = None) -> torch.Tensor:
    """Return the largest value of every window.

    Parameters
    ----------
    features
        (N, C, H, W).
    window
        Side of a window in pixels.
    stride
        Distance in pixels between the starts of neighbouring windows; by default `window`.

    Returns
    -------
    torch.Tensor
        (N, C, H', W') with H' = (H - window) // stride + 1 and W' alike.

    Raises
    ------
    OptionError
        The window or the stride is no whole number of at least 1.
    ShapeError
        `features` are no maps (N, C, H, W), or are smaller than the window.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> plane = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 4, 0, 0], [8, 3, 0, 2]])[None, None]
    >>> ops.max_pool(plane).tolist()
    [[[[4.0, 7.0], [9.0, 2.0]]]]
    """
    return F.max_pool2d(features, window, _stride(features, window, stride))


def max_pool_with_indices(
    features: torch.Tensor, window: int = 2, stride: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest value of every window, and its place.

    Parameters
    ----------
    features
        (N, C, H, W).
    window
        Side of a window in pixels.
    stride
        Distance in pixels between the starts of neighbouring windows; by default `window`.

    Returns
    -------
    maxima : torch.Tensor
        (N, C, H', W') with H' = (H - window) // stride + 1 and W' alike.
    indices : torch.Tensor
        int64 of the same shape: the place of each maximum in the flattened plane, row * W + column. Of equal values the
        first in reading order is taken.

    Raises
    ------
    OptionError
        The window or the stride is no whole number of at least 1.
    ShapeError
        `features` are no maps (N, C, H, W), or are smaller than the window.

    References
    ----------
    Badrinarayanan, Kendall, Cipolla, "SegNet", arXiv:1511.00561, section 3.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> plane = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 4, 0, 0], [8, 3, 0, 2]])[None, None]
    >>> maxima, indices = ops.max_pool_with_indices(plane)
    >>> indices.tolist()  # 4 in a row: the 9 stands in row 2, column 0
    [[[[4, 2], [8, 15]]]]
    """
    return F.max_pool2d(features, window, _stride(features, window, stride), return_indices=True)


def average_pool(features: torch.Tensor, window: int = 2, stride: int | None = None) -> torch.Tensor:
    """Return the mean of every window.

    Parameters
    ----------
    features
        Float (N, C, H, W).
    window
        Side of a window in pixels.
    stride
        Distance in pixels between the starts of neighbouring windows; by default `window`.

    Returns
    -------
    torch.Tensor
        (N, C, H', W') with H' = (H - window) // stride + 1 and W' alike.

    Raises
    ------
    OptionError
        The window or the stride is no whole number of at least 1.
    ShapeError
        `features` are no maps (N, C, H, W), or are smaller than the window.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> plane = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 4, 0, 0], [8, 3, 0, 2]])[None, None]
    >>> ops.average_pool(plane).tolist()
    [[[[1.75, 5.25], [6.0, 0.5]]]]
    """
    return F.avg_pool2d(features, window, _stride(features, window, stride))


def _stride(features: torch.Tensor, window: int, stride: int | None) -> int:
    """Check window, stride and maps, and return the stride, by default the window's side."""
    stride = window if stride is None else stride
    require_counts("A window of 2 and a stride of 2 halve the sides.", window=window, stride=stride)
    require_maps(features)
    require_fitting_window(features, window)
    return stride
