"""Vectors that describe what images show, so that images can be compared: colours, or features of a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.core.errors import MissingDependencyError
from pixelwise.core.extras import require_train_extra
from pixelwise.labels.strokes import UInt8

Float32 = npt.NDArray[np.float32]
LONGEST_SIDE = 512
"""The longest side in pixels at which an image is described; a larger one is shrunk."""
_CELL = 8
"""Distance in pixels between the places of a description."""
_GRID = 3
"""Cells along each side over which the colours of an image are averaged."""


@dataclass(frozen=True)
class Description:
    """A description of what an image shows.

    Attributes
    ----------
    embedding
        float32 (channels,), of the whole image.
    places
        float32 (channels, h, w), of its places.
    """

    embedding: Float32
    places: Float32


Describe = Callable[[UInt8], Description]
"""Takes an image uint8 (height, width, channels)."""


def choose_description() -> tuple[Describe, str]:
    """Return the best available description of images, and its name: `encoder features`, or `colours` without the extra
    `train`."""
    try:
        require_train_extra("descriptions")
        from pixelwise.labels.features import shared_extractor  # which imports torch

        shared_extractor(3)
    except MissingDependencyError:
        return describe_colors, "colours"
    return describe_by_encoder, "encoder features"


def describe_colors(image: UInt8) -> Description:
    """Return the mean and the spread of the colours in each cell of a grid, and around each place.

    Examples
    --------
    >>> describe_colors(np.zeros((64, 96, 3), np.uint8)).places.shape
    (6, 8, 12)
    """
    values = shrink(image).astype(np.float32) / 255
    means = ndimage.uniform_filter(values, (_CELL, _CELL, 0), mode="nearest")
    squares = ndimage.uniform_filter(values**2, (_CELL, _CELL, 0), mode="nearest")
    spread = np.sqrt(np.maximum(squares - means**2, 0))
    maps = np.moveaxis(np.concatenate([means, spread], axis=2), -1, 0)
    rows, columns = _places(values.shape)
    cells = [part for band in np.array_split(maps, _GRID, axis=1) for part in np.array_split(band, _GRID, axis=2)]
    embedding = np.concatenate([part.mean(axis=(1, 2)) for part in cells if part.size])
    return Description(embedding.astype(np.float32), maps[:, rows[:, None], columns])


def describe_by_encoder(image: UInt8) -> Description:
    """Return the mean of the features of a frozen encoder, and the features at each place. See `FeatureExtractor`."""
    from pixelwise.labels.features import shared_extractor

    pixels = shrink(image)
    maps = shared_extractor(pixels.shape[2])(pixels)
    rows, columns = _places(pixels.shape)
    grid = np.meshgrid(rows, columns, indexing="ij")
    features = maps.columns(grid[0].ravel(), grid[1].ravel())
    return Description(maps.mean(), np.ascontiguousarray(features.T).reshape(-1, len(rows), len(columns)))


def shrink(image: UInt8) -> UInt8:
    """Return an image of at most `LONGEST_SIDE` pixels a side: means of squares of pixels, without a remainder."""
    step = -(-max(image.shape[:2]) // LONGEST_SIDE)
    height, width = (max(side // step, 1) for side in image.shape[:2])
    whole = image[: height * step, : width * step]
    if step == 1 or whole.shape[:2] != (height * step, width * step):  # a strip thinner than a square
        return whole[::step, ::step]
    squares = whole.reshape(height, step, width, step, -1)
    means: UInt8 = np.rint(squares.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
    return means


def _places(size: tuple[Any, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows and columns of the places of an image."""
    rows, columns = (np.arange(min(_CELL // 2, side - 1), side, _CELL) for side in size[:2])
    return rows, columns
