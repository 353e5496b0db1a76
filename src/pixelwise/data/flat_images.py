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
from pixelwise.data.inverted_masks import sample_places
from pixelwise.data.problem import Problem

Values = npt.NDArray[Any]
UInt8 = npt.NDArray[np.uint8]

MOST_COLORS = 64
"""An image of more colours is no mask."""
LEAST_PIXELS = 1024
"""In a smaller image each colour may lie on one class by chance."""


def index_colors(image: Values) -> UInt8 | None:
    """Return the number of each pixel's colour, uint8 (height, width), of an image (height, width, channels); `None`
    where there are more than `MOST_COLORS` colours, or too few pixels to tell."""
    height, width, channels = image.shape
    if height * width < LEAST_PIXELS:
        return None
    rows, columns = sample_places(height, width)
    if len(np.unique(image[rows[:, None], columns].reshape(-1, channels), axis=0)) > MOST_COLORS:  # most photos
        return None
    numbers: dict[tuple[float, ...], int] = {}
    index_map = np.empty((height, width), np.uint8)
    for strip in rows_of(image.shape):
        colors, inverse = np.unique(image[strip].reshape(-1, channels), axis=0, return_inverse=True)
        table = [numbers.setdefault(tuple(color), len(numbers)) for color in colors.tolist()]
        if len(numbers) > MOST_COLORS:
            return None
        index_map[strip] = np.array(table, np.uint8)[inverse].reshape(index_map[strip].shape)
    return index_map


def is_mask(index_map: UInt8, label_map: UInt8) -> bool:
    """Return whether each colour lies on one class alone, and there are two classes or more.

    index_map: the colours of an image, as `index_colors` returns them. label_map: uint8 of the same shape.
    """
    labelled = label_map != IGNORE_INDEX
    cells = 256 * index_map[labelled].astype(np.int64) + label_map[labelled]
    together = np.bincount(cells, minlength=256 * MOST_COLORS).reshape(MOST_COLORS, 256) > 0
    return bool(together.any(axis=0).sum() > 1 and together.sum(axis=1).max() == 1)


def report_masks_as_images(root: Path, verdicts: list[bool]) -> list[Problem]:
    """Return a remark where every labelled image of a data set is a mask. verdicts: `is_mask` of each."""
    if not verdicts or not all(verdicts):
        return []
    message = (
        f"found {quantity(len(verdicts), 'image')} of few colours, each of which lies on one class alone, as in masks; "
        "expected photos. If these are masks, put the photos into images/ beside the folder of masks."
    )
    return [Problem(root, "assumed", message)]
