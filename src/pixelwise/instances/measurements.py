"""Measurements of objects, each in one pass over the whole instance map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.instances.objects import Objects

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ObjectMeasures:
    """Measurements of objects, in pixels and in the order of ids.

    area: int64 (n,). centre: float64 (n, 2), the mean (row, column) of the object's pixels. box_xyxy: int64 (n, 4),
    left, top, right and bottom edge. perimeter: float64 (n,), holes included. intensity: float64 (n,), the mean over
    channels and pixels, 0..255.
    """

    area: npt.NDArray[np.int64]
    centre: Float64
    box_xyxy: npt.NDArray[np.int64]
    perimeter: Float64
    intensity: Float64


def measure_objects(objects: Objects, image: npt.NDArray[np.uint8]) -> ObjectMeasures:
    """Return the measurements of objects in `image`, uint8 (height, width, C).

    Each object must have a pixel.
    """
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
    """Return the length of each object's outline in pixels, float64 (count,).

    Crofton's formula counts how often lines in four directions cross the outline: L = pi / 8 (I_0 + I_90 + (I_45 +
    I_135) / sqrt(2)), with lines 1 pixel apart, on the diagonals 1 / sqrt(2). It is right within a few percent for
    smooth outlines, where counting pixel edges is a quarter too long.
    """
    framed = np.pad(instance_map, 1)
    length = np.zeros(count + 1)
    pairs = (
        (1.0, framed[:, :-1], framed[:, 1:]),
        (1.0, framed[:-1], framed[1:]),
        (np.sqrt(0.5), framed[:-1, :-1], framed[1:, 1:]),
        (np.sqrt(0.5), framed[:-1, 1:], framed[1:, :-1]),
    )
    for spacing, one, other in pairs:
        crossed = one != other
        length += spacing * np.bincount(np.concatenate([one[crossed], other[crossed]]), minlength=count + 1)
    return np.pi / 8 * length[1:]
