"""Batch norm layers and their neighbours: the convolution before, dropout and the activation after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Result = TypeVar("Result")
NormPair = tuple[nn.Conv2d, nn.BatchNorm2d]
TOLERANCE = 1e-3
"""The largest change of a net's values by folding, as a share of the largest value."""


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm that is folded into the convolution before it; only its dropout and its activation are left."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return apply_activation(self, image)


def apply_activation(norm: nn.BatchNorm2d, normed: torch.Tensor) -> torch.Tensor:
    """Apply dropout and activation, which timm's batch norm layers contain after the normalisation."""
    for name in ("drop", "act"):
        if hasattr(norm, name):
            normed = getattr(norm, name)(normed)
    return normed


def find_norm_pairs(net: nn.Module, run: Callable[[], Result]) -> tuple[Result, list[NormPair]]:
    """Return the result of `run`, and each convolution of `net` with the batch norm that reads it, if both run once.
    Something else may read the convolution, too.
    """
    outputs: list[tuple[torch.Tensor, nn.Conv2d]] = []
    pairs: list[NormPair] = []
    runs: Counter[nn.Module] = Counter()

    def record(layer: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        runs[layer] += 1
        if isinstance(layer, nn.Conv2d):
            outputs.append((output, layer))
        elif isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            pairs.extend((convolution, layer) for convolved, convolution in outputs if convolved is inputs[0])

    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        result = run()
    finally:
        for handle in handles:
            handle.remove()
    return result, [pair for pair in pairs if all(runs[layer] == 1 for layer in pair)]


def fold_batch_norm(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[nn.Parameter, nn.Parameter]:
    """Return the weight and bias of a convolution that equals both layers in evaluation mode, before the activation."""
    mean, variance = cast(torch.Tensor, norm.running_mean), cast(torch.Tensor, norm.running_var)
    return fuse_conv_bn_weights(convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias)


def is_close(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Return whether a net's outputs before and after a folding agree within `TOLERANCE`."""
    return torch.allclose(before, after, rtol=0, atol=TOLERANCE * float(before.abs().max()))
