"""Up-sampling of coarse probabilities to the image's resolution, along its edges.

The guided filter of He, Sun and Tang, "Guided Image Filtering", PAMI 2013, in the fast form of He and Sun, "Fast Guided
Filter", arXiv:1505.00996: in each window the probabilities are fitted by a linear function of the colours at the coarse
positions, and the averaged functions are read at the colours of all pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from pixelwise.labels.strokes import UInt8

RADIUS = 16
"""Radius of the windows, in pixels."""
SMOOTHNESS = 1e-4
"""Epsilon of the paper, of colours in 0..1: edges of less contrast than its root are smoothed over."""
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
VALUES_AT_ONCE = 2**18
"""The number of coefficients that are interpolated together, so that they fit into the cache of a core."""


def refine_along_edges(
    probabilities: torch.Tensor, guide: UInt8, stride: int, inside: tuple[slice, slice]
) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Yield refined probabilities at every `stride`-th row and column at a time.

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
        The rows and columns of the region to refine. Pixels around them are used as well.

    Yields
    ------
    rows, columns
        Slices with the step `stride`, counted from the start of `inside`.
    refined
        float32 (K, rows, columns), in 0..1. They sum to 1 over the classes, except for clipping.
    """
    coefficients = F.pad(_fit_windows(probabilities, guide, stride), (1, 1, 1, 1), mode="replicate")
    # cell i holds the pixels stride * i - 1 to stride * (i + 1) - 2, between the positions i - 1 and i
    first_row, last_row = (inside[0].start + 1) // stride, inside[0].stop // stride + 1
    cells = slice((inside[1].start + 1) // stride, inside[1].stop // stride + 1)
    height = max(VALUES_AT_ONCE // (4 * len(probabilities) * (cells.stop - cells.start)), 1)
    for row in range(first_row, last_row, height):
        band = slice(row, min(row + height, last_row))
        part = coefficients[..., band.start : band.stop + 1, cells.start : cells.stop + 1]
        for down, across in np.ndindex(stride, stride):
            rows = _pixels_of(band, down, stride, inside[0], guide.shape[0])
            columns = _pixels_of(cells, across, stride, inside[1], guide.shape[1])
            if across == 0:
                between_rows = torch.lerp(part[..., :-1, :], part[..., 1:, :], down / stride)
            linear = torch.lerp(between_rows[..., :-1], between_rows[..., 1:], across / stride)
            refined = _apply(linear, guide[rows.pixels][:, columns.pixels])
            yield rows.inside, columns.inside, refined[:, rows.cells, columns.cells]


@dataclass(frozen=True)
class _Pixels:
    """One pixel in each of some cells along an axis, and which of them lie inside a span.

    pixels: of all cells, those outside the image moved to its border. cells: which of them lie inside. inside: their
    places, counted from the start of the span.
    """

    pixels: npt.NDArray[np.intp]
    cells: slice
    inside: slice


def _pixels_of(cells: slice, offset: int, stride: int, inside: slice, side: int) -> _Pixels:
    """Return the pixels at `offset` in cells."""
    pixels = np.arange(cells.start, cells.stop) * stride - 1 + offset
    chosen = slice(*np.searchsorted(pixels, (inside.start, inside.stop)).tolist())
    first = int(pixels[0]) + chosen.start * stride - inside.start
    last = first + (chosen.stop - chosen.start) * stride
    return _Pixels(pixels.clip(0, side - 1), chosen, slice(first, last, stride))


def _apply(linear: torch.Tensor, colours: UInt8) -> torch.Tensor:
    """Return linear functions (K, 4, h, w) of colours (h, w, 3), clipped to 0..1: (K, h, w)."""
    values = torch.from_numpy(colours).permute(2, 0, 1).float() / 255
    result = linear[:, 3].clone()
    for channel in range(3):
        result.addcmul_(linear[:, channel], values[channel])
    return result.clamp_(0, 1)


def _fit_windows(probabilities: torch.Tensor, guide: UInt8, stride: int) -> torch.Tensor:
    """Return the averaged coefficients (K, 4, h, w) of three colours and of the constant 1. Classes are processed one
    by one, so that intermediate arrays stay small.
    """
    colours = _average_colours(guide, stride)
    radius = RADIUS // stride
    means = _window_means(torch.cat([colours, torch.stack([colours[i] * colours[j] for i, j in PAIRS])]), radius)
    mean_colour, mean_product = means[:3], means[3:]
    covariance = [value - mean_colour[i] * mean_colour[j] for (i, j), value in zip(PAIRS, mean_product, strict=True)]
    inverse = invert(covariance)
    coefficients = torch.empty(len(probabilities), 4, *probabilities.shape[1:])
    for target, values in zip(coefficients, probabilities, strict=True):
        means = _window_means(torch.cat([values[None], colours * values]), radius)
        cross = means[1:] - mean_colour * means[0]
        coefficients_of_class = solve_windows(means[0], cross, mean_colour, inverse)
        target.copy_(_window_means(torch.stack(coefficients_of_class), radius))
    return coefficients


def solve_windows(
    mean: torch.Tensor,
    cross: Sequence[torch.Tensor] | torch.Tensor,
    mean_colour: Sequence[torch.Tensor] | torch.Tensor,
    inverse: Sequence[Sequence[torch.Tensor]],
) -> list[torch.Tensor]:
    """Return each window's coefficients of three colours and of 1, from the means of a probability, its covariances
    with the colours, the means of the colours and the inverse of their covariance."""
    slopes = [row[0] * cross[0] + row[1] * cross[1] + row[2] * cross[2] for row in inverse]
    offset = mean
    for slope, colour in zip(slopes, mean_colour, strict=True):
        offset = offset - slope * colour
    return [*slopes, offset]


def _average_colours(guide: UInt8, stride: int) -> torch.Tensor:
    """Return `features.average_positions` of the colours in 0..1, (3, h, w), computed with integer sums in a tenth of
    the time."""
    height, width = (-(-side // stride) for side in guide.shape[:2])
    sums = np.zeros((height, width, 3), np.uint16)
    for down, across in np.ndindex(stride, stride):
        rows, columns = (
            (np.arange(count) * stride + stride // 2 + offset).clip(max=side - 1)
            for count, offset, side in zip((height, width), (down, across), guide.shape, strict=False)
        )
        sums += guide[rows][:, columns]
    return torch.from_numpy(sums.transpose(2, 0, 1).astype(np.float32) / (255 * stride**2))


def invert(covariance: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Return the inverse of symmetric 3x3 matrices with `SMOOTHNESS` added on the diagonal, entry by entry."""
    a, b, c, d, e, f = covariance
    a, d, f = a + SMOOTHNESS, d + SMOOTHNESS, f + SMOOTHNESS
    upper = [d * f - e * e, c * e - b * f, b * e - c * d]
    determinant = a * upper[0] + b * upper[1] + c * upper[2]
    aa, ab, ac = (value / determinant for value in upper)
    bb, bc, cc = ((a * f - c * c) / determinant, (b * c - a * e) / determinant, (a * d - b * b) / determinant)
    return [[aa, ab, ac], [ab, bb, bc], [ac, bc, cc]]


def _window_means(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Return the means of (C, h, w) over windows of 2 * radius + 1 positions a side, cut at the borders of the map."""
    for axis in (1, 2):
        count = values.shape[axis]
        sums = F.pad(values.cumsum(dim=axis), (1, 0) if axis == 2 else (0, 0, 1, 0))
        stops = torch.arange(radius + 1, count + radius + 1).clamp(max=count)
        starts = torch.arange(-radius, count - radius).clamp(min=0)
        values = sums.index_select(axis, stops) - sums.index_select(axis, starts)
        values /= (stops - starts).view((-1, 1) if axis == 1 else (1, -1))
    return values
