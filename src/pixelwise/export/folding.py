"""Batch norms folded into the convolutions before them: a graph of fewer nodes, which is traced sooner."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pixelwise.ops.normalisation import behind

TOLERANCE = 1e-3
"""By how much logits may differ, as a share of the largest."""
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


@contextlib.contextmanager
def batch_norms_folded(pipeline: nn.Module, example: torch.Tensor) -> Iterator[None]:
    """Let `pipeline`, in evaluation mode, do meanwhile without the batch norms that take what a convolution gives.

    The pairs are those seen while `example` goes through, each layer once. If something else takes what one of these
    convolutions gives, the logits change: then no batch norm is folded.
    """
    before, pairs = _seen(pipeline, example)
    kept = [(convolution.weight, convolution.bias) for convolution, _ in pairs]
    try:
        for pair in pairs:
            _fold(*pair)
        if not torch.allclose(pipeline(example), before, rtol=0, atol=TOLERANCE * float(before.abs().max())):
            _restore(pairs, kept)
        yield
    finally:
        _restore(pairs, kept)


def _seen(pipeline: nn.Module, example: torch.Tensor) -> tuple[torch.Tensor, list[Pair]]:
    """Return what `pipeline` makes of `example`, and the convolutions with a batch norm behind that it runs once."""
    given: list[tuple[torch.Tensor, nn.Conv2d]] = []
    pairs: list[Pair] = []
    uses: Counter[nn.Module] = Counter()

    def see(layer: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        uses[layer] += 1
        if isinstance(layer, nn.Conv2d):
            given.append((output, layer))
        elif isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            pairs.extend((convolution, layer) for own, convolution in given if own is inputs[0])

    layers = [layer for layer in pipeline.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    handles = [layer.register_forward_hook(see) for layer in layers]
    try:
        result: torch.Tensor = pipeline(example)
    finally:
        for handle in handles:
            handle.remove()
    return result, [pair for pair in pairs if all(uses[layer] == 1 for layer in pair)]


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = cast(torch.Tensor, norm.running_mean), cast(torch.Tensor, norm.running_var)
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    norm.forward = partial(behind, norm)  # type: ignore[method-assign]


def _restore(pairs: list[Pair], kept: list[tuple[torch.Tensor, torch.Tensor | None]]) -> None:
    for (convolution, norm), (weight, bias) in zip(pairs, kept, strict=True):
        convolution.weight, convolution.bias = weight, bias
        norm.__dict__.pop("forward", None)
