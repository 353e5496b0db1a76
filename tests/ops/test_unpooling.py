"""Max pooling and unpooling, by eye and against torch's own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.testing import assert_close

from pixelwise.ops.unpooling import max_pool_with_indices, max_unpool


def test_the_maxima_and_where_they_stood() -> None:
    plane = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 9, 0, 0], [8, 9, 0, 1]])
    maxima, indices = max_pool_with_indices(plane.view(1, 1, 4, 4))
    assert maxima.flatten().tolist() == [4, 7, 9, 1]
    assert indices.flatten().tolist() == [4, 2, 8, 15]  # of three nines the first in reading order


def test_values_go_back_to_where_the_maxima_stood() -> None:
    indices = torch.tensor([4, 2, 8, 15]).view(1, 1, 2, 2)
    unpooled = max_unpool(torch.tensor([10.0, 20, 30, 40]).view(1, 1, 2, 2), indices)
    expected = [[0, 0, 20, 0], [10, 0, 0, 0], [30, 0, 0, 0], [0, 0, 0, 40]]
    assert unpooled[0, 0].tolist() == expected


def test_unpooling_equals_torchs_in_values_and_gradients() -> None:
    key = torch.Generator().manual_seed(0)
    _, indices = max_pool_with_indices(torch.rand(2, 3, 6, 10, generator=key))
    values = torch.rand(2, 3, 3, 5, generator=key, requires_grad=True)
    weight = torch.rand(2, 3, 6, 10, generator=key)

    ours, theirs = max_unpool(values, indices), F.max_unpool2d(values, indices, 2, 2)
    assert torch.equal(ours, theirs)
    assert_close(*(torch.autograd.grad((out * weight).sum(), values)[0] for out in (ours, theirs)), rtol=0, atol=0)


def test_the_gradient_of_a_value_is_that_of_its_place() -> None:
    values = torch.ones(1, 1, 1, 2, requires_grad=True)
    weight = torch.arange(8.0).view(1, 1, 2, 4)
    (max_unpool(values, torch.tensor([5, 3]).view(1, 1, 1, 2)) * weight).sum().backward()
    assert values.grad.flatten().tolist() == [5, 3]
