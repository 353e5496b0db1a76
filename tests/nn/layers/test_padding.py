"""Padding at the bottom and right, and the mirrored border, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from pixelwise.nn.layers.padding import mirror_pad, pad_to_multiple


def random(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("size", "multiple", "padded"),
    [((33, 47), 32, (64, 64)), ((64, 96), 32, (64, 96)), ((1, 1), 16, (16, 16)), ((5, 70), 1, (5, 70))],
)
def test_the_sides_grow_to_multiples_and_the_new_pixels_are_zero(
    size: tuple[int, int], multiple: int, padded: tuple[int, int]
) -> None:
    image = 1 + random(2, 3, *size)
    grown = pad_to_multiple(image, multiple)
    expected = np.zeros((2, 3, *padded), np.float32)
    expected[..., : size[0], : size[1]] = image.numpy()
    assert_array_equal(grown.numpy(), expected)


@pytest.mark.parametrize("size", [(5, 7), (2, 3), (1, 4), (6, 1), (1, 1)])
@pytest.mark.parametrize("border", [(0, 0, 0, 0), (1, 2, 3, 0), (4, 4, 6, 6), (92, 95, 92, 107)])
def test_the_mirrored_border_is_numpys_of_any_width(size: tuple[int, int], border: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = border
    image = random(2, 3, *size)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), mode="reflect")
    assert_array_equal(mirror_pad(image, *border).numpy(), expected)


def test_the_border_pixel_is_not_repeated() -> None:
    row = torch.arange(4.0).view(1, 1, 1, 4)
    assert mirror_pad(row, 0, 0, 2, 5).flatten().tolist() == [2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_a_gradient_counts_how_often_a_pixel_is_mirrored() -> None:
    row = torch.zeros(1, 1, 1, 3, requires_grad=True)
    mirror_pad(row, 0, 0, 2, 3).sum().backward()  # cb abc bab
    assert row.grad.flatten().tolist() == [2, 4, 2]
