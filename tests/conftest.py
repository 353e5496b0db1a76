"""What tests of several rooms need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import nn


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep torch on one core: small tensors gain nothing from more, and wait long where others use those cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def settle() -> Callable[[nn.Module], None]:
    """Give a net's batch norms statistics and scales that are not those of new layers."""
    import torch
    from torch import nn

    def settle(net: nn.Module) -> None:
        torch.manual_seed(0)
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                for values in (layer.running_mean, layer.bias):
                    nn.init.normal_(values)
                for values in (layer.running_var, layer.weight):
                    nn.init.uniform_(values, 0.5, 2)

    return settle
