"""Overlaps of small maps, counted by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import ShapeError
from pixelwise.instances.objects import Objects, objects_from_maps
from pixelwise.instances.overlap import count_overlaps


def of(instance_map: list[list[int]]) -> Objects:
    return objects_from_maps(np.zeros(np.shape(instance_map), np.uint8), np.array(instance_map))


PREDICTION = of([[1, 1, 1, 0], [2, 2, 0, 0]])
TARGET = of([[1, 1, 2, 2], [0, 1, 2, 2]])


def test_pairs_share_pixels_and_have_an_iou() -> None:
    overlaps = count_overlaps(PREDICTION, TARGET)
    assert_array_equal(overlaps.predicted, [0, 0, 1])
    assert_array_equal(overlaps.true, [0, 1, 0])
    assert_array_equal(overlaps.shared, [2, 1, 1])
    assert_array_equal(overlaps.predicted_areas, [3, 2])
    assert_array_equal(overlaps.true_areas, [3, 4])
    assert_allclose(overlaps.iou(), [2 / 4, 1 / 6, 1 / 4])


def test_unknown_pixels_outside_true_objects_count_in_no_union_of_what_is_known() -> None:
    """The second predicted object has one pixel on nothing; the unknown corner of a true object is its own still."""
    ignored = np.array([[0, 0, 0, 1], [1, 0, 0, 0]], bool)
    overlaps = count_overlaps(PREDICTION, TARGET, ignored)
    assert_array_equal(overlaps.unknown, [0, 1])
    assert_allclose(overlaps.iou(), [2 / 4, 1 / 6, 1 / 4])
    assert_allclose(overlaps.iou(of_known=True), [2 / 4, 1 / 6, 1 / 3])


def test_nothing_predicted_or_nothing_there() -> None:
    nothing = of([[0, 0, 0, 0], [0, 0, 0, 0]])
    assert len(count_overlaps(nothing, TARGET).predicted) == 0
    assert_array_equal(count_overlaps(PREDICTION, nothing).predicted_areas, [3, 2])


def test_maps_of_different_images() -> None:
    with pytest.raises(ShapeError, match="the target's shape"):
        count_overlaps(of([[1, 0]]), TARGET)
    with pytest.raises(ShapeError, match="ignored"):
        count_overlaps(PREDICTION, TARGET, np.zeros((1, 1), bool))
