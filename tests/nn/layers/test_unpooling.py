"""Unpooling, by eye, against plain numpy loops and torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_array_equal
from torch.testing import assert_close

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.nn.layers import average_pool, bed_of_nails, max_pool, max_pool_with_indices, max_unpool, nearest_unpool

FOUR = torch.tensor([[1.0, 2], [3, 4]]).view(1, 1, 2, 2)


def random(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_the_values_of_a_plane_small_enough_to_check_by_eye() -> None:
    assert nearest_unpool(FOUR)[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert bed_of_nails(FOUR)[0, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    indices = torch.tensor([4, 2, 8, 15]).view(1, 1, 2, 2)
    assert max_unpool(FOUR, indices, (4, 4))[0, 0].tolist() == [[0, 0, 2, 0], [1, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 4]]


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_unpooling_is_the_loop_over_values(window: int) -> None:
    values = random(2, 3, 4, 6)
    filled, nails = np.zeros((2, 2, 3, 4 * window, 6 * window), np.float32)
    for n, channel, row, column in np.ndindex(2, 3, 4, 6):
        top, left = row * window, column * window
        nails[n, channel, top, left] = values[n, channel, row, column]
        for place in np.ndindex(window, window):
            filled[n, channel, top + place[0], left + place[1]] = values[n, channel, row, column]
    assert_array_equal(nearest_unpool(values, window).numpy(), filled)
    assert_array_equal(bed_of_nails(values, window).numpy(), nails)
    assert torch.equal(nearest_unpool(values, window), F.interpolate(values, scale_factor=window, mode="nearest"))


@pytest.mark.parametrize("window", [2, 3])
def test_pooling_undoes_unpooling(window: int) -> None:
    """The mean of `window`² equal values is that value up to rounding: 1e-6 of values below 1."""
    values = random(2, 3, 4, 6)
    assert torch.equal(max_pool(nearest_unpool(values, window), window), values)
    assert torch.equal(max_pool(bed_of_nails(values, window), window), values)  # none of them is negative
    assert_close(average_pool(nearest_unpool(values, window), window), values, rtol=0, atol=1e-6)


def test_max_unpooling_is_the_loop_over_winners() -> None:
    planes = random(2, 3, 7, 9)
    values, indices = max_pool_with_indices(planes, 3)
    expected = np.zeros((2, 3, 7, 9), np.float32)
    for n, channel, row, column in np.ndindex(*values.shape):
        place = divmod(int(indices[n, channel, row, column]), 9)
        expected[n, channel, place[0], place[1]] = values[n, channel, row, column]
    assert_array_equal(max_unpool(values, indices, (7, 9)).numpy(), expected)


@pytest.mark.parametrize("size", [(4, 5), (5, 4), (5, 5), (2, 3)])
def test_a_plane_of_odd_sides_gets_its_maxima_back_where_they_stood(size: tuple[int, int]) -> None:
    plane = torch.arange(1.0, size[0] * size[1] + 1).view(1, 1, *size)
    maxima, indices = max_pool_with_indices(plane)
    unpooled = max_unpool(maxima, indices, size)
    assert unpooled.shape == plane.shape
    assert torch.equal(unpooled[unpooled > 0], plane[unpooled > 0])
    assert int((unpooled > 0).sum()) == maxima.numel()


def test_indices_that_do_not_fit_are_refused() -> None:
    maxima, indices = max_pool_with_indices(random(1, 2, 4, 6))
    with pytest.raises(ShapeError, match=r"indices: found shape \(1, 1, 2, 3\) for features of shape \(1, 2, 2, 3\)"):
        max_unpool(maxima, indices[:, :1], (4, 6))
    with pytest.raises(ShapeError, match="size: found 2x3, which the indices do not fit"):
        max_unpool(maxima, indices, (2, 3))


def test_max_unpooling_equals_torchs_in_values_and_gradients() -> None:
    _, indices = max_pool_with_indices(random(2, 3, 6, 10))
    values, weight = random(2, 3, 3, 5).requires_grad_(), random(2, 3, 6, 10)
    ours, theirs = max_unpool(values, indices, (6, 10)), F.max_unpool2d(values, indices, 2, 2)
    assert torch.equal(ours, theirs)
    assert_close(*(torch.autograd.grad((out * weight).sum(), values)[0] for out in (ours, theirs)), rtol=0, atol=0)


def test_the_gradient_of_a_value_is_that_of_its_places() -> None:
    weight = torch.arange(16.0).view(1, 1, 4, 4)
    indices = torch.tensor([5, 3, 8, 15]).view(1, 1, 2, 2)
    unpooled = {
        (5, 3, 8, 15): lambda values: max_unpool(values, indices, (4, 4)),
        (0, 2, 8, 10): bed_of_nails,
        (0 + 1 + 4 + 5, 2 + 3 + 6 + 7, 8 + 9 + 12 + 13, 10 + 11 + 14 + 15): nearest_unpool,
    }
    for expected, unpool in unpooled.items():
        values = FOUR.clone().requires_grad_()
        (unpool(values) * weight).sum().backward()
        assert tuple(values.grad.flatten().tolist()) == expected


@pytest.mark.parametrize("unpool", [nearest_unpool, bed_of_nails])
def test_a_window_that_makes_no_sense_is_refused(unpool: object) -> None:
    with pytest.raises(OptionError, match="window: found 0; expected a whole number of at least 1"):
        unpool(FOUR, 0)
