"""Objects from a predicted interior and border, without centres: seeded watersheds, and cuts at narrow waists."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.core.errors import ShapeError
from pixelwise.instances.watershed import Int32, Mask, seeded_watershed

Float = npt.NDArray[np.floating[Any]]
AnyArray = npt.NDArray[np.bool_] | npt.NDArray[np.floating[Any]]
AnyMap = npt.NDArray[np.integer[Any]]
_LEAST_SEED = 12
"""The smallest part of an interior that counts as an object, in pixels; smaller ones are noise."""
_SMOOTHING = 1.0
"""Standard deviation in pixels of the filter on the distance to the edge; smoothing leaves fewer maxima."""
_WAIST = 0.8
"""Two parts of the foreground are one object where the waist between them is wider than this share of the smaller
part's width."""


def separate_objects(interior: AnyArray, border: AnyArray | None = None, seeds: AnyMap | None = None) -> Int32:
    """Return the objects in a predicted interior and border, by seeded watersheds.

    The border is the rim of an object, or the line between two that touch; both are parts of objects. Each connected
    part of the interior is an object, or several where it has narrow waists; so is a part of the border without
    interior, such as a small object that is all rim. Then the objects grow into the border by a watershed on the
    distance to the edge.

    Parameters
    ----------
    interior, border
        (height, width): where a label map shows these classes, bool, or their probabilities in 0..1. The label map of a
        live model follows the image's edges; its probabilities are coarser. Without a border, objects are separated at
        their waists only.
    seeds
        int (height, width), ids from 1: one stroke an object, for instance. Each becomes an object and keeps its id. By
        default the seeds are the parts of the interior, and the parts of the border without interior, except for
        specks.

    Returns
    -------
    instance_map
        int32 (height, width), 0 = no object; ids 1..n, or those of the seeds. Parts without a seed become no object.

    Raises
    ------
    ShapeError
        The maps differ in shape.

    Examples
    --------
    >>> interior = np.array([[0.9, 0.9, 0.9, 0.2, 0.9, 0.9, 0.9]] * 4)
    >>> border = np.array([[0.0, 0.0, 0.0, 0.7, 0.0, 0.0, 0.0]] * 4)
    >>> separate_objects(interior, border)[0].tolist()
    [1, 1, 1, 1, 2, 2, 2]
    """
    _require_maps(interior, border, seeds)
    inside = interior.astype(np.float32)
    rim = np.zeros_like(inside) if border is None else border.astype(np.float32)
    foreground: Mask = inside + rim >= 0.5
    core = foreground & (inside > rim)
    if seeds is None:
        parts = _drop_specks(_part_at_waists(core))
        if rim.any():
            parts = _add_parts_without_seed(parts, _part_at_waists(foreground))
    else:
        parts = seeded_watershed(-_depth(core), seeds, core | (seeds > 0))
    return seeded_watershed(-_depth(foreground), parts, foreground | (parts > 0))


def _depth(mask: Mask) -> npt.NDArray[np.float64]:
    """Return the smoothed distance to the mask's edge; what is beyond the map counts as outside."""
    depth: npt.NDArray[np.float64] = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    smoothed: npt.NDArray[np.float64] = ndimage.gaussian_filter(depth, _SMOOTHING)
    return smoothed


def _part_at_waists(mask: Mask) -> Int32:
    """Return the 4-connected parts of a mask, cut at narrow waists, numbered from 1."""
    depth = _depth(mask)
    peaks, _ = ndimage.label((depth == ndimage.maximum_filter(depth, 3)) & mask, np.ones((3, 3), bool))
    return _merge_at_wide_waists(seeded_watershed(-depth, peaks, mask), depth)


def _drop_specks(parts: Int32) -> Int32:
    """Return the parts without specks, numbered from 1."""
    large = np.bincount(parts.ravel()) >= _LEAST_SEED
    large[0] = False
    table = (np.cumsum(large) * large).astype(np.int32)
    numbers: Int32 = table[parts]
    return numbers


def _add_parts_without_seed(seeds: Int32, parts: Int32) -> Int32:
    """Return the seeds, with each part of the foreground that contains none added as a seed, except for specks."""
    has_seed = np.bincount(parts[seeds > 0], minlength=int(parts.max(initial=0)) + 1) > 0
    more = _drop_specks(np.where(has_seed[parts], np.int32(0), parts))
    return np.where(more > 0, more + seeds.max(initial=0), seeds).astype(np.int32)


def _merge_at_wide_waists(basins: Int32, depth: Float) -> Int32:
    """Merge basins, the widest waists first, where the waist is nearly as deep as the shallower basin."""
    count = int(basins.max(initial=0))
    pairs, waists = _waists(basins, depth)
    deepest = ndimage.maximum(depth, basins, np.arange(count + 1)) if count else np.zeros(1)
    united = list(range(count + 1))

    def root(number: int) -> int:
        while united[number] != number:
            number = united[number]
        return number

    for index in np.argsort(-waists, kind="stable").tolist():
        one, other = sorted(map(root, pairs[index].tolist()))
        if one != other and waists[index] >= _WAIST * min(deepest[one], deepest[other]):
            united[other] = one
            deepest[one] = max(deepest[one], deepest[other])
    roots = np.array([root(number) for number in range(count + 1)])
    _, numbers = np.unique(roots, return_inverse=True)
    return numbers.astype(np.int32)[basins]


def _waists(basins: Int32, depth: Float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the pairs of neighbouring basins, (n, 2), and the largest depth at which each pair meets, (n,)."""
    edges, depths = [], []
    for one, other in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        meet = (basins[one] != basins[other]) & (basins[one] > 0) & (basins[other] > 0)
        edges.append(np.sort(np.stack([basins[one][meet], basins[other][meet]], axis=1), axis=1))
        depths.append(np.minimum(depth[one][meet], depth[other][meet]))
    pairs, which = np.unique(np.concatenate(edges).astype(np.int64), axis=0, return_inverse=True)
    waists = np.zeros(len(pairs))
    np.maximum.at(waists, which.ravel(), np.concatenate(depths))
    return pairs, waists


def _require_maps(interior: AnyArray, border: AnyArray | None, seeds: AnyMap | None) -> None:
    if interior.ndim != 2 or interior.size == 0:
        expected = "(height, width) with a pixel or more"
        raise ShapeError("interior", str(interior.shape), expected, "Pass one image's maps.")
    for where, values in (("border", border), ("seeds", seeds)):
        if values is not None and values.shape != interior.shape:
            expected = f"{interior.shape}, the interior's shape"
            raise ShapeError(where, str(values.shape), expected, "Pass maps of one image.")
