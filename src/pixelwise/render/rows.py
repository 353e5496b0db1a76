"""Pictures side by side, with captions and legends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import ShapeError
from pixelwise.render.drawing import INK, TEXT_HEIGHT, UInt8, blank_picture, load_font, require_picture


def join_row(images: Sequence[UInt8], gap: int = 8) -> UInt8:
    """Join pictures of one height to a row.

    Parameters
    ----------
    images
        uint8 (height, width, 3) each, one or more.
    gap
        White pixels between them.

    Returns
    -------
    numpy.ndarray
        uint8 (height, sum of the widths and gaps, 3).

    Raises
    ------
    ShapeError
        There is no picture, one has another shape or dtype, or heights differ.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.zeros((10, 20, 3), np.uint8)
    >>> join_row([picture, picture]).shape
    (10, 48, 3)
    """
    return _join(images, gap, axis=1)


def join_column(images: Sequence[UInt8], gap: int = 8) -> UInt8:
    """Join pictures of one width to a column.

    Parameters
    ----------
    images
        uint8 (height, width, 3) each, one or more.
    gap
        White pixels between them.

    Returns
    -------
    numpy.ndarray
        uint8 (sum of the heights and gaps, width, 3).

    Raises
    ------
    ShapeError
        There is no picture, one has another shape or dtype, or widths differ.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.zeros((10, 20, 3), np.uint8)
    >>> join_column([picture, picture], gap=4).shape
    (24, 20, 3)
    """
    return _join(images, gap, axis=0)


def join_row_with_captions(images: Sequence[UInt8], captions: Sequence[str], gap: int = 8) -> UInt8:
    """Join pictures of one height to a row, each above its caption.

    Parameters
    ----------
    images
        uint8 (height, width, 3) each, one or more.
    captions
        A line of text for each picture.
    gap
        White pixels between the pictures.

    Returns
    -------
    numpy.ndarray
        uint8 (height of the pictures and of a line, sum of the widths and gaps, 3).

    Raises
    ------
    ShapeError
        There is no picture, one has another shape or dtype, heights differ, or there are not as many captions as
        pictures.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.zeros((10, 20, 3), np.uint8)
    >>> join_row_with_captions([picture, picture], ("a", "b")).shape[1]
    48
    """
    from PIL import Image, ImageDraw

    if len(captions) != len(images):
        problem_text = f"{len(captions)} captions for {len(images)} pictures"
        raise ShapeError("captions", problem_text, "one caption a picture", "Give each picture its caption.")
    row = join_row(images, gap)
    sheet = Image.fromarray(np.concatenate((row, blank_picture(2 * TEXT_HEIGHT, row.shape[1]))))
    draw, left = ImageDraw.Draw(sheet), 0
    for image, caption in zip(images, captions, strict=True):
        middle = left + image.shape[1] / 2, row.shape[0] + TEXT_HEIGHT
        draw.text(middle, caption, fill=INK, font=load_font(), anchor="mm")
        left += image.shape[1] + gap
    return np.array(sheet)


def legend(classes: ClassMap, width: int) -> UInt8:
    """Return a picture with the colour and the name of every class, on as many lines as needed.

    Parameters
    ----------
    classes
        The classes and their colours.
    width
        Width of the picture in pixels. A name too long for a line is cut off.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3).

    Examples
    --------
    >>> legend(ClassMap.from_names(["sky", "road"]), width=200).shape[1]
    200
    """
    from PIL import Image, ImageDraw

    font, line, margin = load_font(), 2 * TEXT_HEIGHT, TEXT_HEIGHT
    places, left, top = [], 0, 0
    for name in classes.names:
        wide = 2 * TEXT_HEIGHT + int(font.getlength(name)) + margin
        if left and left + wide - margin > width:
            left, top = 0, top + line
        places.append((left, top))
        left += wide
    sheet = Image.fromarray(blank_picture(top + line, width))
    draw = ImageDraw.Draw(sheet)
    for (left, top), name, color in zip(places, classes.names, classes.colors, strict=True):
        middle = top + line // 2
        square = (left, middle - TEXT_HEIGHT // 2, left + TEXT_HEIGHT, middle + TEXT_HEIGHT // 2)
        draw.rounded_rectangle(square, radius=3, fill=color)
        draw.text((left + 1.5 * TEXT_HEIGHT, middle), name, fill=INK, font=font, anchor="lm")
    return np.array(sheet)


def _join(images: Sequence[UInt8], gap: int, axis: int) -> UInt8:
    """Return pictures along an axis, 0 for a column and 1 for a row."""
    if not images:
        raise ShapeError("pictures", "none", "at least one", "Give at least one picture.")
    for i, image in enumerate(images):
        require_picture(image, f"picture {i + 1}")
        if image.shape[1 - axis] != images[0].shape[1 - axis]:
            side = ("width", "height")[axis]
            problem_text, expected = f"{side} {image.shape[1 - axis]}", f"{images[0].shape[1 - axis]}, as picture 1 has"
            raise ShapeError(f"picture {i + 1}", problem_text, expected, "Resize the pictures to one size.")
    parts: list[UInt8] = []
    for image in images:
        length = images[0].shape[1 - axis]
        parts += [blank_picture(gap, length) if axis == 0 else blank_picture(length, gap), image]
    return np.concatenate(parts[1:], axis=axis)
