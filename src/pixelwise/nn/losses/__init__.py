"""Losses. They take `(logits, target)`; ignored pixels are found by `counted_pixels`."""

from __future__ import annotations

import inspect
from typing import Any, Protocol

import torch

from pixelwise.core.registry import Registry, Requirement
from pixelwise.nn.losses.border import border_weights
from pixelwise.nn.losses.centres import centre_errors
from pixelwise.nn.losses.cross_entropy import Reduction, cross_entropy, median_frequency_weights, total_weight

__all__ = [
    "DEFAULT_LOSS",
    "LOSSES",
    "Loss",
    "Reduction",
    "border_weights",
    "centre_errors",
    "cross_entropy",
    "median_frequency_weights",
    "total_weight",
]


class Loss(Protocol):
    """The protocol of the losses in `LOSSES`: a function of class scores and the true classes of pixels.

    Training calls it with `reduction="sum"` and divides the result by the total weight of the counted pixels. A loss
    that is no sum over pixels, such as Dice, therefore returns its value times
    `total_weight(target, pixel_weights=pixel_weights)` for `"sum"`. When several processes train together, each passes
    its part of the batch, and the weight is summed over all of them.

    Examples
    --------
    >>> import pixelwise as pw
    >>> def sharpened(logits, target, *, pixel_weights=None, reduction="mean"):
    ...     "Cross-entropy of logits times 2."
    ...     return cross_entropy(2 * logits, target, pixel_weights=pixel_weights, reduction=reduction)
    >>> pw.register_loss("sharpened", sharpened)
    """

    def __call__(
        self,
        logits: torch.Tensor,
        target: torch.Tensor,
        *,
        pixel_weights: torch.Tensor | None = None,
        reduction: Reduction = "mean",
    ) -> torch.Tensor:
        """Return the loss.

        Parameters
        ----------
        logits
            Class scores (N, K, H, W), float.
        target
            Class indices (N, H, W), int64; pixels of `IGNORE_INDEX` do not count (see `counted_pixels`).
        pixel_weights
            The weight of each pixel, float (N, H, W); `None` for 1.
        reduction
            Divisor of the sum over pixels: `"mean"` the weight of the counted pixels, `"pixels"` their number, `"sum"`
            1.

        Returns
        -------
        torch.Tensor
            A scalar, 0 where no pixel counts.
        """
        ...


def _takes_arguments(loss: Any) -> bool:
    """Return whether a function can be called as training calls losses."""
    if not callable(loss):
        return False
    try:
        inspect.signature(loss).bind(None, None, pixel_weights=None, reduction="sum")
    except TypeError:
        return False
    except ValueError:  # a function of C without a signature
        return True
    return True


DEFAULT_LOSS = "cross_entropy"
LOSSES: Registry[Loss] = Registry(
    "loss",
    "pixelwise.losses",
    {DEFAULT_LOSS: "pixelwise.nn.losses.cross_entropy:cross_entropy"},
    Requirement(
        "a function that is called as loss(logits, target, pixel_weights=..., reduction=...) "
        "(see `pixelwise.nn.losses.Loss`)",
        _takes_arguments,
    ),
)
"""The losses by name. `pixelwise.register_loss` and the entry points `pixelwise.losses` add to them."""
