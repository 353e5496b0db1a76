"""Rules for the field of view of an operation's output, given those of its inputs, for torch's operations (ATen)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import isqrt
from typing import Any

import torch

from pixelwise.analysis.field_of_view import (
    Field,
    Step,
    linear_taps,
    nearest_taps,
    shifted_taps,
    transposed_taps,
    window_taps,
)

aten = torch.ops.aten
Arguments = Mapping[str, Any]
"""An operation's arguments by the names of its schema, defaults filled in."""
Rule = Callable[[Field, Arguments, torch.Tensor], Field]
"""Takes the smallest field that contains those of all inputs, the arguments and the output; returns the output's."""


def output_field(
    operation: torch._ops.OpOverload, arguments: Arguments, fields: Sequence[Field], output: torch.Tensor
) -> Field | None:
    """Return the field of an operation's output from those of its inputs; `None` for an operation without a rule."""
    field = reduce(Field.union, fields)
    packet = operation.overloadpacket
    if torch.Tag.pointwise in operation.tags or packet in _UNMARKED:
        return _expand(field, arguments, output)
    if packet in _PRODUCTS:
        return _times_weights(field, arguments, output) if len(fields) == 1 else _attention(packet, fields)
    rule = _RULES.get(packet)
    return rule(field, arguments, output) if rule else None


def _same(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field


def _batch_norm(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    """Statistics of the image itself, as in instance norm, depend on the whole image; stored statistics do not."""
    return field.widen() if arguments.get("training") else field


def _whole_plane_norm(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field.widen()


def _layer_norm(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field.widen() if any(field.dims[-len(arguments["normalized_shape"]) :]) else field


def _softmax(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field.widen() if field.dims[arguments["dim"]] else field


def _concatenation(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return Field.of_whole_image(output.ndim) if field.dims[arguments["dim"]] else field


def _convolution(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    kernel = arguments["weight"].shape[2:]
    taps = transposed_taps if arguments["transposed"] else window_taps
    return _windowed(field, output, taps, kernel, arguments["stride"], arguments["padding"], arguments["dilation"])


def _pooling(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    kernel = arguments["kernel_size"]
    stride = arguments["stride"] or kernel
    return _windowed(field, output, window_taps, kernel, stride, arguments["padding"], arguments.get("dilation", 1))


def _windowed(
    field: Field,
    output: torch.Tensor,
    taps: Callable[[int, int, int, int, int], Step],
    kernel: Sequence[int],
    *options: int | Sequence[int],
) -> Field:
    sides = len(kernel)
    each = [[option] * sides if isinstance(option, int) else list(option) for option in options]
    each = [option * sides if len(option) == 1 else option for option in each]
    last = range(output.ndim - sides, output.ndim)
    return field.apply({dim: taps(output.shape[dim], *a) for dim, *a in zip(last, kernel, *each, strict=True)})


def _adaptive_pooling(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    """Windows that are a share of the image count as the whole image."""
    before = arguments["self"].shape[-2:]
    changed = [dim for dim in (-2, -1) if output.shape[dim] != before[dim]]
    return field.reduce(changed, keep=True) if changed else field


def _nearest(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    before = arguments["input" if "input" in arguments else "self"].shape
    return field.apply({dim: nearest_taps(before[dim], output.shape[dim]) for dim in (2, 3)})


def _linear(around: int) -> Rule:
    def rule(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
        before = arguments["input" if "input" in arguments else "self"].shape
        corners = arguments["align_corners"]
        steps = {
            dim: linear_taps(before[dim], output.shape[dim], align_corners=corners, around=around) for dim in (2, 3)
        }
        return field.apply(steps)

    return rule


def _unpooling(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    """A value stays within the window that it won, so positions fill windows as nearest-neighbour resizing does."""
    before = arguments["self"].shape
    return field.apply({dim: nearest_taps(before[dim], output.shape[dim]) for dim in (-2 % len(before), -1)})


def _scatter(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    """Max unpooling written as a scatter of flattened planes; see `_unpooling`."""
    dim = arguments["dim"] % output.ndim
    rows, columns = (len(reach.first) for reach in field.reaches)
    factor = isqrt(output.shape[dim] // max(1, rows * columns))
    if field.dims[dim] != (0, 1) or factor**2 * rows * columns != output.shape[dim]:
        return Field.of_whole_image(output.ndim)
    steps = [nearest_taps(side, factor * side) for side in (rows, columns)]
    return Field(tuple(reach.apply(step) for reach, step in zip(field.reaches, steps, strict=True)), field.dims)


def _padding(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    """The added border counts as empty, mirrored or not: receptive fields are read from positions far from it."""
    befores = arguments["pad" if "pad" in arguments else "padding"][::2]
    return field.apply({-1 - i: shifted_taps(output.shape[-1 - i], -before) for i, before in enumerate(befores)})


def _slice(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    dim = arguments["dim"]
    start, length = arguments["start"] or 0, arguments["self"].shape[dim]
    start = max(0, start + length if start < 0 else start)
    return field.apply({dim: shifted_taps(output.shape[dim], start, arguments["step"])})


def _index_select(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    index = arguments["index"]
    if index.is_meta:
        return Field.of_whole_image(output.ndim)
    _, unchanged = shifted_taps(1, 0)
    return field.apply({arguments["dim"]: (index.numpy()[None], unchanged)})


def _select(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    dim = arguments["dim"] % len(field.dims)
    return Field.of_whole_image(output.ndim) if field.dims[dim] else field.reduce([dim], keep=False)


def _split(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return Field.of_whole_image(output.ndim) if field.dims[arguments["dim"]] else field


def _view(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field.reshape(arguments["self"].shape, output.shape)


def _expand(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field.with_dims([*((),) * (output.ndim - len(field.dims)), *field.dims])


def _permute(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    return field.with_dims([field.dims[dim] for dim in arguments["dims"]])


def _transpose(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    dims = list(field.dims)
    a, b = arguments.get("dim0", 0), arguments.get("dim1", -1)
    dims[a], dims[b] = dims[b], dims[a]
    return field.with_dims(dims)


def _reduction(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    over = arguments.get("dim")
    return field.reduce([over] if isinstance(over, int) else over or (), keep=arguments.get("keepdim", False))


def _times_weights(field: Field, arguments: Arguments, output: torch.Tensor) -> Field:
    """A matrix product sums over the last dimension of its first factor."""
    return Field.of_whole_image(output.ndim) if field.dims[-1] else field.with_dims([*field.dims[:-1], ()])


def _attention(packet: Any, fields: Sequence[Field]) -> Field | None:
    """A product of two tensors that both depend on the image, as in attention, depends on the whole image. The output
    has the rows of the first and the columns of the second."""
    if packet not in (aten.mm, aten.bmm) or len(fields) != 2:
        return None
    first, second = fields
    places = first.union(second.with_dims(first.dims)).widen()
    return places.with_dims([*first.dims[:-1], *second.dims[-1:]])


_UNMARKED = {aten.hardswish, aten.hardswish_, aten.mish_, aten.gelu_}
"""Operations that work value by value, but that torch does not tag as pointwise."""
_PRODUCTS = {aten.mm, aten.addmm, aten.bmm, aten.baddbmm}
_RULES: dict[Any, Rule] = {
    **dict.fromkeys(
        (aten.clone, aten.detach, aten.alias, aten.contiguous, aten._to_copy, aten.to, aten.lift_fresh), _same
    ),
    **dict.fromkeys((aten.native_batch_norm, aten._native_batch_norm_legit, aten._batch_norm_with_update), _batch_norm),
    aten._native_batch_norm_legit_no_training: _same,
    aten._batch_norm_no_update: _same,
    aten.native_group_norm: _whole_plane_norm,
    aten.native_layer_norm: _layer_norm,
    aten._softmax: _softmax,
    aten.cat: _concatenation,
    aten.convolution: _convolution,
    **dict.fromkeys((aten.max_pool2d_with_indices, aten.max_pool2d, aten.avg_pool2d, aten.avg_pool3d), _pooling),
    **dict.fromkeys((aten._adaptive_avg_pool2d, aten.adaptive_max_pool2d), _adaptive_pooling),
    **dict.fromkeys((aten.upsample_nearest2d, aten._upsample_nearest_exact2d), _nearest),
    aten.upsample_bilinear2d: _linear(0),
    aten.upsample_bicubic2d: _linear(1),
    aten.max_unpool2d: _unpooling,
    **dict.fromkeys((aten.scatter, aten.scatter_), _scatter),
    **dict.fromkeys((aten.constant_pad_nd, aten.reflection_pad2d, aten.replication_pad2d), _padding),
    aten.slice: _slice,
    aten.index_select: _index_select,
    aten.select: _select,
    **dict.fromkeys((aten.split, aten.split_with_sizes), _split),
    **dict.fromkeys((aten.view, aten._unsafe_view, aten.reshape, aten.unsqueeze, aten.squeeze), _view),
    aten.expand: _expand,
    aten.permute: _permute,
    **dict.fromkeys((aten.transpose, aten.t), _transpose),
    **dict.fromkeys((aten.mean, aten.sum, aten.amax, aten.amin, aten.var, aten.var_mean), _reduction),
}
