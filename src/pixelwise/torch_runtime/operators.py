"""The operations of ONNX that model files use, in torch. What each does: onnx.ai/onnx/operators, opset 18.

A value is a tensor. Whole numbers that say sizes and places stay on the CPU, where reading them costs nothing; all else
is on the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

Value = torch.Tensor
Values = Sequence[Any]
"""The inputs of a node; `None` in the place of one that is left out."""
Attributes = Mapping[str, Any]
Operation = Callable[[Any, Attributes], Any]
"""From inputs and attributes to an output, or a tuple of outputs."""


class UnsupportedError(Exception):
    """An operation, or a way of calling it, that is not here."""


def integers(value: Value) -> list[int]:
    """Return a vector of whole numbers, or one number, as a list."""
    return [int(number) for number in value.reshape(-1).tolist()]


def _match(values: Values) -> list[Value]:
    """Return values on one device, that of the largest, floating-point numbers in its type."""
    tensors = [value for value in values if value is not None]
    main = max(tensors, key=lambda tensor: (tensor.device.type != "cpu", tensor.numel()))
    kind = next((tensor.dtype for tensor in (main, *tensors) if tensor.is_floating_point()), None)
    return [
        tensor.to(main.device, kind if tensor.is_floating_point() and kind is not None else tensor.dtype)
        for tensor in tensors
    ]


def _first(values: Values, count: int) -> list[Any]:
    """Return the first `count` inputs, `None` in the place of those that are left out."""
    return [*values, *[None] * count][:count]


def _like(value: Any, data: Value) -> Any:
    """Return a weight on the device of `data` and in its type, `None` for none."""
    return None if value is None else value.to(data)


def _elementwise(function: Callable[..., Value]) -> Operation:
    return lambda values, attributes: function(*_match(values))


def _divide(first: Value, second: Value) -> Value:
    whole = not first.is_floating_point() and not second.is_floating_point()
    return torch.div(first, second, rounding_mode="trunc" if whole else None)


def _fold(function: Callable[[Value, Value], Value]) -> Operation:
    def operation(values: Values, attributes: Attributes) -> Any:
        first, *others = _match(values)
        for other in others:
            first = function(first, other)
        return first

    return operation


def _modulo(values: Values, attributes: Attributes) -> Any:
    first, second = _match(values)
    return torch.fmod(first, second) if attributes.get("fmod") else torch.remainder(first, second)


def _clip(values: Values, attributes: Attributes) -> Any:
    data, low, high = _first(values, 3)
    least, most = (None if bound is None else bound.item() for bound in (low, high))
    return data.clamp(least, most)


def _spatial_pads(attributes: Attributes, dimensions: int) -> tuple[list[int], list[int]]:
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise UnsupportedError(f"padding {attributes['auto_pad']}")
    pads = list(attributes.get("pads", [0] * (2 * dimensions)))
    return pads[:dimensions], pads[dimensions:]


def _pad_spatial(data: Value, before: Sequence[int], after: Sequence[int], value: float) -> Value:
    sides = [side for pair in zip(reversed(before), reversed(after), strict=True) for side in pair]
    return F.pad(data, sides, value=value)


def _convolve(values: Values, attributes: Attributes) -> Any:
    data, weight, bias = _first(values, 3)
    weight, bias = _like(weight, data), _like(bias, data)
    dimensions = weight.dim() - 2
    before, after = _spatial_pads(attributes, dimensions)
    padding: Any = before
    if before != after:
        data, padding = _pad_spatial(data, before, after, 0.0), [0] * dimensions
    convolution: Any = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[dimensions]
    ones = [1] * dimensions
    strides, dilations = attributes.get("strides", ones), attributes.get("dilations", ones)
    result: Value = convolution(data, weight, bias, strides, padding, dilations, attributes.get("group", 1))
    return result


def _convolve_transposed(values: Values, attributes: Attributes) -> Any:
    data, weight, bias = _first(values, 3)
    weight, bias = _like(weight, data), _like(bias, data)
    dimensions = weight.dim() - 2
    before, after = _spatial_pads(attributes, dimensions)
    ones = [1] * dimensions
    convolution: Any = {1: F.conv_transpose1d, 2: F.conv_transpose2d}[dimensions]
    result: Value = convolution(
        data,
        weight,
        bias,
        attributes.get("strides", ones),
        0,
        attributes.get("output_padding", [0] * dimensions),
        attributes.get("group", 1),
        attributes.get("dilations", ones),
    )
    for axis, (first, last) in enumerate(zip(before, after, strict=True), start=2):
        result = result.narrow(axis, first, result.shape[axis] - first - last)
    return result


def _pool(values: Values, attributes: Attributes) -> Any:
    (data,) = values
    kernel = attributes["kernel_shape"]
    before, after = _spatial_pads(attributes, len(kernel))
    padding: Any = before
    if before != after:
        if attributes["outputs"] > 1:
            raise UnsupportedError("indices of an unevenly padded pooling")
        data, padding = _pad_spatial(data, before, after, -math.inf), 0
    ones = [1] * len(kernel)
    arguments = kernel, attributes.get("strides", ones), padding, attributes.get("dilations", ones)
    function: Any = {1: F.max_pool1d, 2: F.max_pool2d}[len(kernel)]
    several = attributes["outputs"] > 1
    result = function(data, *arguments, bool(attributes.get("ceil_mode")), several)
    if not several:
        return result
    pooled, places = result  # places within a map; ONNX counts through all maps
    height, width = data.shape[-2:]
    maps = torch.arange(pooled.shape[0] * pooled.shape[1], device=pooled.device).view(*pooled.shape[:2], 1, 1)
    return pooled, places + maps * (height * width)


def _average_pool(values: Values, attributes: Attributes) -> Any:
    (data,) = values
    kernel = attributes["kernel_shape"]
    before, after = _spatial_pads(attributes, len(kernel))
    if before != after:
        raise UnsupportedError("unevenly padded averages")
    function: Any = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[len(kernel)]
    counted = bool(attributes.get("count_include_pad", 0))
    strides = attributes.get("strides", [1] * len(kernel))
    result: Value = function(data, kernel, strides, before, bool(attributes.get("ceil_mode")), counted)
    return result


def _resize(values: Values, attributes: Attributes) -> Any:
    data, _, scales, sizes = _first(values, 4)
    shape = list(data.shape)
    if sizes is not None and sizes.numel():
        wanted = integers(sizes)
    elif scales is not None and scales.numel():
        wanted = [math.floor(side * factor) for side, factor in zip(shape, scales.tolist(), strict=True)]
    else:
        raise UnsupportedError("Resize without a size")
    mode = attributes.get("mode", "nearest")
    centres = attributes.get("coordinate_transformation_mode", "half_pixel")
    if wanted[:2] != shape[:2] or (mode, centres) not in {
        ("linear", "half_pixel"),
        ("linear", "pytorch_half_pixel"),
        ("linear", "align_corners"),
        ("nearest", "asymmetric"),
    }:
        raise UnsupportedError(f"Resize {mode}, {centres}")
    if mode == "nearest":
        return F.interpolate(data, size=wanted[2:], mode="nearest")
    aligned = centres == "align_corners"
    return F.interpolate(data, size=wanted[2:], mode="bilinear", align_corners=aligned)


def _slice(values: Values, attributes: Attributes) -> Any:
    data, starts, ends, axes, steps = _first(values, 5)
    begin, end = integers(starts), integers(ends)
    along = list(range(len(begin))) if axes is None else integers(axes)
    by = [1] * len(begin) if steps is None else integers(steps)
    for axis, first, last, step in zip(along, begin, end, by, strict=True):
        length = data.shape[axis]
        start, stop, step = slice(first, max(last, -(2**62)), step).indices(length)
        if step < 0:
            count = max(0, -(-(start - stop) // -step))
            index = torch.arange(start, start + step * count, step, device=data.device)
            data = data.index_select(axis, index)
        else:
            index_of = [slice(None)] * data.dim()
            index_of[axis] = slice(start, max(start, stop), step)
            data = data[tuple(index_of)]
    return data


def _pad(values: Values, attributes: Attributes) -> Any:
    data, pads, value, axes = _first(values, 4)
    dimensions = data.dim()
    numbers = integers(pads)
    along = list(range(dimensions)) if axes is None else [axis % dimensions for axis in integers(axes)]
    before, after = [0] * dimensions, [0] * dimensions
    for position, axis in enumerate(along):
        before[axis], after[axis] = numbers[position], numbers[len(along) + position]
    mode = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}.get(attributes.get("mode", "constant"))
    if mode is None or (mode != "constant" and any(before[:-2] + after[:-2])):
        raise UnsupportedError(f"Pad {attributes.get('mode')}")
    if mode == "constant":
        return _pad_spatial(data, before, after, 0.0 if value is None else value.item())
    sides = [before[-1], after[-1], before[-2], after[-2]]
    return F.pad(data, sides, mode=mode)


def _reshape(values: Values, attributes: Attributes) -> Any:
    data, shape = values
    sides = integers(shape)
    if not attributes.get("allowzero"):
        sides = [data.shape[axis] if side == 0 else side for axis, side in enumerate(sides)]
    return data.reshape(sides)


def _axes(values: Values, attributes: Attributes) -> Any:
    """Return the axes that are the second input, or of earlier opsets an attribute."""
    if len(values) > 1 and values[1] is not None:
        return integers(values[1])
    axes = attributes.get("axes")
    return None if axes is None else list(axes)


def _squeeze(values: Values, attributes: Attributes) -> Any:
    data, axes = values[0], _axes(values, attributes)
    return data.squeeze() if axes is None else data.squeeze(axes)


def _unsqueeze(values: Values, attributes: Attributes) -> Any:
    data, axes = values[0], _axes(values, attributes) or []
    dimensions = data.dim() + len(axes)
    for axis in sorted(axis % dimensions for axis in axes):
        data = data.unsqueeze(axis)
    return data


def _reduce(function: Callable[..., Value]) -> Operation:
    def operation(values: Values, attributes: Attributes) -> Any:
        data, axes = values[0], _axes(values, attributes)
        every = list(range(data.dim())) if axes is None else axes
        return function(data, dim=every, keepdim=bool(attributes.get("keepdims", 1)))

    return operation


def _shape(values: Values, attributes: Attributes) -> Any:
    shape = list(values[0].shape)
    return torch.tensor(shape[attributes.get("start", 0) : attributes.get("end")], dtype=torch.int64)


def _gather(values: Values, attributes: Attributes) -> Any:
    data, index = values
    axis = attributes.get("axis", 0)
    place = index.to(data.device)
    place = torch.where(place < 0, place + data.shape[axis], place)
    taken = data.index_select(axis, place.reshape(-1))
    before, after = taken.shape[: axis % taken.dim()], taken.shape[axis % taken.dim() + 1 :]
    return taken.reshape(*before, *place.shape, *after)


def _scatter(values: Values, attributes: Attributes) -> Any:
    if attributes.get("reduction", "none") != "none":
        raise UnsupportedError("ScatterElements with a reduction")
    data, index, updates = values
    place = index.to(data.device)
    axis = attributes.get("axis", 0)
    place = torch.where(place < 0, place + data.shape[axis], place)
    return data.scatter(axis, place, updates.to(data))


def _concatenate(values: Values, attributes: Attributes) -> Any:
    return torch.cat(_match(values), dim=attributes["axis"])


def _split(values: Values, attributes: Attributes) -> Any:
    data, axis = values[0], attributes.get("axis", 0)
    if len(values) > 1 and values[1] is not None:
        return torch.split(data, integers(values[1]), dim=axis)
    size = -(-data.shape[axis] // attributes["outputs"])
    return torch.split(data, size, dim=axis)


def _normalise_batch(values: Values, attributes: Attributes) -> Any:
    data, *others = values
    scale, bias, mean, variance = (_like(other, data) for other in others)
    return F.batch_norm(data, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def _normalise_layer(values: Values, attributes: Attributes) -> Any:
    data, scale, bias = _first(values, 3)
    scale, bias = _like(scale, data), _like(bias, data)
    axis = attributes.get("axis", -1) % data.dim()
    return F.layer_norm(data, data.shape[axis:], scale, bias, attributes.get("epsilon", 1e-5))


def _multiply_matrices(values: Values, attributes: Attributes) -> Any:
    first, second, third = _first(values, 3)
    second, third = _like(second, first), _like(third, first)
    first = first.T if attributes.get("transA") else first
    second = second.T if attributes.get("transB") else second
    product = attributes.get("alpha", 1.0) * (first @ second)
    return product if third is None else product + attributes.get("beta", 1.0) * third


def _quantize(values: Values, attributes: Attributes) -> Any:
    """Return what `DequantizeLinear` would make of the quantised values: they stay floating-point numbers."""
    data, scale, zero = _first(values, 3)
    kind = torch.uint8 if zero is None else zero.dtype
    limits = torch.iinfo(kind)
    scale, zero = _along(scale, data, attributes), _along(zero, data, attributes)
    shifted = torch.round(data.float() / scale) + (0 if zero is None else zero)
    return shifted.clamp(limits.min, limits.max)


def _dequantize(values: Values, attributes: Attributes) -> Any:
    data, scale, zero = _first(values, 3)
    steps = data.float()
    zero = _along(zero, data, attributes)
    return (steps if zero is None else steps - zero) * _along(scale, data, attributes)


def _along(value: Any, data: Any, attributes: Attributes) -> Any:
    """Return a scale or zero point in float32, shaped to stand along its axis of `data`."""
    if value is None or data is None:
        return None
    value = value.to(data.device, torch.float32)
    if value.numel() == 1:
        return value.reshape(())
    shape = [1] * data.dim()
    shape[attributes.get("axis", 1)] = -1
    return value.reshape(shape)


def _unary(function: Callable[[Value], Value]) -> Operation:
    return lambda values, attributes: function(values[0])


OPERATIONS: dict[str, Operation] = {
    "Abs": _unary(torch.abs),
    "Add": _elementwise(torch.add),
    "And": _elementwise(torch.logical_and),
    "AveragePool": _average_pool,
    "BatchNormalization": _normalise_batch,
    "Ceil": _unary(torch.ceil),
    "Clip": _clip,
    "Concat": _concatenate,
    "Conv": _convolve,
    "ConvTranspose": _convolve_transposed,
    "DequantizeLinear": _dequantize,
    "Div": _elementwise(_divide),
    "Equal": _elementwise(torch.eq),
    "Erf": _unary(torch.erf),
    "Exp": _unary(torch.exp),
    "Expand": lambda values, attributes: values[0] * torch.ones(integers(values[1])).to(values[0]),
    "Flatten": lambda values, attributes: values[0].flatten(attributes.get("axis", 1)),
    "Floor": _unary(torch.floor),
    "Gather": _gather,
    "Gelu": lambda values, attributes: F.gelu(values[0], approximate=attributes.get("approximate", "none")),
    "Gemm": _multiply_matrices,
    "GlobalAveragePool": lambda values, attributes: values[0].mean((2, 3), keepdim=True),
    "Greater": _elementwise(torch.gt),
    "GreaterOrEqual": _elementwise(torch.ge),
    "HardSigmoid": lambda values, attributes: (
        attributes.get("alpha", 0.2) * values[0] + attributes.get("beta", 0.5)
    ).clamp(0, 1),
    "HardSwish": _unary(F.hardswish),
    "Identity": _unary(lambda value: value),
    "LayerNormalization": _normalise_layer,
    "LeakyRelu": lambda values, attributes: F.leaky_relu(values[0], attributes.get("alpha", 0.01)),
    "Less": _elementwise(torch.lt),
    "LessOrEqual": _elementwise(torch.le),
    "MatMul": _multiply_matrices,
    "Max": _fold(torch.maximum),
    "MaxPool": _pool,
    "Min": _fold(torch.minimum),
    "Mod": _modulo,
    "Mul": _elementwise(torch.mul),
    "Neg": _unary(torch.neg),
    "Not": _unary(torch.logical_not),
    "Or": _elementwise(torch.logical_or),
    "PRelu": _elementwise(lambda data, slope: torch.where(data < 0, slope * data, data)),
    "Pad": _pad,
    "Pow": _elementwise(torch.pow),
    "QuantizeLinear": _quantize,
    "Range": lambda values, attributes: torch.arange(*(value.item() for value in values), dtype=values[0].dtype),
    "Reciprocal": _unary(torch.reciprocal),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _unary(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "ScatterElements": _scatter,
    "Shape": _shape,
    "Sigmoid": _unary(torch.sigmoid),
    "Size": lambda values, attributes: torch.tensor(values[0].numel()),
    "Slice": _slice,
    "Softmax": lambda values, attributes: torch.softmax(values[0], attributes.get("axis", -1)),
    "Split": _split,
    "Sqrt": _unary(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(torch.sub),
    "Tanh": _unary(torch.tanh),
    "Tile": lambda values, attributes: values[0].repeat(integers(values[1])),
    "Transpose": lambda values, attributes: values[0].permute(
        attributes.get("perm", list(range(values[0].dim()))[::-1])
    ),
    "Unsqueeze": _unsqueeze,
    "Where": lambda values, attributes: torch.where(values[0].to(values[1].device), *_match(values[1:])),
}
"""By ONNX's names. `Cast`, `Constant`, `ConstantOfShape` and `If` are the graph's own."""
