"""What can be measured of each object of a map, in passes over the whole map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.instances.objects import Objects

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ObjectMeasures:
    """Of each object, in pixels and in the order of ids.

    area: int64 (n,). centre: float64 (n, 2), the mean position (row, column) of its pixels. box_xyxy: int64 (n, 4), its
    left, top, right and bottom edge. perimeter: float64 (n,), with that of holes. intensity: float64 (n,), the mean of
    the image's channels over its pixels, 0..255.
    """

    area: npt.NDArray[np.int64]
    centre: Float64
    box_xyxy: npt.NDArray[np.int64]
    perimeter: Float64
    intensity: Float64


def measure_objects(objects: Objects, image: npt.NDArray[np.uint8]) -> ObjectMeasures:
    """Return the measures of the objects in `image`, uint8 (height, width, C), each of which has a pixel."""
    count = len(objects)
    rows, columns = np.nonzero(objects.instance_map)
    labels = objects.instance_map[rows, columns] - 1
    area = np.bincount(labels, minlength=count)
    gray = image[rows, columns].mean(axis=1)
    sums = [np.bincount(labels, values, count) for values in (rows, columns, gray)]
    centre = np.stack(sums[:2], axis=1) / area[:, None]
    length = perimeters(objects.instance_map, count)
    return ObjectMeasures(area, centre, objects.boxes_xyxy(), length, sums[2] / area)


def perimeters(instance_map: npt.NDArray[np.int32], count: int) -> Float64:
    """Return the length of each object's outline, float64 (count,), from how often lines in four directions cross it.

    Crofton's formula, L = pi / 8 (I_0 + I_90 + (I_45 + I_135) / sqrt(2)) with lines a pixel, and on the diagonals
    1 / sqrt(2) pixels, apart: right within some percent for smooth outlines, which edges of pixels are a quarter longer
    than.
    """
    framed = np.pad(instance_map, 1)
    length = np.zeros(count + 1)
    pairs = (
        (1.0, framed[:, :-1], framed[:, 1:]),
        (1.0, framed[:-1], framed[1:]),
        (np.sqrt(0.5), framed[:-1, :-1], framed[1:, 1:]),
        (np.sqrt(0.5), framed[:-1, 1:], framed[1:, :-1]),
    )
    for apart, one, other in pairs:
        crossed = one != other
        length += apart * np.bincount(np.concatenate([one[crossed], other[crossed]]), minlength=count + 1)
    return np.pi / 8 * length[1:]
