"""What a model file's graph may hold, looked at before an engine opens it: what pixelwise writes.

Nothing else that never ends, takes any amount of memory, or reads other files.

An ONNX file is a message of protocol buffers; the numbers of its fields are those of onnx.proto, version 1.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pixelwise.core.errors import ModelFileError
from pixelwise.core.files import open_regular

REMEDY = "Use a model.onnx that `pixelwise train` or `pixelwise export` wrote."
ENDLESS = ("Loop", "Scan", "SequenceMap")
"""Operations that run a graph over and over."""
DOMAINS = ("", "ai.onnx")
SIZES = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Range": 1, "Pad": 1, "Resize": 3}
"""Operations whose input of this number says how large their result is."""
MAX_ELEMENTS = 2**31
"""Of a result whose size stands in the file."""
MAX_FIELDS = 2**20
"""Of the messages that are looked at; those of the largest models have a tenth."""
MAX_DEPTH = 16

_GRAPH, _FUNCTIONS = 7, 25
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5, 6, 10, 11
_TYPE, _INT64_DATA, _NAME, _RAW, _EXTERNAL, _LOCATION = 2, 7, 8, 9, 13, 14
_INT64 = 7


@dataclass
class _Look:
    """What was seen of a file so far: the small tensors of whole numbers, by name, and the number of fields."""

    path: Path
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fields: int = 0

    def refuse(self, found: str) -> ModelFileError:
        return ModelFileError(self.path, found, "a graph as pixelwise writes it", REMEDY)


def require_safe_graph(path: Path) -> None:
    """Raise `ModelFileError` for a graph that pixelwise does not write, since it may never end or take any memory.

    A file that is damaged, or no ONNX at all, passes: the engine that opens it tells of that.
    """
    with open_regular(path) as file:
        if not file.seek(0, 2):
            return
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    look = _Look(path)
    try:
        for number, value in _fields(content, look):
            if number == _GRAPH and isinstance(value, memoryview):
                _require_graph(value, look, depth=0)
            elif number == _FUNCTIONS:
                raise look.refuse("functions of its own")
    except (ValueError, IndexError, struct.error):
        return


def _require_graph(graph: memoryview, look: _Look, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise look.refuse(f"graphs nested more than {MAX_DEPTH} deep")
    nodes = []
    for number, value in _fields(graph, look):
        if not isinstance(value, memoryview):
            continue
        if number == _NODE:
            nodes.append(value)
        elif number == _INITIALIZER:
            _look_at_tensor(value, look)
        elif number == _SPARSE_INITIALIZER:
            raise look.refuse("sparse weights")
    for node in nodes:  # after the tensors that they name
        _require_node(node, look, depth)


def _require_node(node: memoryview, look: _Look, depth: int) -> None:
    inputs: list[str] = []
    outputs: list[str] = []
    operation = domain = ""
    attributes: list[memoryview] = []
    for number, value in _fields(node, look):
        if not isinstance(value, memoryview):
            continue
        if number == _ATTRIBUTE:
            attributes.append(value)
        elif number in (_INPUT, _OUTPUT, _OP_TYPE, _DOMAIN):
            text = str(value, "utf-8")
            if number == _OP_TYPE:
                operation = text
            elif number == _DOMAIN:
                domain = text
            else:
                (inputs if number == _INPUT else outputs).append(text)
    if operation in ENDLESS:
        raise look.refuse(f"the operation {operation}, which may never end")
    if domain not in DOMAINS:
        raise look.refuse(f"the operation {operation} of {domain!r}")
    for attribute in attributes:
        for number, value in _fields(attribute, look):
            if not isinstance(value, memoryview):
                continue
            if number in (_SUBGRAPH, _SUBGRAPHS):
                _require_graph(value, look, depth + 1)
            elif number in (_TENSOR, _TENSORS):
                _look_at_tensor(value, look, outputs[0] if operation == "Constant" and outputs else None)
    place = SIZES.get(operation, len(inputs))
    size = look.numbers.get(inputs[place], ()) if place < len(inputs) else ()
    if math.prod(side for side in size if side > 0) > MAX_ELEMENTS:
        raise look.refuse(f"the operation {operation} to a size of {' x '.join(map(str, size))}")


def _look_at_tensor(tensor: memoryview, look: _Look, name: str | None = None) -> None:
    """Remember a small tensor of 64-bit whole numbers under its name; raise `ModelFileError` for one whose values lie
    in another file."""
    kind, own_name = 0, ""
    values: tuple[int, ...] = ()
    for number, value in _fields(tensor, look):
        if number == _EXTERNAL or (number == _LOCATION and value):
            raise look.refuse("weights in another file")
        if number == _TYPE and isinstance(value, int):
            kind = value
        elif isinstance(value, memoryview):
            if number == _NAME:
                own_name = str(value, "utf-8")
            elif number == _RAW and len(value) <= 64 and not len(value) % 8:
                values = struct.unpack(f"<{len(value) // 8}q", value)
            elif number == _INT64_DATA and len(value) <= 80:
                values = tuple(_varints(value))
    if kind == _INT64:
        look.numbers[name or own_name] = values


def _fields(message: memoryview, look: _Look) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field. Raises `ValueError` or `IndexError` where the message is damaged."""
    place = 0
    while place < len(message):
        look.fields += 1
        if look.fields > MAX_FIELDS:
            raise look.refuse(f"more than {MAX_FIELDS:,} fields")
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield number, value
        elif kind == 2:
            length, place = _varint(message, place)
            if length > len(message) - place:
                raise ValueError("cut off")
            yield number, message[place : place + length]
            place += length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("no field")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the whole number that begins at a place, and where it ends."""
    result = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, place
    raise ValueError("no whole number")


def _varints(message: memoryview) -> Iterator[int]:
    place = 0
    while place < len(message):
        value, place = _varint(message, place)
        yield value - 2**64 if value >= 2**63 else value
