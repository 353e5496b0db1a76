"""The OpenVINO engine: it answers as onnxruntime does, and refuses the same files."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto

from pixelwise.errors import MissingDependencyError, ModelFileError, OptionError
from pixelwise.modelfile.info import METADATA_KEY
from pixelwise.predict.openvino_engine import OpenVinoEngine
from pixelwise.predict.predictor import load
from pixelwise.predict.sampling import Sampling

if TYPE_CHECKING:
    from tests.predict.conftest import ColourModel, UInt8


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 200), (150, 201)])
def test_logits_are_the_graphs_at_any_size(
    model_file: Path, colour: ColourModel, image: UInt8, height: int, width: int
) -> None:
    first = image[:height, :width]
    logits = OpenVinoEngine(model_file, threads=1)(np.stack([first, 255 - first]))
    assert logits.dtype == np.float32
    assert_allclose(logits, np.stack([colour.logits(first), colour.logits(255 - first)]), rtol=0, atol=1e-4)


def test_the_file_says_what_it_is(model_file: Path, colour: ColourModel) -> None:
    assert OpenVinoEngine(str(model_file)).info == colour.info


def test_a_result_stays_when_the_next_is_worked_out(model_file: Path, colour: ColourModel, image: UInt8) -> None:
    engine = OpenVinoEngine(model_file)
    before = engine(image[None])
    engine(255 - image[None])
    assert_allclose(before[0], colour.logits(image), rtol=0, atol=1e-4)


def test_a_predictor_labels_in_tiles_with_it_from_several_threads(
    model_file: Path, colour: ColourModel, image: UInt8
) -> None:
    predictor = load(model_file, engine="openvino")
    found: list[UInt8] = []
    threads = [threading.Thread(target=lambda: found.append(predictor.label_map(image))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for label_map in found:
        assert_array_equal(label_map, colour.labels(image))


def test_it_leaves_no_dropout_on(model_file: Path, image: UInt8) -> None:
    with pytest.raises(OptionError, match="Use --engine onnxruntime"):
        load(model_file, engine="openvino").predict(image, Sampling(4, 0))


def test_an_engine_that_is_none_of_them_is_refused(model_file: Path) -> None:
    with pytest.raises(OptionError, match="found 'tensorrt'; expected one of onnxruntime, openvino"):
        load(model_file, engine="tensorrt")


def test_without_the_package_it_says_what_to_install(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'pixelwise\[openvino\]'"):
        OpenVinoEngine(model_file)


def test_a_missing_file_and_one_that_is_not_onnx_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.onnx: found no such file"):
        OpenVinoEngine(tmp_path / "none.onnx")
    for content in (b"", b"this is no model, whatever its name says", bytes(1000)):
        (tmp_path / "renamed.onnx").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"renamed\.onnx: found a file that OpenVINO cannot load \(\w"):
            OpenVinoEngine(tmp_path / "renamed.onnx")


def test_a_model_of_another_program_is_refused(colour: ColourModel, tmp_path: Path) -> None:
    for metadata in ({"author": "somebody"}, {}):
        path = colour.save(tmp_path / "model.onnx", metadata=metadata)
        with pytest.raises(ModelFileError, match="found an ONNX file without pixelwise metadata"):
            OpenVinoEngine(path)
    path = colour.save(tmp_path / "model.onnx", metadata={METADATA_KEY: colour.info.to_json()[:-9]})
    with pytest.raises(ModelFileError, match=r"model\.onnx: found damaged metadata"):
        OpenVinoEngine(path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"input_name": "pixels"}, r"found inputs pixels: tensor\(uint8\) \(any, any, any, 3\)"),
        ({"input_type": TensorProto.INT8}, r"found inputs image: tensor\(i8\) \(any, any, any, 3\)"),
        ({"input_shape": ("n", 360, 480, 3)}, r"found inputs image: tensor\(uint8\) \(any, 360, 480, 3\)"),
        ({"output_name": "scores"}, r"found outputs scores: tensor\(float\) \(any, 4, any, any\)"),
        ({"num_classes": 5}, r"found outputs logits: tensor\(float\) \(any, 5, any, any\); expected .*\(any, 4, "),
    ],
)
def test_a_graph_that_takes_or_gives_something_else_is_refused(
    colour: ColourModel, tmp_path: Path, changes: dict[str, Any], found: str
) -> None:
    path = colour.save(tmp_path / "model.onnx", **changes)
    with pytest.raises(ModelFileError, match=found):
        OpenVinoEngine(path)
