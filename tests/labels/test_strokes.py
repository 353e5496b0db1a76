"""Strokes and polygons against the rule in plain loops, and small ones by eye."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.strokes import Stroke, paint_polygon, paint_stroke, polygon_mask, stroke_box, stroke_mask

SIZE = (23, 31)


def rule(stroke: Stroke, size: tuple[int, int]) -> np.ndarray:
    """The rule of `stroke_mask`, pixel by pixel in plain floats."""
    points = list(stroke.points)
    segments = list(pairwise(points)) or [(points[0], points[0])]
    mask = np.zeros(size, bool)
    for r in range(size[0]):
        for c in range(size[1]):
            for (r0, c0), (r1, c1) in segments:
                down, right = r1 - r0, c1 - c0
                y, x = r + 0.5 - r0, c + 0.5 - c0
                length = down * down + right * right
                if length:
                    t = min(max((y * down + x * right) / length, 0.0), 1.0)
                    y, x = y - t * down, x - t * right
                mask[r, c] |= y * y + x * x <= (stroke.width / 2) * (stroke.width / 2)
    for row, column in points:
        if 0 <= math.floor(row) < size[0] and 0 <= math.floor(column) < size[1]:
            mask[math.floor(row), math.floor(column)] = True
    return mask


def whole_mask(stroke: Stroke, size: tuple[int, int]) -> np.ndarray:
    (top, left, bottom, right), pixels = stroke_mask(stroke, size)
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = pixels
    return mask


def test_random_strokes_follow_the_rule() -> None:
    """Inside, across the border and outside, from hair lines to wider than the image; corners lie on a grid of halves
    in every second one, where distances tie.
    """
    rng = np.random.default_rng(3)
    for trial in range(60):
        points = rng.uniform(-8, 38, (int(rng.integers(1, 6)), 2))
        points = np.round(points * 2) / 2 if trial % 2 else points
        width = float(rng.choice([0.01, 0.5, 1, 1.4, 2, 3, 7.5, 60]))
        stroke = Stroke(tuple((float(r), float(c)) for r, c in points), width)
        assert_array_equal(whole_mask(stroke, SIZE), rule(stroke, SIZE))
        label_map = np.full(SIZE, 255, np.uint8)
        paint_stroke(label_map, stroke, 4)
        assert_array_equal(label_map == 4, rule(stroke, SIZE))
        assert (label_map[label_map != 4] == 255).all()


def test_a_long_diagonal_is_computed_in_bands() -> None:
    stroke = Stroke(((-5.25, 3.0), (190.5, 215.75), (170.0, 40.0)), 3.0)
    assert_array_equal(whole_mask(stroke, (180, 220)), rule(stroke, (180, 220)))


def test_a_stroke_read_by_eye() -> None:
    """Width 2 along the edge between two rows of pixels: both rows, and at the ends no pixel more than 1 away."""
    assert_array_equal(
        whole_mask(Stroke(((1.0, 1.5), (1.0, 3.5)), 2.0), (3, 6)),
        np.array([[0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool),
    )


@pytest.mark.parametrize("point", [(0.0, 0.0), (1.0, 1.0), (1.99, 1.99)])
def test_a_dot_has_at_least_the_pixel_that_holds_it(point: tuple[float, float]) -> None:
    mask = whole_mask(Stroke((point, point), 0.1), (3, 3))
    assert mask.sum() == 1
    assert mask[int(point[0]), int(point[1])]


def test_a_stroke_outside_the_image_has_no_pixels() -> None:
    for points in (((-9.0, 2.0),), ((50.0, 2.0), (60.0, 9.0)), ((3.0, 400.0),)):
        top, left, bottom, right = stroke_box(Stroke(points, 4.0), SIZE)
        assert 0 <= top <= bottom <= SIZE[0]
        assert 0 <= left <= right <= SIZE[1]
        assert not whole_mask(Stroke(points, 4.0), SIZE).any()


def test_a_stroke_erases() -> None:
    label_map = np.zeros((4, 4), np.uint8)
    paint_stroke(label_map, Stroke(((0.5, 0.5), (0.5, 3.5)), 1.0), 255)
    assert_array_equal(label_map[0], 255)
    assert not label_map[1:].any()


def test_a_polygon_has_the_pixels_whose_centres_it_encloses() -> None:
    """A triangle by eye, from the top left corner over 4 rows and 4 columns; its long side passes through centres of
    the anti-diagonal, which the even-odd rule counts once.
    """
    box, mask = polygon_mask([(0, 0), (0, 3.9), (3.9, 0)], (6, 6))
    assert box == (0, 0, 4, 4)
    assert_array_equal(mask, [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_a_polygon_beyond_the_border_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Painted in bands of a row as it is at once."""
    points = [(-4.0, -3.0), (5.2, 40.0), (30.0, 7.5), (12.0, 6.0)]
    (top, left, bottom, right), mask = polygon_mask(points, SIZE)
    expected = np.full(SIZE, 255, np.uint8)
    expected[top:bottom, left:right][mask] = 2
    monkeypatch.setattr("pixelwise.labels.strokes._BAND_AREA", 1)
    label_map = np.full(SIZE, 255, np.uint8)
    paint_polygon(label_map, points, 2)
    assert_array_equal(label_map, expected)
    assert 0 < mask.sum() < mask.size


@pytest.mark.parametrize(
    ("points", "width", "message"),
    [
        ((), 1.0, "points: found 0; expected 1 or more"),
        (((1.0, math.nan),), 1.0, "a coordinate that no image has"),
        (((1.0, 1e300),), 1.0, "a coordinate that no image has"),
        (((1.0, 2.0, 3.0),), 1.0, r"shape \(1, 3\)"),
        (((1.0, 2.0), (3.0,)), 1.0, "expected 1 or more"),
        ((("a", "b"),), 1.0, "expected 1 or more"),
        (((1.0, 2.0),), 0.0, "width: found 0.0; expected a width above 0"),
        (((1.0, 2.0),), math.nan, "width: found nan"),
    ],
)
def test_a_stroke_that_is_none(points: tuple[tuple[float, float], ...], width: float, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Stroke(points, width)


def test_label_maps_polygons_and_classes_that_are_none() -> None:
    stroke = Stroke(((0.0, 0.0),), 1.0)
    with pytest.raises(ShapeError, match="int64"):
        paint_stroke(np.zeros((3, 3), np.int64), stroke, 1)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="class_index: found 256"):
        paint_stroke(np.zeros((3, 3), np.uint8), stroke, 256)
    with pytest.raises(OptionError, match="points: found 2; expected 3 or more"):
        polygon_mask([(0, 0), (1, 1)], (3, 3))
