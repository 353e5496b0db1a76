"""The OpenVINO engine: what it answers, and what it has not. What both engines refuse: `test_engine.py`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import MissingDependencyError, ModelFileError, OptionError
from pixelwise.inference.engines import openvino as openvino_engine
from pixelwise.inference.engines.openvino import OpenVinoEngine, multiplies_bfloat16
from pixelwise.inference.loading import load
from pixelwise.inference.mc_dropout import MonteCarloDropout

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 200), (150, 201)])
def test_logits_are_the_graphs_at_any_size(
    model_file: Path, colour: ColourModel, image: UInt8, height: int, width: int
) -> None:
    first = image[:height, :width]
    logits = OpenVinoEngine(model_file, at_once=2)(np.stack([first, 255 - first]))
    assert logits.dtype == np.float32
    assert_allclose(logits, np.stack([colour.logits(first), colour.logits(255 - first)]), rtol=0, atol=1e-4)


def test_in_bfloat16_logits_are_nearly_those_where_the_processor_multiplies_it(
    model_file: Path, colour: ColourModel, image: UInt8, monkeypatch: pytest.MonkeyPatch
) -> None:
    if multiplies_bfloat16(openvino.Core()):
        predictor = load(model_file, engine="openvino-bf16")
        exact = colour.logits(image)
        assert_allclose(predictor.logits(image), exact, rtol=0, atol=0.02 * np.abs(exact).max())
    monkeypatch.setattr(openvino_engine, "multiplies_bfloat16", lambda core: False)
    with pytest.raises(OptionError, match="engine: found openvino-bf16 on a processor that does not multiply bfloat16"):
        load(model_file, engine="openvino-bf16")


def test_a_result_stays_when_the_next_is_worked_out(model_file: Path, colour: ColourModel, image: UInt8) -> None:
    engine = OpenVinoEngine(model_file)
    before = engine(image[None])
    engine(255 - image[None])
    assert_allclose(before[0], colour.logits(image), rtol=0, atol=1e-4)


def test_a_predictor_labels_in_tiles_with_it_from_several_threads(
    model_file: Path, colour: ColourModel, image: UInt8
) -> None:
    predictor = load(model_file, engine="openvino", at_once=2)
    label_maps: list[UInt8] = []
    threads = [threading.Thread(target=lambda: label_maps.append(predictor.label_map(image))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(label_maps) == 3
    for label_map in label_maps:
        assert_array_equal(label_map, colour.labels(image))


def test_it_leaves_no_dropout_on(model_file: Path, image: UInt8) -> None:
    with pytest.raises(OptionError, match="Use `engine='onnxruntime'`"):
        load(model_file, engine="openvino").predict(image, MonteCarloDropout(4, 0))


def test_an_engine_that_is_none_of_them_is_refused(model_file: Path) -> None:
    with pytest.raises(OptionError, match="found 'tensorrt'; expected one of onnxruntime, openvino, "):
        load(model_file, engine="tensorrt")


def test_without_the_package_it_says_what_to_install(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'pixelwise\[openvino\]'"):
        OpenVinoEngine(model_file)


def test_a_file_without_any_metadata_is_refused(colour: ColourModel, tmp_path: Path) -> None:
    path = colour.save(tmp_path / "model.onnx", metadata={})
    with pytest.raises(ModelFileError, match="found an ONNX file without pixelwise metadata"):
        OpenVinoEngine(path)
