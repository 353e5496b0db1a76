"""What annotators draw with a tool such as labelme or CVAT, read into maps, and maps taken apart into such regions.

Labels are told apart by their names, without underscores around them and whatever their case: `background` is class 0,
one of `VOID_NAMES` marks pixels without a label, and every other one is a class of objects. Shapes of one label and
one group are parts of one object. Of overlapping objects that on the higher level is in front; on one level see
`rasterize`. Edges run between pixels: (0, 0) is the top left corner of the first one, and a pixel belongs to a shape
where its centre does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
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

BACKGROUND = "background"
CORNERS = 360
"""Of the polygon that stands for an ellipse: of a radius of 1000 pixels it leaves out 0.04 at most."""


@dataclass(frozen=True)
class Shape:
    """A region as it was drawn.

    name: what messages call it. rings: its outlines (see `filled`). group: what the parts of one object share, `None`
    for an object of its own. level: how far in front it lies.
    """

    name: str
    label: str
    rings: Sequence[Ring]
    group: int | None = None
    level: int = 0


def draw_shapes(shapes: Sequence[Shape], classes: ClassMap, size: tuple[int, int], where: str) -> Labels:
    """Return the maps of an image of `size` (height, width), ids in the order of the shapes, and remarks.

    What is drawn as background belongs to no object. Raises `MaskError`, which names `where`, for a label that is no
    class, and as `rasterize` does.
    """
    objects: dict[tuple[object, ...], list[Shape]] = {}
    for number, shape in enumerate(shapes):
        key = (number,) if shape.group is None else (shape.label, shape.group)
        objects.setdefault(key, []).append(shape)
    joined = [_joined(parts, classes, size, where) for parts in objects.values()]
    levels = [max(shape.level for shape in parts) for parts in objects.values()]
    seen, hidden = _in_front([own for own, _ in joined], levels, size, where)
    labels = rasterize(seen, size, where)
    remarks = [*(told for _, own in joined for told in own), *labels.remarks]
    if hidden:
        expected = "objects that can be seen"
        remarks.append(object_remark(hidden, "lie wholly behind those drawn in front of them", expected, "was lost"))
    return replace(labels, remarks=tuple(remarks))


def class_map_of_entries(entries: Iterable[dict[str, Any]], where: Path | str = "classes") -> ClassMap:
    """Return background, under the name that it has among the entries, and the classes of the others in their order.

    entries: as in `ClassMap.to_dict`; a colour may be missing. Raises `DataError`, which names `where`, as `ClassMap`
    does.
    """
    entries = list(entries)
    background = [entry for entry in entries if is_background(entry["name"])] or [{"name": BACKGROUND}]
    others = [entry for entry in entries if not (is_background(entry["name"]) or is_void(entry["name"]))]
    try:
        return ClassMap.from_dict([background[0], *others])
    except DataError as error:
        raise DataError(where, error.found, error.expected, error.remedy) from error


def is_background(label: str) -> bool:
    return label.strip("_").lower() == BACKGROUND


def is_void(label: str) -> bool:
    """Return whether a label marks pixels of which nothing is known."""
    return label.strip("_").lower() in VOID_NAMES


def box(left: float, top: float, right: float, bottom: float) -> Ring:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse(center: tuple[float, float], radii: tuple[float, float]) -> Ring:
    """Return the ellipse around `center` (x, y) with `radii` (across, down), as a polygon."""
    angles = np.arange(CORNERS) * (2 * np.pi / CORNERS)
    ring: Ring = np.array(center) + np.array(radii) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return ring


def rotate_ring(ring: Ring, degrees: float) -> Ring:
    """Return the ring turned clockwise, as the image is seen, about the middle of its corners."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = ring.mean(axis=0)
    around: Ring = (ring - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle
    return around


def trace_rings(mask: Mask, left: int = 0, top: int = 0) -> list[Ring]:
    """Return the outlines of a mask that lies there; of one without a pixel a ring around nothing."""
    return [ring + np.array([left, top]) for ring in trace_outlines(mask)] or [np.zeros((3, 2))]


def require_inside(box_xyxy: tuple[int, int, int, int], size: tuple[int, int], where: str) -> None:
    """Raise `MaskError` unless a mask between these corners, the last excluded, lies within an image of `size`."""
    left, top, right, bottom = box_xyxy
    height, width = size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        found = f"a mask in columns {left} to {right - 1} and rows {top} to {bottom - 1}"
        raise MaskError(where, found, f"one inside the image of {height}x{width} pixels", "Draw it again.")


def writable_classes(dataset: Dataset) -> ClassMap:
    """Return the data set's classes, the first as background.

    Raises `DataError` for one class alone and for a class whose name is taken for background or for no label.
    """
    names, colors = dataset.classes.names, dataset.classes.colors
    if len(names) == 1:
        raise DataError(dataset.root, "one class", "background and a class of objects", "Convert to 'folders'.")
    if taken := next((name for name in names[1:] if is_background(name) or is_void(name)), None):
        expected = f"background first, and no class called one of {', '.join(VOID_NAMES)}"
        raise DataError(dataset.root, f"the class {taken!r}", expected, "Rename it in the list of classes.")
    return ClassMap((names[0] if is_background(names[0]) else BACKGROUND, *names[1:]), colors)


def iter_regions(labels: Labels) -> Iterator[tuple[int, Piece]]:
    """Yield the class index and mask of each object of a class but the first, and at last, with `IGNORE_INDEX`, of what
    has no label. No two share a pixel. Without an instance map the objects are the connected regions of each class.
    """
    counted = counted_pixels(labels.label_map)
    objects = objects_from_maps(labels.label_map, np.where(counted, number_objects(labels).instance_map, 0))
    for class_index, piece in zip(objects.class_index.tolist(), objects.pieces(), strict=True):
        if class_index:
            yield class_index, piece
    if not counted.all():
        yield IGNORE_INDEX, Piece.from_mask(~counted)


def _joined(
    parts: Sequence[Shape], classes: ClassMap, size: tuple[int, int], where: str
) -> tuple[AnnotatedObject, tuple[str, ...]]:
    """Return the object of these parts, and remarks on some of several."""
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
    return AnnotatedObject(first.name, class_index, trace_rings(union), crowd=crowd), tuple(
        remarks
    ) if union.any() else ()


def _in_front(
    marked: Sequence[AnnotatedObject], levels: Sequence[int], size: tuple[int, int], where: str
) -> tuple[list[AnnotatedObject], list[str]]:
    """Return the objects less what others on higher levels cover, and the names of those that are covered wholly."""
    if len(set(levels)) < 2:
        return list(marked), []
    seen: dict[int, AnnotatedObject] = {}
    hidden: list[str] = []
    covered = np.zeros(size, bool)
    for level in sorted(set(levels), reverse=True):
        here = [index for index, own in enumerate(levels) if own == level]
        pieces = [rasterize_object(marked[index], size, where) for index in here]
        for index, piece in zip(here, pieces, strict=True):
            behind = covered[piece.place]
            left = piece.mask & ~behind
            if piece.mask.any() and not left.any():
                hidden.append(marked[index].name)
            else:
                seen[index] = marked[index]
                if (piece.mask & behind).any():
                    seen[index] = replace(marked[index], rings=trace_rings(left, piece.left, piece.top))
        for piece in pieces:
            covered[piece.place] |= piece.mask
    return [seen[index] for index in sorted(seen)], hidden
