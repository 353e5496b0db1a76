"""Objects during labelling: proposed from the live label map, then accepted and corrected one by one.

Instance maps are int32 (height, width), 0 = no object, as a training for objects takes them. The functions for
corrections change a map in place and read only the part that they need, so that they are fast on large images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.instances.objects import MAX_ID
from pixelwise.instances.watershed import give_to_nearest
from pixelwise.labels.boxes import Box
from pixelwise.labels.narrow_cut import divide_between
from pixelwise.labels.strokes import Mask, Point, Stroke, stroke_mask

Float = npt.NDArray[np.floating[Any]]
Int32 = npt.NDArray[np.int32]
AnyMap = npt.NDArray[np.integer[Any]]
_LINE = 1.0
"""Width of a cutting line, in pixels. Of two neighbours on either side, one lies under the line, so the line separates
them."""
_WINDOW = 512
"""Side of the window around a point in which its region is searched first, in pixels."""


def region_at(label_map: AnyMap, point: Point, *, corners: bool = False) -> tuple[Box, Mask]:
    """Return the connected region of equal value that holds a point.

    Parameters
    ----------
    label_map
        A label map or an instance map, (height, width).
    point
        (row, column) in pixels, within the map.
    corners
        Whether pixels that touch at a corner only are connected (8-connected); by default they are not (4-connected).

    Returns
    -------
    box_tlbr
        Bounding box of the region.
    mask
        bool, of the box's size.

    Raises
    ------
    OptionError
        The point lies outside the map.

    Examples
    --------
    >>> box, mask = region_at(np.array([[0, 1, 1], [0, 0, 1], [1, 0, 0]]), (0.5, 1.5))
    >>> box, mask.tolist()
    ((0, 1, 2, 3), [[True, True], [False, True]])
    """
    row, column = pixel_of(point, label_map.shape)
    value, half = label_map[row, column], _WINDOW // 2
    structure = ndimage.generate_binary_structure(2, 2 if corners else 1)
    while True:
        top, left = max(row - half, 0), max(column - half, 0)
        window = label_map[top : row + half + 1, left : column + half + 1]
        parts, _ = ndimage.label(window == value, structure)
        number = parts[row - top, column - left]
        rows, columns = ndimage.find_objects(parts, number)[number - 1]
        reaches_edge = (
            (rows.start == 0 and top > 0)
            or (columns.start == 0 and left > 0)
            or (rows.stop == window.shape[0] and top + rows.stop < label_map.shape[0])
            or (columns.stop == window.shape[1] and left + columns.stop < label_map.shape[1])
        )
        if not reaches_edge:
            box = (top + rows.start, left + columns.start, top + rows.stop, left + columns.stop)
            return box, parts[rows, columns] == number
        half *= 4


def add_object(instance_map: Int32, box_tlbr: Box, mask: Mask, object_id: int | None = None) -> int:
    """Add an object to an instance map, in place: a polygon, or a region of a proposal that a person accepts.

    It gets those pixels of the mask that belong to no other object.

    Parameters
    ----------
    instance_map
        int32 (height, width), changed.
    box_tlbr, mask
        The object, as `polygon_mask` and `region_at` return it.
    object_id
        Its id; the one after the highest by default.

    Returns
    -------
    object_id
        Its id.

    Raises
    ------
    OptionError
        The mask has no pixel outside other objects, or the id is taken or beyond 65,535.
    """
    top, left, bottom, right = box_tlbr
    part = instance_map[top:bottom, left:right]
    free = mask & (part == 0)
    if not free.any():
        found = "no pixel that belongs to no other object" if mask.any() else "no pixel"
        raise OptionError(
            "mask", found, "an object of a pixel or more", "Draw beside the other objects, or remove one."
        )
    object_id = _next_id(instance_map) if object_id is None else object_id
    _require_id(object_id)
    if (instance_map == object_id).any():
        raise OptionError("object_id", f"the id {object_id} of another object", "a new one", "Choose the next id.")
    part[free] = object_id
    return object_id


def remove_object(instance_map: Int32, object_id: int) -> Box:
    """Remove an object from an instance map, in place, and return its bounding box (top, left, bottom, right).

    Raises `OptionError` where there is no such object.
    """
    box_tlbr = object_box(instance_map, object_id)
    top, left, bottom, right = box_tlbr
    part = instance_map[top:bottom, left:right]
    part[part == object_id] = 0
    return box_tlbr


def merge_objects(instance_map: Int32, object_ids: Sequence[int]) -> int:
    """Merge several objects into one, in place, and return its id, the lowest of theirs.

    Objects that do not touch become one in two parts. Raises `OptionError` for fewer than two different ids, or one
    that no object has.
    """
    ids = sorted(set(object_ids))
    if len(ids) < 2:
        raise OptionError("object_ids", str(list(object_ids)), "two or more objects", "Choose another object, too.")
    boxes = [object_box(instance_map, object_id) for object_id in ids]
    for (top, left, bottom, right), object_id in zip(boxes, ids, strict=True):
        part = instance_map[top:bottom, left:right]
        part[part == object_id] = ids[0]
    return ids[0]


def split_object(instance_map: Int32, object_id: int, points: Sequence[Point]) -> list[int]:
    """Cut an object along a line, in place. The largest part keeps the id; the others get new ids after the highest.
    The pixels under the line go to the nearest part.

    Parameters
    ----------
    instance_map
        int32 (height, width), changed.
    object_id
        The object.
    points
        The line, two or more (row, column) in pixels. It must run across the object, from outside to outside.

    Returns
    -------
    object_ids
        The ids of the parts, the largest first.

    Raises
    ------
    OptionError
        There is no such object, the line does not cut it, or the ids would exceed 65,535.

    Examples
    --------
    >>> instance_map = np.full((2, 5), 3, np.int32)
    >>> split_object(instance_map, 3, [(-1.0, 3.0), (3.0, 3.0)])
    [3, 4]
    >>> instance_map[0].tolist()
    [3, 3, 3, 4, 4]
    """
    top, left, bottom, right = object_box(instance_map, object_id)
    inside = instance_map[top:bottom, left:right] == object_id
    shifted = tuple((row - top, column - left) for row, column in points)
    (first, start, last, stop), line = stroke_mask(Stroke(shifted, _LINE), (bottom - top, right - left))
    under = np.zeros_like(inside)
    under[first:last, start:stop] = line
    pieces = _parts_cut(inside, under)
    if pieces.max() < 2:
        remedy = "Draw the line across the object, from outside to outside."
        raise OptionError("points", "a line that does not cut the object in two", "a line that cuts it", remedy)
    order = np.argsort(-np.bincount(pieces.ravel())[1:], kind="stable") + 1
    rank = np.zeros(len(order) + 1, np.int32)
    rank[order] = np.arange(1, len(order) + 1)
    return _number_parts(instance_map, object_id, (top, left), rank[pieces])


def split_at_points(
    instance_map: Int32, object_id: int, points: Sequence[Point], border: Float | None = None
) -> list[int]:
    """Split an object into parts, one around each point, in place. The parts meet where the object is narrowest
    between the points, or along a border; see `narrow_cut.divide_between`.

    Parameters
    ----------
    instance_map
        int32 (height, width), changed.
    object_id
        The object.
    points
        Two or more (row, column) in pixels, each in another pixel of the object.
    border
        (height, width), 0..1: how certain a border between parts lies at each pixel. None by default.

    Returns
    -------
    object_ids
        The ids of the parts in the order of the points: first that of the object, then new ids after the highest.

    Raises
    ------
    OptionError
        There is no such object, there are fewer than two points, a point is outside the object or in the pixel of
        another, or the ids would exceed 65,535.
    ShapeError
        The border is not of the instance map's shape.

    Examples
    --------
    >>> instance_map = np.full((2, 6), 3, np.int32)
    >>> split_at_points(instance_map, 3, [(0.5, 5.5), (0.5, 0.5)])
    [3, 4]
    >>> instance_map[0].tolist()
    [4, 4, 4, 3, 3, 3]
    """
    top, left, bottom, right = object_box(instance_map, object_id)
    inside = instance_map[top:bottom, left:right] == object_id
    pixels = [pixel_of(point, instance_map.shape) for point in points]
    if len(set(pixels)) < max(2, len(pixels)):
        remedy = "Click into each part once."
        raise OptionError("points", f"{len(set(pixels))} different pixels", "two or more, one in each part", remedy)
    if any(instance_map[pixel] != object_id for pixel in pixels):
        remedy = "Click into each part of the object."
        raise OptionError("points", "a point outside the object", "points in the object", remedy)
    if border is not None and border.shape != instance_map.shape:
        expected = f"{instance_map.shape}, as the instance map"
        raise ShapeError("border", str(border.shape), expected, "Pass maps of one image.")
    inner_border = None if border is None else border[top:bottom, left:right]
    pieces = divide_between(inside, [(row - top, column - left) for row, column in pixels], inner_border)
    return _number_parts(instance_map, object_id, (top, left), pieces)


def object_box(instance_map: Int32, object_id: int) -> Box:
    """Return the bounding box (top, left, bottom, right) of an object. Raises `OptionError` where there is none."""
    of_object = instance_map == object_id
    rows = np.flatnonzero(of_object.any(axis=1))
    if object_id < 1 or not len(rows):
        raise OptionError("object_id", str(object_id), "the id of an object", "Point at an object.")
    columns = np.flatnonzero(of_object[rows[0] : rows[-1] + 1].any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def pixel_of(point: Point, size: tuple[int, ...]) -> tuple[int, int]:
    """Return (row, column) of the pixel that holds a point. Raises `OptionError` outside `size` (height, width)."""
    if not (0 <= point[0] < size[0] and 0 <= point[1] < size[1]):
        found = f"({point[0]:g}, {point[1]:g})"
        raise OptionError("point", found, f"a point within {size[0]}x{size[1]} pixels", "Point into the image.")
    return int(point[0]), int(point[1])


def _parts_cut(inside: Mask, under: Mask) -> Int32:
    """Return the parts 1, 2, ... into which a line cuts an object. Pixels under the line go to the nearest part, and so
    do parts that were disconnected before and that the line does not touch.
    """
    before, _ = ndimage.label(inside)
    after, _ = ndimage.label(inside & ~under)
    cut = np.unique(after[(after > 0) & np.isin(before, np.unique(before[inside & under]))])
    pieces = np.zeros(inside.shape, np.int32)
    for number, piece in enumerate(cut.tolist(), start=1):
        pieces[after == piece] = number
    return give_to_nearest(pieces, inside) if len(cut) else pieces


def _number_parts(instance_map: Int32, object_id: int, corner: tuple[int, int], pieces: Int32) -> list[int]:
    """Write the parts of an object, 1..n, into the map: the first keeps the id, the others get new ids after the
    highest.

    corner: row and column of the first pixel of `pieces`.
    """
    next_id = _next_id(instance_map)
    ids = [object_id, *range(next_id, next_id + int(pieces.max()) - 1)]
    _require_id(ids[-1])
    part = instance_map[corner[0] : corner[0] + pieces.shape[0], corner[1] : corner[1] + pieces.shape[1]]
    part[pieces > 0] = np.array([0, *ids], np.int32)[pieces[pieces > 0]]
    return ids


def _next_id(instance_map: Int32) -> int:
    return int(instance_map.max(initial=0)) + 1


def _require_id(object_id: int) -> None:
    if not 1 <= object_id <= MAX_ID:
        expected = f"1 to {MAX_ID:,}, what files of 16 bits hold"
        raise OptionError("object_id", f"{object_id:,}", expected, "Cut the image into tiles.")
