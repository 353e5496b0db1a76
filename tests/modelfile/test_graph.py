"""Graphs that pixelwise does not write are refused before an engine opens them; its own pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pixelwise.core.errors import ModelFileError
from pixelwise.modelfile import graph as graph_module
from pixelwise.modelfile.graph import require_safe_graph

INT, FLOAT, BOOL = TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL


def constant(name: str, values: list[int]) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(values, np.int64)))


def saved(
    path: Path,
    nodes: list[onnx.NodeProto],
    tensors: list[onnx.TensorProto] | None = None,
    functions: list[onnx.FunctionProto] | None = None,
) -> Path:
    result = helper.make_tensor_value_info("result", FLOAT, None)
    graph = helper.make_graph(nodes, "graph", [], [result], tensors or [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], functions=functions or [])
    path.write_bytes(model.SerializeToString())
    return path


def endless() -> onnx.NodeProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["again"], ["go_on"])],
        "body",
        [helper.make_tensor_value_info("i", INT, ()), helper.make_tensor_value_info("again", BOOL, ())],
        [helper.make_tensor_value_info("go_on", BOOL, ())],
    )
    return helper.make_node("Loop", ["", "yes"], [], body=body)


def behind_if(node: onnx.NodeProto) -> onnx.NodeProto:
    outputs = [helper.make_tensor_value_info("r", FLOAT, None)]
    branch, other = (
        helper.make_graph([entry], "branch", [], outputs)
        for entry in (node, helper.make_node("Identity", ["x"], ["r"]))
    )
    return helper.make_node("If", ["yes"], ["result"], then_branch=branch, else_branch=other)


def nested(depth: int) -> onnx.NodeProto:
    node = helper.make_node("Identity", ["x"], ["r"])
    for _ in range(depth):
        node = behind_if(node)
    return node


def external() -> onnx.TensorProto:
    tensor = helper.make_tensor("w", FLOAT, [3], np.zeros(3, np.float32).tobytes(), raw=True)
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


HUGE = numpy_helper.from_array(np.array([2**20, 2**20], np.int64), "size")
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "loop": (lambda path: saved(path, [endless()]), "the operation Loop, which may never end"),
    "loop behind a condition": (lambda path: saved(path, [behind_if(endless())]), "the operation Loop"),
    "scan": (lambda path: saved(path, [helper.make_node("Scan", ["x"], ["y"])]), "the operation Scan"),
    "other maker": (
        lambda path: saved(path, [helper.make_node("Own", ["x"], ["y"], domain="somebody")]),
        "the operation Own of 'somebody'",
    ),
    "function": (
        lambda path: saved(
            path,
            [],
            functions=[helper.make_function("somebody", "Own", ["x"], ["y"], [], [helper.make_opsetid("", 18)])],
        ),
        "functions of its own",
    ),
    "another file": (lambda path: saved(path, [], [external()]), "weights in another file"),
    "another file as a constant": (
        lambda path: saved(path, [helper.make_node("Constant", [], ["c"], value=external())]),
        "weights in another file",
    ),
    "a size in the file": (
        lambda path: saved(path, [helper.make_node("ConstantOfShape", ["size"], ["result"])], [HUGE]),
        "the operation ConstantOfShape to a size of 1048576 x 1048576",
    ),
    "a size in a node": (
        lambda path: saved(path, [constant("s", [1, 2**40]), helper.make_node("Expand", ["x", "s"], ["result"])]),
        "the operation Expand to a size of 1 x 1099511627776",
    ),
    "a long range": (
        lambda path: saved(path, [constant("n", [2**40]), helper.make_node("Range", ["a", "n", "b"], ["result"])]),
        "the operation Range",
    ),
    "a long side by arithmetic": (
        lambda path: saved(path, [constant("n", [2**20]), helper.make_node("Add", ["width", "n"], ["result"])]),
        "the operation Add with the number 1,048,576",
    ),
    "a wide border": (
        lambda path: saved(path, [helper.make_node("Conv", ["x", "w"], ["result"], pads=[0, 2**20, 0, 0])]),
        "Conv's pads with the number 1,048,576",
    ),
    "nested": (lambda path: saved(path, [nested(30)]), "graphs nested more than 16 deep"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pixelwise_does_not_write_is_refused(name: str, tmp_path: Path) -> None:
    write, problem = REFUSED[name]
    with pytest.raises(ModelFileError, match=rf"model\.onnx: found {problem}"):
        require_safe_graph(write(tmp_path / "model.onnx"))


def test_a_condition_a_slice_to_the_end_and_a_moderate_size_pass(tmp_path: Path) -> None:
    end = np.iinfo(np.int64).max
    nodes = [
        nested(3),
        constant("end", [end, end]),
        helper.make_node("Slice", ["x", "start", "end"], ["y"]),
        constant("whole", [-1, 1, 2**20]),
        helper.make_node("Expand", ["x", "whole"], ["z"]),
    ]
    require_safe_graph(saved(tmp_path / "model.onnx", nodes))


def test_the_numbers_of_an_attribute_may_stand_before_its_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.onnx", [helper.make_node("Conv", ["x", "w"], ["result"], pads=[2**20])])
    name, numbers = b"\x0a\x04pads", b"\x40\x80\x80\x40"  # fields 1 and 8
    content = path.read_bytes()
    assert content.count(name + numbers) == 1
    path.write_bytes(content.replace(name + numbers, numbers + name))
    with pytest.raises(ModelFileError, match="Conv's pads with the number 1,048,576"):
        require_safe_graph(path)


def test_more_fields_than_any_model_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])] * 100)
    require_safe_graph(path)
    monkeypatch.setattr(graph_module, "MAX_FIELDS", 300)
    with pytest.raises(ModelFileError, match="found more than 300 fields"):
        require_safe_graph(path)


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100), b"\xff" * 50, b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_no_onnx_is_left_to_the_engines(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    require_safe_graph(tmp_path / "model.onnx")
