"""Whether a loss of another package returns what training needs, asked once before the first step."""

from __future__ import annotations

import torch

from pixelwise.core.errors import ExtensionError
from pixelwise.core.registry import describe_object, extension_errors, extension_remedy
from pixelwise.nn.losses import Loss
from pixelwise.nn.seeding import seeded

EXPECTED = "a scalar, `torch.Tensor` of shape (), with a gradient to the logits"
SIDE = 8
"""Of the images, in pixels, on which a loss is tried."""
LEAST_RATIO = 1.5
"""A sum over two equal images is about twice that over one; a mean is the same."""


def check_loss(loss: Loss, origin: str, num_classes: int, device: torch.device) -> None:
    """Call a loss with random logits of one image, and of this image twice.

    Raises `ExtensionError` where it fails, returns no scalar with a gradient, or takes no account of
    `reduction="sum"`: training divides by the weight of the pixels itself.
    """
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(1, num_classes, SIDE, SIDE, generator=draw).to(device)
    target = torch.randint(num_classes, (1, SIDE, SIDE), generator=draw).to(device)
    once, twice = (
        _try_loss(loss, origin, logits.repeat(images, 1, 1, 1), target.repeat(images, 1, 1)) for images in (1, 2)
    )
    if once > 0 and twice < LEAST_RATIO * once:
        found = f'{once:.4g} for an image and {twice:.4g} for the same image twice with `reduction="sum"`'
        expected = "twice as much: a sum over pixels, or the loss times `total_weight(target, pixel_weights=...)`"
        raise ExtensionError(origin, found, expected, extension_remedy(origin))


def _try_loss(loss: Loss, origin: str, logits: torch.Tensor, target: torch.Tensor) -> float:
    logits = logits.requires_grad_()
    weights = torch.ones_like(target, dtype=torch.float32)
    with seeded(0, logits.device), extension_errors(origin, EXPECTED):
        total = loss(logits, target, pixel_weights=weights, reduction="sum")
    if not isinstance(total, torch.Tensor) or total.dim() or not total.requires_grad:
        found = describe_object(total)
        if isinstance(total, torch.Tensor):
            detached = "" if total.requires_grad else ", without a gradient"
            found = f"a tensor of shape {tuple(total.shape)}{detached}"
        raise ExtensionError(origin, found, EXPECTED, extension_remedy(origin))
    return float(total.detach())
