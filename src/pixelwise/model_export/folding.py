"""Batch norms folded into the convolutions before them: a graph of fewer nodes, which is traced sooner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from pixelwise.nn.layers.normalisation import Pair, alike, behind, folded, normalised_convolutions


@contextlib.contextmanager
def batch_norms_folded(pipeline: nn.Module, example: torch.Tensor) -> Iterator[None]:
    """Let `pipeline`, in evaluation mode, do meanwhile without the batch norms that take what a convolution gives.

    The pairs are those seen while `example` goes through, each layer once. If something else takes what one of these
    convolutions gives, the logits change: then no batch norm is folded.
    """
    before, pairs = normalised_convolutions(pipeline, partial(pipeline, example))
    kept = [(convolution.weight, convolution.bias) for convolution, _ in pairs]
    try:
        for convolution, norm in pairs:
            convolution.weight, convolution.bias = folded(convolution, norm)
            norm.forward = partial(behind, norm)  # type: ignore[method-assign]
        if not alike(before, pipeline(example)):
            _restore(pairs, kept)
        yield
    finally:
        _restore(pairs, kept)


def _restore(pairs: list[Pair], kept: list[tuple[torch.Tensor, torch.Tensor | None]]) -> None:
    for (convolution, norm), (weight, bias) in zip(pairs, kept, strict=True):
        convolution.weight, convolution.bias = weight, bias
        norm.__dict__.pop("forward", None)
