"""What is drawn under a seed is that of the seed, and the generator goes on as if nothing had been drawn."""

from __future__ import annotations

import pytest
import torch

from pixelwise.nn.seeding import seeded


def test_a_seed_draws_what_it_draws_everywhere_and_leaves_the_generator() -> None:
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, second = torch.rand(1), torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), first)
    with seeded(7):
        assert torch.equal(torch.rand(4), expected)
    assert torch.equal(torch.rand(1), second)


def test_an_error_leaves_the_generator_too() -> None:
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(7):
        torch.rand(1) @ torch.rand(2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a GPU's generator")
def test_a_device_has_its_own_generator() -> None:
    device = torch.device("cuda")
    torch.cuda.manual_seed(7)
    expected = torch.rand(4, device=device)
    before = torch.cuda.get_rng_state()
    with seeded(7, device):
        assert torch.equal(torch.rand(4, device=device), expected)
    assert torch.equal(torch.cuda.get_rng_state(), before)
