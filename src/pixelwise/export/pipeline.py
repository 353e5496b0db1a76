"""The whole pipeline as one module: what a model file holds, and what validation during training runs."""

from __future__ import annotations

import torch
from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Pipeline(nn.Module):
    """uint8 (N, H, W, C) RGB -> float32 logits (N, K, H, W): normalisation and model in one.

    mean and std are of channel values in 0..1.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model = model
        self.mean = mean
        self.std = std
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("shift", (torch.tensor(mean) / torch.tensor(std)).view(1, -1, 1, 1))

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 (N, C, H, W), channels-last in memory, zero where an image has the mean colour."""
        return images.permute(0, 3, 1, 2).float() * self.scale - self.shift

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(self.normalised(images))
        return logits
