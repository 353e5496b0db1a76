from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from pixelwise.data.masks.antialiasing import look_at_borders, smoothed_values, soft_binary
from pixelwise.data.masks.statistics import survey


def test_how_values_lie(save) -> None:
    """Column 2 has 0 beside it and 9; the first and the last two columns have neighbours alike, as the edge repeats."""
    borders = look_at_borders(survey([save("a.png", [[0, 0, 5, 9, 9]] * 3)]).looks)
    assert_array_equal(borders.values, [0, 5, 9])
    assert_array_equal(borders.pixels, [6, 3, 6])
    assert_array_equal(borders.flat, [3, 0, 3])
    assert_array_equal(borders.between, [0, 3, 0])


def test_two_levels_between_are_enough_where_they_are_the_middle(save) -> None:
    """Half pixels of 0 and 255 become 127 or 128."""
    row = [0, 0, 0, 127, 255, 255, 255, 128, 0, 0, 0]
    assert soft_binary(survey([save("a.png", [row] * 8)]).looks) == (0, 255)


def test_classes_that_look_alike_are_not_soft(save) -> None:
    areas = np.repeat([0, 60, 120, 255], 4)
    assert soft_binary(survey([save("areas.png", [areas] * 8)]).looks) is None
    indices = [0, 0, 1, 2, 255, 255, 2, 1, 0, 0]
    assert soft_binary(survey([save("indices.png", [indices] * 8)]).looks) is None
    assert soft_binary(survey([save("two.png", [[0, 255]])]).looks) is None
    assert soft_binary([]) is None


def test_a_photo_is_not_soft(save) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40))
    assert soft_binary(survey([save("a.png", noise)]).looks) is None


def test_thin_classes_are_not_smoothed(save) -> None:
    """Lines of a pixel, each of a class, side by side in no order of the values."""
    lines = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 3))
    assert smoothed_values(survey([save("a.png", [lines] * 12)]).looks) == frozenset()


def test_steps_between_areas_are_smoothed(save) -> None:
    row = [0, 0, 0, 2, 4, 6, 6, 6, 6, 4, 2, 0, 0, 0, 5, 9, 9, 9]
    assert smoothed_values(survey([save("a.png", [row] * 6)]).looks) == {2, 4, 5}
