"""Cross-entropy against loops over pixels, and class weights by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.nn.losses import cross_entropy, median_frequency_weights

WEIGHTS = (0.5, 2.0, 1.0, 4.0)


def case(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (2, 4, 3, 5), and a target with ignored pixels in which class 3 does not occur."""
    rng = np.random.default_rng(seed)
    target = rng.choice([0, 1, 2, IGNORE_INDEX], (2, 3, 5))
    return torch.from_numpy(rng.normal(0, 3, (2, 4, 3, 5))), torch.from_numpy(target)


def by_loops(logits: torch.Tensor, target: torch.Tensor, weights: tuple[float, ...]) -> tuple[float, float]:
    """Return (sum of weight * -log softmax, sum of weights) over the counted pixels."""
    total = weight_sum = 0.0
    for n, row, column in np.ndindex(*target.shape):
        label = int(target[n, row, column])
        if label == IGNORE_INDEX:
            continue
        scores = [math.exp(float(score)) for score in logits[n, :, row, column]]
        total -= weights[label] * math.log(scores[label] / sum(scores))
        weight_sum += weights[label]
    return total, weight_sum


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_sum_and_mean_are_those_of_a_loop_over_the_pixels(weights: tuple[float, ...] | None) -> None:
    logits, target = case()
    total, weight_sum = by_loops(logits, target, weights or (1.0,) * 4)
    class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    assert_allclose(cross_entropy(logits, target, class_weights, reduction="sum"), total, rtol=1e-12)
    assert_allclose(cross_entropy(logits, target, class_weights), total / weight_sum, rtol=1e-12)


def test_the_number_of_pixels_divides_what_weights_do_not() -> None:
    """SegNet-Tutorial's loss: on CamVid the weights add up to less than half the pixels."""
    logits, target = case()
    class_weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    total, _ = by_loops(logits, target, WEIGHTS)
    counted = int((target != IGNORE_INDEX).sum())
    assert 0 < counted < target.numel()
    assert_allclose(cross_entropy(logits, target, class_weights, reduction="pixels"), total / counted, rtol=1e-12)


def test_equal_scores_cost_the_logarithm_of_the_number_of_classes() -> None:
    logits, target = torch.zeros(1, 4, 1, 2), torch.tensor([[[0, 3]]])
    assert_allclose(cross_entropy(logits, target), math.log(4), rtol=1e-6)
    assert_allclose(cross_entropy(logits, target, reduction="sum"), 2 * math.log(4), rtol=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("reduction", ["mean", "sum", "pixels"])
def test_without_a_labelled_pixel_loss_and_gradient_are_zero(weights: tuple[float, ...] | None, reduction: str) -> None:
    logits = case()[0].float().requires_grad_()
    target = torch.full((2, 3, 5), IGNORE_INDEX)
    loss = cross_entropy(logits, target, None if weights is None else torch.tensor(weights), reduction=reduction)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_the_gradient_is_softmax_less_one_hot_and_zero_where_ignored() -> None:
    logits, target = case()
    cross_entropy(logits.requires_grad_(), target, reduction="sum").backward()
    counted = (target != IGNORE_INDEX).unsqueeze(1)
    one_hot = torch.stack([target == c for c in range(4)], 1)
    expected = (logits.detach().softmax(1) - one_hot.double()) * counted
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize("ignore_index", [-1, -100, 7])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_any_index_can_be_the_one_to_ignore(ignore_index: int, weights: tuple[float, ...] | None) -> None:
    logits, target = case()
    class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    moved = target.where(target != IGNORE_INDEX, ignore_index)
    expected = cross_entropy(logits, target, class_weights)
    assert torch.equal(cross_entropy(logits, moved, class_weights, ignore_index=ignore_index), expected)


@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 5, 3), (2, 3), (2, 1, 3, 5)])
def test_a_target_of_another_shape_is_refused_also_along_the_batch(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"expected logits \(N, K, H, W\) and target \(N, H, W\)"):
        cross_entropy(torch.zeros(2, 4, 3, 5), torch.zeros(shape, dtype=torch.int64))


def test_logits_without_a_batch_are_refused() -> None:
    with pytest.raises(ShapeError):
        cross_entropy(torch.zeros(4, 3, 5), torch.zeros(3, 5, dtype=torch.int64))


def pixel_weights(seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 11, (2, 3, 5)))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_pixels_with_weights_of_their_own_are_those_of_a_loop(weights: tuple[float, ...] | None) -> None:
    logits, target = case()
    total = weight_sum = 0.0
    for n, row, column in np.ndindex(*target.shape):
        if (label := int(target[n, row, column])) != IGNORE_INDEX:
            scores = [math.exp(float(score)) for score in logits[n, :, row, column]]
            weight = float(pixel_weights()[n, row, column]) * (weights or (1.0,) * 4)[label]
            total -= weight * math.log(scores[label] / sum(scores))
            weight_sum += weight
    class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    summed = cross_entropy(logits, target, class_weights, pixel_weights=pixel_weights(), reduction="sum")
    assert_allclose(summed, total, rtol=1e-12)
    mean = cross_entropy(logits, target, class_weights, pixel_weights=pixel_weights())
    assert_allclose(mean, total / weight_sum, rtol=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_one_as_every_pixels_weight_changes_nothing(weights: tuple[float, ...] | None, reduction: str) -> None:
    logits, target = case()
    class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    expected = cross_entropy(logits, target, class_weights, reduction=reduction)
    ones = torch.ones(target.shape)
    loss = cross_entropy(logits, target, class_weights, pixel_weights=ones, reduction=reduction)
    assert_allclose(loss, expected, rtol=1e-7)  # the float32 weights' sum


def test_two_equal_scores_weighed_by_hand() -> None:
    logits, target = torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, IGNORE_INDEX]]])
    weights = torch.tensor([[[1.0, 10.0, 100.0]]])
    assert_allclose(cross_entropy(logits, target, pixel_weights=weights, reduction="sum"), 11 * math.log(2), rtol=1e-6)
    assert_allclose(cross_entropy(logits, target, pixel_weights=weights), math.log(2), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_weight_of_an_ignored_pixel_may_be_anything(reduction: str) -> None:
    logits, target = case()
    logits.requires_grad_()
    undefined = pixel_weights().where(target != IGNORE_INDEX, math.nan)
    loss = cross_entropy(logits, target, pixel_weights=undefined, reduction=reduction)
    loss.backward()
    assert torch.equal(loss, cross_entropy(logits, target, pixel_weights=pixel_weights(), reduction=reduction))
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("ignored", [True, False])
def test_where_nothing_weighs_anything_loss_and_gradient_are_zero(ignored: bool, reduction: str) -> None:
    logits = case()[0].float().requires_grad_()
    target = torch.full((2, 3, 5), IGNORE_INDEX if ignored else 1)
    weights = torch.full((2, 3, 5), 1.0 if ignored else 0.0)
    loss = cross_entropy(logits, target, pixel_weights=weights, reduction=reduction)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize(
    "weights", [torch.ones(1, 3, 5), torch.ones(3, 5), torch.ones(2, 1, 3, 5), torch.ones(2, 3, 5, dtype=torch.int64)]
)
def test_weights_that_do_not_fit_the_pixels_are_refused(weights: torch.Tensor) -> None:
    with pytest.raises(ShapeError, match=r"pixel_weights: found .* expected floats of shape \(2, 3, 5\)"):
        cross_entropy(*case(), pixel_weights=weights)


def test_median_frequency_weights_by_hand() -> None:
    pixels, image_pixels = np.array([60, 10, 0, 30]), np.array([100, 100, 0, 50])
    # frequencies 0.6, 0.1, -, 0.6; their median 0.6
    assert_allclose(median_frequency_weights(pixels, image_pixels), [1, 6, 1, 1], rtol=1e-6)
    assert_allclose(median_frequency_weights(pixels, image_pixels, 0.5), [1, math.sqrt(6), 1, 1], rtol=1e-6)
    assert_allclose(median_frequency_weights(pixels, image_pixels, 0), [1, 1, 1, 1])
    assert median_frequency_weights(pixels, image_pixels).dtype == np.float32


def test_the_median_of_two_frequencies_lies_between_them() -> None:
    weights = median_frequency_weights(np.array([20, 60]), np.array([100, 100]))
    assert_allclose(weights, [0.4 / 0.2, 0.4 / 0.6], rtol=1e-6)


def test_classes_that_never_occur_weigh_one() -> None:
    nothing = np.zeros(3, np.int64)
    assert_allclose(median_frequency_weights(nothing, nothing), [1, 1, 1])


def test_counts_of_different_length_and_other_powers_are_refused() -> None:
    with pytest.raises(ShapeError, match="two arrays of one entry a class"):
        median_frequency_weights(np.ones(3, np.int64), np.ones(4, np.int64))
    with pytest.raises(OptionError, match=r"power: found 1\.5"):
        median_frequency_weights(np.ones(3, np.int64), np.ones(3, np.int64), 1.5)
