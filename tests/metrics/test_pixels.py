"""Which pixels count, and what is said of label maps that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from pixelwise.core.errors import MaskError, OptionError, ShapeError
from pixelwise.metrics.pixels import counted_pixels, require_label_maps, require_num_classes


def test_pixels_with_a_label_count() -> None:
    assert_array_equal(counted_pixels(np.array([[0, 255, 254]], np.uint8)), [[True, False, True]])
    assert_array_equal(counted_pixels(np.array([[0, 255, -1]]), ignore_index=-1), [[True, True, False]])


def test_pixels_of_a_tensor_count_alike() -> None:
    counted = counted_pixels(torch.tensor([[0, 255, 254]]))
    assert torch.equal(counted, torch.tensor([[True, False, True]]))


def test_both_maps_are_ignored_where_the_target_is() -> None:
    prediction = np.array([[1, 7, -3]])
    target = np.array([[2, 255, 255]])
    predicted, truth = require_label_maps(prediction, target, 3)
    assert_array_equal(predicted, np.array([[1, 255, 255]], np.uint8))
    assert_array_equal(truth, np.array([[2, 255, 255]], np.uint8))
    assert_array_equal(prediction, [[1, 7, -3]])  # what was given stays as it was


@pytest.mark.parametrize(
    ("prediction", "target", "where"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), "prediction"),
        (np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2, 3), np.uint8), "prediction"),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32), "target"),
        (np.zeros((2, 3), np.bool_), np.zeros((2, 3), np.uint8), "prediction"),
        (np.zeros((0, 3), np.uint8), np.zeros((0, 3), np.uint8), "prediction"),
    ],
    ids=["size", "batch", "float", "bool", "empty"],
)
def test_shapes_and_types_that_do_not_fit(prediction: np.ndarray, target: np.ndarray, where: str) -> None:
    with pytest.raises(ShapeError) as caught:
        require_label_maps(prediction, target, 2)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        ([[0, 3]], [[0, 1]], "prediction: found the value 3; expected 0..2"),
        ([[0, 255]], [[0, 1]], "prediction: found the value 255; expected 0..2"),
        ([[0, 1]], [[0, 3]], "target: found the value 3; expected 0..2"),
        ([[0, 1]], [[0, -1]], "target: found the value -1; expected 0..2"),
        ([[0, 1]], [[0, 256]], "target: found the value 256; expected 0..2"),  # 0 in the lower 8 bits
    ],
)
def test_values_that_are_no_class(prediction: list[list[int]], target: list[list[int]], message: str) -> None:
    with pytest.raises(MaskError, match=message):
        require_label_maps(np.array(prediction), np.array(target), 3)


@pytest.mark.parametrize("num_classes", [0, 256])
def test_numbers_of_classes_that_a_label_map_cannot_hold(num_classes: int) -> None:
    with pytest.raises(OptionError, match=f"found {num_classes}; expected 1 to 255"):
        require_num_classes(num_classes)
