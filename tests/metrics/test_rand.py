"""The Rand error against loops over pairs of pixels and against scikit-image."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose
from skimage.metrics import adapted_rand_error

from pixelwise.core.errors import ShapeError
from pixelwise.metrics.rand import rand_error

Int32 = npt.NDArray[np.int32]


def maps(seed: int, ids: int = 4, height: int = 5, width: int = 6) -> tuple[Int32, Int32]:
    rng = np.random.default_rng(seed)
    prediction, target = rng.integers(0, ids, (2, height, width)).astype(np.int32)
    return prediction, target


def by_pairs(prediction: Int32, target: Int32) -> float:
    """Count, pair by pair, which pixels of true objects are joined in the prediction, in truth, in both."""
    inside = [(int(p), int(t)) for p, t in zip(prediction.ravel(), target.ravel(), strict=True) if t != 0]
    in_prediction = in_truth = in_both = 0
    for (p, t), (other_p, other_t) in combinations(inside, 2):
        in_prediction += p == other_p != 0
        in_truth += t == other_t
        in_both += p == other_p != 0 and t == other_t
    precision, recall = in_both / in_prediction, in_both / in_truth
    return 1 - 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_count_over_all_pairs(seed: int) -> None:
    assert_allclose(rand_error(*maps(seed)), by_pairs(*maps(seed)), rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_images_once_each_pixel_of_no_object_stands_alone(seed: int) -> None:
    """scikit-image takes the prediction's 0 for one more object; here its pixels are joined to none."""
    prediction, target = maps(seed, ids=20, height=90, width=80)
    alone = np.where(prediction == 0, 1000 + np.arange(prediction.size).reshape(prediction.shape), prediction)
    assert_allclose(rand_error(prediction, target), adapted_rand_error(target, alone)[0], rtol=1e-12)
    everywhere = prediction + 1
    assert_allclose(rand_error(everywhere, target), adapted_rand_error(target, everywhere)[0], rtol=1e-12)


def test_two_cells_merged_by_hand() -> None:
    target = np.array([[1, 1, 0, 2, 2]])
    # the prediction joins 6 pairs of the 4 pixels, truth 2, both 2: precision 1/3, recall 1, F 1/2
    assert rand_error(np.array([[7, 7, 7, 7, 7]]), target) == pytest.approx(0.5)
    # one cell split: it joins 1 pair, truth 2, both 1: precision 1, recall 1/2, F 2/3
    assert rand_error(np.array([[7, 7, 0, 8, 9]]), target) == pytest.approx(1 / 3)
    # and the same where the second cell is missed
    assert rand_error(np.array([[7, 7, 0, 0, 0]]), target) == pytest.approx(1 / 3)


def test_the_numbers_of_the_objects_do_not_matter() -> None:
    prediction, target = maps(0)
    table = np.array([0, 2**31 - 1, 5, 70_000], np.int32)
    assert rand_error(table[target], target) == 0
    assert rand_error(table[prediction], target) == rand_error(prediction, table[target])


def test_what_lies_outside_true_objects_does_not_count() -> None:
    target = np.array([[1, 1, 1, 0, 0], [2, 2, 0, 0, 0]])
    assert rand_error(np.array([[4, 4, 4, 4, 4], [3, 3, 3, 9, 0]]), target) == 0


def test_predicting_no_object_is_all_wrong() -> None:
    assert rand_error(np.zeros((1, 4), np.uint8), np.array([[1, 1, 2, 2]])) == 1


@pytest.mark.parametrize("target", [[[0, 0, 0]], [[1, 0, 2]]])
def test_without_a_pair_there_is_no_score(target: list[list[int]]) -> None:
    assert np.isnan(rand_error(np.array([[1, 1, 2]]), np.array(target)))


@pytest.mark.parametrize(
    ("prediction", "target", "where"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), "prediction"),
        (np.zeros((1, 2, 3), int), np.zeros((1, 2, 3), int), "prediction"),
        (np.zeros((2, 3), int), np.zeros((2, 3)), "target"),
        (np.zeros((2, 3), bool), np.zeros((2, 3), int), "prediction"),
    ],
)
def test_maps_that_do_not_fit_are_refused(
    prediction: npt.NDArray[np.int64], target: npt.NDArray[np.int64], where: str
) -> None:
    with pytest.raises(ShapeError, match=f"{where}: found"):
        rand_error(prediction, target)
