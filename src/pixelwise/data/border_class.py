"""A class that marks the border between objects. It helps to label; a model of objects has no such class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.instances.objects import renumber

UInt8 = npt.NDArray[np.uint8]
BORDER_NAMES = ("border", "boundary", "outline", "contour", "edge", "membrane")
"""Names of a class that marks the border between touching objects."""


def border_class(classes: ClassMap) -> int | None:
    """Return the class that marks the border between touching objects; `None` where there is none."""
    names = [name.strip().lower() for name in classes.names]
    return next((index for index, name in enumerate(names) if name in BORDER_NAMES), None)


def without_border(dataset: Dataset) -> Dataset:
    """Return a data set without its class of borders, as a training of the studio for objects has it.

    In an object, border pixels get the class that most other pixels of the object have; elsewhere they get no label.
    Without such a class the data set is returned as it is.
    """
    border = border_class(dataset.classes)
    if border is None:
        return dataset
    return replace(dataset, classes=drop_class(dataset.classes, border), read_labels=_WithoutBorder(dataset, border))


def drop_class(classes: ClassMap, dropped: int) -> ClassMap:
    """Return the classes without one of them; those after it move up."""
    rest = [index for index in range(classes.num_classes) if index != dropped]
    return ClassMap(tuple(classes.names[index] for index in rest), tuple(classes.colors[index] for index in rest))


def classes_of_objects(label_map: UInt8, numbers: npt.NDArray[np.int32], border: int | None) -> UInt8:
    """Return the class that most pixels of each object have, apart from border and pixels without a label: uint8
    (n + 1,), `IGNORE_INDEX` for number 0 and for an object without such a class.

    numbers: int32 (height, width), objects numbered from 1 to n, 0 = none.
    """
    votes = np.bincount(256 * numbers.ravel() + label_map.ravel(), minlength=256 * (int(numbers.max(initial=0)) + 1))
    votes = votes.reshape(-1, 256)
    votes[0], votes[:, [IGNORE_INDEX, *([] if border is None else [border])]] = 0, 0
    return np.where(votes.any(axis=1), votes.argmax(axis=1), IGNORE_INDEX).astype(np.uint8)


def without_index(label_map: UInt8, dropped: int) -> UInt8:
    """Return a label map in the classes of `drop_class`. No pixel may have the dropped class."""
    shift = np.arange(256, dtype=np.uint8)
    shift[dropped + 1 : IGNORE_INDEX] -= 1
    moved: UInt8 = shift[label_map]
    return moved


@dataclass(frozen=True)
class _WithoutBorder:
    """Reads the labels of an item, its border as part of the objects."""

    dataset: Dataset
    border: int

    def __call__(self, item: Item) -> Labels:
        labels = self.dataset.read_labels(item)
        label_map, is_border = labels.label_map.copy(), labels.label_map == self.border
        label_map[is_border] = IGNORE_INDEX
        if labels.instance_map is not None and labels.instance_map.shape == label_map.shape:
            numbers, _ = renumber(labels.instance_map)
            label_map[is_border] = classes_of_objects(labels.label_map, numbers, self.border)[numbers[is_border]]
        return replace(labels, label_map=without_index(label_map, self.border))
