"""Cuts through drawn shapes, whose narrowest places are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.labels.narrow_cut import Pixel, divide_between
from pixelwise.labels.strokes import Mask

ROWS, COLUMNS = np.mgrid[:72, :116] + 0.5


def disc(row: float, column: float, radius: float) -> Mask:
    return np.hypot(ROWS - row, COLUMNS - column) <= radius


TWO = disc(36, 30, 25) | disc(36, 70, 25)
"""The waist is at column 50, 30 pixels high."""


def count_wrong(mask: Mask, points: list[Pixel], expected: Mask, border: np.ndarray | None = None) -> int:
    """Return the number of pixels on the wrong side; the first point's side is `expected`."""
    parts = divide_between(mask, points, border)
    assert_array_equal(parts > 0, mask)
    assert [int(parts[point]) for point in points] == list(range(1, len(points) + 1))
    return int(((parts == 1) != expected)[mask].sum())


@pytest.mark.parametrize(
    "points",
    [
        [(36, 30), (36, 70)],
        [(36, 70), (36, 30)],
        [(36, 7), (36, 93)],  # at the rims
        [(13, 30), (58, 70)],  # at opposite rims, where the line between them crosses the waist aslant
        [(58, 40), (14, 60)],
        [(16, 25), (16, 75)],  # both at the upper rim
        [(36, 10), (36, 60)],
    ],
)
def test_two_discs_part_at_their_waist(points: list[Pixel]) -> None:
    left_first = points[0][1] < 50
    assert count_wrong(TWO, points, (COLUMNS < 50) == left_first) <= 15  # half a pixel along the waist


def test_points_beside_the_waist_move_the_cut_by_two_pixels_at_most() -> None:
    parts = divide_between(TWO, [(36, 42), (30, 53)])
    assert (parts[TWO & (COLUMNS < 48)] == 1).all()
    assert (parts[TWO & (COLUMNS > 52)] == 2).all()


@pytest.mark.parametrize("points", [[(36, 40), (36, 88)], [(36, 10), (36, 94)], [(6, 40), (28, 88)]])
def test_a_small_disc_parts_from_a_large_one_at_the_corners_between_them(points: list[Pixel]) -> None:
    large, small = disc(36, 40, 34), disc(36, 82, 13)  # 34 and 13 pixels from their centres, 42 apart
    corner = 40 + (42**2 + 34**2 - 13**2) / (2 * 42)  # the column of the chord
    assert count_wrong(large | small, points, corner > COLUMNS) <= 24  # a pixel along the chord


@pytest.mark.parametrize("points", [[(36, 22), (36, 56), (36, 90)], [(36, 5), (20, 56), (36, 106)]])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_three_discs_part_at_both_waists(points: list[Pixel], order: tuple[int, ...]) -> None:
    mask = disc(36, 22, 20) | disc(36, 56, 20) | disc(36, 90, 20)
    expected = np.where(mask, np.array([1, 2, 3])[np.digitize(COLUMNS, [39, 73])], 0)
    parts = divide_between(mask, [points[index] for index in order])
    assert (np.where(mask, np.array([0, *order])[parts] + 1, 0) != expected).sum() <= 2 * 21  # a pixel along each waist


def test_a_drawn_line_off_the_waist_wins() -> None:
    line = np.zeros(TWO.shape)
    line[:, 38:41] = 1.0
    parts = divide_between(TWO, [(36, 20), (36, 70)], line)
    assert (parts[TWO & (COLUMNS < 38)] == 1).all()
    assert (parts[TWO & (COLUMNS > 41)] == 2).all()
    line[33:38] = 0.0  # a gap
    assert_array_equal(divide_between(TWO, [(36, 20), (36, 70)], line)[:, :38], parts[:, :38])


def test_a_line_of_diagonal_steps_is_closed() -> None:
    line = np.zeros(TWO.shape)
    line[np.arange(72), np.arange(72)] = 1.0
    parts = divide_between(TWO, [(50, 20), (36, 70)], line)
    assert (parts[TWO & (line == 0)] == np.where(COLUMNS < ROWS, 1, 2)[TWO & (line == 0)]).all()


def test_a_border_along_the_rim_changes_nothing() -> None:
    rim = TWO & ~(disc(36, 30, 22) | disc(36, 70, 22))
    for points in ([(36, 30), (36, 70)], [(36, 6), (36, 94)]):  # the second ones are on the border
        assert count_wrong(TWO, points, COLUMNS < 50, rim * 0.7) <= 15


def test_without_a_waist_the_parts_are_of_similar_size() -> None:
    ellipse = np.hypot((ROWS - 36) / 20, (COLUMNS - 58) / 45) <= 1
    for mask, points in ((ellipse, [(36, 30), (36, 88)]), (disc(36, 58, 30), [(36, 50), (36, 66)])):
        assert 0.4 < (divide_between(mask, points) == 1).sum() / mask.sum() < 0.6


def test_pieces_without_a_point_go_to_the_nearest_part() -> None:
    mask = np.array([[1, 1, 0, 1, 1, 0, 1]], bool)
    assert_array_equal(divide_between(mask, [(0, 0), (0, 4)]), [[1, 1, 0, 2, 2, 0, 2]])
    assert_array_equal(divide_between(mask, [(0, 0), (0, 1)]), [[1, 2, 0, 2, 2, 0, 2]])


def test_a_large_object_is_cut_as_a_small_one() -> None:
    large = TWO.repeat(4, axis=0).repeat(4, axis=1)  # 60,000 pixels, more than one search takes
    expected = (COLUMNS < 50).repeat(4, axis=0).repeat(4, axis=1)
    assert count_wrong(large, [(144, 40), (200, 340)], expected) <= 60
