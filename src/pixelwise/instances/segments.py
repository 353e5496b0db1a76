"""Panoptic segments: the objects of an image and, for each stuff class, all its pixels.

Kirillov, He, Girshick, Rother, Dollar, "Panoptic Segmentation", CVPR 2019, arXiv:1801.00868, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import ShapeError
from pixelwise.instances.objects import Objects

LabelMap = npt.NDArray[np.integer[Any]]
Int = npt.NDArray[np.intp]


class Segments(NamedTuple):
    """The segments of one image.

    ids: int (height, width): 0 is void, 1..n are segments, higher ids are crowd regions, COCO's name for areas of a
    thing class without single objects. class_index: int (n + crowd regions,), the class of id i + 1 at i.
    num_segments: n.
    """

    ids: Int
    class_index: Int
    num_segments: int


def find_segments(label_map: LabelMap, objects: Objects, things: Sequence[int]) -> Segments:
    """Return the segments of an image: the objects of the classes `things`, and each stuff class that occurs.

    Pixels of a thing class outside all objects form a crowd region of that class, whose number of objects is unknown.
    Ignored pixels are void, also inside an object. Raises `ShapeError` for maps of different sizes.
    """
    if label_map.shape != objects.instance_map.shape:
        expected = f"{label_map.shape}, the label map's shape"
        remedy = "Pass maps of the same image."
        raise ShapeError("instance_map", str(objects.instance_map.shape), expected, remedy)
    objects = objects.select(np.isin(objects.class_index, things))
    counted = label_map != IGNORE_INDEX
    counted_areas = np.bincount(objects.instance_map[counted], minlength=len(objects) + 1)[1:]
    objects = objects.select(counted_areas > 0)
    loose = np.where(counted & (objects.instance_map == 0), label_map.astype(np.intp), -1)
    occurring = np.unique(loose[loose >= 0])
    stuff = occurring[~np.isin(occurring, things)]
    crowds = occurring[np.isin(occurring, things)]
    class_index = np.concatenate([objects.class_index, stuff, crowds]).astype(np.intp)
    numbers = np.zeros(257, np.intp)  # the last stands for -1
    numbers[[*stuff, *crowds]] = np.arange(len(objects) + 1, len(class_index) + 1)
    ids = np.where(counted, objects.instance_map, 0).astype(np.intp) + numbers[loose]
    return Segments(ids, class_index, len(objects) + len(stuff))
