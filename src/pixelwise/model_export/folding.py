"""Batch norms folded into the convolutions before them: a graph of fewer nodes, which is traced sooner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from pixelwise.nn.layers.normalisation import FoldedBatchNorm2d, find_norm_pairs, fold_batch_norm, is_close
from pixelwise.nn.layers.replacement import convert_layer, replace_layers


@contextlib.contextmanager
def fold_batch_norms(pipeline: nn.Module, example: torch.Tensor) -> Iterator[None]:
    """Within it, batch norms of `pipeline`, in evaluation mode, are folded into the convolutions that they read.

    The pairs are those found while `example` goes through, each layer once. If something else reads one of these
    convolutions, the logits change: then no batch norm is folded.
    """
    before, pairs = find_norm_pairs(pipeline, partial(pipeline, example))
    weights = [(convolution.weight, convolution.bias) for convolution, _ in pairs]
    folded: dict[nn.Module, nn.Module] = {norm: convert_layer(norm, FoldedBatchNorm2d) for _, norm in pairs}

    def restore() -> None:
        replace_layers(pipeline, {layer: norm for norm, layer in folded.items()})
        for (convolution, _), (weight, bias) in zip(pairs, weights, strict=True):
            convolution.weight, convolution.bias = weight, bias

    try:
        for convolution, norm in pairs:
            convolution.weight, convolution.bias = fold_batch_norm(convolution, norm)
        replace_layers(pipeline, folded)
        if not is_close(before, pipeline(example)):
            restore()
        yield
    finally:
        restore()
