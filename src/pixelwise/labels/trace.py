"""The path along a thin structure between two points: a vessel, a crack, a pole, a road."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.boxes import Box
from pixelwise.labels.objects import pixel_of
from pixelwise.labels.strokes import Point

Float32 = npt.NDArray[np.float32]
FARTHEST_CLICKS = 2000
"""The largest distance of two clicks, in pixels. A longer structure takes more clicks."""
_SIGMAS = (1.0, 2.0, 4.0)
"""Half widths of the structures that are found, in pixels."""
_OFF = 0.02
"""Cost of a pixel on the structure, relative to one off it."""
_MOST_NODES = 12_000
"""The most pixels of the first search; in a larger window its grid is coarser."""
_CORRIDOR = 4
"""Width in pixels of the corridor along the first path to which the second search is limited."""
_SMOOTH = 1.0
"""Standard deviation of the filter along the path, in points."""
_TOLERANCE = 0.3
"""How far the simplified path may deviate, in pixels."""


def trace_window(start: Point, end: Point, size: tuple[int, int]) -> Box:
    """Return the part of an image that `trace_path` needs: the points and a margin of a third of their distance.

    Parameters
    ----------
    start, end
        (row, column) in pixels, within the image.
    size
        (height, width) of the image.

    Returns
    -------
    box_tlbr
        (top, left, bottom, right), half open.

    Raises
    ------
    OptionError
        A point lies outside the image, or they are more than 2,000 pixels apart.
    """
    ends = np.array([pixel_of(start, size), pixel_of(end, size)])
    distance = float(np.hypot(*(ends[1] - ends[0])))
    if distance > FARTHEST_CLICKS:
        expected = f"{FARTHEST_CLICKS:,} at most"
        raise OptionError("end", f"points {distance:,.0f} pixels apart", expected, "Click nearer to the last point.")
    margin = 24 + int(distance / 3)
    top, left = np.maximum(ends.min(axis=0) - margin, 0).tolist()
    bottom, right = np.minimum(ends.max(axis=0) + margin + 1, size).tolist()
    return top, left, bottom, right


def trace_path(image: npt.NDArray[np.generic[Any]], start: Point, end: Point) -> list[Point]:
    """Return the cheapest path between two points along the thin structure on which they lie.

    The appearance of the structure is measured at the points: the direction in colour space in which they differ from
    their surroundings. Along this direction structures are bright ridges, which are found by the largest curvature of
    the image over three scales. The stronger its ridge, the less a pixel costs. The path is found by Dijkstra's
    algorithm, first on a coarse grid, then pixel by pixel around the coarse path.

    Parameters
    ----------
    image
        (height, width) or (height, width, channels): the window of `trace_window`, or a small image as it is.
    start, end
        (row, column) in pixels of this window.

    Returns
    -------
    points
        (row, column) in pixels, from start to end. Without a structure in the image the path is straight.

    Raises
    ------
    OptionError
        A point lies outside the image.
    ShapeError
        The array is no image.

    References
    ----------
    The curvature is that of Frangi, Niessen, Vincken, Viergever, "Multiscale vessel enhancement filtering", MICCAI
    1998, doi:10.1007/BFb0056195; the search that of Mortensen, Barrett, "Intelligent scissors for image composition",
    SIGGRAPH 1995, doi:10.1145/218380.218442.
    """
    if image.ndim not in (2, 3) or image.size == 0:
        expected = "(height, width) or (height, width, channels)"
        raise ShapeError("image", str(image.shape), expected, "Pass an image with a pixel or more.")
    pixels = image[..., None] if image.ndim == 2 else image
    ends = [pixel_of(point, pixels.shape) for point in (start, end)]
    if ends[0] == ends[1]:
        return [start, end]
    cost = _costs(pixels.astype(np.float32), ends)
    step = int(np.ceil(np.sqrt(cost.size / _MOST_NODES)))
    if step == 1:
        path = _cheapest_path(cost, np.ones(cost.shape, bool), *ends)
    else:
        coarse = _minimum_of_cells(cost, step)
        first, last = ((row // step, column // step) for row, column in ends)
        rough = _cheapest_path(coarse, np.ones(coarse.shape, bool), first, last)
        path = _cheapest_path(cost, _corridor(rough, step, cost.shape), *ends)
    return [start, *_simplify(path + 0.5)[1:-1], end]


def _costs(pixels: Float32, ends: list[tuple[int, int]]) -> Float32:
    """Return what each pixel costs, float32 (height, width) in `_OFF`..1 + `_OFF`."""
    ridge = _ridge_strength(pixels @ _contrast(pixels, ends))
    at_ends = [ridge[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3].max() for r, c in ends]
    strong = min(float(np.mean(at_ends)), float(np.quantile(ridge, 0.99)))
    if strong <= 0:
        return np.ones(ridge.shape, np.float32)
    costs: Float32 = (1 - np.minimum(ridge / strong, 1)) ** 2 + np.float32(_OFF)
    return costs


def _contrast(pixels: Float32, ends: list[tuple[int, int]]) -> Float32:
    """Return the direction in which the points differ from their surroundings, a unit vector (channels,); zeros where
    they do not."""
    difference = np.zeros(pixels.shape[2], np.float64)
    for row, column in ends:
        near, around = (
            pixels[max(row - half, 0) : row + half + 1, max(column - half, 0) : column + half + 1].mean(axis=(0, 1))
            for half in (1, 8)
        )
        difference += near - around
    length = float(np.linalg.norm(difference))
    return (difference / length if length > 1e-3 else np.zeros_like(difference)).astype(np.float32)


def _ridge_strength(gray: Float32) -> Float32:
    """Return how strongly each pixel lies on a bright ridge: the largest downward curvature over the scales,
    float32."""
    strength = np.zeros_like(gray)
    for sigma in _SIGMAS:
        smooth = ndimage.gaussian_filter(gray, sigma, truncate=3.0, mode="nearest")
        by_row, by_column = _slope(smooth, 0), _slope(smooth, 1)
        rr, rc, cc = _slope(by_row, 0), _slope(by_row, 1), _slope(by_column, 1)
        middle, spread = (rr + cc) / 2, np.hypot((rr - cc) / 2, rc)
        np.maximum(strength, np.float32(sigma**1.5) * (spread - middle), out=strength)
    return strength


def _slope(values: Float32, axis: int) -> Float32:
    """Return the derivative of a map along an axis, 0 where it has a single pixel."""
    if values.shape[axis] == 1:
        return np.zeros_like(values)
    slope: Float32 = np.gradient(values, axis=axis)
    return slope


def _minimum_of_cells(cost: Float32, step: int) -> Float32:
    """Return the cheapest pixel of each cell of `step` x `step`."""
    height, width = cost.shape
    padded = np.pad(cost, ((0, -height % step), (0, -width % step)), constant_values=np.inf)
    cells: Float32 = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step).min(axis=(1, 3))
    return cells


def _corridor(rough: npt.NDArray[np.intp], step: int, size: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return the pixels near a path of cells."""
    cells = np.zeros((-(-size[0] // step), -(-size[1] // step)), bool)
    cells[tuple(rough.T)] = True
    near = ndimage.binary_dilation(cells, np.ones((3, 3)), iterations=max(1, -(-_CORRIDOR // step)))
    corridor: npt.NDArray[np.bool_] = near.repeat(step, axis=0).repeat(step, axis=1)[: size[0], : size[1]]
    return corridor


def _cheapest_path(
    cost: Float32, allowed: npt.NDArray[np.bool_], start: tuple[int, int], end: tuple[int, int]
) -> npt.NDArray[np.intp]:
    """Return (row, column) along the cheapest 8-connected path over allowed pixels, (n, 2)."""
    height, width = cost.shape
    number = np.full(cost.shape, -1, np.int32)
    places = np.flatnonzero(allowed)
    number.ravel()[places] = np.arange(len(places))
    heads, tails, weights = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = np.s_[: height - down, max(-right, 0) : width - max(right, 0)]
        other = np.s_[down:, max(right, 0) : width + min(right, 0)]
        both = allowed[one] & allowed[other]
        heads.append(number[one][both])
        tails.append(number[other][both])
        weights.append((cost[one][both] + cost[other][both]) * (0.5 * float(np.hypot(down, right))))
    edges = (np.concatenate(weights), (np.concatenate(heads), np.concatenate(tails)))
    graph = coo_array(edges, shape=(len(places), len(places))).tocsr()
    _, before = dijkstra(graph, directed=False, indices=int(number[start]), return_predecessors=True)
    node, path = int(number[end]), []
    while node >= 0:
        path.append(node)
        node = int(before[node])
    return np.stack(np.divmod(places[path[::-1]], width), axis=1)


def _simplify(path: npt.NDArray[np.floating[Any]]) -> list[Point]:
    """Return the path smoothed, so that the steps of the pixel grid vanish, and without points that others imply."""
    smooth = ndimage.gaussian_filter1d(path, _SMOOTH, axis=0, mode="nearest")
    smooth[0], smooth[-1] = path[0], path[-1]
    selected = {0, len(smooth) - 1}
    spans = [(0, len(smooth) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        way = smooth[last] - smooth[first]
        off = smooth[first + 1 : last] - smooth[first]
        length = float(np.hypot(*way))
        distance = np.abs(off[:, 0] * way[1] - off[:, 1] * way[0]) / length if length else np.hypot(*off.T)
        farthest = int(distance.argmax())
        if distance[farthest] > _TOLERANCE:
            middle = first + 1 + farthest
            selected.add(middle)
            spans += [(first, middle), (middle, last)]
    return [(float(row), float(column)) for row, column in smooth[sorted(selected)]]
