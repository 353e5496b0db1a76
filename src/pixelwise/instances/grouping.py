"""From a net's logits to objects: centres are peaks of heat, a pixel joins the centre that its offset leads to.

After Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194, section 3.3.

Differs from the paper: an offset's end is rounded to a pixel, for which the nearest centre is looked up in a tree, so
that an image takes time by its pixels, hardly by the number of its objects; the pieces that an object leaves apart from
its largest go to no object, and its holes are filled. Connected components are another way (`WAYS`): where objects lie
apart they need no centre, and training takes the way that finds most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from pixelwise.instances.fields import NO_THING, CentreOffsetMaps
from pixelwise.instances.grouping_parameters import BOTH, COMPONENTS, GroupingParameters
from pixelwise.instances.objects import Objects
from pixelwise.instances.parts import connected_regions, fill_holes, keep_largest_parts
from pixelwise.instances.targets import object_centres

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


def group_pixels(fields: CentreOffsetMaps, grouping: GroupingParameters) -> Objects:
    """Return the objects of an image.

    A pixel belongs to one where the best class is a thing. An object's class is the one with the largest sum of
    probabilities over the pixels where it is best, its score their mean over all its pixels times the heat of its
    centre. An object that is a connected component without a centre has the highest heat on it instead, and where
    heat is not looked at the score is the mean alone.
    """
    foreground = fields.class_index != NO_THING
    if grouping.by == COMPONENTS:
        instance_map, count = _components(fields.class_index)
        return _objects(instance_map, np.ones(count, np.float32), fields, grouping)
    centres = find_peaks(np.where(foreground, fields.heat, -np.inf), grouping.radius, grouping.least_heat)
    heat = fields.heat[tuple(centres.T)]
    instance_map = _joined(foreground, centres, fields) if len(centres) else np.zeros(foreground.shape, np.int32)
    if grouping.by == BOTH:
        instance_map, alone = _with_components(instance_map, foreground, centres, fields.heat)
        heat = np.append(heat, alone)
    instance_map = fill_holes(keep_largest_parts(instance_map)) if len(heat) else instance_map
    return _objects(instance_map, heat, fields, grouping)


def _objects(instance_map: Int32, heat: Float32, fields: CentreOffsetMaps, grouping: GroupingParameters) -> Objects:
    """Return the objects of a map of ids 1..n whose centres have so much `heat`, (n,): those that are large enough."""
    if not len(heat):
        return Objects(instance_map, np.empty(0, np.int32), np.empty(0, np.float32))
    inside = np.flatnonzero(instance_map)
    labels = instance_map.ravel()[inside] - 1
    areas = np.bincount(labels, minlength=len(heat))
    sums = _sums(fields, inside, labels, len(heat), grouping.things)
    class_index = np.array(grouping.things, np.int32)[sums.argmax(axis=1)]
    score = sums.max(axis=1) / np.maximum(areas, 1) * np.clip(heat, 0, 1)
    return Objects(instance_map, class_index, score.astype(np.float32)).select(areas >= grouping.least_area)


def _components(class_index: npt.NDArray[np.uint8]) -> tuple[Int32, int]:
    """Return a map of the 4-connected components of each class that is a thing, ids 1..n, and how many there are."""
    parts, count = connected_regions(class_index)
    is_thing = np.zeros(count, bool)
    is_thing[parts] = class_index != NO_THING
    ids = (np.cumsum(is_thing) * is_thing).astype(np.int32)
    return ids[parts], int(is_thing.sum())


def _with_components(
    instance_map: Int32, foreground: npt.NDArray[np.bool_], centres: npt.NDArray[np.int64], heat: Float32
) -> tuple[Int32, Float32]:
    """Return the map in which each 4-connected component of the foreground without a centre is an object of its own,
    with ids after those of the centres, and the highest heat on each of them, (n,)."""
    parts, count = ndimage.label(foreground)
    alone = np.ones(count + 1, bool)
    alone[0], alone[parts[tuple(centres.T)]] = False, False
    numbers = (len(centres) + np.cumsum(alone)).astype(np.int32)
    highest = ndimage.maximum(heat, parts, np.flatnonzero(alone)) if alone.any() else []
    return np.where(alone[parts], numbers[parts], instance_map), np.asarray(highest, np.float32)


def find_peaks(heat: Float32, radius: int, least: float) -> npt.NDArray[np.int64]:
    """Return (row, column), int64 (n, 2), of values above `least` that none exceeds within `radius` rows and columns.

    Of a plateau's pixels the one nearest to its mean position counts, so that it is one peak.
    """
    highest = ndimage.maximum_filter(heat, 2 * radius + 1, mode="constant", cval=-np.inf)
    plateaus, _ = ndimage.label((heat == highest) & (heat > least), np.ones((3, 3)))
    return object_centres(plateaus)


def _joined(foreground: npt.NDArray[np.bool_], centres: npt.NDArray[np.int64], fields: CentreOffsetMaps) -> Int32:
    """Return an instance map in which each pixel of the foreground has the number of the centre it leads to.

    The pixels of an object lead to few places, so that the nearest centre is sought once for each place.
    """
    height, width = foreground.shape
    inside = np.flatnonzero(foreground)
    ends, columns = np.divmod(inside, width)
    for places, way, side in ((ends, fields.down, height), (columns, fields.right, width)):
        places += way.ravel()[inside]
        np.clip(places, 0, side - 1, out=places)
    ends *= width
    ends += columns
    reached = np.zeros(foreground.size, bool)
    reached[ends] = True
    places = np.flatnonzero(reached)
    _, nearest = KDTree(centres).query(np.stack(np.divmod(places, width), axis=1), workers=-1)
    lookup = np.zeros(foreground.size, np.int32)
    lookup[places] = nearest + 1
    instance_map = np.zeros(foreground.size, np.int32)
    instance_map[inside] = lookup[ends]
    return instance_map.reshape(foreground.shape)


def _sums(
    fields: CentreOffsetMaps, inside: npt.NDArray[np.int64], labels: Int32, count: int, things: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return the sum of each thing's probability over each object's pixels at which it is best, (count, things)."""
    place = np.full(NO_THING + 1, len(things))  # a hole that was filled belongs to none
    place[list(things)] = np.arange(len(things))
    columns = place[fields.class_index.ravel()[inside]]
    every = labels * (len(things) + 1) + columns
    sums = np.bincount(every, fields.probability.ravel()[inside], count * (len(things) + 1)).astype(np.float64)
    return sums.reshape(count, -1)[:, :-1]
