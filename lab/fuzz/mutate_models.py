"""Changes of model files and weights that keep their containers readable: metadata, graph, headers, numbers."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lab.fuzz import hostile
from lab.fuzz.mutate_documents import changed_json

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

EXTREMES = (0, -1, 1, 2, 7, 2**20, 2**31, 2**40, 2**62)
OPERATORS = (
    "Identity",
    "Relu",
    "Conv",
    "Loop",
    "Reshape",
    "Resize",
    "Tile",
    "Gather",
    "Nothing",
    "If",
    "Expand",
    "Softmax",
)


def changed_model(data: bytes, rng: Random) -> bytes:
    """Return an ONNX file with its metadata or its graph changed. Raises `ValueError` for what is none."""
    import onnx
    from google.protobuf.message import DecodeError, EncodeError

    try:
        model = onnx.load_from_string(data)
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_CHANGES)(model, rng)
        return bytes(model.SerializeToString())
    except (DecodeError, EncodeError) as error:
        raise ValueError(str(error)) from error


def changed_tensors(data: bytes, rng: Random) -> bytes:
    """Return a safetensors file with its header changed, or what pixelwise keeps there. `ValueError` for none."""
    if len(data) < 8:
        raise ValueError("too short")
    (length,) = struct.unpack("<Q", data[:8])
    header, body = data[8 : 8 + length].decode(), data[8 + length :]
    if rng.random() < 0.5:
        content = json.loads(header)
        metadata = content.get("__metadata__", {})
        metadata["pixelwise"] = changed_json(metadata.get("pixelwise", "{}"), rng)
        header = json.dumps(content)
    else:
        header = changed_json(header, rng)
    encoded = header.encode("utf-8", "surrogatepass")
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", rng.choice((*[len(encoded)] * 8, 0, 2**63, len(data) * 2))) + encoded + body


def _metadata(model: ModelProto, rng: Random) -> None:
    for entry in model.metadata_props:
        text = changed_json(entry.value, rng)
        try:
            entry.value = text
        except (UnicodeEncodeError, ValueError):
            entry.value = text.encode("utf-8", "replace").decode()


def _metadata_entries(model: ModelProto, rng: Random) -> None:
    entries = list(model.metadata_props)
    del model.metadata_props[:]
    model.metadata_props.extend(rng.choice(([], entries * 2)))


def _operator(model: ModelProto, rng: Random) -> None:
    rng.choice(model.graph.node).op_type = rng.choice(OPERATORS)


def _attribute(model: ModelProto, rng: Random) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    attribute = rng.choice(rng.choice(nodes).attribute)
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(EXTREMES)
    elif attribute.floats:
        attribute.floats[0] = rng.choice((float("nan"), 1e38, -1.0))
    else:
        attribute.i = rng.choice(EXTREMES)


def _initializer(model: ModelProto, rng: Random) -> None:
    """Change a tensor's shape, its type, or its numbers, to NaN or to integers that ask for much memory."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    choice = rng.randrange(3)
    if choice == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(EXTREMES)
    elif choice == 1:
        tensor.data_type = rng.randrange(20)
    elif tensor.raw_data:
        number = (
            struct.pack("<q", rng.choice(EXTREMES))
            if tensor.data_type == 7
            else struct.pack("<f", rng.choice((float("nan"), 3e38)))
        )
        tensor.raw_data = (number * (len(tensor.raw_data) // len(number) + 1))[: len(tensor.raw_data)]


def _signature(model: ModelProto, rng: Random) -> None:
    port = rng.choice([*model.graph.input, *model.graph.output])
    choice = rng.randrange(4)
    kind = port.type.tensor_type
    if choice == 0:
        port.name = hostile.text(rng).encode("utf-8", "replace").decode()
    elif choice == 1:
        kind.elem_type = rng.randrange(20)
    elif kind.shape.dim:
        rng.choice(kind.shape.dim).dim_value = rng.choice(EXTREMES)


def _wiring(model: ModelProto, rng: Random) -> None:
    node = rng.choice(model.graph.node)
    choice = rng.randrange(3)
    if choice == 0:
        model.graph.node.remove(node)
    elif node.input:
        names = [name for other in model.graph.node for name in (*other.input, *other.output)]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)


def _versions(model: ModelProto, rng: Random) -> None:
    if rng.random() < 0.5:
        model.ir_version = rng.choice(EXTREMES)
    else:
        model.opset_import[0].version = rng.choice((0, 1, 6, 13, 99, 2**40))


def _endless(model: ModelProto, rng: Random) -> None:
    """Put a loop that does not end, or one that takes long, before the logits."""
    from onnx import TensorProto, helper, numpy_helper

    names = [node for node in model.graph.node if "logits" in node.output]
    if not names:
        return
    names[0].output[list(names[0].output).index("logits")] = "before"
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Relu", ["value"], ["next"])],
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("value", TensorProto.FLOAT, None)],
        [info("go_on", TensorProto.BOOL, []), info("next", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.extend([numpy_helper.from_array(_scalar(rng.choice((2**62, 10**6))), "trips")])
    model.graph.node.append(helper.make_node("Loop", ["trips", "", "before"], ["logits"], body=body))


def _large(model: ModelProto, rng: Random) -> None:
    """Make a huge tensor that nobody asked for and add it to nothing."""
    from onnx import helper, numpy_helper

    size = numpy_helper.from_array(_scalar(rng.choice((2**30, 2**36)), 1), "huge_size")
    model.graph.initializer.append(size)
    graph: GraphProto = model.graph
    graph.node.insert(0, helper.make_node("ConstantOfShape", ["huge_size"], ["huge"]))
    if rng.random() < 0.7:
        graph.output.append(helper.make_tensor_value_info("huge", 1, ["n"]))


def _scalar(number: int, dimensions: int = 0) -> npt.NDArray[np.int64]:
    return np.full((1,) * dimensions, number, np.int64)


_CHANGES: tuple[Callable[[ModelProto, Random], None], ...] = (
    *(_metadata, _metadata, _metadata, _metadata, _metadata_entries, _operator, _attribute, _attribute, _initializer),
    *(_initializer, _signature, _wiring, _versions, _endless, _large),
)
