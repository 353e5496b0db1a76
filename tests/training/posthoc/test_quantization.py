"""A run's model in 8 bits: as much as its accuracy allows, judged on its own data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise.core.errors import DataError, ModelFileError
from pixelwise.data import open_dataset
from pixelwise.inference.engine_benchmark import CANDIDATES
from pixelwise.inference.loading import load
from pixelwise.training.config import RunConfig
from pixelwise.training.finish import export_run
from pixelwise.training.posthoc import quantization
from pixelwise.training.posthoc.quantization import Int8, export_int8
from pixelwise.training.weights import build_pipeline, save_weights
from pixelwise_scenes import write_scenes

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "data", 0, {"train": 3, "val": 2}, size=(64, 96))
    return tmp_path / "data"


@pytest.fixture
def run(config_of: Callable[..., RunConfig], data: Path, tmp_path: Path) -> Path:
    """The directory of a run whose net is as it was drawn."""
    names = open_dataset(data).classes.names
    config = config_of(*names).replace(model="fpn", encoder="test_efficientnet", width=0.25)
    recipe = config.recipe.replace(class_weights=(1.0,) * len(names))
    config = config.replace(data=str(data), recipe=recipe)
    (tmp_path / "run").mkdir()
    config.save(tmp_path / "run" / "config.yaml")
    save_weights(tmp_path / "run" / "weights.safetensors", build_pipeline(config, pretrained=False), config)
    return tmp_path / "run"


def test_a_model_in_8_bits_answers_nearly_alike(run: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "MAX_SCORE_LOSS", 1.0)
    result = export_int8(run, run / "int8.onnx", fast=True)
    assert (result.float_convolutions, result.measure, result.images) == (0, "miou", 2)
    assert result.score == pytest.approx(result.float_score, abs=0.1)
    assert load(run / "int8.onnx").classes == RunConfig.load(run / "config.yaml").class_map
    export_run(run, run / "float.onnx", fast=True)
    image = open_dataset(data).read(open_dataset(data).splits["val"][0]).image
    whole = load(run / "float.onnx").logits(image)
    for engine in CANDIDATES:
        found_by = load(run / "int8.onnx", engine).logits(image)
        assert 0 < np.abs(found_by - whole).mean() < 0.02 * whole.std(), engine


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that says what files score, the one in float first; no file is really made."""

    def scored(*scores: float) -> None:
        given = iter(scores)
        monkeypatch.setattr(quantization, "export_run", lambda run, out, fast: None)
        monkeypatch.setattr(
            quantization, "quantise", lambda source, images, out, in_float: out.write_bytes(b"8") and in_float <= 4
        )
        monkeypatch.setattr(quantization, "_score", lambda path, dataset, config: next(given))

    return scored


def test_convolutions_stay_in_float_until_the_score_is_near(run: Path, scored: Callable[..., None]) -> None:
    scored(0.6, 0.5, 0.5949, 0.5951)
    told: list[Int8] = []
    result = export_int8(run, run / "int8.onnx", on_try=told.append)
    assert [(attempt.float_convolutions, attempt.score) for attempt in told] == [(0, 0.5), (1, 0.5949), (2, 0.5951)]
    assert result == told[-1]


def test_a_model_that_loses_too_much_in_any_way_is_not_written(run: Path, scored: Callable[..., None]) -> None:
    scored(0.6, 0.5, 0.5, 0.5, 0.5)
    with pytest.raises(ModelFileError, match=r"loses more than 0\.005 miou in 8 bits"):
        export_int8(run, run / "int8.onnx")
    assert not (run / "int8.onnx").exists()


def test_data_that_have_moved_are_named_and_those_of_another_place_taken(
    run: Path, data: Path, scored: Callable[..., None]
) -> None:
    data.rename(data.with_name("moved"))
    with pytest.raises(DataError, match="no such directory"):
        export_int8(run, run / "int8.onnx")
    scored(0.6, 0.6)
    assert export_int8(run, run / "int8.onnx", data=data.with_name("moved")).float_convolutions == 0


def test_data_without_validation_images_judge_nothing(run: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "bare", 0, {"train": 3}, size=(64, 96))
    with pytest.raises(DataError, match="none for validation"):
        export_int8(run, run / "int8.onnx", data=tmp_path / "bare")
