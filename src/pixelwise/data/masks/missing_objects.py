"""Masks compared with the instance maps beside them: objects without an id, and ids on background.

An image is labelled by strokes where less than half of its pixels have a label. A stroke does not show the extent of
its object, so in such an image no id is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import BACKGROUND, ClassMap
from pixelwise.core.text import join_first, quantity
from pixelwise.data.dataset import Item, Labels, is_partly_labelled
from pixelwise.data.problem import Problem
from pixelwise.metrics.pixels import counted_pixels

Int64 = npt.NDArray[np.int64]

_THICK = 2
"""Pixels by which an object's border may differ between mask and instance map."""


@dataclass(frozen=True)
class ObjectCounts:
    """The objects of one image, counted by class; each array int64 (num_classes,).

    has_map: whether there is an instance map. pixels: the pixels of each class; 0 for a class without ids in an image
    labelled by strokes. ids: objects with an id. lost: regions without an id. lost_pixels: the pixels of these regions.
    """

    item: Item
    has_map: bool
    pixels: Int64
    ids: Int64
    lost: Int64
    lost_pixels: Int64


def count_objects(item: Item, labels: Labels, pixels: Int64, ids: Int64) -> ObjectCounts:
    """Return the object counts of an image, whose maps have one size.

    pixels, ids: the pixels and the objects of each class, int64 (num_classes,).
    """
    lost, lost_pixels = np.zeros((2, len(pixels)), np.int64)
    if is_partly_labelled(labels.label_map):
        pixels = np.where(ids > 0, pixels, 0)
    elif labels.instance_map is not None:
        _count_lost(labels.label_map, labels.instance_map, lost, lost_pixels)
    return ObjectCounts(item, item.instances is not None, pixels, ids, lost, lost_pixels)


def find_missing_objects(
    root: Path, classes: ClassMap, images: Sequence[ObjectCounts]
) -> list[tuple[Item | None, Problem]]:
    """Return the problems of images whose masks show objects without an id, and of ids on the first class.

    A class has objects if it has ids in at least half of the images that show it and have any id. The first class has
    none missing, since it may be background; if it is called so, or seldom has ids, those that it has are told. A
    problem of a single image comes with its item.
    """
    with_ids = [image for image in images if image.ids.any()]
    maps = sum(image.has_map for image in images)
    if not with_ids:
        message = (
            f"found no id in any of {maps:,} instance maps; expected the number of an object at each of its pixels. "
            "Export the maps again, or take their folder away."
        )
        return [(None, Problem(root, "missing_objects", message))] if maps else []
    images_with_class = np.sum([image.pixels > 0 for image in with_ids], axis=0)
    images_with_ids = np.sum([image.ids > 0 for image in with_ids], axis=0)
    things = (images_with_ids > 0) & (2 * images_with_ids >= images_with_class)
    first_has_objects = things[0] and classes.names[0] != BACKGROUND
    things[0] = False
    problems: list[tuple[Item | None, Problem]] = []
    for image in images:
        message = _describe_missing(image, things, classes, maps, len(images))
        if message:
            file = image.item.instances or image.item.image
            problems.append((image.item, Problem(file, "missing_objects", message)))
    if things.any() and not first_has_objects:
        problems += [(None, problem) for problem in _ids_on_background(root, classes, images)]
    return problems


def _describe_missing(
    image: ObjectCounts, things: npt.NDArray[np.bool_], classes: ClassMap, maps: int, total: int
) -> str:
    """Return what is missing in one image, a message; nothing where nothing is.

    things: which classes have objects. maps: how many of the `total` images have an instance map.
    """
    pixels = np.where(things, image.pixels, 0)
    names = ", ".join(classes.names[index] for index in np.flatnonzero(pixels))
    remedy = "Add the ids, or leave the image out (`train(task='instance', skip_bad=True)`)."
    if not pixels.any():
        return ""
    if not image.has_map:
        problem = f"found no instance map, and {quantity(int(pixels.sum()), 'pixel')} of {names} in the mask"
        return f"{problem}; expected one with the image's stem, as {maps:,} of {total:,} images have. {remedy}"
    if not image.ids.any():
        problem = f"found no id in the instance map, and {quantity(int(pixels.sum()), 'pixel')} of {names} in the mask"
        return f"{problem}; expected the number of an object at each of its pixels. {remedy}"
    lost = np.where(things, image.lost, 0)
    if not lost.any():
        return ""
    names = ", ".join(f"{int(lost[index]):,} of {classes.names[index]}" for index in np.flatnonzero(lost))
    problem = f"found objects in the mask that the instance map lacks: {names}"
    amount = quantity(int(image.lost_pixels[things].sum()), "pixel")
    return f"{problem} ({amount}); expected an id for each. {remedy}"


def _ids_on_background(root: Path, classes: ClassMap, images: Sequence[ObjectCounts]) -> list[Problem]:
    """Return a problem where ids lie on the first class, which has no objects."""
    with_ids = [image for image in images if image.ids[0]]
    if not with_ids:
        return []
    count = sum(int(image.ids[0]) for image in with_ids)
    names = join_first([image.item.name for image in with_ids], 3)
    message = (
        f"found {count:,} objects of the instance maps, in {len(with_ids):,} of the images ({names}), most of whose "
        f"labelled pixels are {classes.names[0]} in the mask; expected objects of other classes. They are objects of "
        f"{classes.names[0]} here. Correct the masks, or take the ids away."
    )
    return [Problem(root, "assumed", message)]


def _count_lost(
    label_map: npt.NDArray[np.uint8], instance_map: npt.NDArray[np.int32], lost: Int64, lost_pixels: Int64
) -> None:
    """Count, into `lost` and `lost_pixels`, the regions of each class that have no id.

    A region counts if it touches no object, or if it is thicker than the difference that borders may have.
    """
    has_id = instance_map > 0
    unnumbered = ~has_id & counted_pixels(label_map) & (label_map > 0)
    if not unnumbered.any():
        return
    from scipy import ndimage  # imported here: it takes 0.1 s, which most data sets do not need

    beside = ndimage.binary_dilation(has_id)
    with_ids = set(np.unique(label_map[has_id]).tolist())
    for index in np.unique(label_map[unnumbered]).tolist():
        of_class = unnumbered & (label_map == index)
        regions, _ = ndimage.label(of_class)
        areas = np.bincount(regions.ravel())
        alone = apart_from_objects(regions, beside if index in with_ids else np.zeros_like(beside))
        lost[index] = alone.sum()
        lost_pixels[index] = areas[alone].sum()


def apart_from_objects(regions: npt.NDArray[np.int32], beside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which regions, numbered from 1, are no rim of an object: bool (number of regions + 1,), `False` for 0.

    A region is a rim if it touches an object and is no thicker than borders may differ. beside: the pixels of objects
    and next to them, bool of the shape of `regions`.
    """
    from scipy import ndimage

    apart = np.ones(int(regions.max(initial=0)) + 1, bool)
    apart[np.unique(regions[beside])] = False
    apart[np.unique(regions[ndimage.binary_erosion(regions > 0, np.ones((3, 3)), _THICK)])] = True
    apart[0] = False
    return apart
