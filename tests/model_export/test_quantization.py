"""What of a graph is put on integers, and what it answers then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pixelwise.model_export.quantization import quantise
from pixelwise.modelfile.info import METADATA_KEY

UInt8 = npt.NDArray[np.uint8]


@pytest.fixture
def images() -> list[UInt8]:
    return [np.random.default_rng(seed).integers(0, 256, (24, 40, 3), np.uint8) for seed in range(4)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three convolutions, the second past by a sum, and what makes an image of bytes and logits of numbers."""
    rng = np.random.default_rng(0)
    shapes = {"first": (8, 3, 3, 3), "second": (8, 8, 3, 3), "third": (4, 8, 1, 1)}
    weights = {name: (rng.normal(size=shape) / 6).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["channels_first"], perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["channels_first", "range"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["b", "c"], ["d"]),
        helper.make_node("Conv", ["d", "third"], ["e"]),
        helper.make_node("Mul", ["e", "range"], ["logits"]),
    ]
    values = [numpy_helper.from_array(weight, name) for name, weight in weights.items()]
    values.append(numpy_helper.from_array(np.array(255, np.float32), "range"))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ("n", "height", "width", 3))
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("n", 4, "height", "width"))
    graph = helper.make_graph(nodes, "net", [image], [logits], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: "what it says of itself"})
    onnx.save(model, str(tmp_path / "float.onnx"))
    return tmp_path / "float.onnx"


def answer(path: Path, image: UInt8) -> npt.NDArray[np.float32]:
    logits: npt.NDArray[np.float32] = onnxruntime.InferenceSession(path).run(None, {"image": image[None]})[0]
    return logits


@pytest.mark.parametrize(("in_float", "whole"), [(0, {"third"}), (1, {"first", "third"})])
def test_convolutions_but_the_first_and_the_last_are_of_integers(
    source: Path, images: list[UInt8], tmp_path: Path, in_float: int, whole: set[str]
) -> None:
    out = tmp_path / "int8.onnx"
    assert quantise(source, images, out, in_float)
    proto = onnx.load(out)
    types = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    assert {name for name in ("first", "second", "third") if types.get(name) == TensorProto.FLOAT} == whole
    assert TensorProto.INT8 in types.values()
    assert {entry.key: entry.value for entry in proto.metadata_props}[METADATA_KEY] == "what it says of itself"


def test_the_answer_is_nearly_the_same_at_any_size(source: Path, images: list[UInt8], tmp_path: Path) -> None:
    out = tmp_path / "int8.onnx"
    quantise(source, images, out, 0)
    image = np.random.default_rng(9).integers(0, 256, (17, 33, 3), np.uint8)
    expected, actual = answer(source, image), answer(out, image)
    assert actual.shape == expected.shape
    assert 0 < np.abs(actual - expected).mean() < 0.1 * expected.std()


def test_where_nothing_is_left_to_change_nothing_is_written(source: Path, images: list[UInt8], tmp_path: Path) -> None:
    assert not quantise(source, images, tmp_path / "int8.onnx", 2)
    assert not (tmp_path / "int8.onnx").exists()
