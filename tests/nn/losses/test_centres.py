"""Errors at objects, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import ShapeError
from pixelwise.nn.losses import centre_errors


def test_heat_counts_everywhere_and_offsets_inside_objects() -> None:
    """Of four pixels two are an object's, one is background, one is ignored."""
    target = torch.tensor([[[1, 1, 0, IGNORE_INDEX]]])
    centres = torch.tensor([[[[1.0, 0.25, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]], [[0.0, -1.0, 0.0, 0.0]]]])
    predicted = torch.tensor([[[[0.5, 0.25, 2.0, 9.0]], [[1.0, -2.0, 7.0, 7.0]], [[0.0, -4.0, 7.0, 7.0]]]])
    errors, pixels = centre_errors(predicted, centres, target)
    assert errors.tolist() == [0.25 + 0.0 + 4.0, (1.0 + 0.0) + (2.0 + 3.0)]
    assert pixels.tolist() == [3, 2]


def test_in_a_group_of_things_nobody_knows_the_heat() -> None:
    """Of three pixels of class 1 one is an object's; class 2 is no thing."""
    target = torch.tensor([[[1, 1, 2, 1]]])
    centres = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]], [[0.0] * 4], [[0.0] * 4]]])
    predicted = torch.tensor([[[[0.0, 5.0, 3.0, 7.0]], [[1.0] * 4], [[0.0] * 4]]])
    errors, pixels = centre_errors(predicted, centres, target, things=(1,))
    assert errors.tolist() == [1.0 + 9.0, 1.0]
    assert pixels.tolist() == [2, 1]


def test_without_a_counted_pixel_nothing_is_wrong() -> None:
    target = torch.full((1, 2, 2), IGNORE_INDEX)
    errors, pixels = centre_errors(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), target)
    assert errors.tolist() == pixels.tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(1, 2, 2, 2), (2, 3, 2, 2), (1, 3, 2, 3)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(N, 3, H, W\) twice"):
        centre_errors(torch.zeros(shape), torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64))
