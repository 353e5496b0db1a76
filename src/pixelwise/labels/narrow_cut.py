"""Division of an object between points, where it is narrowest or where a border has been drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from pixelwise.instances.watershed import give_to_nearest
from pixelwise.labels.strokes import Mask

Int32 = npt.NDArray[np.int32]
Intp = npt.NDArray[np.intp]
Float64 = npt.NDArray[np.float64]
Pixel = tuple[int, int]
_ACROSS_BORDER = 0.02
"""Length that a pixel of a certain border adds to a cut, relative to a pixel off the border."""
_MOST_NODES = 20_000
"""The most pixels of the first search; a larger object is searched on a coarser grid."""
_STRAIGHTENED = 2
"""Number of times that a cut is computed again within a band around it."""
_BOTH_WAYS = np.ones((3, 3), bool)
"""The structure of 8-connectedness."""
_STEPS = ((0, 1, np.pi / 8), (1, 0, np.pi / 8), (1, 1, np.pi / 8 / 2**0.5), (1, -1, np.pi / 8 / 2**0.5))
"""Steps (down, right) to half of the 8 neighbours, and their weights: the weights that a cut crosses add up to its
length."""


def divide_between(mask: Mask, points: Sequence[Pixel], border: npt.NDArray[np.floating[Any]] | None = None) -> Int32:
    """Divide a mask into parts, one around each point, by cuts that are short and leave no small part.

    The electric potential between one point and the others, in a plate of the mask's shape, has contours across the
    waists between them. Of the contours, the one with the smallest length / sqrt(area of the smaller side) is the cut,
    a measure without scale. So a waist wins over a short cut around a point near the rim. A border conducts badly and
    counts little as length, so that the cut follows it. The point with the best cut is divided from the rest first.

    Parameters
    ----------
    mask
        bool (height, width).
    points
        (row, column), two or more different pixels of the mask.
    border
        (height, width), 0..1: how certain a border lies at each pixel.

    Returns
    -------
    parts
        int32 (height, width): 1, 2, ... in the order of the points, 0 outside the mask. Pieces of the mask without a
        point belong to the nearest part.

    References
    ----------
    Grady, "Random walks for image segmentation", PAMI 2006, doi:10.1109/TPAMI.2006.233, for the potential; Grady,
    Schwartz, "Isoperimetric graph partitioning for image segmentation", PAMI 2006, doi:10.1109/TPAMI.2006.57, for the
    choice among its contours; Boykov, Kolmogorov, "Computing geodesics and minimal surfaces via graph cuts", ICCV 2003,
    doi:10.1109/ICCV.2003.1238310, for the weights.

    Examples
    --------
    >>> mask = np.array([[1, 1, 1, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 1, 1]], bool)
    >>> divide_between(mask, [(0, 0), (0, 6)])[0].tolist()
    [1, 1, 1, 0, 2, 2, 2]
    """
    border = np.zeros(mask.shape) if border is None else np.clip(border, 0.0, 1.0).astype(np.float64)
    pieces, _ = ndimage.label(mask, _BOTH_WAYS)
    parts = np.zeros(mask.shape, np.int32)
    for piece in sorted({int(pieces[point]) for point in points}):
        numbers = [number for number, point in enumerate(points) if pieces[point] == piece]
        inside = pieces == piece
        within = np.array([0, *(number + 1 for number in numbers)], np.int32)
        parts += within[_divide_piece(inside, _off_border(inside, [points[n] for n in numbers], border), border)]
    return give_to_nearest(parts, mask)


def _divide_piece(mask: Mask, points: Sequence[Pixel], border: Float64) -> Int32:
    """Divide a connected mask: on a coarse grid if it is large, then again in a band around each cut."""
    step = int(np.ceil((mask.sum() / _MOST_NODES) ** 0.5)) or 1
    if len({(row // step, column // step) for row, column in points}) < len(points):
        step = 1
    coarse = mask if step == 1 else _largest_of_blocks(mask, step)
    coarse_border = border if step == 1 else _largest_of_blocks(np.where(mask, border, 0.0), step)
    parts, order = _peel(coarse, [(row // step, column // step) for row, column in points], coarse_border)
    if step > 1:
        parts = parts.repeat(step, axis=0).repeat(step, axis=1)[: mask.shape[0], : mask.shape[1]]
    rest, result = mask.copy(), np.zeros(mask.shape, np.int32)
    for place, part in enumerate(order[:-1]):
        ends = points[part - 1], [points[other - 1] for other in order[place + 1 :]]
        side = (parts == part) & rest
        for _ in range(_STRAIGHTENED):
            side = _straighten(side, rest, ends, border, 2.0 * step)
        result[side] = part
        rest &= ~side
    result[rest] = order[-1]
    return result


def _peel(mask: Mask, points: Sequence[Pixel], border: Float64) -> tuple[Int32, list[int]]:
    """Return the parts 1, 2, ... of a mask, and the order in which they are divided from the rest."""
    parts, rest, left, order = np.zeros(mask.shape, np.int32), mask.copy(), list(range(len(points))), []
    while len(left) > 1:
        number, weights = _graph(rest, border)
        ends = [int(number[points[index]]) for index in left]
        sides, qualities = [], []
        for this in ends:
            potential = _potential(weights, np.array([this]), np.array([end for end in ends if end != this]))
            count, quality = _best_contour(weights, potential)
            sides.append(np.argsort(-potential, kind="stable")[:count])
            qualities.append(quality)
        best = int(np.argmin(qualities))
        side = rest & np.isin(number, sides[best])
        order.append(left.pop(best) + 1)
        parts[side] = order[-1]
        rest &= ~side
    parts[rest] = left[0] + 1
    return parts, [*order, left[0] + 1]


def _straighten(
    side: Mask, mask: Mask, points: tuple[Pixel, Sequence[Pixel]], border: Float64, least_band: float
) -> Mask:
    """Return one side of the best cut in a band around a cut. On either side the band is at most half as wide as
    the cut is long. Only the band is searched, so that large objects take little memory.

    points: the point of this side, and those of the other side.
    """
    other = mask & ~side
    if not (side.any() and other.any()):
        return side
    distance = np.where(side, ndimage.distance_transform_edt(~other), ndimage.distance_transform_edt(~side))
    number, weights = _graph(mask & (distance < 2), border)
    length = _length(weights, side[number >= 0])
    band = max(least_band, min(length / 2, _MOST_NODES / (2 * length + 1)))
    near = mask & (distance < band + 2)
    number, weights = _graph(near, border)
    fixed = near & (distance > band)
    high, low = fixed & side, fixed & other
    high[points[0]] = near[points[0]]
    for point in points[1]:
        low[point] = near[point]
    if not (high.any() and low.any()):
        return side
    potential = _potential(weights, number[high], number[low])
    areas = int((side & ~near).sum()), int((other & ~near).sum())
    count, quality = _best_contour(weights, potential, areas)
    if quality >= length / min(int(side.sum()), int(other.sum())) ** 0.5:
        return side
    better: Mask = (side & ~near) | (near & np.isin(number, np.argsort(-potential, kind="stable")[:count]))
    return better


def _graph(mask: Mask, border: Float64) -> tuple[Intp, csr_array]:
    """Return the number of each pixel of a mask, -1 outside, and the symmetric weights between 8-neighbours, (n, n)."""
    number = np.where(mask, np.cumsum(mask).reshape(mask.shape) - 1, -1)
    conduct = np.pad(1 - (1 - _ACROSS_BORDER) * border, 1, constant_values=1.0)
    inside, padded = np.pad(mask, 1), np.pad(number, 1)
    height, width = mask.shape

    def neighbours(values: npt.NDArray[Any], down: int, right: int) -> npt.NDArray[Any]:
        return values[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    heads, tails, values = [], [], []
    for down, right, weight in _STEPS:
        through = np.minimum(conduct[1:-1, 1:-1], neighbours(conduct, down, right))
        if down and right:  # a border of diagonal steps is not crossed between its pixels
            beside = np.maximum(neighbours(conduct, down, 0), neighbours(conduct, 0, right))
            through = np.minimum(through, beside)
        joined = mask & neighbours(inside, down, right)
        heads.append(number[joined])
        tails.append(neighbours(padded, down, right)[joined])
        values.append(weight * through[joined])
    head, tail, value = np.concatenate(heads), np.concatenate(tails), np.concatenate(values)
    ends = np.concatenate([head, tail]), np.concatenate([tail, head])
    return number, coo_array((np.tile(value, 2), ends), shape=(int(mask.sum()),) * 2).tocsr()


def _potential(weights: csr_array, high: Intp, low: Intp) -> Float64:
    """Return the potential where it is 1 at some nodes and 0 at others; 0 where neither is connected."""
    potential, free = np.zeros(weights.shape[0]), np.ones(weights.shape[0], bool)
    potential[high] = 1.0
    free[high] = free[low] = False
    _, piece = connected_components(weights, directed=False)
    free &= np.isin(piece, np.unique(piece[np.concatenate([high, low])]))
    if free.any():
        inner = diags_array(weights.sum(axis=1)[free]) - weights[free][:, free]
        current = weights[free][:, high].sum(axis=1)
        potential[free] = splu(inner.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(current)
    return potential


def _best_contour(weights: csr_array, potential: Float64, areas: tuple[int, int] = (0, 0)) -> tuple[int, float]:
    """Return how many nodes of the highest potential are on one side of the best contour, and its quality.

    areas: the pixels of the high and of the low side that are no nodes.
    """
    count = len(potential)
    rank = np.empty(count, np.int64)
    rank[np.argsort(-potential, kind="stable")] = np.arange(count)
    edges = weights.tocoo()
    first, last = rank[edges.row], rank[edges.col]
    up = first < last
    step = np.bincount(first[up] + 1, edges.data[up], count + 1) - np.bincount(last[up] + 1, edges.data[up], count + 1)
    length = np.cumsum(step)
    highest, lowest = int((potential >= 1).sum()), count - int((potential <= 0).sum())
    counts = np.arange(max(highest, 1), max(lowest, highest, 1) + 1)
    quality = length[counts] / np.sqrt(np.minimum(areas[0] + counts, areas[1] + count - counts))
    best = int(np.argmin(quality))
    return int(counts[best]), float(quality[best])


def _length(weights: csr_array, side: npt.NDArray[np.bool_]) -> float:
    """Return the length of the cut between the nodes of one side and the others."""
    return float(weights[side][:, ~side].sum())


def _off_border(mask: Mask, points: Sequence[Pixel], border: Float64) -> list[Pixel]:
    """Return the points, those on a border moved to the nearest pixel of the mask off it, unless two become one."""
    clear = mask & (border < 0.5)
    if not clear.any():
        return list(points)
    rows, columns = ndimage.distance_transform_edt(~clear, return_distances=False, return_indices=True)
    moved = [(int(rows[point]), int(columns[point])) for point in points]
    return moved if len(set(moved)) == len(points) else list(points)


def _largest_of_blocks(values: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """Return the largest value of each step x step block."""
    height, width = (-(-side // step) * step for side in values.shape)
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])))
    largest: npt.NDArray[Any] = padded.reshape(height // step, step, width // step, step).max(axis=(1, 3))
    return largest
