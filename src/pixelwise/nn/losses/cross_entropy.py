"""Per-pixel cross-entropy, and class weights from the frequencies of classes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.metrics.pixels import counted_pixels

Reduction = Literal["mean", "sum", "pixels"]
"""Divisor of the sum of the losses: the weight of the counted pixels, 1, or their number."""


def cross_entropy(
    logits: torch.Tensor,
    target: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    *,
    pixel_weights: torch.Tensor | None = None,
    reduction: Reduction = "mean",
    ignore_index: int = IGNORE_INDEX,
) -> torch.Tensor:
    """Return the softmax cross-entropy of class scores.

    L = -sum_p w_p log softmax(z_p)[y_p] / sum_p w_p over the pixels p whose label y_p is not `ignore_index`, with
    w_p = class_weights[y_p] * pixel_weights[p].

    Parameters
    ----------
    logits
        Class scores (N, K, H, W), float.
    target
        Class indices (N, H, W), int64.
    class_weights
        The weight of each class, float (K,); `None` for 1.
    pixel_weights
        The weight of each pixel, float (N, H, W), times its class weight; `None` for 1.
    reduction
        Divisor of the sum over counted pixels: `"mean"` their weight, `"pixels"` their number, `"sum"` 1.
    ignore_index
        The class index of pixels that do not count.

    Returns
    -------
    torch.Tensor
        A scalar, 0 where no pixel counts.

    Raises
    ------
    ShapeError
        The shapes do not fit.

    References
    ----------
    Pixel weights: U-Net, arXiv:1505.04597, equation 1. The sum: FCN, arXiv:1605.06211. The division by the number of
    pixels: SegNet's reference code, caffe-segnet.

    Examples
    --------
    >>> logits = torch.zeros(1, 2, 1, 3)
    >>> target = torch.tensor([[[0, 1, 255]]])
    >>> round(float(cross_entropy(logits, target)), 4)  # log 2
    0.6931
    """
    if logits.dim() != 4 or target.shape != logits.shape[:1] + logits.shape[2:]:
        found = f"target of shape {tuple(target.shape)} for logits of shape {tuple(logits.shape)}"
        expected = "logits (N, K, H, W) and target (N, H, W)"
        raise ShapeError("cross_entropy", found, expected, "Pass a class index a pixel.")
    if pixel_weights is None:
        total = F.cross_entropy(logits, target, class_weights, reduction="sum", ignore_index=ignore_index)
    else:
        _require_fitting(pixel_weights, target)
        losses = F.cross_entropy(logits, target, class_weights, reduction="none", ignore_index=ignore_index)
        total = (losses * pixel_weights.where(counted_pixels(target, ignore_index), 0)).sum()
    if reduction == "sum":
        return total
    if reduction == "pixels":
        return total / counted_pixels(target, ignore_index).sum().clamp(min=1)
    weight = total_weight(target, class_weights, pixel_weights=pixel_weights, ignore_index=ignore_index)
    return total / weight.clamp(min=torch.finfo(weight.dtype).tiny)


def total_weight(
    target: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    *,
    pixel_weights: torch.Tensor | None = None,
    ignore_index: int = IGNORE_INDEX,
) -> torch.Tensor:
    """Return the sum of the weights of the pixels that count, by which `cross_entropy` divides for `"mean"`.

    Parameters
    ----------
    target
        Class indices (N, H, W), int64.
    class_weights
        The weight of each class, float (K,); `None` for 1.
    pixel_weights
        The weight of each pixel, float (N, H, W), times its class weight; `None` for 1.
    ignore_index
        The class index of pixels that do not count.

    Returns
    -------
    torch.Tensor
        A float scalar.

    Raises
    ------
    ShapeError
        `pixel_weights` are no floats of the target's shape.

    Examples
    --------
    >>> total_weight(torch.tensor([[[0, 1, 255]]]), torch.tensor([0.5, 2.0]))
    tensor(2.5000)
    """
    counted = counted_pixels(target, ignore_index)
    weight = counted.float() if class_weights is None else class_weights[target.where(counted, 0)] * counted
    if pixel_weights is not None:
        _require_fitting(pixel_weights, target)
        weight = weight * pixel_weights.where(counted, 0)
    return weight.sum()


def _require_fitting(pixel_weights: torch.Tensor, target: torch.Tensor) -> None:
    if pixel_weights.shape != target.shape or not pixel_weights.is_floating_point():
        found = f"{pixel_weights.dtype} of shape {tuple(pixel_weights.shape)}"
        expected = f"floats of shape {tuple(target.shape)}, the target's"
        raise ShapeError("pixel_weights", found, expected, "Pass a weight a pixel.")


def median_frequency_weights(
    class_pixels: npt.NDArray[np.int64], class_image_pixels: npt.NDArray[np.int64], power: float = 1.0
) -> npt.NDArray[np.float32]:
    """Return class weights that raise rare classes: (median(freq) / freq_c) ** power.

    freq_c is the number of pixels of class c divided by the number of pixels of the images that contain it.

    Parameters
    ----------
    class_pixels
        int64 (K,), the pixels of each class.
    class_image_pixels
        int64 (K,), the pixels of the images that contain each class.
    power
        0..1. 1 is the paper's balancing, less softens it, 0 weighs all classes alike.

    Returns
    -------
    numpy.ndarray
        float32 (K,). A class that never occurs has the weight 1.

    Raises
    ------
    ShapeError
        The counts are not two arrays of one entry a class.
    OptionError
        `power` is outside 0..1.

    References
    ----------
    SegNet, arXiv:1511.00561, section 3.1.

    Examples
    --------
    >>> median_frequency_weights(np.array([80, 20]), np.array([100, 100])).tolist()
    [0.625, 2.5]
    """
    if class_pixels.shape != class_image_pixels.shape or class_pixels.ndim != 1:
        found = f"shapes {class_pixels.shape} and {class_image_pixels.shape}"
        raise ShapeError("median_frequency_weights", found, "two arrays of one entry a class", "Pass both counts.")
    if not 0 <= power <= 1:
        raise OptionError("power", str(power), "a number from 0 to 1", "Use 0.5 to soften, 1 for the full balance.")
    occurs = class_pixels > 0
    weights = np.ones(len(class_pixels), np.float32)
    if occurs.any():
        frequency = class_pixels[occurs] / class_image_pixels[occurs]
        weights[occurs] = (np.median(frequency) / frequency) ** power
    return weights
