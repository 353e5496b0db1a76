"""Parts and holes of small maps, by eye, and of random ones by a loop over objects."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from pixelwise.instances.parts import (
    connected_regions,
    fill_holes,
    keep_largest_parts,
    label_components,
    region_objects,
    touching_pixels,
)


def test_regions_of_one_id_are_told_apart() -> None:
    parts, count = connected_regions(np.array([[1, 1, 2], [2, 1, 2], [2, 0, 2], [2, 2, 2]], np.int32))
    assert count == 3
    assert_array_equal(parts, [[0, 0, 1], [1, 0, 1], [1, 2, 1], [1, 1, 1]])


def test_regions_of_a_label_map_are_objects_of_their_class() -> None:
    objects = region_objects(np.array([[1, 1, 2], [2, 1, 2], [2, 0, 2], [2, 2, 2]], np.uint8))
    assert_array_equal(objects.instance_map, [[1, 1, 2], [2, 1, 2], [2, 3, 2], [2, 2, 2]])
    assert objects.class_index.tolist() == [1, 2, 0]
    assert objects.score.tolist() == [1, 1, 1]


def test_a_corner_does_not_connect() -> None:
    assert connected_regions(np.array([[1, 0], [0, 1]], np.int32))[1] == 4


@pytest.mark.parametrize("seed", range(3))
def test_regions_are_those_of_each_id_labelled_by_itself(seed: int) -> None:
    instance_map = np.random.default_rng(seed).integers(0, 4, (17, 23)).astype(np.int32)
    parts, count = connected_regions(instance_map)
    expected = [ndimage.label(instance_map == object_id) for object_id in range(4)]
    assert count == sum(number for _, number in expected)
    for index, (labelled, number) in enumerate(expected):
        inside = instance_map == index
        pairs = np.unique(np.stack([parts[inside], labelled[inside]]), axis=1)
        assert pairs.shape == (2, number)  # one to one


def test_of_each_object_the_largest_part_stays() -> None:
    parts = keep_largest_parts(np.array([[1, 0, 2, 2], [0, 1, 0, 2], [2, 1, 0, 0]], np.int32))
    assert_array_equal(parts, [[0, 0, 2, 2], [0, 1, 0, 2], [0, 1, 0, 0]])


def test_of_parts_as_large_the_first_stays() -> None:
    assert_array_equal(keep_largest_parts(np.array([[7, 7, 0, 7, 7]], np.int32)), [[7, 7, 0, 0, 0]])


def test_holes_go_to_the_object_around_them() -> None:
    """One inside the first object, one between two objects, one at the border; a corner does not open a hole."""
    instance_map = np.array(
        [
            [1, 1, 1, 0, 2, 2, 2],
            [1, 0, 1, 1, 0, 2, 2],
            [1, 1, 1, 1, 2, 2, 0],
            [1, 1, 1, 1, 2, 2, 2],
        ],
        np.int32,
    )
    expected = instance_map.copy()
    expected[1, 1] = 1
    assert_array_equal(fill_holes(instance_map), expected)


def test_maps_without_objects_or_without_holes() -> None:
    for instance_map in (np.zeros((3, 4), np.int32), np.ones((3, 4), np.int32)):
        assert_array_equal(fill_holes(instance_map), instance_map)
        assert_array_equal(keep_largest_parts(instance_map), instance_map)


def test_components_are_joined_along_sides_not_corners() -> None:
    mask = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [1, 0, 1, 1]], bool)
    parts = label_components(mask)
    assert_array_equal(parts, [[1, 1, 0, 0], [0, 0, 2, 0], [3, 0, 2, 2]])
    assert parts.dtype == np.int32
    assert_array_equal(label_components(np.zeros((2, 3), bool)), np.zeros((2, 3)))


def test_components_are_what_a_flood_reaches() -> None:
    mask = np.random.default_rng(0).random((30, 40)) < 0.55
    parts = label_components(mask)
    expected, count = np.zeros(mask.shape, int), 0
    for start in product(range(30), range(40)):
        if not mask[start] or expected[start]:
            continue
        count += 1
        reached = [start]
        while reached:
            row, column = reached.pop()
            if 0 <= row < 30 and 0 <= column < 40 and mask[row, column] and not expected[row, column]:
                expected[row, column] = count
                reached += [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    assert count > 10
    assert_array_equal(parts, expected)  # both number the parts in reading order


def test_objects_touch_along_their_edges_and_not_at_corners() -> None:
    instance_map = np.array([[1, 1, 2, 2], [1, 1, 0, 2], [3, 0, 4, 0], [3, 0, 4, 4]], np.int32)
    assert_array_equal(
        touching_pixels(instance_map).astype(int), [[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    )
