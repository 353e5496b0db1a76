"""Shapes that annotators draw in tools such as labelme and CVAT, converted to maps, and maps converted to regions.

Labels are compared without case and without underscores around them. `background` is class 0, one of `VOID_NAMES` marks
pixels without a label, and every other label is a class of objects. Shapes of one label and one group id are parts of
one object. Of overlapping objects the one on the higher level is in front; for those on one level see `rasterize`.
Coordinates are those of pixel edges: (0, 0) is the top left corner of the first pixel. A pixel belongs to a shape if
its centre lies inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import BACKGROUND, IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.annotation_files import format_value
from pixelwise.data.class_list import VOID_NAMES
from pixelwise.data.dataset import Dataset, Labels
from pixelwise.data.shapes.rasterize import (
    AnnotatedObject,
    empty_object_remark,
    object_remark,
    rasterize,
    rasterize_object,
)
from pixelwise.data.shapes.regions import number_objects
from pixelwise.instances.objects import Piece, objects_from_maps
from pixelwise.instances.polygons import Mask, Ring, trace_outlines
from pixelwise.metrics.pixels import counted_pixels

CORNERS = 360
"""Corners of the polygon of an ellipse. At a radius of 1000 pixels its error is at most 0.04 pixels."""


@dataclass(frozen=True)
class Shape:
    """A region as it was drawn.

    name: its name in messages. rings: its outlines (see `fill_rings`). group_id: shared by the parts of one object;
    `None` for an object of its own. level: higher is in front.
    """

    name: str
    label: str
    rings: Sequence[Ring]
    group_id: int | None = None
    level: int = 0


def draw_shapes(shapes: Sequence[Shape], classes: ClassMap, size: tuple[int, int], where: str) -> Labels:
    """Return the maps of an image of `size` (height, width), ids in the order of the shapes, and remarks.

    Background shapes belong to no object. Raises `MaskError`, which names `where`, for a label that is no class, and as
    `rasterize`.
    """
    objects: dict[tuple[object, ...], list[Shape]] = {}
    for number, shape in enumerate(shapes):
        key = (number,) if shape.group_id is None else (shape.label, shape.group_id)
        objects.setdefault(key, []).append(shape)
    united = [_unite_parts(parts, classes, size, where) for parts in objects.values()]
    levels = [max(shape.level for shape in parts) for parts in objects.values()]
    visible, hidden = _cut_hidden([annotated for annotated, _ in united], levels, size, where)
    labels = rasterize(visible, size, where)
    remarks = [*(remark for _, part_remarks in united for remark in part_remarks), *labels.remarks]
    if hidden:
        expected = "objects that can be seen"
        remarks.append(object_remark(hidden, "lie wholly behind those drawn in front of them", expected, "was lost"))
    return replace(labels, remarks=tuple(remarks))


def class_map_of_entries(entries: Iterable[dict[str, Any]], where: Path | str = "classes") -> ClassMap:
    """Return the classes of entries: background first, under its name among them, then the others in their order.

    entries: as in `ClassMap.to_dict`; a colour may be missing. Raises `DataError`, which names `where`, as `ClassMap`.
    """
    entries = list(entries)
    background = [entry for entry in entries if is_background(entry["name"])] or [{"name": BACKGROUND}]
    others = [entry for entry in entries if not (is_background(entry["name"]) or is_void(entry["name"]))]
    try:
        return ClassMap.from_dict([background[0], *others])
    except DataError as error:
        raise DataError(where, error.found, error.expected, error.remedy) from error


def is_background(label: str) -> bool:
    """Return whether a label names background."""
    return label.strip("_").lower() == BACKGROUND


def is_void(label: str) -> bool:
    """Return whether a label marks pixels without a label."""
    return label.strip("_").lower() in VOID_NAMES


def box(left: float, top: float, right: float, bottom: float) -> Ring:
    """Return the outline of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse(center: tuple[float, float], radii: tuple[float, float]) -> Ring:
    """Return an ellipse around `center` (x, y) with `radii` (horizontal, vertical), as a polygon."""
    angles = np.arange(CORNERS) * (2 * np.pi / CORNERS)
    ring: Ring = np.array(center) + np.array(radii) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return ring


def rotate_ring(ring: Ring, degrees: float) -> Ring:
    """Return a ring rotated clockwise in the image around the mean of its corners."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = ring.mean(axis=0)
    rotated: Ring = (ring - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle
    return rotated


def trace_rings(mask: Mask, left: int = 0, top: int = 0) -> list[Ring]:
    """Return the outlines of a mask whose top left corner is given. A mask without a pixel has one degenerate ring."""
    return [ring + np.array([left, top]) for ring in trace_outlines(mask)] or [np.zeros((3, 2))]


def require_inside(box_xyxy: tuple[int, int, int, int], size: tuple[int, int], where: str) -> None:
    """Raise `MaskError` unless a mask between these corners, the last excluded, lies in an image of `size`."""
    left, top, right, bottom = box_xyxy
    height, width = size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        found = f"a mask in columns {left} to {right - 1} and rows {top} to {bottom - 1}"
        raise MaskError(where, found, f"one inside the image of {height}x{width} pixels", "Draw it again.")


def writable_classes(dataset: Dataset) -> ClassMap:
    """Return the classes of a data set for formats of objects, with the first class as background.

    Raises `DataError` for a single class, and for another class whose name means background or no label.
    """
    names, colors = dataset.classes.names, dataset.classes.colors
    if len(names) == 1:
        raise DataError(dataset.root, "one class", "background and a class of objects", "Convert to 'folders'.")
    if reserved := next((name for name in names[1:] if is_background(name) or is_void(name)), None):
        expected = f"background first, and no class called one of {', '.join(VOID_NAMES)}"
        raise DataError(dataset.root, f"the class {reserved!r}", expected, "Rename it in the list of classes.")
    return ClassMap((names[0] if is_background(names[0]) else BACKGROUND, *names[1:]), colors)


def iter_regions(labels: Labels) -> Iterator[tuple[int, Piece]]:
    """Yield the class index and the mask of each object, without objects of the first class, and at the end
    `IGNORE_INDEX` and the pixels without a label, if there are any.

    No two masks share a pixel. Without an instance map the objects are the connected regions of each class.
    """
    counted = counted_pixels(labels.label_map)
    objects = objects_from_maps(labels.label_map, np.where(counted, number_objects(labels).instance_map, 0))
    for class_index, piece in zip(objects.class_index.tolist(), objects.pieces(), strict=True):
        if class_index:
            yield class_index, piece
    if not counted.all():
        yield IGNORE_INDEX, Piece.from_mask(~counted)


def _unite_parts(
    parts: Sequence[Shape], classes: ClassMap, size: tuple[int, int], where: str
) -> tuple[AnnotatedObject, tuple[str, ...]]:
    """Return the object of these parts, and remarks on parts without a pixel."""
    first = parts[0]
    crowd = is_void(first.label)
    class_index = 0
    if not (crowd or is_background(first.label)):
        if first.label not in classes.names:
            expected = f"one of {', '.join(classes.names)}"
            remedy = "Correct the label, or add it to the list of classes."
            raise MaskError(f"{where}, object {first.name}", f"the label {format_value(first.label)}", expected, remedy)
        class_index = classes.names.index(first.label)
    if len(parts) == 1:
        return AnnotatedObject(first.name, class_index, first.rings, crowd=crowd), ()
    union = np.zeros(size, bool)
    remarks: list[str] = []
    for part in parts:
        piece = rasterize_object(AnnotatedObject(part.name, 1, part.rings), size, where)
        union[piece.place] |= piece.mask
        if not piece.mask.any():
            remarks.append(empty_object_remark([part.name]))
    united = AnnotatedObject(first.name, class_index, trace_rings(union), crowd=crowd)
    return united, tuple(remarks) if union.any() else ()  # of an object without a pixel `rasterize` tells


def _cut_hidden(
    objects: Sequence[AnnotatedObject], levels: Sequence[int], size: tuple[int, int], where: str
) -> tuple[list[AnnotatedObject], list[str]]:
    """Return the objects without the pixels that objects on higher levels cover, and the names of the objects that are
    covered entirely."""
    if len(set(levels)) < 2:
        return list(objects), []
    visible: dict[int, AnnotatedObject] = {}
    hidden: list[str] = []
    covered = np.zeros(size, bool)
    for level in sorted(set(levels), reverse=True):
        on_level = [index for index, other in enumerate(levels) if other == level]
        pieces = [rasterize_object(objects[index], size, where) for index in on_level]
        for index, piece in zip(on_level, pieces, strict=True):
            behind = covered[piece.place]
            uncovered = piece.mask & ~behind
            if piece.mask.any() and not uncovered.any():
                hidden.append(objects[index].name)
            else:
                visible[index] = objects[index]
                if (piece.mask & behind).any():
                    visible[index] = replace(objects[index], rings=trace_rings(uncovered, piece.left, piece.top))
        for piece in pieces:
            covered[piece.place] |= piece.mask
    return [visible[index] for index in sorted(visible)], hidden
