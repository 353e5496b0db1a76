"""Counts of the multiply-adds of a net, and of what its cheaper kinds of convolution save.

A multiply-add is one product added to a sum, which torch and some papers call two FLOPs. Counted are

- convolution: outputs x (channels in / groups) x kernel taps;
- transposed convolution: inputs x (channels out / groups) x kernel taps;
- matrix products, linear layers among them: outputs x terms of each sum.

As usual, nothing else is counted: pooling, interpolation, activations, normalisation (a scale and a shift once its
statistics are fixed), biases, additions, concatenations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

aten = torch.ops.aten
_FACTORS = {aten.mm: ("self", "mat2"), aten.addmm: ("mat1", "mat2"), aten.bmm: ("self", "mat2")}
_FACTORS[aten.baddbmm] = ("batch1", "batch2")


@dataclass(frozen=True)
class Product:
    """One convolution or matrix product of a net as it ran.

    `kernel`, `stride` and `dilation` are (height, width), empty for a matrix product. `positions` is the number of
    positions at which its filter was applied, over all images. `weight` is equal for products that share weights.
    """

    module: str
    in_channels: int
    out_channels: int
    groups: int
    positions: int
    multiply_adds: int
    weight: int
    weight_shape: tuple[int, ...]
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    transposed: bool = False

    @property
    def depthwise(self) -> bool:
        return self.groups == self.in_channels > 1 and self.groups == self.out_channels and not self.transposed

    @property
    def pointwise(self) -> bool:
        return prod(self.kernel) == 1 and self.groups == 1 and not self.transposed

    @property
    def weights(self) -> int:
        return prod(self.weight_shape)


def count_product(
    operation: torch._ops.OpOverload, arguments: Mapping[str, Any], output: torch.Tensor, module: str
) -> Product | None:
    """Return the product that an operation computes; `None` for an operation that does not count."""
    if operation.overloadpacket is aten.convolution:
        return _convolution(arguments, output, module)
    factors = _FACTORS.get(operation.overloadpacket)
    if factors is None:
        return None
    left, right = (arguments[name] for name in factors)
    terms, columns = right.shape[-2:]
    positions = prod(left.shape[:-1])
    return Product(module, terms, columns, 1, positions, positions * terms * columns, id(right), tuple(right.shape))


def _convolution(arguments: Mapping[str, Any], output: torch.Tensor, module: str) -> Product:
    image, weight, groups = arguments["input"], arguments["weight"], arguments["groups"]
    transposed = arguments["transposed"]
    # Each weight is multiplied once at each position of the output, or of the input in a transposed convolution.
    places = image if transposed else output
    positions = places.shape[0] * prod(places.shape[2:])
    return Product(
        module,
        image.shape[1],
        output.shape[1],
        groups,
        positions,
        positions * weight.numel(),
        id(weight),
        tuple(weight.shape),
        tuple(weight.shape[2:]),
        tuple(arguments["stride"]),
        tuple(arguments["dilation"]),
        transposed,
    )


@dataclass(frozen=True)
class Saving:
    """The parameters and multiply-adds of `layers` cheaper convolutions, and of plain ones in their place."""

    layers: int
    parameters: int
    multiply_adds: int
    plain_parameters: int
    plain_multiply_adds: int


def separable_saving(products: Sequence[Product]) -> Saving:
    """Compare depthwise separable convolutions with plain ones of the same kernel and channels.

    A depthwise separable convolution is a depthwise k x k convolution and the next product with as many positions, if
    that is a 1x1 convolution of its channels. The plain one is a k x k convolution from the inputs of the former to the
    outputs of the latter.
    """
    pairs = []
    for i, first in enumerate(products):
        if not first.depthwise:
            continue
        for second in products[i + 1 :]:
            if second.positions == first.positions:  # skips a squeeze-and-excitation, which has one position
                if second.pointwise and second.in_channels == first.out_channels:
                    pairs.append((first, second))
                break
    rows = []
    for first, second in pairs:
        plain = prod(first.kernel) * first.in_channels * second.out_channels
        rows.append(
            (
                first.weight,
                first.weights + second.weights,
                first.multiply_adds + second.multiply_adds,
                plain,
                plain * first.positions,
            )
        )
    return _saving(rows)


def dilation_saving(products: Sequence[Product]) -> Saving:
    """Compare dilated k x k convolutions with plain ones of the same span, d (k - 1) + 1 on a side, and channels."""
    rows = []
    for dilated in products:
        spans = [d * (k - 1) + 1 for d, k in zip(dilated.dilation, dilated.kernel, strict=True)]
        factor = prod(spans) / prod(dilated.kernel)
        if factor > 1:
            weights, adds = dilated.weights, dilated.multiply_adds
            rows.append((dilated.weight, weights, adds, round(weights * factor), round(adds * factor)))
    return _saving(rows)


def _saving(rows: Sequence[tuple[int, int, int, int, int]]) -> Saving:
    """Add up (weight, parameters, multiply-adds, plain parameters, plain multiply-adds); shared weights count once."""
    once = {weight: (parameters, plain) for weight, parameters, _, plain, _ in rows}
    return Saving(
        len(once),
        sum(parameters for parameters, _ in once.values()),
        sum(row[2] for row in rows),
        sum(plain for _, plain in once.values()),
        sum(row[4] for row in rows),
    )
