"""Intervals of a mean, whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from pixelwise.metrics.bootstrap import draw_resamples, few_images_remark, score_interval


def test_each_resample_draws_as_many_images_as_there_are() -> None:
    weights = np.concatenate(list(draw_resamples(7, 500)))
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    # Each image is drawn once in the mean; three standard deviations of that mean are 3 sqrt(6/7 / 500) = 0.12.
    assert np.abs(weights.mean(axis=0) - 1).max() < 0.13
    assert np.array_equal(weights, np.concatenate(list(draw_resamples(7, 500))))


def test_many_images_come_in_blocks_of_the_same_draws() -> None:
    blocks = list(draw_resamples(3_000_000, 2))
    assert [block.shape for block in blocks] == [(1, 3_000_000)] * 2


@pytest.mark.parametrize("count", [4, 8, 30])
def test_the_interval_of_a_mean_is_nearly_students(count: int) -> None:
    """Student's t interval is exact for normal values. Of few images the half width differs by the resampling alone, a
    sixtieth with 2,000 draws; of 20 and more, where percentiles count, it may differ by a quarter."""
    values = np.random.default_rng(1).normal(0.5, 0.05, count)
    scores = np.concatenate([weights @ values / count for weights in draw_resamples(count)])
    low, high = score_interval(scores, count)
    half = t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count)
    assert (high - low) / 2 == pytest.approx(half, rel=0.06 if count < 20 else 0.25)


@pytest.mark.parametrize("count", [5, 12])
def test_the_interval_holds_the_truth_nearly_as_often_as_it_says(count: int) -> None:
    """Of 100 draws at 95 %, 88 are three standard deviations below; these values are skewed, which costs some more."""
    rng, held = np.random.default_rng(2), 0
    weights = np.concatenate(list(draw_resamples(count)))
    for _ in range(100):
        values = rng.beta(6, 2, count)
        low, high = score_interval(weights @ values / count, count)
        held += low <= 6 / 8 <= high
    assert held >= 88


def test_the_interval_of_few_images_ends_at_the_ends_of_the_scale() -> None:
    """Of two images, t is 12.7."""
    scores = np.concatenate([weights @ np.array([0.4, 0.9]) / 2 for weights in draw_resamples(2)])
    assert score_interval(scores, 2) == (0.0, 1.0)


def test_of_one_image_or_no_score_there_is_none() -> None:
    assert score_interval(np.ones(10), 1) is None
    assert score_interval(np.full(10, np.nan), 5) is None


def test_fewer_than_twenty_images_come_with_a_caution() -> None:
    assert few_images_remark(1) == ["Measured on 1 image: fewer than 20 say little about other images."]
    assert few_images_remark(19)
    assert few_images_remark(20) == []
