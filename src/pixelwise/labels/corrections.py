"""Actions whose pixels do not follow from their fields, and what they write into the labels of an image.

They accept a prediction, fill a region, or add and correct objects. Each function reads only the part of the image that
it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.data.border_class import border_class
from pixelwise.instances.objects import MAX_ID
from pixelwise.labels.action_checks import Action
from pixelwise.labels.boxes import Box, box_around, shift, union
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.objects import AnyMap, Int32, object_box, pixel_of, region_at, split_at_points
from pixelwise.labels.proposals import background_class, object_classes, propose_objects
from pixelwise.labels.regions import UNCHANGED, RegionPart
from pixelwise.labels.strokes import Mask, Point, UInt8
from pixelwise.labels.superpixels import superpixels
from pixelwise.labels.tiled_map import SIDE, TiledMap

SURE = 127
"""A prediction of at most this uncertainty counts as certain: the most probable class leads by 0.5 or more."""
MOST_SIDE = 4096
"""A region is searched in a window of at most this side around its point, in pixels."""
SUPERPIXEL_WINDOW = 256
"""Side of the window whose superpixels are computed, in pixels."""
PREDICTED_BORDER = 0.7
"""How certain a predicted border is, where a drawn one is 1."""


class Prediction(Protocol):
    """The prediction of a model for one image."""

    def read(self, box_tlbr: Box) -> tuple[UInt8, UInt8]:
        """Return label map and uncertainty of a box. The label map is `IGNORE_INDEX` where there is no prediction."""


class ImagePixels(Protocol):
    """The pixels of one image."""

    def read(self, box_tlbr: Box) -> UInt8:
        """Return uint8 (height, width, 3) of a box."""


class Corrector:
    """Computes the pixels that the actions of one image write.

    Parameters
    ----------
    image
        Its pixels.
    prediction
        The prediction of a model; `None` where there is no model.
    classes
        The project's classes.
    """

    def __init__(self, image: ImagePixels, prediction: Prediction | None, classes: ClassMap) -> None:
        self._image, self._prediction, self._classes = image, prediction, classes

    def resolve(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Yield the pixels that a checked action writes. Raises `OptionError` where it has nothing to work on."""
        yield from _RESOLVERS[action["type"]](self, action, labels)

    def accept(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Fill unlabelled pixels with the prediction. Pixels that a person labelled stay."""
        if "point" in action:
            box_tlbr, mask = self._predicted_region(labels, action["point"])
        else:
            box_tlbr, mask = tuple(action.get("box_tlbr", (0, 0, *labels.size))), None
        known = False
        for part in tiles_of(box_tlbr):
            predicted, uncertainty = self._require_prediction().read(part)
            known = known or bool((predicted != IGNORE_INDEX).any())
            free = labels.label_map.read(part) == labels.label_map.empty
            if action.get("only_sure"):
                free &= uncertainty <= SURE
            if mask is not None:
                free &= mask[_within(part, box_tlbr)]
            values = np.where(free, predicted, UNCHANGED["labels"]).astype(np.uint8)
            if (values != UNCHANGED["labels"]).any():
                yield RegionPart("labels", part, values)
        if not known:
            raise no_prediction()

    def fill(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Give all pixels of a region one class, labelled or not."""
        if action["of"] == "prediction":
            box_tlbr, mask = self._predicted_region(labels, action["point"])
        elif action["of"] == "superpixel":
            box_tlbr, mask = self._superpixel(labels.size, action["point"])
        else:
            box_tlbr, mask = _region(labels.label_map, action["point"])
        for part in tiles_of(box_tlbr):
            inside = mask[_within(part, box_tlbr)]
            values = np.where(inside, action["class_index"], UNCHANGED["labels"]).astype(np.uint8)
            changed = inside & (labels.label_map.read(part) != action["class_index"])
            if changed.any():
                yield RegionPart("labels", part, values)

    def add_object(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Make the connected region of labels at a point an object. Pixels that touch at a corner are connected."""
        box_tlbr, mask = _region(labels.label_map, action["point"], corners=True)
        row, column = pixel_of(action["point"], labels.size)
        if labels.label_map.read((row, column, row + 1, column + 1))[0, 0] == IGNORE_INDEX:
            raise OptionError("point", "a pixel without a label", "a labelled region", "Label the object first.")
        yield from _new_object(labels, box_tlbr, mask)

    def accept_object(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Accept the object that the prediction shows at a point. Its unlabelled pixels get its class."""
        box_tlbr, mask, class_index = self.propose_object(action["point"], labels)
        yield from _new_object(labels, box_tlbr, mask)
        free = mask & (labels.label_map.read(box_tlbr) == IGNORE_INDEX)
        if free.any():
            yield RegionPart("labels", box_tlbr, np.where(free, class_index, UNCHANGED["labels"]).astype(np.uint8))

    def accept_objects(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Accept all new objects that the prediction shows in a box, but for those that the box cuts where the image
        goes on. Their unlabelled pixels get their class."""
        box_tlbr: Box = tuple(action.get("box_tlbr", (0, 0, *labels.size)))
        if max(box_tlbr[2] - box_tlbr[0], box_tlbr[3] - box_tlbr[1]) > MOST_SIDE:
            found = f"{box_tlbr[2] - box_tlbr[0]:,}x{box_tlbr[3] - box_tlbr[1]:,} pixels"
            raise OptionError("box_tlbr", found, f"at most {MOST_SIDE:,} pixels a side", "Accept objects in parts.")
        proposed, classes = self.propose_objects(box_tlbr, labels)
        wanted = np.bincount(proposed.ravel(), minlength=len(classes)) > 0
        wanted &= ~_is_cut(proposed, len(classes), box_tlbr, labels.size)
        wanted[0] = False
        if not wanted.any():
            remedy = "Draw where objects are missing, or choose another part."
            raise OptionError("box_tlbr", "no new object in the prediction", "one or more", remedy)
        new_ids = np.full(len(classes), UNCHANGED["objects"], np.int32)
        new_ids[wanted] = _next_ids(labels, int(wanted.sum()))
        there = labels.instance_map.read(box_tlbr)
        values = np.where(there == 0, new_ids[proposed], UNCHANGED["objects"]).astype(np.int32)
        yield RegionPart("objects", box_tlbr, values)
        free = (values != UNCHANGED["objects"]) & (labels.label_map.read(box_tlbr) == IGNORE_INDEX)
        if free.any():
            label_map = np.where(free, classes[proposed], UNCHANGED["labels"]).astype(np.uint8)
            yield RegionPart("labels", box_tlbr, label_map)

    def propose_objects(self, box_tlbr: Box, labels: ImageLabels) -> tuple[Int32, UInt8]:
        """Return the objects that the prediction and the labels show in a box, and a table from number to class, as
        `proposals.propose_objects` does, without those that mostly overlap objects that exist.

        Raises `OptionError` where a part of the box has no prediction.
        """
        predicted, _ = self._require_prediction().read(box_tlbr)
        if (predicted == IGNORE_INDEX).any():
            raise no_prediction()
        proposed, classes = self._propose(predicted, labels, box_tlbr)
        there = labels.instance_map.read(box_tlbr)
        areas = np.bincount(proposed.ravel(), minlength=len(classes))
        taken = np.bincount(proposed[there > 0], minlength=len(classes))
        is_new = 2 * taken < areas
        return np.where(is_new[proposed], proposed, np.int32(0)), classes

    def propose_object(self, point: Point, labels: ImageLabels) -> tuple[Box, Mask, int]:
        """Return the object that the prediction and the labels show at a point, and its class."""
        row, column = pixel_of(point, labels.size)
        window = _window(point, labels.size, SIDE)
        predicted, _ = self._require_prediction().read(window)
        class_index = int(predicted[row - window[0], column - window[1]])
        if class_index == IGNORE_INDEX:
            raise no_prediction()
        objects, classes = self._propose(predicted, labels, window)
        number = objects[row - window[0], column - window[1]]
        if not number and class_index not in object_classes(self._classes):
            found = f"{self._classes.names[class_index]!r} at this point"
            raise OptionError("point", found, "an object of another class", "Point at an object.")
        if not number:
            raise OptionError("point", "no object", "an object in the prediction", "Point at the middle of one.")
        top, left, bottom, right = box_tlbr = object_box(objects, int(number))
        return shift(box_tlbr, window[:2]), objects[top:bottom, left:right] == number, int(classes[number])

    def split_object(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Split an object into parts, one around each point. They meet where the object is narrowest between the
        points, or along a border that is drawn or predicted."""
        ids = {_object_at(labels, point) for point in action["points"]}
        if len(ids) > 1 or 0 in ids:
            found = "points in several objects" if len(ids) > 1 else "points outside of objects"
            raise OptionError("points", found, "points in one object", "Point at the parts of one object.")
        object_id = ids.pop()
        box_tlbr = _object_box(labels, object_id)
        parts = (labels.instance_map.read(box_tlbr) == object_id).astype(np.int32)
        top, left = box_tlbr[:2]
        points = [(row - top, column - left) for row, column in action["points"]]
        count = len(split_at_points(parts, 1, points, self._border_in(labels, box_tlbr)))
        table = np.array([UNCHANGED["objects"], object_id, *_next_ids(labels, count - 1)], np.int32)
        yield RegionPart("objects", box_tlbr, table[parts])

    def merge_objects(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Merge several objects into one, which has the lowest of their ids."""
        ids = sorted(set(action["ids"]))
        if len(ids) < 2:
            raise OptionError("ids", str(action["ids"]), "two or more objects", "Choose another object, too.")
        boxes = [_object_box(labels, object_id) for object_id in ids]
        box_tlbr = boxes[0]
        for other in boxes[1:]:
            box_tlbr = union(box_tlbr, other) or box_tlbr
        for part in tiles_of(box_tlbr):
            chosen = np.isin(labels.instance_map.read(part), ids[1:])
            if chosen.any():
                yield RegionPart("objects", part, np.where(chosen, ids[0], UNCHANGED["objects"]).astype(np.int32))

    def delete_object(self, action: Action, labels: ImageLabels) -> Iterator[RegionPart]:
        """Delete an object and the labels in it, so that no model learns from a false object.

        In an image that is labelled throughout its pixels become background, elsewhere they lose their label. Pixels
        that are labelled as background stay.
        """
        background = background_class(self._classes)
        labelled = sum(labels.label_map.counts().values())
        is_complete = labelled == labels.size[0] * labels.size[1]
        kind, value = ("labels", background) if background is not None and is_complete else ("erased", 1)
        for part in tiles_of(_object_box(labels, action["object_id"])):
            chosen = labels.instance_map.read(part) == action["object_id"]
            if not chosen.any():
                continue
            yield RegionPart("objects", part, np.where(chosen, 0, UNCHANGED["objects"]).astype(np.int32))
            classes = labels.label_map.read(part)
            chosen &= (classes != IGNORE_INDEX) & (classes != (IGNORE_INDEX if background is None else background))
            if chosen.any():
                values = np.where(chosen, value, UNCHANGED[kind]).astype(np.uint8)
                yield RegionPart("labels" if kind == "labels" else "erased", part, values)

    def _propose(self, predicted: UInt8, labels: ImageLabels, box_tlbr: Box) -> tuple[Int32, UInt8]:
        """Return the objects in a box, see `propose_objects`. The labels there count more than the prediction."""
        labelled = labels.label_map.read(box_tlbr)
        # Between accepted objects that touch, only the prediction has the border: accepting labelled both throughout.
        in_object = (labels.instance_map.read(box_tlbr) > 0) & np.isin(labelled, object_classes(self._classes))
        return propose_objects(predicted, self._classes, np.where(in_object, np.uint8(IGNORE_INDEX), labelled))

    def _border_in(self, labels: ImageLabels, box_tlbr: Box) -> npt.NDArray[np.float32]:
        """Return how certain a border lies at each pixel of a box, 0..1. A drawn border counts more than a predicted
        one."""
        labelled, border = labels.label_map.read(box_tlbr), border_class(self._classes)
        certainty = np.zeros(labelled.shape, np.float32)
        if border is None:
            return certainty
        if self._prediction is not None:
            certainty[self._prediction.read(box_tlbr)[0] == border] = PREDICTED_BORDER
        certainty[labelled == border] = 1.0
        return certainty

    def _predicted_region(self, labels: ImageLabels, point: Point) -> tuple[Box, Mask]:
        window = _window(point, labels.size, MOST_SIDE)
        predicted, _ = self._require_prediction().read(window)
        row, column = pixel_of(point, labels.size)
        if predicted[row - window[0], column - window[1]] == IGNORE_INDEX:
            raise no_prediction()
        return _region_in(predicted, point, window)

    def _superpixel(self, size: tuple[int, int], point: Point) -> tuple[Box, Mask]:
        window = _window(point, size, SUPERPIXEL_WINDOW)
        return _region_in(superpixels(self._image.read(window)), point, window)

    def _require_prediction(self) -> Prediction:
        if self._prediction is None:
            raise no_prediction()
        return self._prediction


def no_prediction() -> OptionError:
    """Return the error of an action that needs a prediction where there is none."""
    remedy = "Label pixels of two classes, and wait a moment."
    return OptionError("point", "no prediction here yet", "a model's prediction", remedy)


def tiles_of(box_tlbr: Box) -> Iterator[Box]:
    """Yield the parts into which the tiles of a map cut a box, in reading order."""
    top, left, bottom, right = box_tlbr
    for row in range(top - top % SIDE, bottom, SIDE):
        for column in range(left - left % SIDE, right, SIDE):
            yield max(top, row), max(left, column), min(bottom, row + SIDE), min(right, column + SIDE)


def _within(part: Box, box_tlbr: Box) -> tuple[slice, slice]:
    top, left = box_tlbr[:2]
    return slice(part[0] - top, part[2] - top), slice(part[1] - left, part[3] - left)


def _window(point: Point, size: tuple[int, int], side: int) -> Box:
    """Return a box of at most this side around a point, within the image. Raises `OptionError` for a point outside the
    image."""
    return box_around(pixel_of(point, size), (side, side), size)


def _is_cut(objects: Int32, count: int, box_tlbr: Box, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return which objects touch an edge of their box beyond which the image goes on, bool (count,)."""
    top, left, bottom, right = box_tlbr
    is_cut = np.zeros(count, bool)
    for goes_on, edge in (
        (top > 0, objects[0]),
        (left > 0, objects[:, 0]),
        (bottom < size[0], objects[-1]),
        (right < size[1], objects[:, -1]),
    ):
        if goes_on:
            is_cut[edge] = True
    return is_cut


def _region(values: TiledMap, point: Point, *, corners: bool = False) -> tuple[Box, Mask]:
    """Return the connected region of equal value at a point, in a window around it."""
    window = _window(point, values.size, MOST_SIDE)
    return _region_in(values.read(window), point, window, corners=corners)


def _region_in(values: AnyMap, point: Point, window: Box, *, corners: bool = False) -> tuple[Box, Mask]:
    """Return the connected region of equal value at a point; `values` are those of a window around it."""
    box_tlbr, mask = region_at(values, (point[0] - window[0], point[1] - window[1]), corners=corners)
    return shift(box_tlbr, window[:2]), mask


def _new_object(labels: ImageLabels, box_tlbr: Box, mask: Mask) -> Iterator[RegionPart]:
    """Yield a new object: the pixels of a mask that belong to no other object."""
    free = mask & (labels.instance_map.read(box_tlbr) == 0)
    if not free.any():
        remedy = "Split or delete the object that is there."
        raise OptionError("point", "an object already", "a place without one", remedy)
    new_id = _next_ids(labels, 1)[0]
    yield RegionPart("objects", box_tlbr, np.where(free, new_id, UNCHANGED["objects"]).astype(np.int32))


def _next_ids(labels: ImageLabels, count: int) -> list[int]:
    highest = max(labels.instance_map.counts(), default=0)
    if highest + count > MAX_ID:
        raise OptionError(
            "object_id", f"{highest + count:,}", f"at most {MAX_ID:,} objects", "Cut the image into parts."
        )
    return list(range(highest + 1, highest + 1 + count))


def _object_at(labels: ImageLabels, point: Point) -> int:
    row, column = pixel_of(point, labels.size)
    return int(labels.instance_map.read((row, column, row + 1, column + 1))[0, 0])


def _object_box(labels: ImageLabels, object_id: int) -> Box:
    """Return the bounding box of an object. Raises `OptionError` where there is none."""
    result: Box | None = None
    for box_tlbr in labels.instance_map.boxes_of(object_id):
        inner = object_box(labels.instance_map.read(box_tlbr), object_id)
        result = union(result, shift(inner, box_tlbr[:2]))
    if result is None:
        raise OptionError("object_id", str(object_id), "the number of an object", "Point at an object.")
    return result


Resolver = Callable[[Corrector, Action, ImageLabels], Iterator[RegionPart]]
_RESOLVERS: dict[str, Resolver] = {
    "accept": Corrector.accept,
    "fill": Corrector.fill,
    "object_add": Corrector.add_object,
    "object_accept": Corrector.accept_object,
    "object_accept_all": Corrector.accept_objects,
    "object_split": Corrector.split_object,
    "object_merge": Corrector.merge_objects,
    "object_delete": Corrector.delete_object,
}
