"""Losses of other packages, tried before the first step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pixelwise.core.errors import ExtensionError
from pixelwise.core.registry import extension_errors
from pixelwise.nn.losses import LOSSES, cross_entropy, total_weight
from pixelwise.training.loss_check import check_loss

CPU = torch.device("cpu")


def try_loss(value: Any) -> None:
    check_loss(lambda *args, **keywords: value(*args, **keywords), "loss 'odd'", 3, CPU)


def dice_like(logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: Any = None, reduction: str = "mean") -> Any:
    loss = 1 - logits.softmax(1).mean()
    return loss * total_weight(target, pixel_weights=pixel_weights) if reduction == "sum" else loss


def test_sums_over_pixels_and_values_times_the_weight_pass() -> None:
    state = torch.get_rng_state()
    try_loss(cross_entropy)
    try_loss(dice_like)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (lambda *a, **k: 0.5, "an object of the type float"),
        (lambda logits, *a, **k: logits.sum(1), r"a tensor of shape \(1, 8, 8\)"),
        (lambda logits, *a, **k: logits.detach().sum(), r"a tensor of shape \(\), without a gradient"),
        (lambda *a, **k: {}["size"], r"KeyError: 'size' .*test_loss_check:\d+\)"),
        (lambda logits, target, **k: cross_entropy(logits, target), "for the same image twice with `reduction"),
    ],
)
def test_what_training_cannot_use_is_named(value: Any, found: str) -> None:
    with pytest.raises(ExtensionError, match=f"loss 'odd': found .*{found}"):
        try_loss(value)


def test_a_loss_without_the_keywords_is_refused_when_it_is_registered() -> None:
    with pytest.raises(
        ExtensionError, match=r"loss 'plain': found the function plain\(logits, target\); expected a fun"
    ):
        LOSSES.register("plain", plain)  # type: ignore[arg-type]
    assert "plain" not in LOSSES


def plain(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return logits.sum()


def test_want_of_memory_is_told_as_such() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), extension_errors("loss 'odd'", "a scalar"):
        raise RuntimeError("CUDA out of memory")
