"""Detection of images that are masks: each of their few colours lies on one class.

A folder of coloured masks in the place of the photos would otherwise be trained on, and score well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.lookup import rows_of
from pixelwise.core.text import quantity
from pixelwise.data.problem import Problem

Values = npt.NDArray[Any]
UInt8 = npt.NDArray[np.uint8]

MOST_COLORS = 64
"""An image of more colours is no mask."""
LEAST_PIXELS = 1024
"""In a smaller image each colour may lie on one class by chance."""
STRIDE = 8
"""Every eighth row and column is looked at first: a photo has more colours there already."""


def index_colors(image: Values) -> UInt8 | None:
    """Return the number of each pixel's colour, uint8 (height, width), of an image (height, width, channels); `None`
    where there are more than `MOST_COLORS` colours, or too few pixels to tell."""
    if image.shape[0] * image.shape[1] < LEAST_PIXELS:
        return None
    if len(np.unique(_pack(image[::STRIDE, ::STRIDE]))) > MOST_COLORS:
        return None
    numbers: dict[bytes, int] = {}
    index_map = np.empty(image.shape[:2], np.uint8)
    for rows in rows_of(image.shape):
        colors, inverse = np.unique(_pack(image[rows]), return_inverse=True)
        table = [numbers.setdefault(color.tobytes(), len(numbers)) for color in colors]
        if len(numbers) > MOST_COLORS:
            return None
        index_map[rows] = np.array(table, np.uint8)[inverse].reshape(index_map[rows].shape)
    return index_map


def is_mask(index_map: UInt8, label_map: UInt8) -> bool:
    """Return whether each colour lies on one class alone, and there are two classes or more.

    index_map: the colours of an image, as `index_colors` returns them. label_map: uint8 of the same shape.
    """
    labelled = label_map != IGNORE_INDEX
    pairs = np.unique(index_map[labelled].astype(np.uint16) << 8 | label_map[labelled])
    classes = np.unique(pairs & 255)
    return len(classes) > 1 and len(np.unique(pairs >> 8)) == len(pairs)


def report_masks_as_images(root: Path, verdicts: list[bool]) -> list[Problem]:
    """Return a remark where every labelled image of a data set is a mask. verdicts: `is_mask` of each."""
    if not verdicts or not all(verdicts):
        return []
    message = (
        f"found {quantity(len(verdicts), 'image')} of few colours, each of which lies on one class alone, as in masks; "
        "expected photos. If these are masks, put the photos into images/ beside the folder of masks."
    )
    return [Problem(root, "assumed", message)]


def _pack(pixels: Values) -> npt.NDArray[np.void]:
    """Return each pixel as one value, flat."""
    flat = np.ascontiguousarray(pixels).reshape(-1, pixels.shape[2])
    packed: npt.NDArray[np.void] = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1]))).ravel()
    return packed
