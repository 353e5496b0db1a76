"""Objects for formats that list objects: those of the instance map, or the connected regions of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.dataset import Int32, Labels, UInt8
from pixelwise.instances.objects import MAX_ID
from pixelwise.metrics.pixels import counted_pixels


@dataclass(frozen=True)
class LabelledObjects:
    """The label map, uint8 (height, width), and the instance map, int32 (height, width), 0 = no object."""

    label_map: UInt8
    instance_map: Int32


def number_objects(labels: Labels) -> LabelledObjects:
    """Return the maps of labels. Without an instance map the connected regions of each class are the objects."""
    instance_map = class_regions(labels.label_map) if labels.instance_map is None else labels.instance_map
    return LabelledObjects(labels.label_map, instance_map)


def class_regions(label_map: UInt8) -> Int32:
    """Return the 4-connected regions of every class but the first, numbered from 1, int32 (height, width).

    Where an image has more regions than 16 bits can number, each class is one object.
    """
    from pixelwise.instances.parts import region_objects  # imports scipy, 0.1 s that most layouts do not need

    objects = region_objects(label_map)
    objects = objects.select((objects.class_index > 0) & (objects.class_index != IGNORE_INDEX))
    if len(objects) > MAX_ID:
        return np.where(counted_pixels(label_map), label_map, 0).astype(np.int32)
    return objects.instance_map
