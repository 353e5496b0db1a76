"""Superpixels: small regions of similar colour that follow the edges of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.instances.parts import connected_regions

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
_ROUNDS = 4
"""Rounds at half the size, before one round at full size."""
_SMOOTHING = 1.0
"""Standard deviation in pixels of the filter on the colours; without it noise makes regions ragged."""
_LEAST_SHARE = 1 / 4
"""Regions smaller than this share of a cell are merged into a neighbour."""


def superpixels(image: npt.NDArray[np.generic[Any]], size: int = 16, compactness: float = 10.0) -> Int32:
    """Return an image's superpixels: regions of similar colour, of about `size` x `size` pixels.

    Parameters
    ----------
    image
        (height, width) or (height, width, channels), uint8 or in the range 0..255.
    size
        Side of a superpixel in pixels, at least 2.
    compactness
        The difference in colour, in gray levels, that weighs as much as a distance of `size` pixels. Larger values make
        rounder regions.

    Returns
    -------
    regions
        int32 (height, width), numbers from 1, each 4-connected.

    Raises
    ------
    ShapeError
        The array is no image.
    OptionError
        The size is below 2, or the compactness not above 0.

    References
    ----------
    Achanta, Shaji, Smith, Lucchi, Fua, Suesstrunk, "SLIC superpixels compared to state-of-the-art superpixel methods",
    PAMI 2012, doi:10.1109/TPAMI.2012.120.

    Differs from the paper: an opponent colour space stands in for CIELAB; each pixel is compared with the nine centres
    of its cell and the cells around it, as they lie on the grid; all rounds but the last look at every second row and
    column.

    Examples
    --------
    >>> image = np.zeros((32, 32), np.uint8)
    >>> image[:, 13:] = 200
    >>> regions = superpixels(image, size=8)
    >>> bool(set(regions[:, :13].ravel()) & set(regions[:, 13:].ravel()))
    False
    """
    if image.ndim not in (2, 3) or image.size == 0:
        expected = "(height, width) or (height, width, channels)"
        raise ShapeError("image", str(image.shape), expected, "Pass an image with a pixel or more.")
    if size < 2:
        raise OptionError("size", str(size), "2 pixels or more", "Choose larger superpixels.")
    if not compactness > 0:
        raise OptionError("compactness", f"{compactness:g}", "a number above 0", "The default is 10.")
    colors = _opponent_colors(image[..., None] if image.ndim == 2 else image)
    colors = ndimage.gaussian_filter(colors, (0, _SMOOTHING, _SMOOTHING), truncate=2.0, mode="nearest")
    grid = tuple(max(1, round(side / size)) for side in image.shape[:2])
    weight = compactness / size
    cells = _Cells(colors, (grid[0], grid[1]), weight)
    half = _Cells(np.ascontiguousarray(colors[:, ::2, ::2]), (grid[0], grid[1]), weight, step=2)
    centres = half.start()
    for _ in range(_ROUNDS):
        centres = half.means(half.nearest(centres), centres)
    return _join_small(cells.nearest(centres), int(_LEAST_SHARE * size**2))


class _Cells:
    """An image's pixels, as vectors of colour and of place times `weight`, and the grid cells in which they lie.

    step: the image shows every `step`-th row and column.
    """

    def __init__(self, colors: Float32, grid: tuple[int, int], weight: float, step: int = 1) -> None:
        size = colors.shape[1:]
        self.grid = grid
        rows, columns = (np.arange(side, dtype=np.float32) * step for side in size)
        places = np.broadcast_to(rows[:, None], size), np.broadcast_to(columns, size)
        self.vectors = [*colors, *(np.ascontiguousarray(place) * np.float32(weight) for place in places)]
        row_cell, column_cell = (np.arange(side) * cells // side for side, cells in zip(size, grid, strict=True))
        self.row_cell, self.column_cell = row_cell, column_cell

    def start(self) -> Float32:
        """Return the mean of each cell, float32 (channels, cells)."""
        cell = self.row_cell[:, None] * self.grid[1] + self.column_cell
        return self.means(cell.astype(np.int32), np.zeros((len(self.vectors), self.grid[0] * self.grid[1]), np.float32))

    def nearest(self, centres: Float32) -> Int32:
        """Return the nearest of the nine centres around each pixel's cell, int32 (height, width)."""
        rows, columns = self.grid
        best = np.full(self.vectors[0].shape, np.inf, np.float32)
        label = np.zeros(best.shape, np.int32)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                row = np.clip(self.row_cell + down, 0, rows - 1)
                column = np.clip(self.column_cell + right, 0, columns - 1)
                number = (row[:, None] * columns + column).astype(np.int32)
                distance = np.zeros_like(best)
                for vector, centre in zip(self.vectors, centres, strict=True):
                    difference = centre[number]
                    difference -= vector
                    difference *= difference
                    distance += difference
                nearer = distance < best
                np.copyto(best, distance, where=nearer)
                np.copyto(label, number, where=nearer)
        return label

    def means(self, label: Int32, centres: Float32) -> Float32:
        """Return the mean of the pixels of each label; a label without pixels keeps its centre."""
        flat = label.ravel()
        counts = np.bincount(flat, minlength=centres.shape[1])
        sums = np.stack([np.bincount(flat, vector.ravel(), centres.shape[1]) for vector in self.vectors])
        return np.where(counts > 0, sums / np.maximum(counts, 1), centres).astype(np.float32)


def _opponent_colors(image: npt.NDArray[np.generic[Any]]) -> Float32:
    """Return the channels, float32 (channels, height, width): of RGB lightness, red - green and yellow - blue."""
    channels = np.moveaxis(image.astype(np.float32), -1, 0)
    if len(channels) != 3:
        return np.ascontiguousarray(channels)
    red, green, blue = channels
    return np.stack([(red + green + blue) / 3, (red - green) / 2, (red + green) / 4 - blue / 2])


def _join_small(label: Int32, least: int) -> Int32:
    """Return the 4-connected parts of each label, numbered from 1, with small ones merged into a neighbour.

    A part smaller than `least` is merged into its largest neighbour, if that is larger. This is repeated until no part
    is small.
    """
    parts, count = connected_regions(label)
    while True:
        heirs, numbers = np.unique(_heirs(parts, np.bincount(parts.ravel()), least), return_inverse=True)
        if len(heirs) == count:
            return parts + np.int32(1)
        parts, count = numbers.astype(np.int32)[parts], len(heirs)


def _heirs(parts: Int32, areas: npt.NDArray[np.intp], least: int) -> npt.NDArray[np.intp]:
    """Return the part into which each part is merged; itself where it is not small."""
    by_area = np.argsort(areas, kind="stable")
    rank = np.empty(len(areas), np.intp)
    rank[by_area] = np.arange(len(areas))
    highest = rank.copy()  # of a small part and its neighbours
    small = areas < least
    for one, other in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        for here, there in ((one, other), (other, one)):
            meet = small[parts[here]] & (parts[here] != parts[there])
            np.maximum.at(highest, parts[here][meet], rank[parts[there][meet]])
    heirs = by_area[highest]
    while (heirs != heirs[heirs]).any():
        heirs = heirs[heirs]
    return heirs
