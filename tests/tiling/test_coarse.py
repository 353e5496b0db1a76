"""Label maps from coarser logits are those of all logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pixelwise.tiling.coarse import upsample_labels


def upsampled(coarse: np.ndarray, size: tuple[int, int], stride: int) -> np.ndarray:
    """All logits, by torch, in float64: (K, *size)."""
    padded = [-(-side // stride) * stride for side in size]
    large = F.interpolate(torch.from_numpy(coarse)[None].double(), padded, mode="bilinear", align_corners=False)[0]
    return large[:, : size[0], : size[1]].numpy()


@pytest.mark.parametrize("classes", [1, 2, 11])
@pytest.mark.parametrize(
    ("size", "stride", "cells"),
    [
        ((64, 96), 32, (16, 24)),  # four pixels a cell, nothing padded
        ((61, 35), 32, (16, 16)),
        ((100, 130), 128, (40, 80)),  # 3.2 pixels a cell
        ((1, 1), 32, (8, 8)),
        ((5, 200), 64, (1, 4)),  # one row of cells
    ],
)
def test_labels_are_those_of_the_upsampled_logits(
    size: tuple[int, int], stride: int, cells: tuple[int, int], classes: int
) -> None:
    coarse = np.random.default_rng(0).normal(size=(classes, *cells)).astype(np.float32)
    labels, logits = upsample_labels(coarse, size, stride), upsampled(coarse, size, stride)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    chosen = np.take_along_axis(logits, labels[None].astype(int), axis=0)[0]
    assert (logits.max(axis=0) - chosen).max() < 1e-5  # another class only where both are as large, but for rounding
    assert (labels == logits.argmax(axis=0)).mean() > 0.999


def test_where_all_agree_nothing_is_worked_out() -> None:
    coarse = np.zeros((3, 8, 8), np.float32)
    coarse[2] = 1
    assert (upsample_labels(coarse, (30, 32), 32) == 2).all()


def test_a_tie_goes_to_the_lowest_class() -> None:
    assert (upsample_labels(np.ones((4, 8, 8), np.float32), (32, 32), 32) == 0).all()
    border = np.zeros((2, 1, 2), np.float32)
    border[0, 0, 0] = border[1, 0, 1] = 1  # halfway between the two cells both have as much
    assert upsample_labels(border, (1, 6), 2).tolist() == [[0, 0, 0, 1, 1, 1]]
    assert upsample_labels(border, (1, 5), 5).tolist() == [[0, 0, 0, 1, 1]]
