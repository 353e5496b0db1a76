"""`load` and `Predictor`: images of any size in, label maps and probabilities out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.core.errors import ImageError, ModelFileError, RunError, ShapeError
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.render import overlay

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


class Counted(Engine):
    """The colour model as an engine that keeps the sizes it was asked for."""

    def __init__(self, colour: ColourModel) -> None:
        self.colour = colour
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, images: UInt8) -> Any:
        self.sizes.append(images.shape[1:3])
        return np.stack([self.colour.logits(image) for image in images])


def test_label_map_is_the_models_answer(model_file: Path, colour: ColourModel, image: UInt8) -> None:
    label_map = load(model_file).label_map(image)
    assert label_map.dtype == np.uint8
    assert_array_equal(label_map, colour.labels(image))


def test_tiled_equals_whole(colour: ColourModel, image: UInt8) -> None:
    tiled, whole = Counted(colour), Counted(colour)
    large = dataclasses.replace(colour.info, tile=224)
    tiled_map = Predictor(tiled, colour.info).label_map(image)
    whole_map = Predictor(whole, large).label_map(image)
    assert whole.sizes == [(150, 201)]
    assert len(tiled.sizes) > 1
    assert max(max(size) for size in tiled.sizes) == 64
    assert_array_equal(tiled_map, whole_map)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 150), (64, 64), (65, 3)])
def test_odd_sizes(model_file: Path, colour: ColourModel, image: UInt8, height: int, width: int) -> None:
    part = image[:height, :width]
    assert_array_equal(load(model_file).label_map(part), colour.labels(part))


def test_a_file_and_its_array_are_predicted_alike(
    model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    model = load(model_file)
    for given in (path, str(path), image):
        result = model.predict(given)
        assert_array_equal(result.image, image)
        assert_array_equal(result.label_map, colour.labels(image))


def test_logits_are_the_models_in_blocks_and_whole(colour: ColourModel, image: UInt8) -> None:
    """Of tiles that are blended: within rounding of float32."""
    predictor = Predictor(Counted(colour), dataclasses.replace(colour.info, tile=64, overlap=32))
    expected = colour.logits(image)
    for block in predictor.blocks(image):
        assert_allclose(block.logits, expected[(slice(None), *block.place)], rtol=1e-5)
    assert_allclose(predictor.logits(image), expected, rtol=1e-5)


def test_probabilities_are_the_soft_max_of_the_logits(model_file: Path, colour: ColourModel, image: UInt8) -> None:
    probabilities = load(model_file).predict(image).probabilities
    exponentials = np.exp(colour.logits(image).astype(np.float64))  # 255 at most, well within float64
    assert probabilities.dtype == np.float32
    # Blending weights and the soft-max are float32, of logits up to 255: 255 * 2**-23 is 3e-5.
    assert_allclose(probabilities, exponentials / exponentials.sum(axis=0), atol=1e-4)
    assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)


def test_probabilities_cost_a_pass_only_when_asked_for(colour: ColourModel, image: UInt8) -> None:
    engine = Counted(colour)
    result = Predictor(engine, dataclasses.replace(colour.info, tile=224)).predict(image)
    assert len(engine.sizes) == 1
    first = result.probabilities
    assert result.probabilities is first
    assert len(engine.sizes) == 2


def test_overlay_is_in_the_models_colours(model_file: Path, colour: ColourModel, image: UInt8) -> None:
    result = load(model_file).predict(image)
    assert_array_equal(result.overlay(), overlay(image, colour.labels(image), colour.info.classes))


def test_a_run_directory_is_loaded_by_its_model(colour: ColourModel, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    colour.save(run / "model.onnx")
    model = load(run)
    assert model.classes.names == ("dark", "red", "green", "blue")


def test_a_run_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"found no model\.onnx; expected the directory of a finished run"):
        load(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="nowhere: found no such file or directory"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((4, 5), np.uint8), "uint8 4x5"),
        (np.zeros((4, 5, 4), np.uint8), "uint8 4x5x4"),
        (np.zeros((1, 4, 5, 3), np.uint8), "uint8 1x4x5x3"),
        (np.zeros((4, 5, 3), np.float32), "float32 4x5x3"),
        (np.zeros((0, 5, 3), np.uint8), "uint8 0x5x3"),
    ],
)
def test_other_arrays_are_refused(model_file: Path, array: UInt8, problem: str) -> None:
    model = load(model_file)
    for method in (model.label_map, model.probabilities):
        with pytest.raises(ShapeError, match=f"image: found an array of {problem}; expected uint8 height x width x 3"):
            method(array)


def test_an_image_that_cannot_be_read_is_named(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png"):
        load(model_file).predict(tmp_path / "none.png")
