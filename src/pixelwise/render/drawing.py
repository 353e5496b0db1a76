"""What pictures are made of: blending, white paper, text, and the checks of arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Color
from pixelwise.core.errors import ShapeError

if TYPE_CHECKING:
    from PIL import ImageFont

UInt8 = npt.NDArray[np.uint8]
"""The type of pictures and label maps."""
Int32 = npt.NDArray[np.int32]

WHITE: Color = (255, 255, 255)
INK: Color = (52, 56, 64)
TEXT_HEIGHT = 13
"""Height of a line's letters in pixels. All other measures of captions and legends follow from it."""


def blend(below: UInt8, above: UInt8, opacity: float) -> UInt8:
    """Return `above` over `below`: opacity in steps of 1/256, rounded to the nearest value."""
    part = round(256 * opacity)
    mixed = below.astype(np.uint16) * np.uint16(256 - part) + above.astype(np.uint16) * np.uint16(part)
    return ((mixed + np.uint16(128)) >> np.uint16(8)).astype(np.uint8)


def blank_picture(height: int, width: int) -> UInt8:
    """Return a white picture."""
    return np.full((height, width, 3), WHITE, np.uint8)


def load_font(size: int = TEXT_HEIGHT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's default font."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def require_picture(image: UInt8, what: str) -> None:
    """Raise `ShapeError` unless given uint8 (height, width, 3) with a pixel or more. what: its name in the message."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        problem_text, expected = f"{image.dtype} {image.shape}", "uint8 (height, width, 3), RGB"
        raise ShapeError(what, problem_text, expected, "Convert the picture to 8-bit RGB.")


def require_label_map(label_map: UInt8, what: str, size: tuple[int, ...] | None = None) -> None:
    """Raise `ShapeError` unless given uint8 (height, width), and `size` where that is given."""
    if label_map.ndim != 2 or label_map.dtype != np.uint8:
        problem_text, expected = f"{label_map.dtype} {label_map.shape}", "uint8 (height, width)"
        raise ShapeError(what, problem_text, expected, "Give one class index a pixel.")
    if size is not None and label_map.shape != size:
        problem_text, expected = f"{label_map.shape[0]}x{label_map.shape[1]}", f"{size[0]}x{size[1]}, the image's size"
        raise ShapeError(what, problem_text, expected, "Give a label map of the image's size.")
