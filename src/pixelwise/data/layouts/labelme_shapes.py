"""The shapes in labelme's files: their outlines, and the shapes that are written for a mask.

https://github.com/wkentaro/labelme, `labelme/utils/shape.py`. A mask is a PNG in base64 with two points: its top left
and its bottom right pixel. The points of all other shapes are coordinates of pixel edges.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from pixelwise.core.classes import is_class_name
from pixelwise.core.errors import MaskError
from pixelwise.data.annotation_files import format_value, shorten
from pixelwise.data.annotation_values import corners_in
from pixelwise.data.shapes.annotations import box, ellipse, require_inside, trace_rings
from pixelwise.instances.objects import Piece
from pixelwise.instances.polygons import Mask, Ring, signed_area
from pixelwise.raster.drivers import PILLOW_LIMIT

NO_REGIONS = ("point", "points", "line", "linestrip")
TWO_POINTS = ("rectangle", "circle", "mask")
CORNERED = ("polygon", "rectangle", "oriented_rectangle", "rotation")
"""Shapes whose points are their corners; a rectangle may have two opposite corners or four."""
REDO = "Correct the shape in labelme or delete it."


def kind_of(entry: dict[str, Any]) -> str:
    """Return a shape's type; the oldest files name none and hold polygons."""
    kind = entry.get("shape_type") or "polygon"
    return kind if isinstance(kind, str) else format_value(kind)


def is_label(value: Any) -> bool:
    """Return whether a value can be the label of a shape: a word, or a whole number."""
    return is_class_name(value) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def rings_in(entry: dict[str, Any], size: tuple[int, int], where: str) -> list[Ring]:
    """Return the outlines of a shape in an image of `size` (height, width).

    Raises `MaskError`, which names `where`, for a shape without a label, for points or a PNG that make no sense, and
    for an unknown type.
    """
    if not is_label(entry.get("label")) or not isinstance(entry.get("group_id"), int | None):
        found = f"the label {format_value(entry.get('label'))} and the group_id {format_value(entry.get('group_id'))}"
        raise MaskError(where, found, "a word and a number or null", REDO)
    kind, points = kind_of(entry), corners_in(entry.get("points"), where, "lists of x and y", REDO)
    if kind not in CORNERED + TWO_POINTS:
        raise MaskError(where, f"the shape_type {format_value(kind)}", "polygon, rectangle, circle or mask", REDO)
    if kind in CORNERED and not (kind == "rectangle" and len(points) == 2):
        return [points]
    if len(points) != 2 or not np.isfinite(points).all():
        raise MaskError(where, f"a {kind} of {len(points)} points", "two, which are numbers", REDO)
    (left, top), (right, bottom) = points.tolist()
    if kind == "rectangle":
        return [box(left, top, right, bottom)]
    if kind == "circle":
        radius = float(np.hypot(right - left, bottom - top))
        return [ellipse((left, top), (radius, radius))]
    corners = int(left), int(top), int(right) + 1, int(bottom) + 1
    require_inside(corners, size, where)
    return trace_rings(_mask(entry, (corners[3] - corners[1], corners[2] - corners[0]), where), *corners[:2])


def shapes_of(piece: Piece, label: str, number: int) -> Iterator[dict[str, Any]]:
    """Yield the shapes of an object: a mask where it has holes, else polygons; several of them share the group
    `number`."""
    shared: dict[str, Any] = {"label": label, "group_id": None, "description": "", "flags": {}, "mask": None}
    rings = trace_rings(piece.mask, piece.left, piece.top)
    if all(signed_area(ring) > 0 for ring in rings):
        group_id = number if len(rings) > 1 else None
        for ring in rings:
            yield {**shared, "group_id": group_id, "shape_type": "polygon", "points": ring.tolist()}
        return
    png = io.BytesIO()
    Image.fromarray(piece.mask.astype(np.uint8)).save(png, format="PNG")
    height, width = piece.mask.shape
    points = [[piece.left, piece.top], [piece.left + width - 1, piece.top + height - 1]]
    stored = base64.b64encode(png.getvalue()).decode("ascii")
    yield {**shared, "shape_type": "mask", "points": points, "mask": stored}


def _mask(entry: dict[str, Any], size: tuple[int, int], where: str) -> Mask:
    try:
        png = io.BytesIO(base64.b64decode(entry.get("mask") or ""))
        with PILLOW_LIMIT.raised(), Image.open(png, formats=("PNG",)) as image:
            mask_size = image.size[::-1]
            mask: Mask | None = np.array(image.convert("L")) > 0 if mask_size == size else None
    except Exception as error:  # damaged images make Pillow raise nearly anything
        raise MaskError(
            where, f"a mask that cannot be read ({shorten(str(error))})", "a PNG in base64", REDO
        ) from error
    if mask is None:
        expected = f"{size[0]}x{size[1]}, as its points say"
        raise MaskError(where, f"a mask of {mask_size[0]}x{mask_size[1]} (height x width)", expected, REDO)
    return mask
