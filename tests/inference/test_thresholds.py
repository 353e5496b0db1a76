"""Thresholds by class: which pixels a class takes, and what is no threshold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import OptionError
from pixelwise.inference.loading import load
from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.thresholds import apply_thresholds, parse_thresholds

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

# of three classes at five pixels
PROBABILITIES = np.array(
    [[[0.5, 0.6, 0.1, 0.2, 0.3]], [[0.3, 0.1, 0.7, 0.4, 0.3]], [[0.2, 0.3, 0.2, 0.4, 0.4]]], np.float32
)


@pytest.mark.parametrize(
    ("thresholds", "labels"),
    [
        ({}, [0, 0, 1, 1, 2]),
        ({2: 0.25}, [0, 2, 1, 2, 2]),  # takes what others have more of
        ({1: 0.5}, [0, 0, 1, 2, 2]),  # leaves what it has most of to the next
        ({1: 0.3, 2: 0.3}, [1, 2, 1, 1, 2]),  # the more probable of both, the lower class of a tie
        ({0: 0.9, 2: 0.9}, [1, 1, 1, 1, 1]),  # the class without a threshold takes the rest
    ],
)
def test_a_class_takes_what_reaches_its_threshold(thresholds: dict[int, float], labels: list[int]) -> None:
    before = PROBABILITIES.copy()
    assert_array_equal(apply_thresholds(PROBABILITIES, thresholds), [labels])
    assert_array_equal(PROBABILITIES, before)


def test_of_two_classes_a_threshold_is_what_it_is_everywhere_else() -> None:
    foreground = np.random.default_rng(0).random((20, 30), np.float32)
    probabilities = np.stack([1 - foreground, foreground])
    assert_array_equal(apply_thresholds(probabilities, {1: 0.3}), foreground >= np.float32(0.3))


def test_texts_are_read() -> None:
    assert parse_thresholds(["car=0.3", " road sign = 0.75"]) == {"car": 0.3, "road sign": 0.75}
    for text in ("car", "car=", "car=much"):
        with pytest.raises(OptionError, match=f"thresholds: found '{text}'; expected a class of the model"):
            parse_thresholds([text])


def test_a_predictor_keeps_them_whole_in_tiles_and_beside_probabilities(
    model_file: Path, colour: ColourModel, image: UInt8
) -> None:
    predictor = load(model_file)
    predictor_of_red = predictor.with_thresholds({"red": 0.001})
    expected = apply_thresholds(softmax(colour.logits(image)), {1: 0.001})
    assert (expected != colour.labels(image)).sum() > 100
    assert_array_equal(predictor_of_red.label_map(image), expected)
    assert_array_equal(predictor_of_red.predict(image, probabilities=True).label_map, expected)
    for block in predictor_of_red.blocks(image):
        assert_array_equal(predictor_of_red.decoding.labels(block.logits), expected[block.place])
    assert_array_equal(predictor.label_map(image), colour.labels(image))


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"rod": 0.5}, r"found rod=0\.5; .* Classes: dark, red, green, blue\."),
        ({"red": 1.0}, "found red=1; expected a class of the model and a probability between 0 and 1"),
        ({"red": float("nan")}, "found red=nan"),
        (dict.fromkeys(("dark", "red", "green", "blue"), 0.5), "found thresholds of all classes"),
    ],
)
def test_what_is_no_threshold_is_refused(model_file: Path, thresholds: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        load(model_file).with_thresholds(thresholds)


def test_an_instance_model_has_none(blob_file: Path) -> None:
    with pytest.raises(OptionError, match="found an instance model"):
        load(blob_file).with_thresholds({"blob": 0.5})
