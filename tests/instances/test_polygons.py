"""Polygons of masks and masks of polygons, by eye, exactly back, and as scikit-image fills them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage.draw import polygon2mask

from pixelwise.instances import polygons
from pixelwise.instances.polygons import fill_rings, trace_outlines


def ring(*corners: tuple[float, float]) -> np.ndarray:
    return np.array(corners, float)


def test_a_rectangle_is_four_corners_clockwise() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:4] = True
    (ring,) = trace_outlines(mask)
    assert_array_equal(ring, [(4, 1), (4, 3), (1, 3), (1, 1)])
    assert_array_equal(fill_rings([ring], mask.shape), mask)


def test_a_hole_is_a_ring_the_other_way_round() -> None:
    mask = np.ones((3, 3), bool)
    mask[1, 1] = False
    outer, hole = trace_outlines(mask)
    assert_array_equal(outer, [(3, 0), (3, 3), (0, 3), (0, 0)])
    assert sorted(map(tuple, hole)) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    (x, y), (x_next, y_next) = hole.T, np.roll(hole, -1, axis=0).T
    assert (x * y_next - x_next * y).sum() == -2  # twice the area, negative


def test_pixels_that_meet_in_a_corner_are_two_rings() -> None:
    assert [len(ring) for ring in trace_outlines(np.eye(2, dtype=bool))] == [4, 4]


@pytest.mark.parametrize("seed", range(6))
def test_outlines_fill_to_the_mask_they_are_of(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((13, 17)) < (0.2, 0.5, 0.8)[seed % 3]
    assert_array_equal(fill_rings(trace_outlines(mask), mask.shape), mask)


def test_nothing_has_no_outline() -> None:
    assert trace_outlines(np.zeros((2, 3), bool)) == []
    assert_array_equal(fill_rings([], (2, 3)), np.zeros((2, 3), bool))


@pytest.mark.parametrize("seed", range(6))
def test_pixels_are_those_whose_centres_lie_inside(seed: int) -> None:
    """As scikit-image, whose pixels' centres are whole numbers, has it; crossing itself, and beyond the image."""
    corners = np.random.default_rng(seed).uniform(-5, 25, (7, 2))
    expected = polygon2mask((18, 20), corners[:, ::-1] - 0.5)
    assert_array_equal(fill_rings([corners], (18, 20)), expected)


def test_a_ring_in_a_ring_is_a_hole_whichever_way_it_runs() -> None:
    square, hole = ring((0, 0), (4, 0), (4, 4), (0, 4)), ring((1, 1), (3, 1), (3, 3), (1, 3))
    expected = np.ones((4, 4), bool)
    expected[1:3, 1:3] = False
    assert_array_equal(fill_rings([square, hole], (4, 4)), expected)
    assert_array_equal(fill_rings([square, hole[::-1]], (4, 4)), expected)


def test_a_line_surrounds_nothing() -> None:
    assert not fill_rings([ring((0, 0), (4, 4))], (4, 4)).any()
    assert not fill_rings([ring((1, 1))], (4, 4)).any()


def test_lines_in_parts_give_the_same_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rings = [rng.uniform(-5, 45, (count, 2)) for count in (3, 17, 200)]
    whole = fill_rings(rings, (40, 30))
    for at_once in (1, 7, 100, 1000):
        monkeypatch.setattr(polygons, "_AT_ONCE", at_once)
        assert_array_equal(fill_rings(rings, (40, 30)), whole)


def test_lines_that_go_up_and_down_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six lines over 4 rows of 2 pixels cross 24; four for each pixel are 32."""
    line = ring((0, 0), (1, 4), (2, 0), (2, 4), (1, 0), (0, 4))
    monkeypatch.setattr(polygons, "MAX_CROSSINGS", 3)
    fill_rings([line], (4, 2))
    with pytest.raises(ValueError, match="an outline whose lines cross 48 rows of pixels"):
        fill_rings([line, line - 0.1], (4, 2))
