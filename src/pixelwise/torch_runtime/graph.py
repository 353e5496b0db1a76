"""The graph of a model file as a torch module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from pixelwise.torch_runtime.operators import OPERATIONS, UnsupportedError, Value, Values, integers

FLOATS = (torch.float32, torch.float16, torch.float64, torch.bfloat16)


@dataclass(frozen=True)
class Node:
    """An operation with the names of its inputs ("" for one that is left out) and outputs."""

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class GraphModule(nn.Module):
    """Runs the nodes of a graph one after the other.

    image: uint8 (N, height, width, C), on the module's device -> the named outputs, in the type that the graph computes
    in. Floating-point weights are the module's buffers; whole numbers stay on the CPU. A value is dropped once no later
    node reads it.

    Raises `UnsupportedError` for an operation that `OPERATIONS` has not.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = onnx.load(str(path)).graph
        self.nodes = [_node(proto) for proto in graph.node]
        every = _every_node(self.nodes)
        # Read as numbers: float16 would round them.
        exact = {name for node in every if node.operation in EXACT for name in node.inputs[1:]}
        self._constants: dict[str, Value] = {}
        self._buffer_names: dict[str, str] = {}
        for tensor in graph.initializer:
            value = _value(tensor)
            if value.is_floating_point() and value.numel() > 1 and tensor.name not in exact:
                name = f"weight_{len(self._buffer_names)}"
                self.register_buffer(name, value)
                self._buffer_names[tensor.name] = name
            else:
                self._constants[tensor.name] = value
        unknown = {node.operation for node in self.nodes} - OPERATIONS.keys() - OWN
        if unknown:
            raise UnsupportedError(", ".join(sorted(unknown)))

    def forward(self, image: torch.Tensor, outputs: tuple[str, ...] = ("logits",)) -> list[torch.Tensor]:
        needed = _needed(self.nodes, outputs)
        last_use = {name: place for place, node in enumerate(needed) for name in _reads(node)}
        values: dict[str, Value] = dict(self._constants)
        values |= {name: getattr(self, buffer) for name, buffer in self._buffer_names.items()}
        values["image"] = image
        for place, node in enumerate(needed):
            self._run(node, values)
            for name in _reads(node):
                if last_use[name] == place and name not in outputs:
                    values.pop(name, None)
        return [values[name] for name in outputs]

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, in which the graph computes."""
        buffers = (buffer.dtype for buffer in self.buffers() if buffer.is_floating_point())
        return next(buffers, torch.float32)

    def _run(self, node: Node, values: dict[str, Value]) -> None:
        """Add the outputs of a node to `values`."""
        if node.operation == "If":
            branch = node.attributes["then_branch" if bool(values[node.inputs[0]].item()) else "else_branch"]
            for inner in branch.nodes:
                self._run(inner, values)
            for name, inner_name in zip(node.outputs, branch.outputs, strict=True):
                values[name] = values[inner_name]
            return
        inputs: Values = [values[name] if name else None for name in node.inputs]
        if node.operation not in OPERATIONS.keys() | OWN:  # in a branch: dropout, which is left out
            raise UnsupportedError(node.operation)
        own = {"Cast": self._cast, "Constant": self._constant, "ConstantOfShape": self._constant_of_shape}
        result = (own.get(node.operation) or OPERATIONS[node.operation])(inputs, node.attributes)
        results = result if isinstance(result, tuple) else (result,)
        values.update(zip(node.outputs, results, strict=False))

    def _cast(self, inputs: Values, attributes: dict[str, Any]) -> Value:
        (value,) = inputs
        kind = _torch_type(attributes["to"])
        if kind in FLOATS:  # sizes, which are vectors, do not fit into float16
            kind = self.dtype if value.dim() > 1 else torch.float32
        result: Value = value.to(kind)
        return result

    def _constant(self, inputs: Values, attributes: dict[str, Any]) -> Value:
        for name in ("value", "value_int", "value_float", "value_ints", "value_floats"):
            if name in attributes:
                value = attributes[name]
                return value if isinstance(value, torch.Tensor) else torch.tensor(value)
        raise UnsupportedError("a constant of another kind")

    def _constant_of_shape(self, inputs: Values, attributes: dict[str, Any]) -> Value:
        (shape,) = inputs
        value = attributes.get("value", torch.zeros(1))
        if not value.is_floating_point():
            return torch.full(integers(shape), value.item(), dtype=value.dtype)
        device = next(self.buffers()).device
        return torch.full(integers(shape), value.item(), dtype=self.dtype, device=device)


EXACT = ("Resize", "QuantizeLinear", "DequantizeLinear")
"""Operations whose inputs behind the first stay on the CPU, in float32."""
OWN = {"Cast", "Constant", "ConstantOfShape", "If"}


@dataclass(frozen=True)
class _Branch:
    nodes: list[Node]
    outputs: tuple[str, ...]


def _node(proto: onnx.NodeProto) -> Node:
    if proto.domain not in ("", "ai.onnx"):
        raise UnsupportedError(f"{proto.domain}.{proto.op_type}")
    attributes = {attribute.name: _attribute(attribute) for attribute in proto.attribute}
    attributes["outputs"] = sum(1 for name in proto.output if name)
    return Node(proto.op_type, tuple(proto.input), tuple(proto.output), attributes)


def _attribute(proto: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(proto)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return _value(value)
    if isinstance(value, onnx.GraphProto):
        nodes = [_node(node) for node in value.node]
        constants = [Node("Constant", (), (tensor.name,), {"value": _value(tensor)}) for tensor in value.initializer]
        return _Branch([*constants, *nodes], tuple(output.name for output in value.output))
    return value


def _value(tensor: onnx.TensorProto) -> Value:
    return torch.from_numpy(np.array(numpy_helper.to_array(tensor)))


def _torch_type(number: int) -> torch.dtype:
    return torch.from_numpy(np.zeros(0, onnx.helper.tensor_dtype_to_np_dtype(number))).dtype


def _reads(node: Node) -> set[str]:
    """Return the names of all values that a node reads, in its branches too."""
    names = {name for name in node.inputs if name}
    for value in node.attributes.values():
        if isinstance(value, _Branch):
            names.update(*(_reads(inner) for inner in value.nodes), value.outputs)
    return names


def _every_node(nodes: list[Node]) -> list[Node]:
    inner = [
        deeper
        for node in nodes
        for value in node.attributes.values()
        if isinstance(value, _Branch)
        for deeper in _every_node(value.nodes)
    ]
    return [*nodes, *inner]


def _needed(nodes: list[Node], outputs: tuple[str, ...]) -> list[Node]:
    """Return the nodes that these outputs depend on, in order."""
    wanted, needed = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            needed.append(node)
            wanted |= _reads(node)
    return needed[::-1]
