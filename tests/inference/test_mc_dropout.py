"""Several passes with dropout on: their mean, their variance, and that they are drawn alike again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.inference.engines.base import Engine, FunctionEngine
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine
from pixelwise.inference.loading import load
from pixelwise.inference.mc_dropout import MonteCarloDropout, moments_of_passes, softmax
from pixelwise.inference.predictor import Predictor

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, Float32, UInt8

SAMPLING = MonteCarloDropout(passes=5, seed=3)
TILES = 40
PASS_OF = {SAMPLING.seed_of(number, tile): number for number in range(SAMPLING.passes) for tile in range(TILES)}


class Noisy(Engine):
    """An engine whose passes score the colours more and more sharply, and one class of them extra."""

    def __init__(self, colour: ColourModel) -> None:
        self.colour = colour
        self.asked: list[int] = []

    def __call__(self, images: UInt8) -> Float32:
        return np.stack([self.colour.logits(image) for image in images]) / 64

    def sample(self, images: UInt8, seed: int) -> Float32:
        self.asked.append(seed)
        logits = self(images) * np.float32(1 + PASS_OF[seed])
        logits[:, PASS_OF[seed] % 4] += 1
        return logits


def expected_moments(colour: ColourModel, image: UInt8) -> tuple[Float32, Float32]:
    """Mean and variance over the passes as numpy tells them in float64; the variance averaged over the classes."""
    passes = []
    for number in range(SAMPLING.passes):
        scores = colour.logits(image).astype(np.float64) / 64 * (1 + number)
        scores[number % 4] += 1
        passes.append(np.exp(scores) / np.exp(scores).sum(axis=0))
    return np.mean(passes, axis=0), np.var(passes, axis=0).mean(axis=0)


def test_mean_and_variance_are_those_of_the_passes(colour: ColourModel, image: UInt8) -> None:
    moments = moments_of_passes(Noisy(colour), SAMPLING)(image[None])
    mean, variance = expected_moments(colour, image)
    assert moments.shape == (1, 5, 150, 201)
    assert moments.dtype == np.float32
    # float32 probabilities of logits up to 20: 20 * 2**-23 is 2e-6 of relative error
    assert_allclose(moments[0, :-1], mean, atol=5e-6)
    assert_allclose(moments[0, -1], variance, atol=5e-6)
    assert variance.max() > 0.01


def test_labels_come_from_the_mean_and_tiled_equals_whole(colour: ColourModel, image: UInt8) -> None:
    mean, variance = expected_moments(colour, image)
    whole = Predictor(Noisy(colour), dataclasses.replace(colour.info, tile=224))
    engine = Noisy(colour)
    tiled = Predictor(engine, colour.info)
    for predictor in (whole, tiled):
        result = predictor.predict(image, SAMPLING)
        clear = np.diff(np.sort(mean, axis=0)[-2:], axis=0)[0] > 1e-5  # elsewhere two classes tie but for rounding
        assert_array_equal(result.label_map[clear], mean.argmax(axis=0)[clear])
        assert result.variance is not None
        assert_allclose(result.variance, variance, atol=5e-6)
        assert_allclose(result.probabilities, mean, atol=1e-5)
    assert (mean.argmax(axis=0) != colour.labels(image)).any()
    assert len(set(engine.asked)) == len(engine.asked) / 2 > 20 * SAMPLING.passes  # every tile draws anew; asked twice


def test_draws_are_a_function_of_seed_pass_and_tile() -> None:
    keys = [(seed, number, tile) for seed in range(3) for number in range(20) for tile in range(20)]
    draws = [MonteCarloDropout(20, seed).seed_of(number, tile) for seed, number, tile in keys]
    assert draws == [MonteCarloDropout(50, seed).seed_of(number, tile) for seed, number, tile in keys]
    assert len(set(draws)) == len(keys)
    assert min(draws) >= 1
    assert max(draws) < 2**32


def test_passes_that_agree_have_no_variance_at_all(colour: ColourModel, image: UInt8) -> None:
    class Settled(Noisy):
        def sample(self, images: UInt8, seed: int) -> Float32:
            return self(images)

    label_map, variance = Predictor(Settled(colour), colour.info).label_map_and_variance(image, MonteCarloDropout(7))
    assert_array_equal(label_map, colour.labels(image))
    assert variance.dtype == np.float32
    assert_array_equal(variance, np.zeros((150, 201)))


def test_two_passes_that_disagree_have_the_most_variance_there_is() -> None:
    """Of two classes, certain of one and then of the other: each probability is 0 and 1, its variance 1/4."""

    class Undecided(Noisy):
        def __init__(self) -> None:
            pass

        def sample(self, images: UInt8, seed: int) -> Float32:
            first = seed == MonteCarloDropout(2).seed_of(0, 0)
            return np.array([200.0, 0.0] if first else [0.0, 200.0], np.float32).reshape(1, 2, 1, 1)

    moments = moments_of_passes(Undecided(), MonteCarloDropout(2))(np.zeros((1, 1, 1, 3), np.uint8))
    assert_array_equal(moments.ravel(), np.array([0.5, 0.5, 0.25], np.float32))


def test_soft_max_sums_to_one_however_large_the_scores() -> None:
    assert_allclose(softmax(np.array([1000.0, 1000.0, -1000.0], np.float32)), [0.5, 0.5, 0])


@pytest.mark.parametrize("passes", [1, 0, -5])
def test_fewer_than_two_passes_are_refused(passes: int) -> None:
    with pytest.raises(OptionError, match=f"passes: found {passes}; expected at least 2 passes"):
        MonteCarloDropout(passes)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(OptionError, match="seed: found -1; expected at least 0"):
        MonteCarloDropout(20, -1)


def test_a_model_without_dropout_is_refused_with_the_remedy(model_file: Path, image: UInt8) -> None:
    message = r"colour\.onnx: found colour, a model file without dropout; .* Train a model with dropout"
    with pytest.raises(OptionError, match=message):
        load(model_file).predict(image, MonteCarloDropout(2))


def test_an_engine_without_dropout_and_a_bad_array_are_refused(colour: ColourModel, image: UInt8) -> None:
    predictor = Predictor(FunctionEngine(lambda images: np.stack([colour.logits(one) for one in images])), colour.info)
    with pytest.raises(OptionError, match="sampling: found an engine without dropout"):
        predictor.probabilities(image, MonteCarloDropout(2))
    with pytest.raises(ShapeError, match="found an array of float32"):
        predictor.label_map_and_variance(image.astype(np.float32), MonteCarloDropout(2))


def test_the_engine_hands_the_seed_to_a_graph_that_takes_one(
    seeded_file: Path, colour: ColourModel, image: UInt8
) -> None:
    engine = OnnxRuntimeEngine(seeded_file, threads=1)
    logits = colour.logits(image)[None]
    assert_array_equal(engine(image[None]), logits)
    assert_array_equal(engine.sample(image[None], 8), logits)
    assert_array_equal(engine.sample(image[None], 2**32 - 1), 2 * logits)
    assert_array_equal(engine(image[None]), logits)
