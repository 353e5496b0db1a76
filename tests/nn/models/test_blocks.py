"""What models share: up-sampled logits, at every pixel or at the centre of each square."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from pixelwise.nn.models.base import UpsampledModel


class Pooled(UpsampledModel):
    """Coarse logits that are the image itself, at a quarter of its size."""

    stride = 8

    def coarse(self, image: torch.Tensor) -> torch.Tensor:
        return image[..., ::4, ::4]


@pytest.mark.parametrize(("height", "width"), [(16, 24), (15, 21), (2, 3), (33, 8)])
def test_a_step_gives_each_squares_mean(height: int, width: int) -> None:
    """Bilinear up-sampling by 4 is linear between the centres of a square's four pixels."""
    image = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    model = Pooled()
    whole = model(image)
    assert whole.shape == image.shape
    assert_close(model(image, 2), F.avg_pool2d(whole, 2))
