"""Bilinear up-sampling, with the corner convention stated."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def upsample(features: torch.Tensor, factor: int) -> torch.Tensor:
    """Enlarge (N, C, H, W) bilinearly to (N, C, factor * H, factor * W); value i lands on pixel factor * i.

    That is where the value was taken: a convolution of odd kernel, stride `factor` and symmetric padding centres its
    window i on pixel factor * i. The usual half-pixel convention (`align_corners=False`) would put it
    (factor - 1) / 2 pixels further, and the offsets add up over the levels of a pyramid. Behind the last value, where
    nothing follows to interpolate with, it is repeated.
    """
    height, width = features.shape[-2:]
    extended = F.pad(features, (0, 1, 0, 1), mode="replicate")
    size = (height * factor + 1, width * factor + 1)
    enlarged = F.interpolate(extended, size=size, mode="bilinear", align_corners=True)
    return enlarged[..., : height * factor, : width * factor]
