"""Dropout that a model file keeps, asleep until it is given a seed.

The masks are a hash of (seed, layer, position) worked out inside the graph, in 32-bit integers: the same on every
machine and engine, where ONNX's own `Dropout` draws from a generator that the whole process shares. While the seed is
0, its default, the branch that draws is not run and values pass as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper, parser
from torch import nn

from pixelwise.modelfile.info import DROPOUT_SEED

DOMAIN = "pixelwise"
GOLDEN = 0x9E3779B9
"""2**32 over the golden ratio: its multiples are spread evenly, so that layers do not share a key."""

MIX = """
<domain: "pixelwise", opset_import: ["": 18]>
Mix (bits) => (mixed)
{
    sixteen = Constant <value = uint32 {16}> ()
    thirteen = Constant <value = uint32 {13}> ()
    first = Constant <value = uint32 {2246822507}> ()
    second = Constant <value = uint32 {3266489909}> ()
    a = BitShift <direction = "RIGHT"> (bits, sixteen)
    b = BitwiseXor (bits, a)
    c = Mul (b, first)
    d = BitShift <direction = "RIGHT"> (c, thirteen)
    e = BitwiseXor (c, d)
    f = Mul (e, second)
    g = BitShift <direction = "RIGHT"> (f, sixteen)
    mixed = BitwiseXor (f, g)
}
"""
"""uint32 -> uint32, one to one and each bit dependent on all: the last steps of MurmurHash3 (Appleby 2011, fmix32)."""

DROPOUT = """
<domain: "pixelwise", opset_import: ["": 18, "pixelwise": 1]>
Dropout (values, rate, seed, layer) => (result)
{
    zero = Constant <value = int64 {0}> ()
    asleep = Equal (seed, zero)
    result = If (asleep) <
        then_branch = pass () => (same) { same = Identity (values) },
        else_branch = drop () => (dropped)
        {
            step = Constant <value = int64 {1}> ()
            size = Size (values)
            counted = Range (zero, size, step)
            position = Cast <to = 12> (counted)
            seed_bits = Cast <to = 12> (seed)
            seed_of_layer = BitwiseXor (seed_bits, layer)
            key = pixelwise.Mix (seed_of_layer)
            scattered = pixelwise.Mix (position)
            keyed = BitwiseXor (scattered, key)
            noise = pixelwise.Mix (keyed)
            one = Constant <value = float {1.0}> ()
            range = Constant <value = float {4294967296.0}> ()
            share = Sub (one, rate)
            limit = Mul (share, range)
            limit_bits = Cast <to = 12> (limit)
            kept = Less (noise, limit_bits)
            ones = Cast <to = 1> (kept)
            factors = Div (ones, share)
            shape = Shape (values)
            mask = Reshape (factors, shape)
            dropped = Mul (values, mask)
        }
    >
}
"""
"""Zeroes a value with probability `rate` and divides the others by 1 - rate, unless `seed` is 0. (12 is uint32.)"""


@contextlib.contextmanager
def keep_dropout(model: nn.Module) -> Iterator[None]:
    """Within it, exporting `model` leaves its `nn.Dropout` layers in the graph; everything else is as it was."""
    layers = [
        layer for layer in model.modules() if isinstance(layer, nn.Dropout) and layer.p > 0 and not layer.training
    ]
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer in layers:
            layer.eval()


def seed_dropout(model: onnx.ModelProto) -> onnx.ModelProto:
    """Make every `Dropout` of the graph wait for the optional input `DROPOUT_SEED`, int64, 0 unless it is given.

    A model without dropout is returned as it is.
    """
    layers = [node for node in model.graph.node if node.op_type == "Dropout" and not node.domain]
    if not layers:
        return model
    for number, node in enumerate(layers):
        layer = f"dropout_layer_{number}"
        model.graph.initializer.append(numpy_helper.from_array(np.array(number * GOLDEN % 2**32, np.uint32), layer))
        node.domain = DOMAIN
        node.input[:] = [*node.input[:2], DROPOUT_SEED, layer]
        del node.output[1:]
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), DROPOUT_SEED))
    model.graph.input.append(helper.make_tensor_value_info(DROPOUT_SEED, TensorProto.INT64, ()))
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    model.functions.extend(parser.parse_function(text) for text in (MIX, DROPOUT))
    inlined = inliner.inline_local_functions(model)  # not every engine knows functions of a model's own
    plain = [opset for opset in inlined.opset_import if opset.domain != DOMAIN]
    del inlined.opset_import[:]
    inlined.opset_import.extend(plain)
    return inlined
