"""Coarse probabilities at the image's own resolution, along its edges.

The guided filter of He, Sun and Tang, "Guided Image Filtering", PAMI 2013, in the fast form of He and Sun, "Fast Guided
Filter", arXiv:1505.00996: in each window the probabilities are fitted by a linear function of the colours at the coarse
positions, and the averaged functions are read at the colours of all pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from pixelwise.labels.features import STRIDE, coarse_colours
from pixelwise.labels.strokes import UInt8

RADIUS = 4
"""Of the windows, in positions of the coarse probabilities."""
SMOOTHNESS = 1e-3
"""Epsilon of the paper, of colours in 0..1: edges of less contrast than its root are smoothed over."""
VALUES_AT_ONCE = 2**23
"""That the coefficients of a band of rows have at the image's resolution: what bounds the memory."""


def refine_along_edges(
    probabilities: torch.Tensor, guide: UInt8, inside: tuple[slice, slice]
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield bands of rows with their refined probabilities.

    Parameters
    ----------
    probabilities
        float32 (K, ceil(h / 4), ceil(w / 4)) of a region of h x w pixels. Position (i, j) stands at the pixel
        (4 i + 3, 4 j + 3).
    guide
        uint8 (h, w, 3), the region's colours.
    inside
        The rows and columns of the region that are wanted. What lies around them counts too.

    Yields
    ------
    rows
        Counted from the start of `inside`.
    refined
        float32 (K, rows, columns), in 0..1; the sum over the classes is 1 but for the clipping.
    """
    rows, columns = inside
    coefficients, count = _fit_windows(probabilities, guide), len(probabilities)
    width = columns.stop - columns.start
    height = max(VALUES_AT_ONCE // (4 * count * width) // STRIDE, 1) * STRIDE
    for first in range(rows.start, rows.stop, height):
        last = min(first + height, rows.stop)
        band = _enlarge(coefficients, (first, last), (columns.start, columns.stop)).view(4, count, last - first, width)
        colours = torch.from_numpy(guide[first:last, columns]).permute(2, 0, 1).float() / 255
        refined = torch.addcmul(band[3], band[0], colours[0])
        for channel in (1, 2):
            refined.addcmul_(band[channel], colours[channel])
        yield slice(first - rows.start, last - rows.start), refined.clamp_(0, 1)


def _fit_windows(probabilities: torch.Tensor, guide: UInt8) -> torch.Tensor:
    """Return the averaged coefficients (4 K, h, w) of three colours and of 1, for each class."""
    count, height, width = probabilities.shape
    colours = coarse_colours(guide)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = torch.stack([colours[i] * colours[j] for i, j in pairs])
    joint = (colours[:, None] * probabilities[None]).flatten(0, 1)
    means = _window_means(torch.cat([colours, products, probabilities, joint]))
    mean_colour, mean_product, mean_probability, mean_joint = torch.split(means, [3, 6, count, 3 * count])
    covariance = torch.empty(height, width, 3, 3)
    for (i, j), value in zip(pairs, mean_product, strict=True):
        covariance[..., i, j] = covariance[..., j, i] = value - mean_colour[i] * mean_colour[j]
    covariance += SMOOTHNESS * torch.eye(3)
    cross = mean_joint.view(3, count, height, width) - mean_colour[:, None] * mean_probability[None]
    slopes = torch.einsum("hwij,jkhw->ikhw", torch.linalg.inv(covariance), cross)
    offsets = mean_probability - (slopes * mean_colour[:, None]).sum(dim=0)
    return _window_means(torch.cat([slopes, offsets[None]]).flatten(0, 1))


def _window_means(values: torch.Tensor) -> torch.Tensor:
    """Return the means of (C, h, w) over windows of 2 * RADIUS + 1 positions a side, of those inside the map."""
    side = 2 * RADIUS + 1
    rows = F.avg_pool2d(values[None], (side, 1), 1, (RADIUS, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, side), 1, (0, RADIUS), count_include_pad=False)[0]


def _enlarge(values: torch.Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> torch.Tensor:
    """Return values (C, h, w) of positions 4 i + 3 at the pixels of the rows and columns, bilinear."""
    for axis, (start, stop) in ((1, rows), (2, columns)):
        where = ((torch.arange(start, stop) + 1) / STRIDE - 1).clamp(0, values.shape[axis] - 1)
        before = where.floor().long()
        after = (before + 1).clamp(max=values.shape[axis] - 1)
        share = (where - before).view([-1 if dim == axis else 1 for dim in range(3)])
        values = torch.lerp(values.index_select(axis, before), values.index_select(axis, after), share)
    return values
