"""The class bias: a share of the weights by its formula, and what scores best."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data.dataset import Item, Sample
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.predictor import Predictor
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.modelfile.info import ModelInfo
from pixelwise.training.planning.defaults import RECIPE
from pixelwise.training.posthoc.class_bias import (
    _confusions,
    class_bias,
    fit_class_bias,
    sample_logits,
    select_evenly,
)

UInt8 = npt.NDArray[np.uint8]
SIZE = 8
WEIGHTS = (1.0, math.e)


class RedMeansRare(Engine):
    """Scores 0 for the first class and for the second what an image's red channel says, 0..2.55."""

    def __call__(self, images: UInt8) -> npt.NDArray[np.float32]:
        red = images[..., 0].astype(np.float32) / 100
        return np.stack([np.zeros_like(red), red], axis=1)


def predictor(tile: int = 64, overlap: int = 32) -> Predictor:
    classes = ClassMap(("common", "rare"), ((0, 0, 0), (255, 0, 0)))
    info = ModelInfo("red", None, "semantic", classes, (0.0,) * 3, (1.0,) * 3, 2, tile, overlap)
    return Predictor(RedMeansRare(), info)


def sample(red: list[int], truth: list[int], height: int = SIZE) -> Sample:
    """Columns two pixels wide, so that every other one shows them all."""
    image = np.zeros((height, 2 * len(red), 3), np.uint8)
    image[..., 0] = np.repeat(red, 2)
    return Sample(image, np.tile(np.repeat(np.array(truth, np.uint8), 2), (height, 1)))


def fit(
    samples: list[Sample], weights: tuple[float, ...] = WEIGHTS, tiled: bool = False, **changes: object
) -> tuple[float, tuple[float, ...]]:
    """Return the strength of the logit adjustment and the bias that suit these samples."""
    recipe = RECIPE.replace(class_weights=weights, **changes)
    model = predictor(tile=16, overlap=8) if tiled else predictor()
    return fit_class_bias(sample_logits(model, samples, len(samples), recipe.bias_values), recipe)


def test_the_bias_takes_back_a_share_of_the_weights_logarithm() -> None:
    assert_allclose(class_bias((1.0, math.e, 0.5), 0.5), [0, -0.5, 0.5 * math.log(2)])


def test_weights_all_taken_back_give_the_classes_own_probabilities() -> None:
    """By Bayes: trained with weights w, soft-max of the logits is w p over its sum."""
    p, w = np.array([0.9, 0.07, 0.03]), np.array([0.3, 1.0, 4.0])
    logits = np.log(w * p / (w * p).sum()) + np.array(class_bias(tuple(w), 1.0))
    assert_allclose(np.exp(logits) / np.exp(logits).sum(), p)


def test_a_class_that_never_counted_gets_no_bias() -> None:
    assert class_bias((0.0, 2.0), 1.0) == (0.0, -math.log(2))


@pytest.mark.parametrize(
    ("truth", "share"),
    [
        ([0, 1, 1, 1], 0.0),  # right as trained: red of 10 and more is rare
        ([0, 0, 1, 1], 0.2),  # what scores 0.1 is common, what scores 0.5 is rare
        ([0, 0, 0, 1], 0.6),  # up to 0.5 is common: the smallest share that says so
    ],
)
def test_the_share_is_the_smallest_of_those_that_score_best(truth: list[int], share: float) -> None:
    """A bias of -share on the rare class: its score must be above share. Where all is right no class moves on."""
    assert fit([sample([0, 10, 50, 90], truth)]) == (share, (0.0, -share))


def test_every_image_counts() -> None:
    """Two images want 0.6 and one wants 0: the mean IoU over all their pixels decides."""
    samples = [sample([0, 10, 50, 90], [0, 0, 0, 1])] * 2 + [sample([0, 10, 50, 90], [0, 1, 1, 1])]
    assert fit(samples)[0] == 0.6


def test_an_image_in_tiles_gives_the_same_bias() -> None:
    tall = sample([0, 10, 50, 90], [0, 0, 1, 1], height=50)
    assert fit([tall], tiled=True) == (0.2, (0.0, -0.2))


def test_a_class_moves_beyond_its_weight_where_that_scores_better() -> None:
    """Equal weights have no share to take back; what scores 0.5 and less is common all the same."""
    share, bias = fit([sample([0, 10, 50, 90], [0, 0, 0, 1])], (1.0, 1.0))
    assert share == 0
    assert 0.5 < bias[0] - bias[1] < 0.9


def test_a_class_that_no_image_shows_keeps_its_share() -> None:
    """Calling nothing rare would cost nothing here, and that class elsewhere."""
    assert fit([sample([0, 10, 50, 90], [0, 0, 0, 0])]) == (1.0, (0.0, -1.0))


def test_without_a_labelled_pixel_nothing_is_biased() -> None:
    unlabelled = sample([0, 10, 50, 90], [IGNORE_INDEX] * 4)
    assert fit([unlabelled]) == (0.0, (0.0, 0.0))
    assert fit([]) == (0.0, (0.0, 0.0))


def test_one_pass_gives_the_confusion_of_every_candidate() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(size=(4, 500)).astype(np.float32), rng.integers(0, 4, 500)
    bias, candidates = rng.normal(size=4).astype(np.float32), np.linspace(-2, 2, 9)
    confusions = _confusions(logits, truth, bias, 2, candidates)
    for value, confusion in zip(candidates, confusions, strict=True):
        bias[2] = value
        expected = ConfusionMatrix(4)
        expected.update((logits + bias[:, None]).argmax(axis=0)[None], truth[None])
        assert np.array_equal(confusion, expected.matrix)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bias_shares": (0.0, 1.0), "bias_rounds": 1, "bias_reach": 0.0}, (0.0, (0.0, 0.0))),
        ({"bias_shares": (0.5,), "bias_reach": 0.0}, (0.5, (0.0, -0.5))),
        ({"bias_shares": (0.0,), "bias_reach": 0.2, "bias_candidates": 3}, (0.0, (0.2, 0.0))),
        ({"bias_shares": (0.0,), "bias_least_gain": 1.0}, (0.0, (0.0, 0.0))),
        ({"bias_shares": (0.0,), "bias_values": 2}, (0.0, (0.0, 0.0))),
    ],
)
def test_the_fit_follows_its_recipe(changes: dict[str, object], expected: tuple[float, tuple[float, ...]]) -> None:
    """What scores 0.1 is common, and what scores 0.5 is rare. Of two values a single logit a class is read, of a pixel
    that is common as trained."""
    assert fit([sample([0, 10, 50, 90], [0, 0, 1, 1])], **changes) == expected


def test_many_images_are_looked_at_at_even_distances() -> None:
    items = [Item(str(number), Path(f"{number}.png"), None) for number in range(12)]
    assert select_evenly(items, 4) == items[::3]
    assert select_evenly(items[:3], 4) == items[:3]
    assert select_evenly([], 4) == []


def test_no_labelled_pixel_of_sparse_labels_is_passed_over() -> None:
    """One labelled pixel in an odd row and column, which a grid of every other one misses."""
    lone = sample([0, 10, 50, 90], [IGNORE_INDEX] * 4)
    lone.label_map[3, 5] = 1
    ((logits, truth),) = sample_logits(predictor(), [lone], 1, most=32, sparse=True)
    assert truth.tolist() == [1]
    assert_allclose(logits, [[0.0], [0.5]])
    dense = sample([0, 10, 50, 90], [0, 0, 1, 1])
    ((_, truth),) = sample_logits(predictor(), [dense], 1, most=32)
    assert truth.size < 64 / 2


def test_a_class_of_few_pixels_keeps_its_share_of_the_adjustment() -> None:
    """On its own the rare class would move; with fewer labelled pixels than asked for it does not."""
    pixels = sample_logits(predictor(), [sample([0, 10, 50, 90], [0, 0, 0, 1])], 1, most=10_000)
    recipe = RECIPE.replace(class_weights=(1.0, 1.0))
    share, bias = fit_class_bias(pixels, recipe)
    assert share == 0.0
    assert bias != (0.0, 0.0)
    assert fit_class_bias(pixels, recipe.replace(bias_pixels=1000)) == (0.0, (0.0, 0.0))
