"""Conversion of values in annotation files: ids, flags, sizes, coordinates. Values that make no sense are refused.

All layouts convert such values here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError, MaskError
from pixelwise.data.annotation_files import format_value, shorten
from pixelwise.instances.polygons import FARTHEST, Ring
from pixelwise.raster.image import image_size

Id = int | str
MAX_UNSEEN = 2**24
"""The largest size, in pixels, that an annotation file may state for an image that cannot be read."""


class SizeMismatchError(MaskError):
    """Labels of another size than their image."""


def as_id(value: object) -> Id | None:
    """Return an id for comparison: a number, however it is written, or a text; `None` if it is not an id."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip():
        text = value.strip()
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19 else text
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_set(value: object) -> bool:
    """Return whether a flag such as iscrowd is set, in whatever type it comes."""
    return value is True or as_id(value) == 1


def resolve_size(stated: tuple[object, object], image: Path, where: Path) -> tuple[int, int]:
    """Return the (height, width) that an annotation file states for an image, or that of the image where it states
    none.

    Raises errors that name `where`: `SizeMismatchError` where the image has another size, and `MaskError` where what is
    stated is no size, or too large to be believed of an image that cannot be read. Raises `ImageError` as `image_size`
    where no size is stated.
    """
    if any(side is None for side in stated):
        return image_size(image)
    height, width = (as_id(side) for side in stated)
    if not (
        isinstance(height, int) and isinstance(width, int) and min(height, width) > 0 and max(height, width) < 2**31
    ):
        raise _size_error(stated, where)
    try:
        size = image_size(image)
    except ImageError as error:
        if height * width <= MAX_UNSEEN:
            return height, width
        expected = f"at most {MAX_UNSEEN:,} pixels where the image cannot be read"
        raise MaskError(where, f"a size of {height}x{width}", expected, "Add the image.") from error
    if (height, width) in (size, size[::-1]):  # `exif_orientation` handles images that are turned
        return height, width
    raise SizeMismatchError(
        where,
        f"a size of {height}x{width} (height x width)",
        f"{size[0]}x{size[1]}, its image's size",
        "Export the annotations again at the image's size, or leave the image out (`train(skip_bad=True)`).",
    )


def finite_numbers(values: Sequence[Any]) -> list[float] | None:
    """Return numbers, or texts of numbers, as floats; `None` if one is not a number, not finite, or beyond
    `FARTHEST`."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if all(abs(number) <= FARTHEST for number in numbers) else None


def corners_in(values: Any, where: str, expected: str, remedy: str) -> Ring:
    """Return pairs of numbers, or of texts of numbers, as corners (x, y), float64 (n, 2).

    Raises `MaskError`, which names `where`, for anything else and for corners beyond `FARTHEST`. `rasterize` refuses
    nan.
    """
    corners = array_of(values, where, expected, remedy)
    if corners.ndim != 2 or corners.shape[1] != 2:
        raise MaskError(where, f"points of the shape {corners.shape}", expected, remedy)
    return corners


def array_of(values: Any, where: str, expected: str, remedy: str, what: str = "points") -> npt.NDArray[np.float64]:
    """Return nested numbers as an array. Raises as `corners_in`."""
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        found = f"{what} that cannot be read ({shorten(str(error))})"
        raise MaskError(where, found, expected, remedy) from error
    far = np.isfinite(numbers) & (np.abs(numbers) > FARTHEST)
    if far.any():
        found = f"a coordinate of {float(numbers[far].flat[0]):g}"
        raise MaskError(where, found, f"coordinates of at most {FARTHEST:,.0f}", remedy)
    return numbers


def _size_error(stated: tuple[object, object], where: Path) -> MaskError:
    found = shorten(f"a height of {format_value(stated[0])} and a width of {format_value(stated[1])}")
    return MaskError(where, found, "the image's size in pixels", "Correct the entry in images.")
