"""The objects that a predicted label map shows, and the classes that say what is an object."""

from __future__ import annotations

import numpy as np

from pixelwise.core.classes import BACKGROUND, IGNORE_INDEX, ClassMap
from pixelwise.data.border_class import BORDER_NAMES, border_class
from pixelwise.instances.separation import separate_objects
from pixelwise.labels.objects import Int32
from pixelwise.labels.strokes import Mask, UInt8


def background_class(classes: ClassMap) -> int | None:
    """Return the class called background, `None` where there is none."""
    names = [name.strip().lower() for name in classes.names]
    return names.index(BACKGROUND) if BACKGROUND in names else None


def object_classes(classes: ClassMap) -> list[int]:
    """Return the classes other than background and border."""
    names = [name.strip().lower() for name in classes.names]
    return [index for index, name in enumerate(names) if name not in (BACKGROUND, *BORDER_NAMES)]


def propose_objects(predicted: UInt8, classes: ClassMap, labels: UInt8 | None = None) -> tuple[Int32, UInt8]:
    """Return the objects that a predicted label map shows, and a table from object number to class; number 0 is no
    object.

    Where only one class has objects, a piece of border without interior is an object, too.

    Parameters
    ----------
    predicted
        uint8 (height, width), class indices.
    classes
        Their names tell background and border.
    labels
        uint8 (height, width), what a person labelled, `IGNORE_INDEX` elsewhere. It replaces the prediction. A drawn
        border separates objects, but is none itself, and where it runs through predicted background it stays
        background.

    Returns
    -------
    instance_map
        int32 (height, width), 0 = no object.
    class_of
        uint8 (number of objects + 1,).
    """
    border, with_objects = border_class(classes), object_classes(classes)
    lines = np.zeros(predicted.shape, bool)
    if labels is not None:
        replaced = labels != IGNORE_INDEX
        if border is not None:
            lines = labels == border
            replaced &= ~lines | np.isin(predicted, [*with_objects, border])
        predicted = np.where(replaced, labels, predicted)
    result, class_of = np.zeros(predicted.shape, np.int32), [IGNORE_INDEX]
    for class_index in with_objects:
        of_class = predicted == class_index
        objects = separate_objects(of_class, None if border is None else predicted == border)
        numbers = np.unique(objects if len(with_objects) == 1 else objects[of_class])
        numbers = numbers[(numbers > 0) & ~_only_lines(objects, of_class, lines)[numbers]]
        table = np.zeros(int(objects.max(initial=0)) + 1, np.int32)
        table[numbers] = np.arange(len(class_of), len(class_of) + len(numbers))
        result = np.where(result > 0, result, table[objects])
        class_of += [class_index] * len(numbers)
    return result, np.array(class_of, np.uint8)


def _only_lines(objects: Int32, interior: Mask, lines: Mask) -> Mask:
    """Return which objects have no interior and are drawn lines by half or more, bool (number of objects + 1,)."""
    count = int(objects.max(initial=0)) + 1
    areas, inner, drawn = (
        np.bincount(objects[pixels], minlength=count) for pixels in (objects >= 0, interior, lines & (objects > 0))
    )
    only: Mask = (inner == 0) & (2 * drawn >= areas) & (drawn > 0)
    return only
