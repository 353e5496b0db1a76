"""The path along a thin structure, on drawn ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.strokes import Stroke, stroke_mask
from pixelwise.labels.trace import trace_path, trace_window


def sine(size: int, color: tuple[int, int, int], width: int = 2, noise: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a bent line of a colour on gray, and the row of its middle at each column."""
    rng = np.random.default_rng(0)
    columns = np.arange(size)
    middle = size / 2 + size / 6 * np.sin((columns + 0.5) / size * 12)
    inside = np.abs(np.arange(size)[:, None] + 0.5 - middle) <= width / 2
    image = np.where(inside[..., None], color, (120, 120, 120)) + rng.normal(0, noise, (size, size, 3))
    return image.clip(0, 255).astype(np.uint8), middle


@pytest.mark.parametrize("size", [90, 340])
@pytest.mark.parametrize("color", [(60, 60, 60), (190, 190, 190), (160, 85, 115)])
def test_the_path_follows_a_line(size: int, color: tuple[int, int, int]) -> None:
    """Dark, bright, and of another colour but hardly another lightness; straight, it would be off by size / 6."""
    image, middle = sine(size, color, width=3)
    start, end = (float(middle[10]), 10.5), (float(middle[-10]), size - 9.5)
    path = trace_path(image, start, end)
    assert path[0] == start
    assert path[-1] == end
    (top, left, _, _), mask = stroke_mask(Stroke(tuple(path), 1.0), (size, size))
    rows, columns = np.nonzero(mask)
    assert set(columns + left) >= set(range(11, size - 10))
    off = np.abs(rows + top + 0.5 - middle[columns + left])
    assert np.quantile(off, 0.95) < 3
    assert len(path) < size / 3


def test_of_two_crossing_lines_the_one_under_the_points_is_followed() -> None:
    """A line with a gap beside a stronger one that leads elsewhere."""
    image = np.full((80, 120), 100, np.uint8)
    image[40:42, 10:110] = 150
    image[40:42, 55:62] = 100
    image[5:75, 58:61] = 220
    path = trace_path(image, (41.0, 12.0), (41.0, 108.0))
    assert max(abs(row - 41) for row, _ in path) < 2


def test_without_a_structure_the_path_is_straight() -> None:
    path = trace_path(np.full((50, 70), 80, np.uint8), (10.5, 5.5), (40.5, 65.5))
    assert sum(float(np.hypot(b[0] - a[0], b[1] - a[1])) for a, b in pairwise(path)) < 1.1 * np.hypot(30, 60)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 2)])
def test_tiny_images(size: tuple[int, int]) -> None:
    start, end = (0.5, 0.5), (size[0] - 0.5, size[1] - 0.5)
    path = trace_path(np.zeros(size, np.uint8), start, end)
    assert path[0] == start
    assert path[-1] == end


def test_the_window_has_a_margin_within_the_image() -> None:
    assert trace_window((100.0, 100.0), (100.0, 190.0), (1000, 1000)) == (46, 46, 155, 245)
    assert trace_window((2.0, 2.0), (20.0, 5.0), (30, 400)) == (0, 0, 30, 36)


def test_points_that_make_no_sense() -> None:
    with pytest.raises(OptionError, match="point: found"):
        trace_path(np.zeros((9, 9), np.uint8), (0.0, 0.0), (9.0, 0.0))
    with pytest.raises(OptionError, match="end: found points 3,000 pixels apart"):
        trace_window((0.0, 0.0), (0.0, 3000.0), (10, 4000))
    with pytest.raises(ShapeError):
        trace_path(np.zeros(9, np.uint8), (0.0, 0.0), (0.0, 0.0))
