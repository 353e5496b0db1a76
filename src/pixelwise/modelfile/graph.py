"""What an ONNX file says before an engine opens it: its metadata, and whether its graph is one that pixelwise writes.

A graph of another program may never end, take any amount of memory, or read other files.

An ONNX file is a message of protocol buffers; the numbers of its fields are those of onnx.proto, version 1.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pixelwise.core.errors import ModelFileError
from pixelwise.core.files import open_regular

REMEDY = "Use a model.onnx that `pixelwise train` or `pixelwise export` wrote."
ENDLESS = ("Loop", "Scan", "SequenceMap")
"""Operations that run a graph repeatedly."""
DOMAINS = ("", "ai.onnx")
SIZES = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Range": 1, "Pad": 1, "Resize": 3}
"""Operations, and which of their inputs holds the size of their result."""
MAX_ELEMENTS = 2**31
"""Of a result whose size is a constant of the graph."""
OF_SHAPES = ("Add", "Sub", "Mul", "Concat")
"""Operations by which a graph computes shapes from constants of whole numbers."""
OF_WINDOWS = ("pads", "kernel_shape", "dilations", "output_padding")
"""Attributes that give pixels."""
MAX_SIDE = 2**14
"""Of a number in these; the largest that pixelwise writes is 256."""
MAX_FIELDS = 2**20
"""Of all messages that are read; the largest models have a tenth of that."""
MAX_DEPTH = 16

_GRAPH, _METADATA, _FUNCTIONS = 7, 14, 25
_KEY, _VALUE = 1, 2
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _TENSOR, _SUBGRAPH, _INTS, _TENSORS, _SUBGRAPHS = 1, 5, 6, 8, 10, 11
_TYPE, _INT64_DATA, _NAME, _RAW, _EXTERNAL, _LOCATION = 2, 7, 8, 9, 13, 14
_INT64 = 7


@dataclass
class _Check:
    """A file under check: its small tensors of whole numbers, by name, and the number of fields read so far."""

    path: Path
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fields: int = 0

    def error(self, problem: str) -> ModelFileError:
        return ModelFileError(self.path, problem, "a graph as pixelwise writes it", REMEDY)


def read_metadata(path: Path, key: str) -> str | None:
    """Return the text that an ONNX file stores under `key`; `None` where there is none, or the file is no ONNX.

    Raises `UnicodeDecodeError` for a text that is not UTF-8, and `OSError` for a file that cannot be read.
    """
    check = _Check(path)
    try:
        for number, value in _fields(_content(path), check):
            if number == _METADATA and isinstance(value, memoryview):
                entry = {part: bytes(text) for part, text in _fields(value, check) if isinstance(text, memoryview)}
                if entry.get(_KEY) == key.encode():
                    return entry.get(_VALUE, b"").decode()
    except UnicodeDecodeError:
        raise
    except (ValueError, IndexError, struct.error):
        return None
    return None


def require_safe_graph(path: Path) -> None:
    """Raise `ModelFileError` for a graph that pixelwise does not write, since it may never end or take any memory.

    A file that is damaged, or no ONNX at all, passes: the engine that opens it reports that.
    """
    check = _Check(path)
    try:
        for number, value in _fields(_content(path), check):
            if number == _GRAPH and isinstance(value, memoryview):
                _require_graph(value, check, depth=0)
            elif number == _FUNCTIONS:
                raise check.error("functions of its own")
    except (ValueError, IndexError, struct.error):
        return


def _content(path: Path) -> memoryview:
    with open_regular(path) as file:
        if not file.seek(0, 2):
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _require_graph(graph: memoryview, check: _Check, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise check.error(f"graphs nested more than {MAX_DEPTH} deep")
    nodes = []
    for number, value in _fields(graph, check):
        if not isinstance(value, memoryview):
            continue
        if number == _NODE:
            nodes.append(value)
        elif number == _INITIALIZER:
            _record_tensor(value, check)
        elif number == _SPARSE_INITIALIZER:
            raise check.error("sparse weights")
    for node in nodes:  # after the tensors that they name
        _require_node(node, check, depth)


def _require_node(node: memoryview, check: _Check, depth: int) -> None:
    inputs: list[str] = []
    outputs: list[str] = []
    operation = domain = ""
    attributes: list[memoryview] = []
    for number, value in _fields(node, check):
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
        raise check.error(f"the operation {operation}, which may never end")
    if domain not in DOMAINS:
        raise check.error(f"the operation {operation} of {domain!r}")
    for attribute in attributes:
        attribute_name = ""
        numbers: list[int | memoryview] = []  # may stand before the name
        for number, value in _fields(attribute, check):
            if number == _INTS:
                numbers.append(value)
            elif not isinstance(value, memoryview):
                continue
            elif number == _ATTRIBUTE_NAME:
                attribute_name = str(value, "utf-8")
            elif number in (_SUBGRAPH, _SUBGRAPHS):
                _require_graph(value, check, depth + 1)
            elif number in (_TENSOR, _TENSORS):
                _record_tensor(value, check, outputs[0] if operation == "Constant" and outputs else None)
        for packed in numbers if attribute_name in OF_WINDOWS else ():
            sides = _varints(packed) if isinstance(packed, memoryview) else (packed,)
            _require_sides(f"{operation}'s {attribute_name}", sides, check)
    if operation in OF_SHAPES:
        for name in inputs:
            _require_sides(f"the operation {operation}", check.numbers.get(name, ()), check)
    place = SIZES.get(operation, len(inputs))
    size = check.numbers.get(inputs[place], ()) if place < len(inputs) else ()
    if math.prod(side for side in size if side > 0) > MAX_ELEMENTS:
        raise check.error(f"the operation {operation} to a size of {' x '.join(map(str, size))}")


def _require_sides(what: str, numbers: Iterable[int], check: _Check) -> None:
    for number in numbers:
        if abs(number) > MAX_SIDE:
            raise check.error(f"{what} with the number {number:,}")


def _record_tensor(tensor: memoryview, check: _Check, name: str | None = None) -> None:
    """Record a small tensor of 64-bit whole numbers under its name; raise `ModelFileError` for one whose values lie in
    another file."""
    kind, stored_name = 0, ""
    values: tuple[int, ...] = ()
    for number, value in _fields(tensor, check):
        if number == _EXTERNAL or (number == _LOCATION and value):
            raise check.error("weights in another file")
        if number == _TYPE and isinstance(value, int):
            kind = value
        elif isinstance(value, memoryview):
            if number == _NAME:
                stored_name = str(value, "utf-8")
            elif number == _RAW and len(value) <= 64 and not len(value) % 8:
                values = struct.unpack(f"<{len(value) // 8}q", value)
            elif number == _INT64_DATA and len(value) <= 80:
                values = tuple(_varints(value))
    if kind == _INT64:
        check.numbers[name or stored_name] = values


def _fields(message: memoryview, check: _Check) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field. Raises `ValueError` or `IndexError` where the message is damaged."""
    place = 0
    while place < len(message):
        check.fields += 1
        if check.fields > MAX_FIELDS:
            raise check.error(f"more than {MAX_FIELDS:,} fields")
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
    """Return the whole number that begins at `place`, and where it ends."""
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
