"""Center-offset grouping: from the logits of an instance model to objects.

Centres are the peaks of the heat map, and each foreground pixel joins the centre nearest to the end of its offset.

Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194, section 3.3.

Differs from the paper: the end of an offset is rounded to a pixel, and the nearest centre of each such pixel is looked
up in a k-d tree, so that the time depends on the number of pixels and hardly on that of objects. Of an object in
several pieces only the largest is kept, and its holes are filled. Objects may also be separated without centres (see
`WAYS`): where they lie apart, connected components suffice, and training chooses the way with the highest panoptic
quality; the live model of `pixelwise.labels` predicts a border instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from pixelwise.instances.fields import NO_THING, CentreOffsetMaps
from pixelwise.instances.grouping_parameters import BOTH, COMPONENTS, WAISTS, GroupingParameters
from pixelwise.instances.objects import Objects
from pixelwise.instances.parts import connected_regions, fill_holes, keep_largest_parts
from pixelwise.instances.separation import separate_objects
from pixelwise.instances.targets import object_centres

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
INTERIOR = 0.5
"""The interior of objects that are parted at waists has more heat than this; the rest of the foreground is border."""


def group_pixels(maps: CentreOffsetMaps, parameters: GroupingParameters) -> Objects:
    """Return the objects of an image.

    A pixel belongs to an object if its best class is a thing. The class of an object is the one with the largest sum of
    probabilities over the pixels where it is best. The score of an object is this sum, divided by the number of all its
    pixels, times the heat of its centre. A component without a centre uses its highest heat; where no object has a
    centre, heat is 1.

    Parameters
    ----------
    maps
        The maps of the image.
    parameters
        The things, and the numbers of the grouping.
    """
    foreground = maps.class_index != NO_THING
    if parameters.by in (COMPONENTS, WAISTS):
        by_waists = parameters.by == WAISTS
        instance_map, count = _separate(maps, parameters.things) if by_waists else _components(maps.class_index)
        return _build_objects(instance_map, np.ones(count, np.float32), maps, parameters)
    centres = find_peaks(np.where(foreground, maps.heat, -np.inf), parameters.radius, parameters.least_heat)
    heat = maps.heat[tuple(centres.T)]
    instance_map = (
        _assign_to_centres(foreground, centres, maps) if len(centres) else np.zeros(foreground.shape, np.int32)
    )
    if parameters.by == BOTH:
        instance_map, component_heat = _add_components(instance_map, foreground, centres, maps.heat)
        heat = np.append(heat, component_heat)
    instance_map = fill_holes(keep_largest_parts(instance_map)) if len(heat) else instance_map
    return _build_objects(instance_map, heat, maps, parameters)


def _build_objects(
    instance_map: Int32, heat: Float32, maps: CentreOffsetMaps, parameters: GroupingParameters
) -> Objects:
    """Return the objects of a map with ids 1..n that are large enough. heat: the heat of each centre, (n,)."""
    if not len(heat):
        return Objects(instance_map, np.empty(0, np.int32), np.empty(0, np.float32))
    inside = np.flatnonzero(instance_map)
    labels = instance_map.ravel()[inside] - 1
    areas = np.bincount(labels, minlength=len(heat))
    sums = _sum_probabilities(maps, inside, labels, len(heat), parameters.things)
    class_index = np.array(parameters.things, np.int32)[sums.argmax(axis=1)]
    score = sums.max(axis=1) / np.maximum(areas, 1) * np.clip(heat, 0, 1)
    return Objects(instance_map, class_index, score.astype(np.float32)).select(areas >= parameters.least_area)


def _components(class_index: npt.NDArray[np.uint8]) -> tuple[Int32, int]:
    """Return a map of the 4-connected components of each thing, ids 1..n, and n."""
    parts, count = connected_regions(class_index)
    is_thing = np.zeros(count, bool)
    is_thing[parts] = class_index != NO_THING
    ids = (np.cumsum(is_thing) * is_thing).astype(np.int32)
    return ids[parts], int(is_thing.sum())


def _separate(maps: CentreOffsetMaps, things: Sequence[int]) -> tuple[Int32, int]:
    """Return a map of the objects of each thing, parted at borders and narrow waists, ids 1..n, and n."""
    instance_map, count = np.zeros(maps.class_index.shape, np.int32), 0
    is_interior = maps.heat > INTERIOR
    for thing in things:
        of_class = maps.class_index == thing
        objects = separate_objects(of_class & is_interior, of_class & ~is_interior)
        instance_map += np.where(objects > 0, objects + count, 0).astype(np.int32)
        count += int(objects.max(initial=0))
    return instance_map, count


def _add_components(
    instance_map: Int32, foreground: npt.NDArray[np.bool_], centres: npt.NDArray[np.int64], heat: Float32
) -> tuple[Int32, Float32]:
    """Return the map with each 4-connected component that has no centre as a further object, and the highest heat in
    each of them, (n,). The ids of components follow those of the centres."""
    parts, count = ndimage.label(foreground)
    alone = np.ones(count + 1, bool)
    alone[0], alone[parts[tuple(centres.T)]] = False, False
    numbers = (len(centres) + np.cumsum(alone)).astype(np.int32)
    highest = ndimage.maximum(heat, parts, np.flatnonzero(alone)) if alone.any() else []
    return np.where(alone[parts], numbers[parts], instance_map), np.asarray(highest, np.float32)


def find_peaks(heat: Float32, radius: int, least: float) -> npt.NDArray[np.int64]:
    """Return (row, column), int64 (n, 2), of the values above `least` that are the highest within `radius` rows and
    columns. A plateau of equal values gives one peak, its pixel nearest to its mean position."""
    highest = ndimage.maximum_filter(heat, 2 * radius + 1, mode="constant", cval=-np.inf)
    plateaus, _ = ndimage.label((heat == highest) & (heat > least), np.ones((3, 3)))
    return object_centres(plateaus)


def _assign_to_centres(
    foreground: npt.NDArray[np.bool_], centres: npt.NDArray[np.int64], maps: CentreOffsetMaps
) -> Int32:
    """Return an instance map in which each foreground pixel has the number of the centre that its offset leads to.

    The offsets of an object end at few pixels, so the nearest centre is looked up once for each of these.
    """
    height, width = foreground.shape
    inside = np.flatnonzero(foreground)
    ends, columns = np.divmod(inside, width)
    for positions, offset, side in ((ends, maps.down, height), (columns, maps.right, width)):
        positions += offset.ravel()[inside]
        np.clip(positions, 0, side - 1, out=positions)
    ends *= width  # rows become flat positions, in place
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


def _sum_probabilities(
    maps: CentreOffsetMaps, inside: npt.NDArray[np.int64], labels: Int32, count: int, things: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return the sum of each thing's probability over the pixels of each object where it is best, (count, things)."""
    place = np.full(NO_THING + 1, len(things))  # filled holes belong to no thing
    place[list(things)] = np.arange(len(things))
    columns = place[maps.class_index.ravel()[inside]]
    every = labels * (len(things) + 1) + columns
    sums = np.bincount(every, maps.probability.ravel()[inside], count * (len(things) + 1)).astype(np.float64)
    return sums.reshape(count, -1)[:, :-1]
