"""Coarse probabilities at the image's own resolution, along its edges.

The guided filter of He, Sun and Tang, "Guided Image Filtering", PAMI 2013, in the fast form of He and Sun, "Fast Guided
Filter", arXiv:1505.00996: in each window the probabilities are fitted by a linear function of the colours at the coarse
positions, and the averaged functions are read at the colours of all pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from pixelwise.labels.features import average_positions
from pixelwise.labels.strokes import UInt8

RADIUS = 16
"""Of the windows, in pixels."""
SMOOTHNESS = 1e-4
"""Epsilon of the paper, of colours in 0..1: edges of less contrast than its root are smoothed over."""
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
CELLS_AT_ONCE = 4096
"""Whose pixels are computed together: what they need fits into a core's cache."""


def refine_along_edges(
    probabilities: torch.Tensor, guide: UInt8, stride: int, inside: tuple[slice, slice]
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield bands of rows with their refined probabilities.

    Parameters
    ----------
    probabilities
        float32 (K, ceil(h / stride), ceil(w / stride)) of a region of h x w pixels. Position i stands at the pixel
        stride (i + 1) - 1, along rows and columns.
    guide
        uint8 (h, w, 3), the region's colours.
    stride
        Pixels between two positions.
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
    coefficients = _at_corners(_fit_windows(probabilities, guide, stride))
    # cell i holds the pixels stride * i - 1 to stride * (i + 1) - 2, between the positions i - 1 and i
    first_cell, last_cell = (columns.start + 1) // stride, columns.stop // stride + 1
    cells = slice(first_cell, last_cell)
    height = max(CELLS_AT_ONCE // (last_cell - first_cell), 1)
    weights = _corner_weights(stride)
    for row in range((rows.start + 1) // stride, rows.stop // stride + 1, height):
        band = slice(row, min(row + height, rows.stop // stride + 1))
        pixels = _cell_pixels(guide, stride, band, cells)
        refined = torch.bmm(coefficients[band, cells].flatten(0, 1), _weigh(pixels, weights).transpose(1, 2))
        refined = refined.view(*pixels.shape[:2], -1, stride, stride).permute(2, 0, 3, 1, 4)
        refined = refined.reshape(len(refined), stride * pixels.shape[0], stride * pixels.shape[1])
        top, left = stride * band.start - 1, stride * cells.start - 1
        first, last = max(top, rows.start), min(top + refined.shape[1], rows.stop)
        part = refined[:, first - top : last - top, columns.start - left : columns.stop - left]
        yield slice(first - rows.start, last - rows.start), part.clamp(0, 1)


def _at_corners(coefficients: torch.Tensor) -> torch.Tensor:
    """Return the coefficients (h + 1, w + 1, K, 16) of the cells between positions, from those (4, K, h, w) at them.

    A cell has 4 at each of its corners: upper left, upper right, lower left, lower right. Beyond the border the
    outermost positions go on.
    """
    values = F.pad(coefficients, (1, 1, 1, 1), mode="replicate").permute(2, 3, 1, 0)
    upper, lower = values[:-1], values[1:]
    return torch.cat([upper[:, :-1], upper[:, 1:], lower[:, :-1], lower[:, 1:]], dim=3)


def _corner_weights(stride: int) -> torch.Tensor:
    """Return the bilinear weights (stride, stride, 4) of a cell's corners at its pixels."""
    share = torch.arange(stride) / stride
    along = torch.stack([1 - share, share], dim=1)
    return (along[:, None, :, None] * along[None, :, None, :]).flatten(2)


def _cell_pixels(guide: UInt8, stride: int, rows: slice, columns: slice) -> torch.Tensor:
    """Return the colours in 0..1, and 1, of the pixels of cells: float32 (rows, columns, stride, stride, 4).

    Pixels outside the image are those at its border.
    """
    places = [
        np.arange(stride * cells.start - 1, stride * cells.stop - 1).clip(0, side - 1)
        for cells, side in zip((rows, columns), guide.shape, strict=False)
    ]
    colours = torch.from_numpy(guide[places[0]][:, places[1]]).float() / 255
    colours = F.pad(colours, (0, 1), value=1.0)
    return colours.view(rows.stop - rows.start, stride, columns.stop - columns.start, stride, 4).transpose(1, 2)


def _weigh(pixels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return what the coefficients of a cell are multiplied by at each of its pixels, (cells, pixels, 16)."""
    return (weights[..., None] * pixels[..., None, :]).flatten(4).flatten(2, 3).flatten(0, 1)


def _fit_windows(probabilities: torch.Tensor, guide: UInt8, stride: int) -> torch.Tensor:
    """Return the averaged coefficients (4, K, h, w) of three colours and of 1, for each class."""
    count, height, width = probabilities.shape
    image = torch.from_numpy(guide).permute(2, 0, 1)[None].float() / 255
    colours = average_positions(image, stride)[0]
    products = torch.stack([colours[i] * colours[j] for i, j in PAIRS])
    joint = (colours[:, None] * probabilities[None]).flatten(0, 1)
    means = _window_means(torch.cat([colours, products, probabilities, joint]), RADIUS // stride)
    mean_colour, mean_product, mean_probability, mean_joint = torch.split(means, [3, 6, count, 3 * count])
    covariance = [value - mean_colour[i] * mean_colour[j] for (i, j), value in zip(PAIRS, mean_product, strict=True)]
    inverse = _invert(covariance)
    cross = mean_joint.view(3, count, height, width) - mean_colour[:, None] * mean_probability[None]
    slopes = [row[0] * cross[0] + row[1] * cross[1] + row[2] * cross[2] for row in inverse]
    offsets = mean_probability.clone()
    for slope, colour in zip(slopes, mean_colour, strict=True):
        offsets -= slope * colour
    return _window_means(torch.cat([*slopes, offsets]), RADIUS // stride).view(4, count, height, width)


def _invert(covariance: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Return the inverse of symmetric 3x3 matrices with `SMOOTHNESS` added on the diagonal, entry by entry."""
    a, b, c, d, e, f = covariance
    a, d, f = a + SMOOTHNESS, d + SMOOTHNESS, f + SMOOTHNESS
    upper = [d * f - e * e, c * e - b * f, b * e - c * d]
    determinant = a * upper[0] + b * upper[1] + c * upper[2]
    aa, ab, ac = (value / determinant for value in upper)
    bb, bc, cc = ((a * f - c * c) / determinant, (b * c - a * e) / determinant, (a * d - b * b) / determinant)
    return [[aa, ab, ac], [ab, bb, bc], [ac, bc, cc]]


def _window_means(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Return the means of (C, h, w) over windows of 2 * radius + 1 positions a side, of those inside the map."""
    for axis in (1, 2):
        count = values.shape[axis]
        sums = F.pad(values.cumsum(dim=axis), (1, 0) if axis == 2 else (0, 0, 1, 0))
        stops = torch.arange(radius + 1, count + radius + 1).clamp(max=count)
        starts = torch.arange(-radius, count - radius).clamp(min=0)
        values = sums.index_select(axis, stops) - sums.index_select(axis, starts)
        values /= (stops - starts).view((-1, 1) if axis == 1 else (1, -1))
    return values
