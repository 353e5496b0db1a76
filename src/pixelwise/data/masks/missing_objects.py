"""Objects that a mask shows and the instance map beside it lacks, and the reverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.core.text import quantity
from pixelwise.data.dataset import Item, Labels
from pixelwise.data.problem import Problem
from pixelwise.metrics.pixels import counted_pixels

Int64 = npt.NDArray[np.int64]

_THICK = 2
"""Pixels that may lie between the border of an object in a mask and that in the instance map."""


@dataclass(frozen=True)
class ObjectCounts:
    """How the objects of one image are numbered, each int64 (num_classes,).

    has_map: whether there is an instance map. pixels: those of each class. ids: objects with an id, by their class.
    lost: regions of a class without an id; lost_pixels: the pixels of these.
    """

    item: Item
    has_map: bool
    pixels: Int64
    ids: Int64
    lost: Int64
    lost_pixels: Int64


def count_objects(item: Item, labels: Labels, pixels: Int64, ids: Int64) -> ObjectCounts:
    """Return how the objects of an image are numbered, of whose classes pixels and ids are counted; its maps are of one
    size."""
    lost, lost_pixels = np.zeros((2, len(pixels)), np.int64)
    if labels.instance_map is not None:
        _count_lost(labels.label_map, labels.instance_map, lost, lost_pixels)
    return ObjectCounts(item, item.instances is not None, pixels, ids, lost, lost_pixels)


def find_missing_objects(
    root: Path, classes: ClassMap, images: Sequence[ObjectCounts]
) -> list[tuple[Item | None, Problem]]:
    """Return what to say of images whose masks show objects that have no id, and of ids on the first class.

    Objects are the regions of classes that have ids in at least half of the images with such a class and some id; the
    first class, background, has none.
    """
    with_ids = [image for image in images if image.ids.any()]
    maps = sum(image.has_map for image in images)
    if not with_ids:
        message = (
            f"found no id in any of {maps:,} instance maps; expected the number of an object at each of its pixels. "
            "Export the maps again, or take their folder away."
        )
        return [(None, Problem(root, "missing_objects", message))] if maps else []
    shown, numbered = (
        np.sum([(own > 0).astype(np.int64) for own in rows], axis=0)
        for rows in ([image.pixels for image in with_ids], [image.ids for image in with_ids])
    )
    things = (numbered > 0) & (2 * numbered >= shown)
    things[0] = False
    told: list[tuple[Item | None, Problem]] = []
    for image in images:
        message = _what_is_missing(image, things, classes, maps, len(images))
        if message:
            file = image.item.instances or image.item.image
            told.append((image.item, Problem(file, "missing_objects", message)))
    if things.any():
        told += [(None, problem) for problem in _on_background(root, classes, images)]
    return told


def _what_is_missing(
    image: ObjectCounts, things: npt.NDArray[np.bool_], classes: ClassMap, maps: int, total: int
) -> str:
    pixels = np.where(things, image.pixels, 0)
    names = ", ".join(classes.names[index] for index in np.flatnonzero(pixels))
    remedy = "Add the ids, or leave the image out (`train(task='instance', skip_bad=True)`)."
    if not pixels.any():
        return ""
    if not image.has_map:
        found = f"found no instance map, and {quantity(int(pixels.sum()), 'pixel')} of {names} in the mask"
        return f"{found}; expected one with the image's stem, as {maps:,} of {total:,} images have. {remedy}"
    if not image.ids.any():
        found = f"found no id in the instance map, and {quantity(int(pixels.sum()), 'pixel')} of {names} in the mask"
        return f"{found}; expected the number of an object at each of its pixels. {remedy}"
    lost = np.where(things, image.lost, 0)
    if not lost.any():
        return ""
    names = ", ".join(f"{int(lost[index]):,} of {classes.names[index]}" for index in np.flatnonzero(lost))
    found = f"found objects in the mask that the instance map lacks: {names}"
    amount = quantity(int(image.lost_pixels[things].sum()), "pixel")
    return f"{found} ({amount}); expected an id for each. {remedy}"


def _on_background(root: Path, classes: ClassMap, images: Sequence[ObjectCounts]) -> list[Problem]:
    holding = [image for image in images if image.ids[0]]
    if not holding:
        return []
    count = sum(int(image.ids[0]) for image in holding)
    names = ", ".join(image.item.name for image in holding[:3]) + (" ..." if len(holding) > 3 else "")
    message = (
        f"found {count:,} objects of the instance maps, in {len(holding):,} of the images ({names}), most of whose "
        f"labelled pixels are {classes.names[0]} in the mask; expected objects of other classes. They are objects of "
        f"{classes.names[0]} here. Correct the masks, or take the ids away."
    )
    return [Problem(root, "assumed", message)]


def _count_lost(
    label_map: npt.NDArray[np.uint8], instance_map: npt.NDArray[np.int32], lost: Int64, lost_pixels: Int64
) -> None:
    """Count, into `lost` and `lost_pixels`, the regions of each class that no object touches, or that are thicker than
    borders may differ."""
    numbered = instance_map > 0
    left = ~numbered & counted_pixels(label_map) & (label_map > 0)
    if not left.any():
        return
    from scipy import ndimage  # a tenth of a second that no other data set should pay

    beside = ndimage.binary_dilation(numbered)
    with_ids = set(np.unique(label_map[numbered]).tolist())
    for index in np.unique(label_map[left]).tolist():
        own = left & (label_map == index)
        regions, _ = ndimage.label(own)
        areas = np.bincount(regions.ravel())
        alone = np.ones(len(areas), bool)
        if index in with_ids:
            alone[np.unique(regions[beside])] = False
            alone[np.unique(regions[ndimage.binary_erosion(own, np.ones((3, 3)), _THICK)])] = True
        alone[0] = False
        lost[index] = alone.sum()
        lost_pixels[index] = areas[alone].sum()
