"""Objects of an instance model: grouped on the whole image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import OptionError
from pixelwise.inference.loading import load
from pixelwise.inference.mc_dropout import MonteCarloDropout

if TYPE_CHECKING:
    from tests.inference.conftest import Int32, UInt8


def test_objects_are_whole_across_the_borders_of_tiles(blob_file: Path, blob_image: UInt8, blob_map: Int32) -> None:
    result = load(blob_file).predict(blob_image)
    assert result.instances is not None
    assert_array_equal(result.instances.instance_map, blob_map)
    assert_array_equal(result.label_map, blob_map > 0)
    assert_allclose(result.instances.score, 1, atol=1e-6)
    assert_array_equal(load(blob_file).label_map(blob_image), result.label_map)


def test_probabilities_are_those_of_classes(blob_file: Path, blob_image: UInt8) -> None:
    result = load(blob_file).predict(blob_image)
    assert result.probabilities.shape == (2, 5, 150)
    assert_allclose(result.probabilities.sum(axis=0), 1, atol=1e-6)


def test_the_overlay_shows_objects_in_colours_of_their_own(blob_file: Path, blob_image: UInt8, blob_map: Int32) -> None:
    drawn = load(blob_file).predict(blob_image).overlay()
    assert_array_equal(drawn[blob_map == 0], blob_image[blob_map == 0])
    assert len({tuple(drawn[1, column].tolist()) for column in (2, 58, 69)}) == 3  # outlines


def test_an_instance_model_is_not_sampled(blob_file: Path, blob_image: UInt8) -> None:
    with pytest.raises(OptionError, match="an instance model"):
        load(blob_file).predict(blob_image, MonteCarloDropout(2))
