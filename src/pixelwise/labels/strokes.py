"""Strokes and polygons that a person draws, and the pixels that belong to them.

Points are (row, column) in pixels, floats. The pixel (r, c) covers [r, r + 1) x [c, c + 1); its centre is (r + 0.5,
c + 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.instances.polygons import FARTHEST, fill_rings
from pixelwise.labels.boxes import Box

Mask = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
Point = tuple[float, float]
LEAST_CORNERS = 3
"""The fewest corners of a polygon."""
_ROWS = 64
"""Rows of a segment that are computed at a time, so that a long diagonal takes little memory."""
_BAND_AREA = 2**22
"""Pixels of a polygon that are filled at a time."""


@dataclass(frozen=True)
class Stroke:
    """A line that a person drew with a round brush. A single point is a dot.

    Parameters
    ----------
    points
        One or more (row, column), in pixels. They may lie outside the image.
    width
        Diameter of the brush, in pixels, above 0.

    Raises
    ------
    OptionError
        There is no point, a coordinate is no finite number, or the width is not above 0.

    Examples
    --------
    >>> label_map = np.full((3, 5), 255, np.uint8)
    >>> paint_stroke(label_map, Stroke(((1.5, 0.5), (1.5, 3.5)), width=1.0), class_index=2)
    >>> label_map[1].tolist()
    [2, 2, 2, 2, 255]
    """

    points: tuple[Point, ...]
    width: float

    def __post_init__(self) -> None:
        require_points(self.points, 1)
        if not 0 < self.width <= FARTHEST:
            expected = "a width above 0, in pixels"
            raise OptionError("width", repr(self.width), expected, "Choose a wider brush.")


def stroke_mask(stroke: Stroke, size: tuple[int, int]) -> tuple[Box, Mask]:
    """Return the pixels of a stroke.

    A pixel belongs to a stroke of width w if the distance of its centre to the polyline is at most w / 2. The pixels
    that contain the stroke's points always belong to it. For the segment from (r0, c0) over (down, right) the rule is,
    in float64 and in this order of operations (implementations in other languages must follow it to agree to the
    pixel): y = r + 0.5 - r0, x = c + 0.5 - c0, t = (y * down + x * right) / (down * down + right * right) clipped to
    0..1, y -= t * down, x -= t * right, y * y + x * x <= (w / 2) * (w / 2).

    Parameters
    ----------
    stroke
        What was drawn.
    size
        (height, width) of the image.

    Returns
    -------
    box_tlbr
        Where the mask lies, within the image. It may be empty.
    mask
        bool, of the box's size.
    """
    box_tlbr = stroke_box(stroke, size)
    top, left, bottom, right = box_tlbr
    mask = np.zeros((bottom - top, right - left), bool)
    for rows, columns, part in _stroke_parts(stroke, size):
        mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] |= part
    return box_tlbr, mask


def stroke_box(stroke: Stroke, size: tuple[int, int]) -> Box:
    """Return a box (top, left, bottom, right), half open and within `size` (height, width), that contains a stroke's
    pixels."""
    return _box_around(stroke.points, stroke.width / 2, size)


def paint_stroke(label_map: UInt8, stroke: Stroke, class_index: int) -> None:
    """Write a class into the pixels of a stroke, in place.

    Parameters
    ----------
    label_map
        uint8 (height, width), changed.
    stroke
        What was drawn (see `stroke_mask`).
    class_index
        0..255; 255 (`IGNORE_INDEX`) erases.

    Raises
    ------
    ShapeError
        The label map is not uint8 (height, width).
    OptionError
        The class index is outside 0..255.
    """
    height, width = _require_paintable(label_map, class_index)
    for rows, columns, part in _stroke_parts(stroke, (height, width)):
        label_map[rows, columns][part] = class_index


def polygon_mask(points: Sequence[Point], size: tuple[int, int]) -> tuple[Box, Mask]:
    """Return the pixels whose centres lie inside a polygon, by the even-odd rule.

    Parameters
    ----------
    points
        Three or more corners (row, column), in pixels. They may lie outside the image.
    size
        (height, width) of the image.

    Returns
    -------
    box_tlbr
        Where the mask lies, within the image. It may be empty.
    mask
        bool, of the box's size.

    Raises
    ------
    OptionError
        There are fewer than three corners, a coordinate is no finite number, or the outline crosses the image too many
        times.
    """
    require_points(points, LEAST_CORNERS)
    box_tlbr = _box_around(points, 0.0, size)
    top, left, bottom, right = box_tlbr
    mask = np.zeros((bottom - top, right - left), bool)
    for rows, part in _polygon_bands(points, box_tlbr):
        mask[rows.start - top : rows.stop - top] = part
    return box_tlbr, mask


def paint_polygon(label_map: UInt8, points: Sequence[Point], class_index: int) -> None:
    """Write a class into the pixels of a polygon, in place. See `polygon_mask` and `paint_stroke`."""
    height, width = _require_paintable(label_map, class_index)
    require_points(points, LEAST_CORNERS)
    box_tlbr = _box_around(points, 0.0, (height, width))
    for rows, part in _polygon_bands(points, box_tlbr):
        label_map[rows, box_tlbr[1] : box_tlbr[3]][part] = class_index


def require_points(points: Sequence[Point], least: int) -> None:
    """Raise `OptionError` unless given `least` or more pairs of finite numbers."""
    expected = f"{least} or more (row, column), in pixels"
    try:
        values = np.asarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError("points", f"{str(points)[:80]}", expected, "Give pairs of numbers.") from error
    if len(values) < least:
        raise OptionError("points", str(len(values)), expected, "Draw a longer line.")
    if values.shape != (len(values), 2):
        raise OptionError("points", f"an array of shape {values.shape}", expected, "Give pairs of numbers.")
    if not (np.abs(values) <= FARTHEST).all():  # false for NaN, too
        limit = f"finite numbers of at most {FARTHEST:,.0f}"
        raise OptionError("points", "a coordinate that no image has", limit, "Correct the coordinates.")


def _require_paintable(label_map: UInt8, class_index: int) -> tuple[int, int]:
    """Return the label map's (height, width)."""
    if label_map.ndim != 2 or label_map.dtype != np.uint8:
        expected = "uint8 (height, width)"
        raise ShapeError("label_map", f"{label_map.dtype} {label_map.shape}", expected, "Give one class a pixel.")
    if not 0 <= class_index <= 255:
        expected = "0..254, or 255 to erase"
        raise OptionError("class_index", str(class_index), expected, "Choose one of the classes.")
    height, width = label_map.shape
    return height, width


def _box_around(points: Sequence[Point], margin: float, size: tuple[int, int]) -> Box:
    """Return the box of the pixels within `margin` of the points' bounding box, and of those that contain the points,
    in the image."""
    values = np.asarray(points, np.float64)
    first = np.floor(values.min(axis=0) - margin)
    stop = np.maximum(np.ceil(values.max(axis=0) + margin), np.floor(values.max(axis=0)) + 1)
    top, left, bottom, right = np.clip((first, stop), 0, size).astype(int).ravel().tolist()
    return top, left, bottom, right


def _stroke_parts(stroke: Stroke, size: tuple[int, int]) -> Iterator[tuple[slice, slice, Mask]]:
    """Yield rows, columns and mask of rectangles within the stroke's box whose union is the stroke."""
    half = stroke.width / 2
    for start, end in pairwise(stroke.points) if len(stroke.points) > 1 else [stroke.points * 2]:
        yield from _segment_parts(start, end, half, size)
    if half * half < 0.5:  # otherwise the centre of the pixel that contains a point is near enough
        for row, column in {(int(np.floor(row)), int(np.floor(column))) for row, column in stroke.points}:
            if 0 <= row < size[0] and 0 <= column < size[1]:
                yield slice(row, row + 1), slice(column, column + 1), np.ones((1, 1), bool)


def _segment_parts(start: Point, end: Point, half: float, size: tuple[int, int]) -> Iterator[tuple[slice, slice, Mask]]:
    """Yield rows, columns and mask of bands whose union are the pixels within `half` of a segment."""
    down, right = end[0] - start[0], end[1] - start[1]
    length = down * down + right * right
    top, bottom = _pixel_range(start[0], end[0], half, size[0])
    for first in range(top, bottom, _ROWS):
        last = min(first + _ROWS, bottom)
        enter, leave = 0.0, 1.0  # the part of the segment that is near enough to these rows
        if down:
            enter, leave = ((row - start[0]) / down for row in (first - half - 1, last + half + 1))
        from_column, to_column = (start[1] + min(max(share, 0.0), 1.0) * right for share in (enter, leave))
        left, stop = _pixel_range(from_column, to_column, half, size[1])
        if left >= stop:
            continue
        y = np.arange(first, last)[:, None] + 0.5 - start[0]
        x = np.arange(left, stop) + 0.5 - start[1]
        if length:
            t = np.clip((y * down + x * right) / length, 0, 1)
            y, x = y - t * down, x - t * right
        yield slice(first, last), slice(left, stop), y * y + x * x <= half * half


def _pixel_range(one: float, other: float, half: float, side: int) -> tuple[int, int]:
    """Return the range of pixels along a side that may lie within `half` of a range of values."""
    first, stop = np.clip((np.floor(min(one, other) - half), np.ceil(max(one, other) + half)), 0, side)
    return int(first), int(stop)


def _polygon_bands(points: Sequence[Point], box_tlbr: Box) -> Iterator[tuple[slice, Mask]]:
    """Yield rows of the image and the polygon's mask in them, as wide as the box."""
    top, left, bottom, right = box_tlbr
    if top >= bottom or left >= right:
        return
    corners = np.asarray(points, np.float64)[:, ::-1]
    height = max(_BAND_AREA // (right - left), 1)
    for first in range(top, bottom, height):
        last = min(first + height, bottom)
        try:
            part = fill_rings([corners - (left, first)], (last - first, right - left))
        except ValueError as error:
            remedy = "Draw the outline along the object."
            raise OptionError("points", str(error), "an outline that follows an object", remedy) from error
        yield slice(first, last), part
