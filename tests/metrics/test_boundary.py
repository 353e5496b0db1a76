"""Boundary F1, against figures worked out by hand and a slow version with exact distances.

Images of 240x320 have a diagonal of 400 and so a tolerance of exactly 3 pixels.
"""

from __future__ import annotations

from math import hypot, isnan, nan

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import distance_transform_edt

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.metrics.boundary import BoundaryF1, boundary, boundary_f1, class_boundary_f1

SIZE = (240, 320)


def halves(column: int) -> np.ndarray:
    """Class 0 left of `column`, class 1 from there on."""
    return np.tile((np.arange(SIZE[1]) >= column).astype(np.uint8), (SIZE[0], 1))


def test_boundary_is_on_both_sides() -> None:
    assert_array_equal(boundary([[0, 1], [0, 1]]), [[1, 1], [1, 1]])
    assert_array_equal(boundary([[0, 0, 1, 1], [0, 0, 1, 1]]), [[0, 1, 1, 0], [0, 1, 1, 0]])


def test_diagonal_neighbours_and_the_border_make_no_boundary() -> None:
    assert_array_equal(boundary([[1, 0, 0], [0, 0, 0], [0, 0, 2]]), [[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    assert_array_equal(boundary([[3, 3], [3, 3]]), [[0, 0], [0, 0]])
    assert_array_equal(boundary([[3]]), [[0]])


def test_pixels_without_a_label_make_no_boundary() -> None:
    assert_array_equal(boundary([[0, 255, 1]]), [[0, 0, 0]])
    assert_array_equal(boundary([[0, 255, 1], [0, 0, 1]]), [[0, 0, 0], [0, 1, 1]])


@pytest.mark.parametrize(("shift", "expected"), [(0, 1), (3, 1), (-3, 1), (4, 0), (-4, 0)])
def test_a_line_is_matched_up_to_the_tolerance(shift: int, expected: int) -> None:
    assert_array_equal(class_boundary_f1(halves(100 + shift), halves(100), 2), [expected, expected])


@pytest.mark.parametrize(("offset", "expected"), [((2, 2), 1), ((3, 0), 1), ((1, 3), 0), ((0, 4), 0)])
def test_the_tolerance_is_a_disc(offset: tuple[int, int], expected: int) -> None:
    truth, prediction = np.zeros((2, *SIZE), np.uint8)
    truth[50, 60] = 1
    prediction[50 + offset[0], 60 + offset[1]] = 1
    assert class_boundary_f1(prediction, truth, 2)[1] == expected


def test_half_a_line_by_hand() -> None:
    truth, prediction = halves(100), halves(100)
    prediction[120:, :200] = 0
    # Either class has 240 boundary pixels in truth. In prediction: 120 on the right line, 120 on the wrong one, and
    # 100 along the step between them, less the corner that is on two of them: 339. The right ones and the next three
    # of the step are within 3 pixels of the truth; of the truth, the upper half and the next three rows are matched.
    precision, recall = 123 / 339, 123 / 240
    expected = 2 * precision * recall / (precision + recall)
    assert_allclose(class_boundary_f1(prediction, truth, 2), [expected, expected], rtol=1e-14)
    assert_allclose(boundary_f1(prediction, truth, 2), 82 / 193, rtol=1e-14)  # the same as a fraction


def test_a_class_in_one_map_scores_nought_and_in_none_is_left_out() -> None:
    truth, prediction = halves(100), halves(100)
    prediction[:, 200:] = 3
    scores = class_boundary_f1(prediction, truth, 5)
    # Class 1 has its true line and a false one of 240 pixels: precision 1/2, recall 1.
    assert_allclose(scores, [1, 2 / 3, nan, 0, nan], rtol=1e-14)
    assert boundary_f1(prediction, truth, 5) == pytest.approx((1 + 2 / 3 + 0) / 3, abs=1e-14)


def test_a_class_without_boundary_scores_by_its_presence() -> None:
    zeros, ones = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)
    assert_array_equal(class_boundary_f1(zeros, zeros, 2), [1, nan])
    assert_array_equal(class_boundary_f1(ones, zeros, 2), [0, 0])
    assert_array_equal(class_boundary_f1(np.array([[0]]), np.array([[0]]), 2), [1, nan])  # 1x1


def test_what_is_predicted_without_a_label_does_not_count() -> None:
    truth = halves(100)
    truth[:, 50:80] = 255
    prediction = halves(100)
    prediction[:, 55:70] = 2
    prediction[:, 75] = 255
    assert_array_equal(class_boundary_f1(prediction, truth, 3), [1, 1, nan])
    truth[:, 90:110] = 255  # now the only boundary is hidden, on both sides
    assert_array_equal(class_boundary_f1(prediction, truth, 3), [1, 1, nan])


def test_no_rounding_of_the_tolerance() -> None:
    truth, prediction = np.zeros((2, 360, 480), np.uint8)  # 4.5 pixels
    truth[100, 100] = truth[200, 200] = 1
    prediction[102, 104] = 1  # sqrt(20) = 4.47 away
    prediction[205, 200] = 1  # 5 away
    assert class_boundary_f1(prediction, truth, 2)[1] == 0.5


def test_mean_over_images() -> None:
    score = BoundaryF1(2)
    assert isnan(score.score())
    score.update(halves(100), halves(100))
    score.update(halves(100), np.full(SIZE, 255, np.uint8))  # without labels: no image to score
    score.update(halves(100), halves(150))
    assert score.score() == 0.5


def test_nothing_counted_scores_nothing() -> None:
    assert isnan(boundary_f1(halves(100), np.full(SIZE, 255, np.uint8), 2))


def test_bad_arguments() -> None:
    with pytest.raises(ShapeError):
        boundary_f1(np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8), 2)
    with pytest.raises(OptionError):
        BoundaryF1(0)


def slow_class_boundary_f1(prediction: np.ndarray, target: np.ndarray, num_classes: int) -> list[float]:
    """The definition a class at a time, each distance by an exact transform."""
    counted = target != 255
    tolerance = 0.0075 * hypot(*target.shape) + 1e-9
    scores = []
    for c in range(num_classes):
        of_class = [(label_map == c) & counted for label_map in (prediction, target)]
        edges = []
        for mask in of_class:
            other = np.pad(counted & ~mask, 1)
            edges.append(mask & (other[:-2, 1:-1] | other[2:, 1:-1] | other[1:-1, :-2] | other[1:-1, 2:]))
        if not any(mask.any() for mask in of_class):
            scores.append(nan)
        elif not any(edge.any() for edge in edges):
            scores.append(float(all(mask.any() for mask in of_class)))
        elif not all(edge.any() for edge in edges):
            scores.append(0.0)
        else:
            predicted, true = edges
            precision = (distance_transform_edt(~true)[predicted] <= tolerance).mean()
            recall = (distance_transform_edt(~predicted)[true] <= tolerance).mean()
            scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return scores


@pytest.mark.parametrize(
    ("size", "num_classes"),
    [
        ((240, 320), 3),
        ((360, 480), 11),
        ((97, 611), 20),
        ((500, 3), 4),
        ((1, 900), 5),
        ((200, 230), 200),
        ((40, 30), 2),
    ],
)
def test_against_exact_distances(size: tuple[int, int], num_classes: int) -> None:
    rng = np.random.default_rng(num_classes)
    blocks = rng.integers(0, num_classes, (-(-size[0] // 23), -(-size[1] // 17)))
    target = np.repeat(np.repeat(blocks, 23, 0), 17, 1)[: size[0], : size[1]].astype(np.uint8)
    prediction = np.roll(target, (2, -3), (0, 1))
    speckled = rng.random(size) < 0.002
    prediction[speckled] = rng.integers(0, num_classes, speckled.sum())
    target[rng.random(size) < 0.001] = 255
    target[: size[0] // 5, : size[1] // 5] = 255
    fast = class_boundary_f1(prediction, target, num_classes)
    assert_allclose(fast, slow_class_boundary_f1(prediction, target, num_classes), rtol=1e-12)
    assert np.nanmax(fast) > np.nanmin(fast)  # the case tells good from bad


def test_more_classes_than_an_integer_has_bits() -> None:
    target = np.tile(np.arange(200).repeat(3), (50, 1))
    assert_array_equal(class_boundary_f1(target, target, 200), np.ones(200))
    shifted = np.roll(target, 3, 1)  # by one class: within the tolerance of 4.5 but for what comes in at the far end
    assert_array_equal(class_boundary_f1(shifted, target, 200)[:-1], np.ones(199))
