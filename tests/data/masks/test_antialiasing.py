from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from pixelwise.data.masks.antialiasing import find_interpolated_values, find_soft_binary, measure_borders
from pixelwise.data.masks.statistics import collect_statistics


def test_how_values_lie(save) -> None:
    """Column 2 has 0 beside it and 9; the first and the last two columns have neighbours alike, as the edge repeats."""
    borders = measure_borders(collect_statistics([save("a.png", [[0, 0, 5, 9, 9]] * 3)]).masks)
    assert_array_equal(borders.values, [0, 5, 9])
    assert_array_equal(borders.pixels, [6, 3, 6])
    assert_array_equal(borders.flat, [3, 0, 3])
    assert_array_equal(borders.between, [0, 3, 0])


def test_two_levels_between_are_enough_where_they_are_the_middle(save) -> None:
    """Half pixels of 0 and 255 become 127 or 128."""
    row = [0, 0, 0, 127, 255, 255, 255, 128, 0, 0, 0]
    assert find_soft_binary(collect_statistics([save("a.png", [row] * 8)]).masks) == (0, 255)


def test_classes_that_look_alike_are_not_soft(save) -> None:
    areas = np.repeat([0, 60, 120, 255], 4)
    assert find_soft_binary(collect_statistics([save("areas.png", [areas] * 8)]).masks) is None
    indices = [0, 0, 1, 2, 255, 255, 2, 1, 0, 0]
    assert find_soft_binary(collect_statistics([save("indices.png", [indices] * 8)]).masks) is None
    assert find_soft_binary(collect_statistics([save("two.png", [[0, 255]])]).masks) is None
    assert find_soft_binary([]) is None


def test_a_photo_is_not_soft(save) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40))
    assert find_soft_binary(collect_statistics([save("a.png", noise)]).masks) is None


def test_thin_classes_are_not_smoothed(save) -> None:
    """Lines of a pixel, each of a class, side by side in no order of the values."""
    lines = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 3))
    assert find_interpolated_values(collect_statistics([save("a.png", [lines] * 12)]).masks) == frozenset()


def test_steps_between_areas_are_smoothed(save) -> None:
    row = [0, 0, 0, 2, 4, 6, 6, 6, 6, 4, 2, 0, 0, 0, 5, 9, 9, 9]
    assert find_interpolated_values(collect_statistics([save("a.png", [row] * 6)]).masks) == {2, 4, 5}
