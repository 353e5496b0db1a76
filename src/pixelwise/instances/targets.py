"""Training targets of center-offset grouping: a heat map of object centres, and offsets to them.

Cheng, Collins, Zhu, Liu, Huang, Adam, Chen, "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194, section 3.2.

Differs from the paper: the heat falls off over a distance that depends on the object's size, instead of over 8 pixels,
and is 0 outside of the object, so that small neighbours stay apart. A centre always lies on its object, also where the
object is hollow or bent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.instances.objects import AnyInstanceMap, renumber

Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.integer[Any]]
HEAT_WIDTH = 0.35
"""Standard deviation of the heat, relative to the radius of a disc of the object's area."""


def object_centres(instance_map: AnyInstanceMap) -> npt.NDArray[np.int64]:
    """Return (row, column) of the pixel of each object nearest to its mean position, int64 (n, 2), in the order of ids.

    The first pixel wins a tie. Raises as `require_instance_map`.
    """
    return _centres(*_pixels(instance_map))


def _pixels(instance_map: AnyInstanceMap) -> tuple[Int, Int, Int, Int]:
    """Return row, column and object (0..n-1) of each object pixel, and the area of each object, (n,)."""
    numbers, ids = renumber(instance_map)
    rows, columns = np.nonzero(numbers)
    labels = numbers[rows, columns] - 1
    return rows, columns, labels, np.bincount(labels, minlength=len(ids))


def _centres(rows: Int, columns: Int, labels: Int, areas: Int) -> npt.NDArray[np.int64]:
    means = [np.bincount(labels, places, len(areas)) / areas for places in (rows, columns)]
    distance = (rows - means[0][labels]) ** 2 + (columns - means[1][labels]) ** 2
    order = np.lexsort((distance, labels))  # stable: by label, then distance
    first = order[np.cumsum(areas) - areas]
    return np.stack([rows[first], columns[first]], axis=1)


def centre_targets(instance_map: AnyInstanceMap, heat_width: float = HEAT_WIDTH) -> tuple[Float32, Float32]:
    """Return heat, float32 (height, width) in 0..1, and offsets, float32 (2, height, width) in pixels.

    heat is 1 at an object's centre, falls off as a Gaussian over the object's pixels, and is 0 outside. offsets are
    (rows, columns) from a pixel to its object's centre, 0 outside. heat_width: see `HEAT_WIDTH`. Raises as
    `require_instance_map`.
    """
    rows, columns, labels, areas = _pixels(instance_map)
    centres = _centres(rows, columns, labels, areas)
    down, right = centres[labels, 0] - rows, centres[labels, 1] - columns
    widths = heat_width * np.sqrt(areas / np.pi)
    heat = np.zeros(instance_map.shape, np.float32)
    heat[rows, columns] = np.exp(-(down**2 + right**2) / (2 * widths[labels] ** 2))
    offsets = np.zeros((2, *instance_map.shape), np.float32)
    offsets[:, rows, columns] = down, right
    return heat, offsets
