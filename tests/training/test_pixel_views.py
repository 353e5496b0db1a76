"""Logits at pixels: those of the whole image, bilinear; and which pixels the loss looks at."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.training.pixel_views import labelled_pixels, logits_at, pseudo_labelled_pixels
from pixelwise.training.samples import Batch


def random_batch(labelled: list[tuple[int, int, int]]) -> Batch:
    """Two crops of 16x24; the pixel at position i of `labelled` has class i."""
    targets = torch.full((2, 16, 24), IGNORE_INDEX)
    for class_index, place in enumerate(labelled):
        targets[place] = class_index
    border = torch.arange(2 * 16 * 24.0).view(2, 16, 24)
    return Batch(torch.zeros(2, 16, 24, 3, dtype=torch.uint8), targets, border, torch.stack([border, -border], dim=1))


@pytest.mark.parametrize("step", [1, 2, 4])
def test_logits_at_pixels_are_those_of_the_up_sampled_map(step: int) -> None:
    """torch's own bilinear up-sampling, at every pixel, those along the border too."""
    coarse = torch.randn(2, 5, 16 // step, 24 // step, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(coarse, (16, 24), mode="bilinear", align_corners=False)
    places = torch.ones(2, 16, 24).nonzero()
    expected = whole.permute(0, 2, 3, 1).reshape(-1, 5)
    torch.testing.assert_close(logits_at(coarse, places, step)[0, :, 0].t(), expected)


def test_gradients_reach_the_four_squares_around_a_pixel_alone() -> None:
    """Pixel (5, 6) lies at 0.875 and 1.125 in units of 4 pixels between centres."""
    coarse = torch.zeros(1, 1, 4, 6, requires_grad=True)
    logits_at(coarse, torch.tensor([[0, 5, 6]]), 4).sum().backward()
    expected = torch.zeros(4, 6)
    expected[0, 1], expected[1, 1], expected[0, 2], expected[1, 2] = 0.125 * 0.875, 0.875**2, 0.125**2, 0.875 * 0.125
    assert coarse.grad is not None
    torch.testing.assert_close(coarse.grad[0, 0], expected)


def test_every_labelled_pixel_is_looked_at_with_its_own_values() -> None:
    labelled = [(0, 0, 0), (0, 15, 23), (1, 7, 8), (1, 7, 9)]
    batch = random_batch(labelled)
    view = labelled_pixels(torch.zeros(2, 3, 4, 6), batch, 4, torch.Generator(), most=10)
    assert view.targets.tolist() == [[[0, 1, 2, 3]]]
    indices = torch.tensor([(image * 16 + row) * 24 + column for image, row, column in labelled], dtype=torch.float)
    assert view.border is not None
    assert view.task_target is not None
    torch.testing.assert_close(view.border[0, 0], indices)
    torch.testing.assert_close(view.task_target[0, :, 0], torch.stack([indices, -indices]))
    assert view.stands_for == 1


def test_of_too_many_labelled_pixels_some_stand_for_all() -> None:
    batch = random_batch([(0, row, column) for row in range(10) for column in range(10)])
    views = [
        labelled_pixels(torch.zeros(2, 3, 4, 6), batch, 4, torch.Generator().manual_seed(key), most=25)
        for key in (0, 0, 1)
    ]
    first, again, other = (view.targets.flatten().tolist() for view in views)
    assert len(set(first)) == 25
    assert first == again != other
    assert views[0].stands_for == 4


def test_without_a_labelled_pixel_there_is_nothing_to_look_at() -> None:
    view = labelled_pixels(torch.zeros(2, 3, 4, 6), random_batch([]), 4, torch.Generator(), most=10)
    assert view.logits.shape == (1, 3, 1, 0)
    assert view.targets.shape == (1, 1, 0)


def test_pseudo_labels_are_looked_at_where_there_are_some() -> None:
    """The left half of the second crop has class 2: a quarter of the pixels, and so of those that are drawn."""
    pseudo = torch.full((2, 16, 24), IGNORE_INDEX, dtype=torch.uint8)
    pseudo[1, :, :12] = 2
    logits = torch.zeros(2, 1, 16, 24)
    logits[1, :, :, :12] = 5
    view = pseudo_labelled_pixels(logits, pseudo, 1, torch.Generator().manual_seed(0), 4000)
    assert set(view.targets.flatten().tolist()) == {2}
    assert set(view.logits.flatten().tolist()) == {5}
    assert view.targets.numel() == pytest.approx(1000, abs=100)
