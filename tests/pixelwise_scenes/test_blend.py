import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise_scenes.blend import floats, mix, rgb, smooth


def test_mix_goes_straight_from_start_to_end():
    assert_allclose(mix(floats([0.0, 10.0]), floats([4.0, 20.0]), 0.25), [1.0, 12.5])


def test_a_colour_spreads_over_weights():
    weights = floats([[0.0, 0.5, 1.0]])
    painted = mix(rgb(0, 0, 0), rgb(1, 2, 4), weights)
    assert painted.shape == (3, 1, 3)
    assert_allclose(painted[:, 0].T, [[0, 0, 0], [0.5, 1, 2], [1, 2, 4]])


def test_smooth_is_level_at_both_ends_and_half_in_the_middle():
    # 3 t^2 - 2 t^3 at t = 0.25 is 0.1875 - 0.03125
    assert_allclose(smooth(floats([-1, 2, 3, 4, 6, 9]), 2, 6), [0, 0, 0.15625, 0.5, 1, 1])


def test_smooth_falls_where_low_is_above_high():
    assert_allclose(smooth(floats([0.0, 1.0]), 1.0, 0.0), [1.0, 0.0])


def test_python_numbers_do_not_widen_an_array():
    assert smooth(mix(rgb(0, 0, 0), rgb(1, 1, 1), 0.3), 0.1, 0.9).dtype == np.float32
    assert_array_equal(floats(0.5), np.float32(0.5))
