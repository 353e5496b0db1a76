"""The confusion matrix and its scores, against counts by hand and torchmetrics."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassJaccardIndex

from pixelwise.metrics.confusion import ConfusionMatrix, mean_present

K = 6


def scored(num_classes: int, *pairs: tuple[object, object]) -> ConfusionMatrix:
    confusion = ConfusionMatrix(num_classes)
    for prediction, target in pairs:
        confusion.update(np.asarray(prediction), np.asarray(target))
    return confusion


def noisy_pairs(classes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Four images in which a third of the pixels is wrong and a tenth has no label."""
    rng = np.random.default_rng(1)
    target = rng.integers(0, classes, (4, 37, 53)).astype(np.uint8)
    prediction = np.where(rng.random(target.shape) < 0.33, rng.integers(0, classes, target.shape), target)
    target[rng.random(target.shape) < 0.1] = 255
    return list(zip(prediction.astype(np.uint8), target, strict=True))


def test_counts_by_hand() -> None:
    confusion = scored(3, ([[0, 1, 1], [2, 0, 0]], [[0, 1, 0], [2, 255, 1]]))
    assert_array_equal(confusion.matrix, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])  # rows are truth
    assert confusion.matrix.dtype == np.int64
    assert confusion.pixels == 5
    assert confusion.global_accuracy() == 3 / 5
    assert_array_equal(confusion.accuracy(), [1 / 2, 1 / 2, 1])
    assert confusion.class_accuracy() == pytest.approx(2 / 3, abs=1e-15)
    assert_array_equal(confusion.iou(), [1 / 3, 1 / 3, 1])
    assert confusion.miou() == pytest.approx(5 / 9, abs=1e-15)


def test_a_class_in_neither_map_is_left_out() -> None:
    confusion = scored(4, ([[0, 0, 2]], [[0, 0, 0]]))  # 1 and 3 occur nowhere, 2 in the prediction alone
    assert_array_equal(confusion.iou(), [2 / 3, nan, 0, nan])
    assert confusion.miou() == pytest.approx((2 / 3 + 0) / 2, abs=1e-15)
    assert_array_equal(confusion.accuracy(), [2 / 3, nan, nan, nan])
    assert confusion.class_accuracy() == pytest.approx(2 / 3, abs=1e-15)


def test_nothing_counted_scores_nothing() -> None:
    for confusion in (scored(2), scored(2, ([[0, 1]], [[255, 255]]))):
        assert confusion.pixels == 0
        assert isnan(confusion.global_accuracy())
        assert isnan(confusion.class_accuracy())
        assert isnan(confusion.miou())
        assert_array_equal(confusion.iou(), [nan, nan])


def test_images_add_up() -> None:
    pairs = noisy_pairs(K)
    stacked = tuple(np.concatenate(maps) for maps in zip(*pairs, strict=True))
    assert_array_equal(scored(K, *pairs).matrix, scored(K, stacked).matrix)


def test_as_many_classes_as_a_label_map_can_hold() -> None:
    every = np.arange(255)[None]
    assert_array_equal(scored(255, (every, every)).matrix, np.eye(255))
    assert_array_equal(scored(255, (every[:, ::-1], every)).matrix, np.eye(255)[::-1])


@pytest.mark.parametrize("present", [K, K - 2], ids=["all classes", "two absent"])
def test_against_torchmetrics(present: int) -> None:
    pairs = noisy_pairs(present)
    ours = scored(K, *pairs)
    prediction, target = (torch.from_numpy(np.stack(maps)).long() for maps in zip(*pairs, strict=True))

    def theirs(metric: object) -> np.ndarray:
        return metric(prediction, target).numpy()  # type: ignore[operator]

    assert_array_equal(ours.matrix, theirs(MulticlassConfusionMatrix(K, ignore_index=255)))
    # torchmetrics divides in float32, to seven digits, and gives an absent class 0 where here it has no score.
    iou = theirs(MulticlassJaccardIndex(K, average=None, ignore_index=255))
    assert_array_equal(ours.iou()[:present].astype(np.float32), iou[:present])
    assert_array_equal(ours.iou()[present:], np.full(K - present, nan))
    recall = theirs(MulticlassAccuracy(K, average=None, ignore_index=255))
    assert_array_equal(ours.accuracy()[:present].astype(np.float32), recall[:present])
    assert_allclose(ours.global_accuracy(), theirs(MulticlassAccuracy(K, average="micro", ignore_index=255)), rtol=1e-6)
    # Its macro means leave out classes in neither map, as here.
    assert_allclose(ours.miou(), theirs(MulticlassJaccardIndex(K, average="macro", ignore_index=255)), rtol=1e-6)
    assert_allclose(ours.class_accuracy(), theirs(MulticlassAccuracy(K, ignore_index=255)), rtol=1e-6)


def test_mean_over_what_is_present() -> None:
    assert mean_present(np.array([nan, 0.25, nan, 0.75])) == 0.5
    assert isnan(mean_present(np.array([nan, nan])))
