"""Batch norms folded into the convolutions before them: a graph of fewer nodes, which is traced sooner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from pixelwise.nn.layers.normalisation import NormPair, apply_activation, find_norm_pairs, fold_batch_norm, is_close


@contextlib.contextmanager
def fold_batch_norms(pipeline: nn.Module, example: torch.Tensor) -> Iterator[None]:
    """Let `pipeline`, in evaluation mode, do meanwhile without the batch norms that take what a convolution gives.

    The pairs are those seen while `example` goes through, each layer once. If something else takes what one of these
    convolutions gives, the logits change: then no batch norm is folded.
    """
    before, pairs = find_norm_pairs(pipeline, partial(pipeline, example))
    kept = [(convolution.weight, convolution.bias) for convolution, _ in pairs]
    try:
        for convolution, norm in pairs:
            convolution.weight, convolution.bias = fold_batch_norm(convolution, norm)
            norm.forward = partial(apply_activation, norm)  # type: ignore[method-assign]
        if not is_close(before, pipeline(example)):
            _restore(pairs, kept)
        yield
    finally:
        _restore(pairs, kept)


def _restore(pairs: list[NormPair], kept: list[tuple[torch.Tensor, torch.Tensor | None]]) -> None:
    for (convolution, norm), (weight, bias) in zip(pairs, kept, strict=True):
        convolution.weight, convolution.bias = weight, bias
        norm.__dict__.pop("forward", None)
