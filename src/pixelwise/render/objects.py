"""Objects as pictures: overlays on the image, and which objects were matched, missed or invented."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Color, distinct_colors
from pixelwise.core.errors import ShapeError
from pixelwise.render.drawing import INK, WHITE, Int32, UInt8, blend, load_font, require_picture

OBJECT_COLORS = np.array(distinct_colors(12), np.uint8)
"""The colours of objects, in turn by id."""
OBJECT_FATES: dict[str, Color] = {"matched": (20, 120, 220), "missed": (250, 225, 60), "invented": (240, 110, 0)}
"""The colours of matched, missed and invented objects. Colour-blind readers can tell them apart, and the lines differ
too: solid, dashed with black, and solid around orange and black hatching."""
_DASH, _HATCH = 10, 8
"""Rows and columns from dash to dash, and from line to line of hatching."""
_DIGIT_HEIGHT = 10
"""Pixels of the digits on objects."""


def object_overlay(
    image: UInt8, instance_map: Int32, colors: UInt8 | None = None, opacity: float = 0.4, *, numbered: bool = False
) -> UInt8:
    """Return an image with each object tinted and outlined in a colour.

    Parameters
    ----------
    image
        uint8 (height, width, 3).
    instance_map
        int32 (height, width), 0 = no object.
    colors
        uint8 (n, 3), that of object i + 1 at i; by default `OBJECT_COLORS` in turn.
    opacity
        Opacity of the tint, 0..1.
    numbered
        Whether objects that are large enough show their id.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3).

    Raises
    ------
    ShapeError
        The image has another shape or dtype, or the sizes differ.

    Examples
    --------
    >>> instance_map = np.zeros((8, 8), np.int32)
    >>> instance_map[2:6, 2:6] = 1
    >>> picture = object_overlay(np.zeros((8, 8, 3), np.uint8), instance_map, np.array([[100, 50, 0]], np.uint8))
    >>> picture[[0, 2, 3], [0, 2, 3]].tolist()  # outside, outline, inside
    [[0, 0, 0], [100, 50, 0], [40, 20, 0]]
    """
    require_picture(image, "image")
    if instance_map.shape != image.shape[:2]:
        expected = f"{image.shape[:2]}, the image's size"
        raise ShapeError("instance map", str(instance_map.shape), expected, "Give the objects of this image.")
    count = int(instance_map.max())
    table = OBJECT_COLORS[np.arange(count) % len(OBJECT_COLORS)] if colors is None else colors
    table = np.concatenate([np.zeros((1, 3), np.uint8), table])
    inside = instance_map > 0
    picture = image.copy()
    picture[inside] = blend(image[inside], table[instance_map[inside]], opacity)
    line = _find_outlines(instance_map)
    picture[line] = table[instance_map[line]]
    return _write_ids(picture, instance_map) if numbered else picture


def object_errors(
    image: UInt8,
    prediction: Int32,
    target: Int32,
    is_matched: npt.NDArray[np.bool_],
    is_found: npt.NDArray[np.bool_],
) -> UInt8:
    """Return an image with the matched, invented and missed objects.

    Matched objects have solid lines, invented ones are hatched, and missed ones, below the others, have dashed lines.

    Parameters
    ----------
    image
        uint8 (height, width, 3).
    prediction, target
        The predicted and the true objects, int32 (height, width), 0 = no object.
    is_matched
        Whether predicted object i + 1 is matched, boolean, at i.
    is_found
        Whether true object i + 1 is matched, boolean, at i.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3), in the colours of `OBJECT_FATES`.

    Raises
    ------
    ShapeError
        The image has another shape or dtype, or the sizes differ.

    Examples
    --------
    >>> objects = np.zeros((8, 8), np.int32)
    >>> objects[2:6, 2:6] = 1
    >>> image, nothing = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int32)
    >>> picture = object_errors(image, objects, nothing, np.array([False]), np.zeros(0, bool))
    >>> tuple(picture[2, 2].tolist()) == OBJECT_FATES["invented"]
    True
    """
    missed = np.where(np.append(False, ~is_found)[target], target, 0)
    below = object_overlay(image, missed, np.full((len(is_found), 3), OBJECT_FATES["missed"], np.uint8))
    rows, columns = np.arange(missed.shape[0])[:, None], np.arange(missed.shape[1])
    below[_find_outlines(missed) & ((2 * rows + columns) % _DASH < _DASH // 2)] = 0
    fates = np.where(is_matched[:, None], OBJECT_FATES["matched"], OBJECT_FATES["invented"]).astype(np.uint8)
    picture = object_overlay(below, prediction, fates)
    invented, place = np.append(False, ~is_matched)[prediction] & ~_find_outlines(prediction), (rows + columns) % _HATCH
    picture[invented & (place < 2)] = OBJECT_FATES["invented"]
    picture[invented & (place == 2)] = 0
    return picture


def _find_outlines(instance_map: Int32) -> npt.NDArray[np.bool_]:
    """Return the pixels of objects that touch another id above, below, to the left or to the right."""
    across, down = (np.diff(instance_map, axis=axis) != 0 for axis in (1, 0))
    line = np.zeros(instance_map.shape, np.bool_)
    line[:, 1:] |= across
    line[:, :-1] |= across
    line[1:] |= down
    line[:-1] |= down
    return line & (instance_map > 0)


def _write_ids(picture: UInt8, instance_map: Int32) -> UInt8:
    """Return the picture with the id of each object that is large enough for its digits."""
    from PIL import Image, ImageDraw

    rows, columns = np.nonzero(instance_map)
    ids = instance_map[rows, columns]
    areas = np.bincount(ids)
    middles = [np.bincount(ids, places) / np.maximum(areas, 1) for places in (columns, rows)]
    sheet = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(sheet), load_font(_DIGIT_HEIGHT)
    for number in np.flatnonzero(areas):
        text = str(number)
        if areas[number] >= font.getlength(text) * _DIGIT_HEIGHT * 1.5:
            place = float(middles[0][number]), float(middles[1][number])
            draw.text(place, text, fill=WHITE, stroke_width=1, stroke_fill=INK, font=font, anchor="mm")
    return np.array(sheet)
