"""Losses. They take `(logits, target)`; ignored pixels are found by `counted_pixels`."""

from __future__ import annotations

from typing import Protocol

import torch

from pixelwise.core.registry import Registry
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

    Training uses `reduction="sum"` and divides by the weight of the counted pixels itself, since several processes may
    share a batch, and each has only its own pixels. A loss that is not a sum over pixels, such as Dice, returns its
    value times that weight, `total_weight(target, pixel_weights=pixel_weights)`.

    Examples
    --------
    >>> import pixelwise as pw
    >>> def focal(logits, target, *, pixel_weights=None, reduction="mean"):
    ...     "Cross-entropy of logits that are twice as sure."
    ...     return cross_entropy(2 * logits, target, pixel_weights=pixel_weights, reduction=reduction)
    >>> pw.register_loss("sure", focal)
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


DEFAULT_LOSS = "cross_entropy"
LOSSES: Registry[Loss] = Registry(
    "loss", "pixelwise.losses", {DEFAULT_LOSS: "pixelwise.nn.losses.cross_entropy:cross_entropy"}
)
"""The losses by name. `pixelwise.register_loss` and the entry points `pixelwise.losses` add to them."""
