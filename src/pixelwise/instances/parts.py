"""Connected parts of objects and the holes in them. The time depends on the number of pixels, not of objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pixelwise.instances.objects import Objects

Int32 = npt.NDArray[np.int32]
BORDER = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])
"""The first and last rows and columns of a map."""


def connected_regions(instance_map: Int32 | npt.NDArray[np.uint8]) -> tuple[Int32, int]:
    """Return a map of the 4-connected regions of equal value, int32 (height, width), 0..n-1, and n.

    0 is a value like any other. Each row is split into runs of one value; runs that touch across rows are one region.
    """
    start = np.ones(instance_map.shape, bool)
    start[:, 1:] = instance_map[:, 1:] != instance_map[:, :-1]
    run = np.cumsum(start).reshape(instance_map.shape) - 1
    same = instance_map[1:] == instance_map[:-1]
    first = same & (start[1:] | start[:-1])  # the first pixel at which two runs touch
    above, below = run[:-1][first], run[1:][first]
    size = int(run[-1, -1]) + 1
    graph = coo_array((np.ones(len(above), bool), (above, below)), shape=(size, size))
    count, part_of_run = connected_components(graph, directed=False)
    return part_of_run.astype(np.int32)[run], int(count)


def label_components(mask: npt.NDArray[np.bool_]) -> Int32:
    """Return the 4-connected components of a mask (height, width) as an instance map: 1, 2, ..., and 0 outside."""
    parts: Int32 = np.empty(mask.shape, np.int32)
    ndimage.label(mask, output=parts)
    return parts


def region_objects(label_map: npt.NDArray[np.uint8]) -> Objects:
    """Return the 4-connected regions of a label map as objects of score 1.

    label_map: uint8 (height, width).
    """
    parts, count = connected_regions(label_map)
    class_index = np.empty(count, np.int32)
    class_index[parts] = label_map
    return Objects(parts + 1, class_index, np.ones(count, np.float32))


def keep_largest_parts(instance_map: Int32) -> Int32:
    """Return the map with each object reduced to its largest 4-connected part, the first one in a tie."""
    parts, count = connected_regions(instance_map)
    areas = np.bincount(parts.ravel(), minlength=count)
    ids = np.zeros(count, np.int32)
    ids[parts.ravel()] = instance_map.ravel()
    order = np.lexsort((-areas, ids))  # by id, then from the largest; stable, so that ties keep their order
    largest = np.zeros(count, bool)
    largest[order[np.flatnonzero(np.diff(ids[order], prepend=-1))]] = True
    return np.where(largest[parts], instance_map, 0)


def fill_holes(instance_map: Int32) -> Int32:
    """Return the map with each hole given to the object around it.

    A hole is a 4-connected region of 0 that a single object encloses and that does not touch the image's border.
    """
    gaps, count = ndimage.label(instance_map == 0)
    # Pairs of a region of 0 and the object beside it; a region on the image's border counts as beside the object -1.
    pairs = [np.stack([gaps[edge], np.full_like(gaps[edge], -1)]) for edge in BORDER]
    for one, other in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        crossed = (gaps[one] > 0) != (gaps[other] > 0)
        for region_side, label_side in ((one, other), (other, one)):
            pairs.append(np.stack([gaps[region_side][crossed], instance_map[label_side][crossed]]))
    region, label = np.concatenate(pairs, axis=1)
    region, label = region[region > 0], label[region > 0]
    lowest, highest = np.full(count + 1, np.iinfo(np.int32).max), np.full(count + 1, -1)
    np.minimum.at(lowest, region, label)
    np.maximum.at(highest, region, label)
    enclosing = np.where(lowest == highest, np.maximum(highest, 0), 0).astype(np.int32)  # 0: several, or the border
    return np.where(instance_map == 0, enclosing[gaps], instance_map)


def touching_pixels(instance_map: Int32) -> npt.NDArray[np.bool_]:
    """Return the pixels of objects that have a 4-neighbour in another object, bool (height, width)."""
    touching = np.zeros(instance_map.shape, bool)
    for one, other in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        meet = (instance_map[one] != instance_map[other]) & (instance_map[one] > 0) & (instance_map[other] > 0)
        touching[one] |= meet
        touching[other] |= meet
    return touching
