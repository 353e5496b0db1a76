"""Convolution, batch norm and activation of frozen layers in one pass over memory.

torch runs the three one after the other, each in a pass over maps that fit into no cache. oneDNN, which computes
torch's convolutions on a CPU, can fuse all three; the operator is the one that `torch.compile` uses.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.padding import SamePaddedConv2d
from pixelwise.nn.layers.normalisation import NormPair, find_norm_pairs, fold_batch_norm, is_close
from pixelwise.nn.layers.replacement import convert_layer, replace_layers

ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.Hardswish: ("hardswish", []),
    nn.SiLU: ("swish", []),
}
"""The names of activations in oneDNN, and their bounds."""
SIDE = 2
"""Side of the image for the trial, in units of the last stride."""


class FusedConv2d(nn.Conv2d):
    """A frozen convolution that also computes the following batch norm and activation; only on a CPU. It has the
    parameters of the convolution that it replaces, so the state dict stays the same. It computes with their values at
    the time of fusing: the folded weights are plain attributes, neither parameters nor buffers.
    """

    folded_weight: torch.Tensor
    folded_bias: torch.Tensor
    folded_padding: tuple[int, ...]
    activation: tuple[str, list[float]]

    @classmethod
    def fuse(cls, convolution: nn.Conv2d, norm: nn.BatchNorm2d, dtype: torch.dtype) -> FusedConv2d:
        """Return the fused layer, which computes and returns values in `dtype`."""
        fused = convert_layer(convolution, cls)
        weight, bias = (folded.detach().to(dtype) for folded in fold_batch_norm(convolution, norm))
        padding = convolution.padding
        if isinstance(convolution, SamePaddedConv2d):
            weight, padding = convolution.padded_symmetrically(weight)
        fused.folded_weight = weight.contiguous(memory_format=torch.channels_last)
        fused.folded_bias = bias
        fused.folded_padding = tuple(int(zeros) for zeros in padding)
        fused.activation = ACTIVATIONS[_activation_of(norm)]
        return fused

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        fused: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            image.to(self.folded_weight.dtype),
            self.folded_weight,
            self.folded_bias,
            self.folded_padding,
            self.stride,
            self.dilation,
            self.groups,
            *self.activation,
            "",
        )
        return fused


class FusedBatchNorm2d(nn.BatchNorm2d):
    """The batch norm after a `FusedConv2d`, which has computed it already: returns its input."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def fuse_frozen(encoder: Encoder, *, half: bool = False) -> int:
    """Replace frozen convolutions and their batch norms by fused layers; return the number of pairs.

    Call this after the frozen layers have their final weights, and before the first training step: loading a checkpoint
    later has no effect on fused layers. Parameters, buffers and their names do not change. Has no effect if torch lacks
    the operator, outside the CPU, or if the result would change, as when another layer reads such a convolution. With
    `half` the fused layers compute and return bfloat16.
    """
    weight, frozen = next(encoder.parameters()), set(encoder.frozen_layers())
    normalised = any(isinstance(layer, nn.BatchNorm2d) for layer in frozen)
    if not _is_available() or weight.device.type != "cpu" or not normalised:
        return 0
    side = SIDE * encoder.strides[-1]
    example = torch.linspace(-2, 2, weight.shape[1] * side**2).view(1, weight.shape[1], side, side)
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        before, pairs = find_norm_pairs(encoder, partial(encoder, example))
        pairs = [pair for pair in pairs if frozen.issuperset(pair) and _is_fusible(pair)]
        fused = _fused_layers(pairs, torch.float32)
        replace_layers(encoder, fused)
        unchanged = all(map(is_close, before, encoder(example)))
        if half or not unchanged:
            replace_layers(encoder, {layer: original for original, layer in fused.items()})
        if half and unchanged:
            replace_layers(encoder, _fused_layers(pairs, torch.bfloat16))
    encoder.train(training)
    return len(pairs) if unchanged else 0


def _is_available() -> bool:
    built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _fused_layers(pairs: list[NormPair], dtype: torch.dtype) -> dict[nn.Module, nn.Module]:
    """Return the replacement of each layer of the pairs."""
    layers: dict[nn.Module, nn.Module] = {}
    for convolution, norm in pairs:
        layers[convolution] = FusedConv2d.fuse(convolution, norm, dtype)
        layers[norm] = convert_layer(norm, FusedBatchNorm2d)
    return layers


def _is_fusible(pair: NormPair) -> bool:
    convolution, norm = pair
    padded_by_zeros = convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)
    return (
        padded_by_zeros
        and _activation_of(norm) in ACTIVATIONS
        and isinstance(getattr(norm, "drop", nn.Identity()), nn.Identity)
    )


def _activation_of(norm: nn.BatchNorm2d) -> type[nn.Module]:
    activation: nn.Module = getattr(norm, "act", nn.Identity())
    return type(activation)
