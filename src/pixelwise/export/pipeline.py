"""The whole pipeline as one module: what a model file holds, and what validation during training runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Pipeline(nn.Module):
    """uint8 (N, H, W, C) RGB -> float32 logits (N, K, H, W): normalisation, model and class bias in one.

    mean and std are of channel values in 0..1. The class bias (`biased`), none at first, is added to every pixel's
    logits.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    class_bias: torch.Tensor | None

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model = model
        self.mean = mean
        self.std = std
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("shift", (torch.tensor(mean) / torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("class_bias", None, persistent=False)

    def biased(self, class_bias: Sequence[float] | None) -> Pipeline:
        """Take `class_bias`, a value a class, in place of what there was; `None` for none. Returns itself."""
        self.class_bias = None if class_bias is None else self.shift.new_tensor(class_bias).view(1, -1, 1, 1)
        return self

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 (N, C, H, W), channels-last in memory, zero where an image has the mean colour."""
        return images.permute(0, 3, 1, 2).float() * self.scale - self.shift

    def forward(self, images: torch.Tensor, step: int = 1) -> torch.Tensor:
        """Run all. A `step` above 1 gives every so manieth logit: for models that take one (`UpsampledModel`)."""
        image = self.normalised(images)
        logits: torch.Tensor = self.model(image) if step == 1 else self.model(image, step)
        return logits if self.class_bias is None else logits + self.class_bias
