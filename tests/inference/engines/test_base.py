"""Engines that declare what they can do, and those that do not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import OptionError
from pixelwise.inference.engines.base import Engine, FunctionEngine
from pixelwise.inference.mc_dropout import MonteCarloDropout
from pixelwise.inference.predictor import Predictor

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


class Square(Engine):
    """The colour model for squares of 64 pixels alone, as a compiled graph takes them."""

    input_side = 64

    def __init__(self, colour: ColourModel) -> None:
        self.colour = colour

    def __call__(self, images: UInt8) -> npt.NDArray[np.float32]:
        assert images.shape == (1, 64, 64, 3)
        assert images.flags.c_contiguous
        return self.colour.logits(images[0])[None]


class Coarse(Engine):
    """Gives label maps from a coarse map of one score a class and cell; is never asked for all pixels of a tile."""

    def __call__(self, images: UInt8) -> npt.NDArray[np.float32]:
        raise AssertionError("all logits")

    def coarse(self, images: UInt8) -> npt.NDArray[np.float32]:
        cells = np.zeros((1, 4, 2, 1), np.float32)
        cells[0, 3] = 1
        return cells


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (40, 201), (150, 30), (150, 201)])
def test_an_engine_of_one_size_answers_for_any(colour: ColourModel, image: UInt8, size: tuple[int, int]) -> None:
    part = image[: size[0], : size[1]]
    predictor = Predictor(Square(colour), dataclasses.replace(colour.info, tile=128))
    assert_array_equal(predictor.label_map(part), colour.labels(part))
    assert_allclose(predictor.logits(part), colour.logits(part), rtol=1e-5)


def test_an_engine_of_one_size_has_no_tta_and_no_dropout(colour: ColourModel, image: UInt8) -> None:
    predictor = Predictor(Square(colour), colour.info)
    with pytest.raises(OptionError, match="tta: found an engine that takes images of one size"):
        predictor.with_tta()
    with pytest.raises(OptionError, match="sampling: found an engine without dropout"):
        predictor.predict(image, MonteCarloDropout(2))


def test_coarse_logits_are_used_where_an_engine_has_them(colour: ColourModel) -> None:
    predictor = Predictor(Coarse(), colour.info)
    assert (predictor.label_map(np.zeros((64, 32, 3), np.uint8)) == 3).all()
    with pytest.raises(AssertionError, match="all logits"):  # they say nothing of probabilities
        predictor.with_thresholds({"red": 0.5}).label_map(np.zeros((64, 32, 3), np.uint8))


def test_a_function_is_an_engine(colour: ColourModel, image: UInt8) -> None:
    engine = FunctionEngine(lambda images: np.stack([colour.logits(one) for one in images]))
    assert (engine.coarse, engine.can_sample, engine.input_side) == (None, False, None)
    assert_array_equal(Predictor(engine, colour.info).label_map(image), colour.labels(image))
