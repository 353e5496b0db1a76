"""What belongs to a batch norm layer beside its normalisation."""

from __future__ import annotations

import torch
from torch import nn


def behind(norm: nn.BatchNorm2d, normed: torch.Tensor) -> torch.Tensor:
    """Apply what timm's batch norm layers hold behind the normalisation: dropout and an activation."""
    for name in ("drop", "act"):
        if hasattr(norm, name):
            normed = getattr(norm, name)(normed)
    return normed
