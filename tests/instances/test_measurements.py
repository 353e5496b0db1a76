"""Measures of objects, counted by hand and against circles."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.instances.measurements import measure_objects, perimeters
from pixelwise.instances.objects import Objects


def objects(instance_map: list[list[int]]) -> Objects:
    ids = np.array(instance_map, np.int32)
    return Objects(ids, np.ones(ids.max(), np.int32), np.ones(ids.max(), np.float32))


def test_areas_centres_boxes_and_intensities() -> None:
    """The second object is in two pieces."""
    two = objects([[0, 1, 1, 0], [2, 1, 0, 0], [0, 0, 0, 2]])
    image = np.zeros((3, 4, 3), np.uint8)
    image[0, 1], image[1, 0], image[2, 3] = (30, 60, 90), 100, 50
    table = measure_objects(two, image)
    assert_array_equal(table.area, [3, 2])
    assert_allclose(table.centre, [[1 / 3, 4 / 3], [1.5, 1.5]])
    assert_array_equal(table.box_xyxy, [[1, 0, 3, 2], [0, 1, 4, 3]])
    assert_allclose(table.intensity, [20, 75])


def test_no_object() -> None:
    table = measure_objects(
        Objects(np.zeros((2, 3), np.int32), np.empty(0, np.int32), np.empty(0, np.float32)), image()
    )
    assert [len(values) for values in (table.area, table.centre, table.box_xyxy, table.perimeter)] == [0] * 4


def image() -> np.ndarray:
    return np.zeros((2, 3, 3), np.uint8)


def test_a_circle_is_as_long_as_it_is() -> None:
    """Its edge lies half a pixel beyond the centres of its outermost pixels."""
    rows, columns = np.mgrid[:101, :101] - 50
    distance = np.hypot(rows, columns)
    for radius in (5, 20, 45):
        assert_allclose(perimeters((distance <= radius).astype(np.int32), 1), 2 * np.pi * (radius + 0.5), rtol=0.02)
    ring = ((distance <= 45) & (distance > 20)).astype(np.int32)
    assert_allclose(perimeters(ring, 1), 2 * np.pi * 66, rtol=0.01)


def test_one_pixel_at_the_border_and_its_neighbour() -> None:
    """A pixel is crossed twice by the line of each direction through it, whatever lies beside."""
    expected = np.pi / 8 * (2 + 2 + 4 * np.sqrt(0.5))
    assert_allclose(perimeters(np.array([[1, 2]], np.int32), 2), [expected] * 2)
