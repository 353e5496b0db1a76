"""The guided filter against loops over windows, and on an edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pixelwise.labels import refinement
from pixelwise.labels.features import average_positions
from pixelwise.labels.refinement import SMOOTHNESS, refine_along_edges

RADIUS = refinement.RADIUS // 4
pytestmark = pytest.mark.usefixtures("one_thread")


def refine(probabilities: np.ndarray, guide: np.ndarray, inside: tuple[slice, slice] | None = None) -> np.ndarray:
    inside = inside or (slice(0, guide.shape[0]), slice(0, guide.shape[1]))
    result = np.full((len(probabilities), *(part.stop - part.start for part in inside)), np.nan, np.float32)
    for rows, columns, refined in refine_along_edges(torch.from_numpy(probabilities), guide, 4, inside):
        assert np.isnan(result[:, rows, columns]).all()  # each pixel once
        result[:, rows, columns] = refined
    return result


def refine_in_loops(probabilities: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """The paper's equations 19 to 21 at the coarse positions, a window at a time."""
    colours = average_positions(torch.from_numpy(guide / 255).permute(2, 0, 1)[None])[0].numpy().astype(float)
    count, height, width = probabilities.shape
    slopes, offsets = np.empty((count, 3, height, width)), np.empty((count, height, width))
    windows = [
        [
            (slice(max(row - RADIUS, 0), row + RADIUS + 1), slice(max(column - RADIUS, 0), column + RADIUS + 1))
            for column in range(width)
        ]
        for row in range(height)
    ]
    for row, column in np.ndindex(height, width):
        rows, columns = windows[row][column]
        inside = colours[:, rows, columns].reshape(3, -1)
        covariance = np.cov(inside, bias=True) + SMOOTHNESS * np.eye(3)
        for index in range(count):
            values = probabilities[index, rows, columns].ravel().astype(float)
            joint = (inside * values).mean(axis=1) - inside.mean(axis=1) * values.mean()
            slopes[index, :, row, column] = np.linalg.solve(covariance, joint)
            offsets[index, row, column] = values.mean() - slopes[index, :, row, column] @ inside.mean(axis=1)
    refined = np.empty((count, *guide.shape[:2]))
    for row, column in np.ndindex(*guide.shape[:2]):
        weights = np.zeros((height, width))
        for i, down in _between(row, height):
            for j, across in _between(column, width):
                rows, columns = windows[i][j]
                part = weights[rows, columns]
                weights[rows, columns] += down * across / part.size
        colour = guide[row, column] / 255
        for index in range(count):
            slope = (slopes[index] * weights).sum(axis=(1, 2))
            refined[index, row, column] = slope @ colour + (offsets[index] * weights).sum()
    return refined.clip(0, 1)


def _between(pixel: int, count: int) -> list[tuple[int, float]]:
    where = min(max((pixel + 1) / 4 - 1, 0), count - 1)
    before = int(where)
    return [(before, 1 - where + before), (min(before + 1, count - 1), where - before)]


def example(height: int, width: int, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    guide = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    probabilities = rng.random((count, -(-height // 4), -(-width // 4))).astype(np.float32)
    return probabilities / probabilities.sum(axis=0), guide


def test_it_is_the_guided_filter() -> None:
    probabilities, guide = example(26, 42)
    assert_allclose(refine(probabilities, guide), refine_in_loops(probabilities, guide), atol=2e-4)


def test_bands_and_parts_are_parts_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, guide = example(40, 52, count=3)
    whole = refine(probabilities, guide)
    monkeypatch.setattr(refinement, "VALUES_AT_ONCE", 1)
    assert_allclose(refine(probabilities, guide), whole, atol=1e-6)
    assert_allclose(refine(probabilities, guide, (slice(8, 33), slice(12, 52))), whole[:, 8:33, 12:], atol=1e-6)


@pytest.mark.parametrize("stride", [2, 4])
def test_averaged_colours_are_those_of_the_features(stride: int) -> None:
    guide = example(27, 42)[1]
    expected = average_positions(torch.from_numpy(guide).permute(2, 0, 1)[None].float() / 255, stride)[0]
    assert_allclose(refinement._average_colours(guide, stride), expected, atol=1e-6)


def test_what_is_the_same_everywhere_stays() -> None:
    probabilities, guide = example(24, 24)
    probabilities[:] = np.array([0.3, 0.7])[:, None, None]
    assert_allclose(
        refine(probabilities, guide), np.broadcast_to(np.array([0.3, 0.7])[:, None, None], (2, 24, 24)), atol=1e-4
    )


def test_a_border_moves_to_the_edge_of_the_image() -> None:
    """The image changes at column 34, blurred probabilities cross over some ten pixels around column 37."""
    guide = np.zeros((64, 80, 3), np.uint8)
    guide[:, 34:] = (180, 120, 60)
    ramp = np.clip((4 * np.arange(20) + 3 - 31) / 12, 0, 1).astype(np.float32)
    probabilities = np.broadcast_to(np.stack([1 - ramp, ramp])[:, None], (2, 16, 20)).copy()
    refined = refine(probabilities, guide)
    assert_allclose(refined.sum(axis=0), 1, atol=1e-4)
    assert (refined.argmax(axis=0) == (np.arange(80) >= 34)).all()


def test_one_pixel_is_an_image() -> None:
    assert_allclose(refine(np.ones((1, 1, 1), np.float32), np.zeros((1, 1, 3), np.uint8)), 1, atol=1e-5)
