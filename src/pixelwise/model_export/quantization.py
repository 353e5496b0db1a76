"""A model file in 8 bits: convolutions, and what lies between them, on integers.

Weights are rounded for each output channel by itself, symmetric, activations for each tensor, to the range that they
have on the images it is calibrated with (Jacob et al., CVPR 2018, arXiv:1712.05877), by onnxruntime's own tool. What
comes before the first convolution and after the last, and the last itself, stay in float: they cost little and the
labels hang on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from pixelwise.core.files import write_atomically
from pixelwise.core.telemetry import import_silently
from pixelwise.core.temporary_files import temporary_path
from pixelwise.model_export.onnx import quiet

UInt8 = npt.NDArray[np.uint8]
CONVOLUTIONS = ("Conv", "ConvTranspose")


def quantise(source: Path, images: Iterable[UInt8], out: Path, float_convolutions: int) -> bool:
    """Write the model file `source` in 8 bits to `out`, whole or not at all, and return whether anything of it is.

    The first `float_convolutions` on each path from the image stay in float: the errors of early layers go through all
    later ones. These layers see the most pixels, so that they cost time. images: uint8 (height, width, 3), those that
    activations are calibrated with.
    """
    tool = import_silently("onnxruntime.quantization")
    proto = onnx.load(source)
    for number, node in enumerate(proto.graph.node):
        node.name = f"node_{number}"  # how the tool calls them
    if not (names := _quantizable_nodes(proto.graph, float_convolutions)):
        return False
    with quiet(), write_atomically(out) as temporary, temporary_path(out) as named:
        onnx.save(proto, named)
        tool.quantize_static(
            named,
            temporary,
            _Reader(images),
            quant_format=tool.QuantFormat.QDQ,
            per_channel=True,
            activation_type=tool.QuantType.QUInt8,
            weight_type=tool.QuantType.QInt8,
            calibrate_method=tool.CalibrationMethod.MinMax,
            nodes_to_quantize=names,
        )
    return True


class _Reader:
    """The images one by one, as onnxruntime's tool asks for them."""

    def __init__(self, images: Iterable[UInt8]) -> None:
        self._images: Iterator[UInt8] = iter(images)

    def get_next(self) -> dict[str, UInt8] | None:
        image = next(self._images, None)
        return None if image is None else {"image": image[None]}


def _quantizable_nodes(graph: onnx.GraphProto, skip: int) -> list[str]:
    """Return the names of the nodes from the convolutions behind `skip` others on that lead to a further one."""
    depth: dict[str, int] = {}  # convolutions on the way to each value, the most there are
    for node in graph.node:
        before = max((depth.get(name, 0) for name in node.input), default=0)
        depth |= dict.fromkeys(node.output, before + (node.op_type in CONVOLUTIONS))
    leading: set[str] = set()  # the values that a convolution depends on
    for node in reversed(graph.node):
        if node.op_type in CONVOLUTIONS or leading.intersection(node.output):
            leading.update(node.input)
    return [node.name for node in graph.node if leading.intersection(node.output) and depth[node.output[0]] > skip]
