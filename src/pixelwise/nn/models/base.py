"""Base classes and helpers for models. `pixelwise.nn.models` describes what a model must have."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from pixelwise.nn.layers.padding import pad_to_multiple
from pixelwise.nn.layers.upsampling import bilinear_interpolation


def encoder_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a model's child `encoder`, which have their own learning rate; none without an
    encoder."""
    encoder = getattr(model, "encoder", None)
    return list(encoder.parameters()) if isinstance(encoder, nn.Module) else []


class UpsampledModel(nn.Module, ABC):
    """A model whose logits are up-sampled bilinearly from those of a coarser map, `coarse`.

    Its images are padded with zeros, at the bottom and right, to multiples of `stride`. The loss of a training step can
    then use a part of the pixels, and model files also output the coarser logits.
    """

    stride: int

    @abstractmethod
    def coarse(self, image: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes, h, w), H and W multiples of `stride`."""

    def forward(self, image: torch.Tensor, step: int = 1) -> torch.Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes, H // step, W // step), any H and W.

        With a `step` above 1, there is one logit per square of `step` x `step` pixels, at its centre: enough for a
        loss, with a fraction of the memory traffic.
        """
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        size = [side // step for side in padded.shape[-2:]]
        return bilinear_interpolation(self.coarse(padded), size)[..., : height // step, : width // step]
