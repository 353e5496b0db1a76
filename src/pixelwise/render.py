"""Label maps as pictures: colours, overlays, errors, legends and rows for reports and the README.

Pictures are uint8 (height, width, 3) RGB; every function returns a new one and leaves its arguments alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap, Color, distinct_colors
from pixelwise.core.errors import OptionError, ShapeError

if TYPE_CHECKING:
    from PIL import ImageFont

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]

OBJECT_COLORS = np.array(distinct_colors(12), np.uint8)
"""What objects are drawn in, one after the other in the order of their ids."""
OBJECT_FATES: dict[str, Color] = {"matched": (20, 120, 220), "missed": (250, 225, 60), "invented": (240, 110, 0)}
"""What objects are drawn in by what became of them. Blue, yellow and orange are told apart whatever colours a person
sees, and so are the lines: a solid outline, one dashed with black, and a solid one around orange and black hatching."""
_WRONG: Color = (240, 110, 0)
_DASH, _HATCH = 10, 8
"""Rows and columns from dash to dash, and from line to line of a hatched object."""
_PAPER: Color = (255, 255, 255)
_INK: Color = (52, 56, 64)
_TEXT = 13
"""Pixels of a line's letters; every other measure of captions and legends follows from it."""
_NUMBER = 10
"""Pixels of the digits on objects."""


def colorize(label_map: UInt8, classes: ClassMap) -> UInt8:
    """Return each pixel of a uint8 (height, width) label map in its class's colour, ignored pixels in black.

    Raises `ShapeError` for another shape or dtype.
    """
    _require_label_map(label_map, "label map")
    return classes.palette()[label_map]


def to_rgb(image: UInt8) -> UInt8:
    """Return uint8 (height, width, 3) of an image of any number of channels: the first three, or the first in grey."""
    return image[..., :3] if image.shape[2] > 2 else np.repeat(image[..., :1], 3, axis=2)


def overlay(image: UInt8, label_map: UInt8, classes: ClassMap, opacity: float = 0.5) -> UInt8:
    """Return `image` tinted with the classes' colours, each region edged.

    Background (see `is_tinted`) and ignored pixels show the image as it is; beside them a region has an edge in its
    full colour with a dark one inside, and between two classes a darker shade of its own. `opacity` runs from 0 (the
    image) to 1 (the colours). Raises `ShapeError` where the sizes differ, `OptionError` for an opacity outside 0..1.
    """
    _require_picture(image, "image")
    _require_label_map(label_map, "label map", image.shape[:2])
    if not 0.0 <= opacity <= 1.0:
        remedy = "Choose an opacity in between, such as 0.5."
        raise OptionError("opacity", f"{opacity:g}", "a number from 0 to 1", remedy)
    colors = classes.palette()[label_map]
    tinted = _blend(image, colors, opacity)
    plain = ~_tinted(classes)[label_map]
    edge = _edges(label_map)
    tinted[edge] = _blend(tinted[edge], colors[edge] // 2, min(1.25 * opacity, 1.0))
    width = max(1, min(label_map.shape) // 400)
    outer, both = _beside(plain, width), _beside(plain, 2 * width)
    tinted[both] = _blend(image[both], colors[both] // 3, min(1.5 * opacity, 1.0))
    tinted[outer] = _blend(image[outer], colors[outer], min(2 * opacity, 1.0))
    tinted[plain] = image[plain]
    return tinted


def is_tinted(name: str, color: Color) -> bool:
    """Return whether an overlay shows a class in its colour: not background, nor a black that would only darken."""
    return name.strip(" _").casefold() != "background" and color != (0, 0, 0)


def _tinted(classes: ClassMap) -> npt.NDArray[np.bool_]:
    """Return which values of a label map are tinted, boolean (256,)."""
    table = np.zeros(256, np.bool_)
    table[: classes.num_classes] = [is_tinted(*entry) for entry in zip(classes.names, classes.colors, strict=True)]
    return table


def object_overlay(
    image: UInt8, instance_map: Int32, colors: UInt8 | None = None, opacity: float = 0.4, *, numbered: bool = False
) -> UInt8:
    """Return `image` with each object tinted, and outlined, in a colour of its own.

    instance_map: int32 (height, width), 0 = no object. colors: uint8 (n, 3), that of object i + 1 at i; `OBJECT_COLORS`
    in turn without it. Where `numbered`, an object large enough bears its id. Raises `ShapeError` where sizes differ.
    """
    _require_picture(image, "image")
    if instance_map.shape != image.shape[:2]:
        found, expected = f"{instance_map.shape}", f"{image.shape[:2]}, the image's size"
        raise ShapeError("instance map", found, expected, "Give the objects of this image.")
    count = int(instance_map.max())
    table = OBJECT_COLORS[np.arange(count) % len(OBJECT_COLORS)] if colors is None else colors
    table = np.concatenate([np.zeros((1, 3), np.uint8), table])
    inside = instance_map > 0
    drawn = image.copy()
    drawn[inside] = _blend(image[inside], table[instance_map[inside]], opacity)
    line = _outlines(instance_map)
    drawn[line] = table[instance_map[line]]
    return _with_numbers(drawn, instance_map) if numbered else drawn


def object_errors(
    image: UInt8,
    prediction: Int32,
    target: Int32,
    found: npt.NDArray[np.bool_],
    partner: npt.NDArray[np.bool_],
) -> UInt8:
    """Return `image` with predicted objects, matched (solid lines) or invented (hatched), over true ones that were
    missed (dashed lines).

    prediction, target: int32 (height, width), 0 = no object. found: whether predicted object i + 1 is matched, at i;
    partner: whether true object i + 1 is. Raises `ShapeError` where sizes differ.
    """
    missed = np.where(np.append(False, ~partner)[target], target, 0)
    below = object_overlay(image, missed, np.full((len(partner), 3), OBJECT_FATES["missed"], np.uint8))
    rows, columns = np.arange(missed.shape[0])[:, None], np.arange(missed.shape[1])
    below[_outlines(missed) & ((2 * rows + columns) % _DASH < _DASH // 2)] = 0
    fates = np.where(found[:, None], OBJECT_FATES["matched"], OBJECT_FATES["invented"]).astype(np.uint8)
    drawn = object_overlay(below, prediction, fates)
    invented, place = np.append(False, ~found)[prediction] & ~_outlines(prediction), (rows + columns) % _HATCH
    drawn[invented & (place < 2)] = OBJECT_FATES["invented"]
    drawn[invented & (place == 2)] = 0
    return drawn


def error_map(image: UInt8, prediction: UInt8, target: UInt8) -> UInt8:
    """Return `image` in grey with the wrongly predicted pixels in orange; pixels that `target` ignores are dimmed.

    Raises `ShapeError` where the three sizes differ.
    """
    _require_picture(image, "image")
    _require_label_map(prediction, "prediction", image.shape[:2])
    _require_label_map(target, "target", image.shape[:2])
    luminance = (image.astype(np.uint32) @ np.array((299, 587, 114), np.uint32) + 500) // 1000
    gray = np.repeat(luminance.astype(np.uint8)[..., None], 3, axis=2)
    ignored = target == IGNORE_INDEX
    wrong = (prediction != target) & ~ignored
    gray[wrong] = _blend(gray[wrong], np.array(_WRONG, np.uint8), 0.7)
    gray[ignored] //= 3
    return gray


def join_row(images: Sequence[UInt8], gap: int = 8) -> UInt8:
    """Return pictures of one height in a row, `gap` white pixels between them.

    Raises `ShapeError` for no picture or for heights that differ.
    """
    return _joined(images, gap, axis=1)


def join_column(images: Sequence[UInt8], gap: int = 8) -> UInt8:
    """Return pictures of one width in a column, `gap` white pixels between them.

    Raises `ShapeError` for no picture or for widths that differ.
    """
    return _joined(images, gap, axis=0)


def join_row_with_captions(images: Sequence[UInt8], captions: Sequence[str], gap: int = 8) -> UInt8:
    """Return pictures of one height in a row, each above its caption.

    Raises `ShapeError` for heights that differ or a number of captions other than that of the pictures.
    """
    from PIL import Image, ImageDraw

    if len(captions) != len(images):
        found = f"{len(captions)} captions for {len(images)} pictures"
        raise ShapeError("captions", found, "one caption a picture", "Give each picture its caption.")
    row = join_row(images, gap)
    sheet = Image.fromarray(np.concatenate((row, _paper(2 * _TEXT, row.shape[1]))))
    draw, left = ImageDraw.Draw(sheet), 0
    for image, caption in zip(images, captions, strict=True):
        middle = left + image.shape[1] / 2, row.shape[0] + _TEXT
        draw.text(middle, caption, fill=_INK, font=_font(), anchor="mm")
        left += image.shape[1] + gap
    return np.array(sheet)


def legend(classes: ClassMap, width: int) -> UInt8:
    """Return a picture `width` pixels wide with every class's colour and name, in as many lines as they need.

    A name too long for a line is cut off at its end.
    """
    from PIL import Image, ImageDraw

    font, line, margin = _font(), 2 * _TEXT, _TEXT
    places, left, top = [], 0, 0
    for name in classes.names:
        wide = 2 * _TEXT + int(font.getlength(name)) + margin
        if left and left + wide - margin > width:
            left, top = 0, top + line
        places.append((left, top))
        left += wide
    sheet = Image.fromarray(_paper(top + line, width))
    draw = ImageDraw.Draw(sheet)
    for (left, top), name, color in zip(places, classes.names, classes.colors, strict=True):
        middle = top + line // 2
        square = (left, middle - _TEXT // 2, left + _TEXT, middle + _TEXT // 2)
        draw.rounded_rectangle(square, radius=3, fill=color)
        draw.text((left + 1.5 * _TEXT, middle), name, fill=_INK, font=font, anchor="lm")
    return np.array(sheet)


def _edges(label_map: UInt8) -> npt.NDArray[np.bool_]:
    """Return the pixels with another class to their right or below, within a line's width that grows with the size."""
    edge = np.zeros(label_map.shape, np.bool_)
    for step in range(1, 1 + max(1, min(label_map.shape) // 500)):
        edge[:, :-step] |= label_map[:, :-step] != label_map[:, step:]
        edge[:-step] |= label_map[:-step] != label_map[step:]
    return edge


def _beside(plain: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """Return the pixels outside `plain` that lie within `width` rows or columns of it."""
    near = plain.copy()
    for step in range(1, 1 + width):
        near[step:] |= plain[:-step]
        near[:-step] |= plain[step:]
        near[:, step:] |= plain[:, :-step]
        near[:, :-step] |= plain[:, step:]
    beside: npt.NDArray[np.bool_] = near & ~plain
    return beside


def _outlines(instance_map: Int32) -> npt.NDArray[np.bool_]:
    """Return the pixels of objects that touch another id above, below, to the left or to the right."""
    across, down = (np.diff(instance_map, axis=axis) != 0 for axis in (1, 0))
    line = np.zeros(instance_map.shape, np.bool_)
    line[:, 1:] |= across
    line[:, :-1] |= across
    line[1:] |= down
    line[:-1] |= down
    return line & (instance_map > 0)


def _with_numbers(picture: UInt8, instance_map: Int32) -> UInt8:
    """Write the id of every object amid it that is as large as its digits."""
    from PIL import Image, ImageDraw

    rows, columns = np.nonzero(instance_map)
    ids = instance_map[rows, columns]
    areas = np.bincount(ids)
    middles = [np.bincount(ids, places) / np.maximum(areas, 1) for places in (columns, rows)]
    sheet = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(sheet), _font(_NUMBER)
    for number in np.flatnonzero(areas):
        text = str(number)
        if areas[number] >= font.getlength(text) * _NUMBER * 1.5:
            place = float(middles[0][number]), float(middles[1][number])
            draw.text(place, text, fill=_PAPER, stroke_width=1, stroke_fill=_INK, font=font, anchor="mm")
    return np.array(sheet)


def _blend(below: UInt8, above: UInt8, opacity: float) -> UInt8:
    """Return `above` over `below`, in steps of 1/256 and rounded to the nearest value."""
    part = round(256 * opacity)
    mixed = below.astype(np.uint16) * np.uint16(256 - part) + above.astype(np.uint16) * np.uint16(part)
    return ((mixed + np.uint16(128)) >> np.uint16(8)).astype(np.uint8)


def _joined(images: Sequence[UInt8], gap: int, axis: int) -> UInt8:
    if not images:
        raise ShapeError("pictures", "none", "at least one", "Give at least one picture.")
    for i, image in enumerate(images):
        _require_picture(image, f"picture {i + 1}")
        if image.shape[1 - axis] != images[0].shape[1 - axis]:
            side = ("width", "height")[axis]
            found, expected = f"{side} {image.shape[1 - axis]}", f"{images[0].shape[1 - axis]}, as picture 1 has"
            raise ShapeError(f"picture {i + 1}", found, expected, "Resize the pictures to one size.")
    parts: list[UInt8] = []
    for image in images:
        length = images[0].shape[1 - axis]
        parts += [_paper(gap, length) if axis == 0 else _paper(length, gap), image]
    return np.concatenate(parts[1:], axis=axis)


def _paper(height: int, width: int) -> UInt8:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _font(size: int = _TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _require_picture(image: UInt8, what: str) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        found, expected = f"{image.dtype} {image.shape}", "uint8 (height, width, 3), RGB"
        raise ShapeError(what, found, expected, "Convert the picture to 8-bit RGB.")


def _require_label_map(label_map: UInt8, what: str, size: tuple[int, ...] | None = None) -> None:
    if label_map.ndim != 2 or label_map.dtype != np.uint8:
        found, expected = f"{label_map.dtype} {label_map.shape}", "uint8 (height, width)"
        raise ShapeError(what, found, expected, "Give one class index a pixel.")
    if size is not None and label_map.shape != size:
        found, expected = f"{label_map.shape[0]}x{label_map.shape[1]}", f"{size[0]}x{size[1]}, the image's size"
        raise ShapeError(what, found, expected, "Give a label map of the image's size.")
