"""Class weights taken back in part: the bias by its formula, the share by what scores best."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose

from pixelwise.classes import IGNORE_INDEX, ClassMap
from pixelwise.formats.dataset import Sample
from pixelwise.modelfile.info import ModelInfo
from pixelwise.predict.predictor import Predictor
from pixelwise.training.calibration import SHARES, best_share, class_bias

UInt8 = npt.NDArray[np.uint8]
SIZE = 8
WEIGHTS = (1.0, math.e)


class RedMeansRare:
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
        ([0, 0, 0, 0], 1.0),  # a score of 0.9 too
    ],
)
def test_the_share_is_the_smallest_of_those_that_score_best(truth: list[int], share: float) -> None:
    """A bias of -share on the rare class: its score must be above share."""
    assert best_share(predictor(), [sample([0, 10, 50, 90], truth)], WEIGHTS) == share


def test_every_image_counts() -> None:
    """Two images want 0.6 and one wants 0: the mean IoU over all their pixels decides."""
    wanting = [sample([0, 10, 50, 90], [0, 0, 0, 1])] * 2
    assert best_share(predictor(), [*wanting, sample([0, 10, 50, 90], [0, 1, 1, 1])], WEIGHTS) == 0.6


def test_an_image_in_tiles_gives_the_same_share() -> None:
    tall = sample([0, 10, 50, 90], [0, 0, 1, 1], height=50)
    assert best_share(predictor(tile=16, overlap=8), [tall], WEIGHTS) == 0.2


def test_without_a_labelled_pixel_nothing_is_taken_back() -> None:
    assert best_share(predictor(), [sample([0, 10, 50, 90], [IGNORE_INDEX] * 4)], WEIGHTS) == 0.0
    assert best_share(predictor(), [], WEIGHTS) == 0.0


def test_shares_go_from_nothing_to_all() -> None:
    assert SHARES[0] == 0
    assert SHARES[-1] == 1
