"""The engines: what they answer, and what they refuse to load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_array_equal
from onnx import TensorProto

from pixelwise.errors import ModelFileError
from pixelwise.modelfile.info import METADATA_KEY
from pixelwise.predict.engine import OnnxRuntimeEngine, available_cores, providers
from pixelwise.predict.openvino_engine import OpenVinoEngine

if TYPE_CHECKING:
    from tests.predict.conftest import ColourModel, UInt8

Kind = type[OnnxRuntimeEngine] | type[OpenVinoEngine]
NAMES = {OnnxRuntimeEngine: "onnxruntime", OpenVinoEngine: "OpenVINO"}
INT8 = {OnnxRuntimeEngine: "int8", OpenVinoEngine: "i8"}
"""What each calls the type."""


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 200), (150, 201)])
def test_logits_are_the_graphs_at_any_size(
    model_file: Path, colour: ColourModel, image: UInt8, height: int, width: int
) -> None:
    first = image[:height, :width]
    logits = OnnxRuntimeEngine(model_file)(np.stack([first, 255 - first]))
    assert logits.dtype == np.float32
    assert_array_equal(logits, np.stack([colour.logits(first), colour.logits(255 - first)]))


@pytest.fixture(params=[OnnxRuntimeEngine, OpenVinoEngine])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def test_the_file_says_what_it_is(kind: Kind, model_file: Path, colour: ColourModel) -> None:
    assert kind(str(model_file)).info == colour.info


def test_threads_are_the_cores_this_process_may_use(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 5, 7}, raising=False)
    assert available_cores() == 3
    assert OnnxRuntimeEngine(model_file)._session.get_session_options().intra_op_num_threads == 3
    assert OnnxRuntimeEngine(model_file, threads=1)._session.get_session_options().intra_op_num_threads == 1


def test_a_gpu_comes_first_where_onnxruntime_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert providers() == ["CPUExecutionProvider"]
    available = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    assert providers() == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_all_cores_count_where_there_is_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores() == 6


def test_a_missing_file_and_a_directory_are_told_apart(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.onnx: found no such file"):
        kind(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="found a directory"):
        kind(tmp_path)


@pytest.mark.parametrize("content", [b"", b"this is no model, whatever its name says", bytes(1000)])
def test_a_file_that_is_not_onnx_is_refused(kind: Kind, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "renamed.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=rf"renamed\.onnx: found a file that {NAMES[kind]} cannot load \(\w"):
        kind(path)


def test_a_truncated_model_is_refused(kind: Kind, model_file: Path) -> None:
    whole = model_file.read_bytes()
    for length in range(1, len(whole), len(whole) // 7):
        model_file.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"colour\.onnx"):
            kind(model_file)


def test_a_model_of_another_program_is_refused(kind: Kind, colour: ColourModel, tmp_path: Path) -> None:
    path = colour.save(tmp_path / "model.onnx", metadata={"author": "somebody"})
    with pytest.raises(ModelFileError, match="found an ONNX file without pixelwise metadata"):
        kind(path)


def test_damaged_metadata_is_refused(kind: Kind, colour: ColourModel, tmp_path: Path) -> None:
    path = colour.save(tmp_path / "model.onnx", metadata={METADATA_KEY: colour.info.to_json()[:-9]})
    with pytest.raises(ModelFileError, match=r"model\.onnx: found damaged metadata"):
        kind(path)


def test_a_newer_model_file_asks_for_a_newer_pixelwise(kind: Kind, colour: ColourModel, tmp_path: Path) -> None:
    text = colour.info.to_json().replace('"format_version": 1', '"format_version": 99')
    path = colour.save(tmp_path / "model.onnx", metadata={METADATA_KEY: text})
    with pytest.raises(ModelFileError, match=r"found model file format 99; expected at most 2\. Upgrade pixelwise"):
        kind(path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"input_name": "pixels"}, r"found inputs pixels: tensor\(uint8\) \(any, any, any, 3\)"),
        ({"input_type": TensorProto.INT8}, r"found inputs image: tensor\(INT8\) \(any, any, any, 3\)"),
        ({"input_shape": ("n", 360, 480, 3)}, r"found inputs image: tensor\(uint8\) \(any, 360, 480, 3\)"),
        ({"output_name": "scores"}, r"found outputs scores: tensor\(float\) \(any, 4, any, any\)"),
        ({"num_classes": 5}, r"found outputs logits: tensor\(float\) \(any, 5, any, any\); expected .*\(any, 4, "),
    ],
)
def test_a_graph_that_takes_or_gives_something_else_is_refused(
    kind: Kind, colour: ColourModel, tmp_path: Path, changes: dict[str, Any], found: str
) -> None:
    path = colour.save(tmp_path / "model.onnx", **changes)
    with pytest.raises(ModelFileError, match=found.replace("INT8", INT8[kind])):
        kind(path)
