"""Folded batch norms: the same logits without them, for a while; nothing where the result would be another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.testing import assert_close

from pixelwise.model_export.folding import fold_batch_norms
from pixelwise.nn.models import build

Settle = Callable[[nn.Module], None]


def normalising(net: nn.Module, image: torch.Tensor) -> int:
    """Return how many layers change what they are given by their own statistics."""
    calls = []

    def see(layer: nn.BatchNorm2d, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        activation = getattr(layer, "act", nn.Identity())
        calls.append(not torch.equal(activation(inputs[0]), output))

    handles = [module.register_forward_hook(see) for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    net(image)
    for handle in handles:
        handle.remove()
    return sum(calls)


@torch.no_grad()
def test_folded_batch_norms_give_the_same_and_come_back(settle: Settle) -> None:
    net = build("fpn", 3, encoder="test_efficientnet").eval()
    settle(net)
    image = torch.rand(1, 3, 64, 64)
    before, state = net(image), {name: value.clone() for name, value in net.state_dict().items()}
    assert normalising(net, image) > 10
    with fold_batch_norms(net, image):
        assert normalising(net, image) == 0
        assert_close(net(image), before, rtol=1e-3, atol=1e-4)
    assert_close(net.state_dict(), state, rtol=0, atol=0)
    assert torch.equal(net(image), before)


class Shared(nn.Module):
    """Adds what a convolution gives to its batch norm's result."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        given = self.convolution(image)
        return self.norm(given) + given


@torch.no_grad()
def test_a_convolution_that_something_else_reads_keeps_its_batch_norm(settle: Settle) -> None:
    net = Shared().eval()
    settle(net)
    image = torch.rand(2, 3, 16, 16)
    before = net(image)
    with fold_batch_norms(net, image):
        assert torch.equal(net(image), before)


@torch.no_grad()
def test_a_convolution_used_twice_keeps_its_batch_norms(settle: Settle) -> None:
    convolution = nn.Conv2d(3, 3, 1)
    net = nn.Sequential(convolution, nn.BatchNorm2d(3), convolution, nn.BatchNorm2d(3)).eval()
    settle(net)
    image = torch.rand(2, 3, 16, 16)
    with fold_batch_norms(net, image):
        assert normalising(net, image) == 2
