"""Targets of small maps, by hand and by a loop over pixels."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.instances.targets import HEAT_WIDTH, centre_targets, object_centres


def test_a_centre_is_the_objects_pixel_nearest_to_its_mean() -> None:
    """The ring's mean (1, 1) is no pixel of it; the first of the four as near is (0, 1)."""
    ring = np.array([[5, 5, 5, 0, 2], [5, 0, 5, 0, 2], [5, 5, 5, 0, 2]])
    assert_array_equal(object_centres(ring), [[1, 4], [0, 1]])


def test_heat_and_offsets_are_those_of_a_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    instance_map = np.kron(rng.integers(0, 4, (3, 4)), np.ones((3, 5), int)) * 1000
    heat, offsets = centre_targets(instance_map)
    centres = dict(zip(np.unique(instance_map[instance_map > 0]), object_centres(instance_map), strict=True))
    for row, column in np.ndindex(instance_map.shape):
        label = instance_map[row, column]
        if label == 0:
            assert heat[row, column] == 0
            assert_array_equal(offsets[:, row, column], 0)
            continue
        way = centres[label] - (row, column)
        width = HEAT_WIDTH * np.sqrt((instance_map == label).sum() / np.pi)
        assert_array_equal(offsets[:, row, column], way)
        assert_allclose(heat[row, column], np.exp(-(way @ way) / (2 * width**2)), rtol=1e-5, atol=1e-30)
    for label, (row, column) in centres.items():
        assert instance_map[row, column] == label
        assert heat[row, column] == 1


def test_without_objects_all_is_zero() -> None:
    heat, offsets = centre_targets(np.zeros((2, 3), np.uint8))
    assert (heat.shape, offsets.shape) == ((2, 3), (2, 2, 3))
    assert not heat.any()
    assert not offsets.any()
    assert object_centres(np.zeros((2, 3), int)).shape == (0, 2)
