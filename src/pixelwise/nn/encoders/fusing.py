"""Convolution, batch norm and activation of frozen layers in one pass over memory.

torch runs the three one after the other, each a pass over maps that no cache holds. oneDNN, which computes its
convolutions on a CPU, takes the other two along; the operator for it is the one that `torch.compile` uses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from pixelwise.nn.encoders.padding import SamePaddedConv2d
from pixelwise.nn.encoders.timm import Encoder
from pixelwise.nn.layers.normalisation import NormPair, find_norm_pairs, fold_batch_norm, is_close

ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.Hardswish: ("hardswish", []),
    nn.SiLU: ("swish", []),
}
"""How oneDNN calls them, and their bounds."""
SIDE = 2
"""Of the image that is tried, in units of the last stride."""


def fuse_frozen(encoder: Encoder, *, half: bool = False) -> int:
    """Let frozen convolutions take batch norms behind them along, and activations that those hold; return how many.

    With `half` they compute in bfloat16, and give that.

    Parameters, buffers and their names stay as they are, and so must their values: later changes have no effect on the
    maps. Does nothing where this torch has not the operator, off the CPU, or where a map would change, which it does
    when something else takes what such a convolution gives.
    """
    operator = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    weight, frozen = next(encoder.parameters()), set(encoder.frozen())
    normalised = any(isinstance(layer, nn.BatchNorm2d) for layer in frozen)
    if operator is None or not available or weight.device.type != "cpu" or not normalised:
        return 0
    side = SIDE * encoder.strides[-1]
    example = torch.linspace(-2, 2, weight.shape[1] * side**2).view(1, weight.shape[1], side, side)
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        before, pairs = find_norm_pairs(encoder, partial(encoder, example))
        fusible = [pair for pair in pairs if frozen.issuperset(pair) and _fusible(pair)]
        for pair in fusible:
            _fuse(pair, operator)
        same = all(map(is_close, before, encoder(example)))
    encoder.train(training)
    if not same:
        _restore(fusible)
        return 0
    if half:
        for pair in fusible:
            _fuse(pair, operator, torch.bfloat16)
    return len(fusible)


def _fusible(pair: NormPair) -> bool:
    convolution, norm = pair
    padded_by_zeros = convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)
    return (
        padded_by_zeros
        and _activation(norm) in ACTIVATIONS
        and isinstance(getattr(norm, "drop", nn.Identity()), nn.Identity)
    )


def _activation(norm: nn.BatchNorm2d) -> type[nn.Module]:
    activation: nn.Module = getattr(norm, "act", nn.Identity())
    return type(activation)


def _fuse(pair: NormPair, operator: Callable[..., torch.Tensor], dtype: torch.dtype = torch.float32) -> None:
    convolution, norm = pair
    weight, bias = (own.detach().to(dtype) for own in fold_batch_norm(convolution, norm))
    padding = convolution.padding
    if isinstance(convolution, SamePaddedConv2d):
        weight, padding = convolution.padded_symmetrically(weight)
    weight = weight.contiguous(memory_format=torch.channels_last)
    name, bounds = ACTIVATIONS[_activation(norm)]
    sizes = (padding, convolution.stride, convolution.dilation, convolution.groups)
    convolution.forward = lambda image: operator(  # type: ignore
        image.to(dtype), weight, bias, *sizes, name, bounds, ""
    )
    norm.forward = lambda image: image  # type: ignore


def _restore(pairs: list[NormPair]) -> None:
    for layer in (layer for pair in pairs for layer in pair):
        layer.__dict__.pop("forward", None)
