"""From a net's logits to objects: centres are peaks of heat, a pixel joins the centre that its offset leads to.

After Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194, section 3.3.

Differs from the paper: an offset's end is rounded to a pixel, for which the nearest centre is looked up in a tree, so
that an image takes time by its pixels, hardly by the number of its objects; the pieces that an object leaves apart from
its largest go to no object, and its holes are filled.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from pixelwise.errors import ShapeError
from pixelwise.instances.objects import Objects
from pixelwise.instances.parts import holes_filled, largest_parts
from pixelwise.instances.rule import CHANNELS, Grouping
from pixelwise.instances.targets import centres_of

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


def grouped(logits: Float32, grouping: Grouping) -> Objects:
    """Return the objects in an image's `logits`, float32 (K + 3, height, width).

    The first K channels are scores of classes; the next is heat, 1 at the centre of an object and less away from it;
    the last two are the offset from a pixel to its object's centre, (rows, columns) in pixels. A pixel belongs to an
    object where the best class is a thing. An object's class is the thing with the largest mean probability over its
    pixels, its score that probability times the heat of its centre. Raises `ShapeError` for another number of channels.
    """
    num_classes = len(logits) - CHANNELS
    if logits.ndim != 3 or num_classes <= max(grouping.things):
        expected = f"({max(grouping.things) + 1 + CHANNELS} or more, height, width)"
        raise ShapeError("logits", str(logits.shape), expected, "Pass the logits of an instance model, one image's.")
    scores, heat, offsets = logits[:num_classes], logits[num_classes], logits[num_classes + 1 :]
    things = np.isin(np.arange(num_classes), grouping.things)
    foreground = _highest(scores, things) > _highest(scores, ~things)
    centres = peaks(np.where(foreground, heat, -np.inf), grouping.radius, grouping.least_heat)
    if not len(centres):
        return Objects(np.zeros(heat.shape, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    instance_map = holes_filled(largest_parts(_joined(foreground, centres, offsets)))
    inside = np.flatnonzero(instance_map)
    labels = instance_map.ravel()[inside] - 1
    areas = np.bincount(labels, minlength=len(centres))
    probability = _softmax(np.take(scores.reshape(num_classes, -1), inside, axis=1))[things]
    mean = np.stack([np.bincount(labels, own, len(centres)) for own in probability]) / np.maximum(areas, 1)
    class_index = np.flatnonzero(things)[mean.argmax(axis=0)].astype(np.int32)
    score = mean.max(axis=0) * np.clip(heat[tuple(centres.T)], 0, 1)
    return Objects(instance_map, class_index, score.astype(np.float32)).kept(areas >= grouping.least_area)


def peaks(heat: Float32, radius: int, least: float) -> npt.NDArray[np.int64]:
    """Return (row, column), int64 (n, 2), of values above `least` that none exceeds within `radius` rows and columns.

    Of a plateau's pixels the one nearest to its mean position counts, so that it is one peak.
    """
    highest = ndimage.maximum_filter(heat, 2 * radius + 1, mode="constant", cval=-np.inf)
    plateaus, _ = ndimage.label((heat == highest) & (heat > least), np.ones((3, 3)))
    return centres_of(plateaus)


def _joined(foreground: npt.NDArray[np.bool_], centres: npt.NDArray[np.int64], offsets: Float32) -> Int32:
    """Return an instance map in which each pixel of the foreground has the number of the centre it leads to.

    The pixels of an object lead to few places, so that the nearest centre is sought once for each place.
    """
    height, width = foreground.shape
    inside = np.flatnonzero(foreground)
    ends, columns = np.divmod(inside, width)
    for places, way, side in ((ends, offsets[0], height), (columns, offsets[1], width)):
        places += np.rint(way.ravel()[inside]).astype(places.dtype)
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


def _highest(scores: Float32, which: npt.NDArray[np.bool_]) -> Float32:
    """Return the highest score of these classes at each pixel; of none, minus infinity."""
    highest: Float32 = np.full(scores.shape[1:], -np.inf, np.float32)
    for index in np.flatnonzero(which):
        np.maximum(highest, scores[index], out=highest)
    return highest


def _softmax(scores: Float32) -> Float32:
    """Turn scores (K, n) into probabilities, in place: they are many."""
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores
