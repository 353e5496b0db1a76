"""The engines: what they answer, and what they refuse to load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_array_equal
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pixelwise.core.device import Device
from pixelwise.core.errors import MissingDependencyError, ModelFileError, OptionError, PixelwiseError
from pixelwise.inference.engines.checks import available_cores
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine, choose_providers, providers, run_bound
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.modelfile.info import METADATA_KEY

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

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


def test_the_processor_is_told_by_its_name(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert OnnxRuntimeEngine(model_file, device=Device("cpu"))._session.get_providers() == ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert choose_providers(Device("cpu")) == ["CPUExecutionProvider"]


def test_a_gpu_that_onnxruntime_does_not_reach_is_an_error(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match=r"device='cuda:1': found onnxruntime .* without CUDA; .*torch"):
        load(model_file, device="cuda:1")
    with pytest.raises(OptionError, match="device: found mps with onnxruntime; expected cuda or cpu"):
        load(model_file, device="mps")
    with pytest.raises(MissingDependencyError, match=r"engine='onnxruntime-tensorrt': found .* without Tensorrt"):
        load(model_file, "onnxruntime-tensorrt")
    with pytest.raises(OptionError, match="cpu with the engine onnxruntime-tensorrt"):
        load(model_file, "onnxruntime-tensorrt", device="cpu")
    # As with libraries of CUDA that are missing: onnxruntime starts on the CPU instead.
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", _session_on_the_cpu(onnxruntime.InferenceSession))
    with pytest.raises(MissingDependencyError, match="whose CUDAExecutionProvider does not start"):
        load(model_file, device="cuda")


def _session_on_the_cpu(session: Any) -> Any:
    return lambda path, options, providers, **others: session(path, options, providers=["CPUExecutionProvider"])


def test_the_options_of_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    available = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    assert choose_providers(Device("cuda", 1)) == [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]
    first = choose_providers(Device("cuda"), tensorrt=True)[0]
    assert first[0] == "TensorrtExecutionProvider"
    assert first[1]["trt_engine_cache_path"] == str(tmp_path / "pixelwise" / "tensorrt")


def test_bound_memory_gives_the_same_logits(model_file: Path, colour: ColourModel, image: UInt8) -> None:
    session = OnnxRuntimeEngine(model_file)._session
    logits = run_bound(session, Device("cpu", 0), "logits", {"image": image[None, ::2]})
    assert_array_equal(logits[0], colour.logits(image[::2]))


def test_all_cores_count_where_there_is_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores() == 6


def test_a_missing_file_and_a_directory_are_told_apart(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.onnx: found no such file"):
        kind(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="found a directory"):
        kind(tmp_path)


def test_a_pipe_is_no_model(kind: Kind, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")
    for path in (tmp_path / "model.onnx", tmp_path):
        with pytest.raises(PixelwiseError):
            load(path, engine="auto")
    with pytest.raises(ModelFileError, match="found a named pipe; expected a model file"):
        kind(tmp_path / "model.onnx")


def test_an_endless_graph_and_weights_elsewhere_are_refused(kind: Kind, model_file: Path, tmp_path: Path) -> None:
    model = onnx.load(str(model_file))
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="../../../etc/passwd")
    (tmp_path / "elsewhere.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=r"elsewhere\.onnx: found weights in another file"):
        kind(tmp_path / "elsewhere.onnx")
    model = onnx.load(str(model_file))
    model.graph.node[0].op_type = "Loop"
    onnx.save(model, str(tmp_path / "endless.onnx"))
    with pytest.raises(ModelFileError, match=r"endless\.onnx: found the operation Loop"):
        kind(tmp_path / "endless.onnx")


def test_metadata_that_is_not_utf_8_is_refused(kind: Kind, model_file: Path) -> None:
    content = model_file.read_bytes()
    assert content.count(b'"colour"') == 1
    model_file.write_bytes(content.replace(b'"colour"', b'"col\xffur"'))
    with pytest.raises(ModelFileError, match=r"colour\.onnx"):
        kind(model_file)


def test_names_that_are_not_utf_8_are_refused(kind: Kind, model_file: Path) -> None:
    """Protocol buffers tell that as damage, or the engine when it is asked for the name."""
    for name in (b"\x05image", b"\x06logits"):
        whole = model_file.read_bytes()
        model_file.write_bytes(whole.replace(name, name[:-1] + b"\xff"))
        with pytest.raises(ModelFileError, match=r"colour\.onnx: found "):
            kind(model_file)
        model_file.write_bytes(whole)


def test_an_opset_that_onnxruntime_does_not_know_is_refused(model_file: Path) -> None:
    model = onnx.load(str(model_file))
    model.opset_import[0].version = 999
    onnx.save(model, str(model_file))
    with pytest.raises(
        ModelFileError, match=r"colour\.onnx: found a file that onnxruntime cannot load \(ONNX Runtime only .*opset"
    ):
        OnnxRuntimeEngine(model_file)


def broken(path: Path, nodes: list[onnx.NodeProto], tensors: dict[str, Any]) -> Path:
    """Put nodes behind the logits, which then are called "plain"."""
    model = onnx.load(str(path))
    model.graph.node[-1].output[0] = "plain"
    model.graph.node.extend(nodes)
    for name, value in tensors.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(kind: Kind, model_file: Path, image: UInt8, value: float) -> None:
    node = helper.make_node("Mul", ["plain", "factor"], ["logits"])
    path = broken(model_file, [node], {"factor": np.full((1, 4, 1, 1), [[[1.0]], [[value]], [[1.0]], [[1.0]]], "f4")})
    image = np.maximum(image, 1)
    expected = r"colour\.onnx: found scores that are no finite numbers in 30,150 pixels; expected a number for each"
    with pytest.raises(ModelFileError, match=expected):
        kind(path)(image[None])
    Image.fromarray(image).save(path.with_name("a.png"))
    predictor = Predictor(kind(path), kind(path).info, path)
    with pytest.raises(ModelFileError, match=r"colour\.onnx on .*a\.png: found scores that are no finite numbers"):
        predictor.predict(path.with_name("a.png"))


def test_huge_scores_are_numbers(kind: Kind, model_file: Path, image: UInt8) -> None:
    node = helper.make_node("Mul", ["plain", "factor"], ["logits"])
    logits = kind(broken(model_file, [node], {"factor": np.float32(3e35)}))(image[None])
    assert np.isfinite(logits).all()
    with np.errstate(over="ignore"):
        assert not np.isfinite(logits.sum(dtype=np.float32))  # which the check must not trust


def test_a_graph_that_fails_on_an_image_names_file_and_size(kind: Kind, model_file: Path, image: UInt8) -> None:
    nodes = [
        helper.make_node("Transpose", ["plain"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("Add", ["plain", "turned"], ["logits"]),
    ]
    path = broken(model_file, nodes, {})
    engine = kind(path)
    assert engine(image[None, :7, :7]).shape == (1, 4, 7, 7)
    expected = rf"colour\.onnx: found a model that {NAMES[kind]} cannot run on 150 x 201 pixels \(\w"
    with pytest.raises(ModelFileError, match=expected):
        engine(image[None])


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
    with pytest.raises(ModelFileError, match=r"found model file format 99; expected at most 3\. Upgrade pixelwise"):
        kind(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"input_name": "pixels"}, r"found inputs pixels: tensor\(uint8\) \(any, any, any, 3\)"),
        ({"input_type": TensorProto.INT8}, r"found inputs image: tensor\(INT8\) \(any, any, any, 3\)"),
        ({"input_shape": ("n", 360, 480, 3)}, r"found inputs image: tensor\(uint8\) \(any, 360, 480, 3\)"),
        ({"output_name": "scores"}, r"found outputs scores: tensor\(float\) \(any, 4, any, any\)"),
        ({"num_classes": 5}, r"found outputs logits: tensor\(float\) \(any, 5, any, any\); expected .*\(any, 4, "),
    ],
)
def test_a_graph_that_takes_or_gives_something_else_is_refused(
    kind: Kind, colour: ColourModel, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    path = colour.save(tmp_path / "model.onnx", **changes)
    with pytest.raises(ModelFileError, match=problem.replace("INT8", INT8[kind])):
        kind(path)
