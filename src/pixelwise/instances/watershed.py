"""Seeded watershed as a minimum spanning forest, computed by scipy's graph routines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from pixelwise.core.errors import ShapeError

Mask = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]
Intp = npt.NDArray[np.intp]
Real = npt.NDArray[np.floating[Any] | np.integer[Any]]
_HEIGHT_BITS = 20
"""Of 32 bits of a key, those that hold the height; the others hold the distance on a plateau."""
_DISTANCE_STEPS = 8
"""Steps of this distance per pixel."""


def give_to_nearest(parts: Int32, mask: Mask) -> Int32:
    """Return parts 1, 2, ..., with each pixel of a mask that belongs to none, 0, given to the nearest; 0 outside."""
    nearest = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    return np.where(mask, parts[tuple(nearest)], 0)


def seeded_watershed(height_map: Real, seeds: npt.NDArray[np.integer[Any]], mask: Mask) -> Int32:
    """Return the catchment basins of seeds: each pixel belongs to the seed from which water reaches it first.

    Rising water reaches a pixel by the path whose highest point is lowest; among equal ones, by the path with the
    steepest slope. A plateau is divided by distance to the seeds. Basins are 4-connected, and every pixel of the mask
    that is connected with a seed belongs to one.

    Parameters
    ----------
    height_map
        The landscape, finite numbers (height, width). Heights nearer than a millionth of their range are equal.
    seeds
        int (height, width), ids from 1; 0 is no seed. Seeds outside the mask do not count.
    mask
        bool (height, width), where water may flow.

    Returns
    -------
    basins
        int32 (height, width), the id of each pixel's seed, 0 outside the mask and where no seed leads.

    Raises
    ------
    ShapeError
        The arrays differ in shape or are not as described.

    References
    ----------
    Cousty, Bertrand, Najman, Couprie, "Watershed cuts: minimum spanning forests and the drop of water principle", PAMI
    2009, doi:10.1109/TPAMI.2008.173.

    Examples
    --------
    >>> height_map = np.array([[0, 1, 5, 1, 0]])
    >>> seeded_watershed(height_map, np.array([[1, 0, 0, 0, 2]]), np.ones((1, 5), bool)).tolist()
    [[1, 1, 1, 2, 2]]
    """
    _require_maps(height_map, seeds, mask)
    places = np.flatnonzero(mask)
    ids = seeds.ravel()[places]
    seeded = np.flatnonzero(ids > 0)
    seeded = seeded[np.argsort(ids[seeded], kind="stable")]
    basins = np.zeros(mask.shape, np.int32)
    if not len(seeded):
        return basins
    is_seed = mask & (seeds > 0)
    heads, tails, levels = _edges(_order_of_flood(height_map, is_seed), mask, is_seed)
    # A chain of edges lower than all others joins the seeds, so the forest cuts every other path between two of them.
    heads, tails = np.concatenate([seeded[:-1], heads]), np.concatenate([seeded[1:], tails])
    order = np.concatenate([np.arange(len(seeded) - 1), len(seeded) - 1 + np.argsort(levels, kind="stable")])
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)  # all different, so that scipy's sort has no ties to break
    forest = minimum_spanning_tree(coo_array((rank, (heads, tails)), shape=(len(places),) * 2)).tocoo()
    within = (ids[forest.row] == 0) | (ids[forest.col] == 0) | (ids[forest.row] == ids[forest.col])
    trees = coo_array((np.ones(within.sum(), bool), (forest.row[within], forest.col[within])), shape=forest.shape)
    _, tree = connected_components(trees, directed=False)
    id_of_tree = np.zeros(len(places), np.int32)
    id_of_tree[tree[seeded]] = ids[seeded]
    basins.ravel()[places] = id_of_tree[tree]
    return basins


def _order_of_flood(height_map: Real, seeded: Mask) -> UInt32:
    """Return numbers in the order of height, and among equal heights of the distance to the nearest seed."""
    low, high = float(height_map.min()), float(height_map.max())
    share = (height_map - low) / ((high - low) or 1.0)
    height = np.rint(share * (2**_HEIGHT_BITS - 1)).astype(np.uint32)
    distance = ndimage.distance_transform_edt(~seeded) * _DISTANCE_STEPS
    last = np.float64(2 ** (32 - _HEIGHT_BITS) - 1)
    order: UInt32 = (height << np.uint32(32 - _HEIGHT_BITS)) + np.minimum(distance, last).astype(np.uint32)
    return order


def _edges(height: UInt32, mask: Mask, seeded: Mask) -> tuple[Intp, Intp, UInt64]:
    """Return the edges between 4-neighbours in the mask, by their numbers in it, and when each is flooded.

    An edge is flooded when its higher end is; of the edges that lead down from a pixel, the steepest comes first. There
    are no edges between seeds.
    """
    number = np.cumsum(mask).reshape(mask.shape) - 1
    heads, tails, levels = [], [], []
    for one, other in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        joined = mask[one] & mask[other] & ~(seeded[one] & seeded[other])
        heads.append(number[one][joined])
        tails.append(number[other][joined])
        ends = height[one][joined], height[other][joined]
        levels.append((np.maximum(*ends).astype(np.uint64) << np.uint64(32)) + np.minimum(*ends))
    return np.concatenate(heads), np.concatenate(tails), np.concatenate(levels)


def _require_maps(height_map: Real, seeds: npt.NDArray[np.integer[Any]], mask: Mask) -> None:
    if height_map.ndim != 2 or height_map.size == 0 or not np.isfinite(height_map).all():
        expected = "finite numbers (height, width)"
        raise ShapeError("height_map", f"{height_map.dtype} {height_map.shape}", expected, "Pass one image's map.")
    for where, values, kind in (("seeds", seeds, np.integer), ("mask", mask, np.bool_)):
        if values.shape != height_map.shape or not np.issubdtype(values.dtype, kind):
            expected = f"{kind.__name__} {height_map.shape}, as the height map"
            raise ShapeError(where, f"{values.dtype} {values.shape}", expected, "Pass maps of one image.")
