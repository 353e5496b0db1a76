"""The errors of predicted objects: of the heat of their centres, and of the offsets to them.

Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194, equation 1: the mean squared error of the heat over all
pixels, the mean absolute error of the offsets over those of objects.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pixelwise.core.errors import ShapeError
from pixelwise.metrics.pixels import counted_pixels


def centre_errors(
    predicted: torch.Tensor, centres: torch.Tensor, target: torch.Tensor, things: Sequence[int] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the errors of predicted object centres, as sums over pixels and the numbers of these pixels.

    The error of the heat is squared; that of an offset is the sum of its absolute errors down and right, in pixels. Of
    a pixel of a class in `things` without an object, which lies in a group that nobody has divided, the heat is unknown
    and does not count.

    Parameters
    ----------
    predicted
        Float (N, 3, H, W): the heat of centres in 0..1, and the offset to the centre, down and right, in pixels.
    centres
        The true heat and offsets, in the same form (see `centre_targets`).
    target
        int64 (N, H, W), class indices. Pixels of `IGNORE_INDEX` do not count.
    things
        The class indices that have objects.

    Returns
    -------
    sums : torch.Tensor
        Float (2,), the sums of the errors of heat and of offsets.
    pixels : torch.Tensor
        Float (2,), the numbers of pixels in these sums: all that count, and those of objects.

    Raises
    ------
    ShapeError
        The shapes do not fit.

    References
    ----------
    Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194, equation 1.

    Examples
    --------
    >>> truth, target = torch.zeros(1, 3, 1, 2), torch.tensor([[[1, 255]]])
    >>> truth[0, 0, 0, 0] = 1  # an object of one pixel, its own centre
    >>> sums, pixels = centre_errors(torch.zeros(1, 3, 1, 2), truth, target)
    >>> sums.tolist(), pixels.tolist()
    ([1.0, 0.0], [1.0, 1.0])
    """
    expected = (target.shape[0], 3, *target.shape[1:])
    if target.dim() != 3 or predicted.shape != expected or centres.shape != expected:
        found = f"shapes {tuple(predicted.shape)}, {tuple(centres.shape)} and {tuple(target.shape)}"
        raise ShapeError("centre_errors", found, "(N, 3, H, W) twice and (N, H, W)", "Pass a heat and an offset each.")
    counted = counted_pixels(target)
    inside = counted & (centres != 0).any(dim=1)  # a centre has heat, every other pixel of an object an offset
    known = counted & (inside | ~torch.isin(target, target.new_tensor(things)))
    errors = predicted - centres
    heat = errors[:, 0].square() * known
    offset = errors[:, 1:].abs().sum(dim=1) * inside
    return torch.stack([heat.sum(), offset.sum()]), torch.stack([known.sum(), inside.sum()]).float()
