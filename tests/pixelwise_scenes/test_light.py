import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pixelwise_scenes.blend import floats, rgb
from pixelwise_scenes.light import Light, draw_light

LIGHT = Light(
    toward_sun=(0.6, 0.8, 0.0),
    sun=rgb(1.0, 0.8, 0.6),
    ambient=rgb(0.2, 0.3, 0.4),
    zenith=rgb(0.0, 0.0, 1.0),
    horizon=rgb(1.0, 1.0, 1.0),
    haze_metres=1000,
    clouds=0.0,
)


def test_shaded_adds_the_sun_to_the_sky_where_it_reaches():
    lit = LIGHT.shade(rgb(0.5, 0.5, 0.5), floats([[-1.0, 0.5]]))
    assert_allclose(lit[:, 0].T, [[0.10, 0.15, 0.20], [0.35, 0.35, 0.35]], rtol=1e-6)


def test_haze_takes_a_colour_with_distance():
    near, far = LIGHT.add_haze(rgb(0, 0, 0), floats([[0.0, 1e6]]))[:, 0].T
    assert_allclose(near, [0, 0, 0], atol=1e-6)
    assert_allclose(far, 0.97 * np.array([0.72, 0.72, 1.0]), rtol=1e-6)
    taken = LIGHT.add_haze(rgb(0, 0, 0), floats([[1000.0]]))[2, 0, 0] / far[2]
    assert taken == pytest.approx(1 - math.exp(-1), rel=1e-5)


def test_facing_is_a_cosine_and_never_negative():
    assert LIGHT.cosine_to_sun(0.0, 1.0, 0.0) == pytest.approx(0.8)
    assert LIGHT.cosine_to_sun(-1.0, 0.0, 0.0) == 0.0


def test_every_drawn_sun_is_a_direction_above_the_horizon():
    for seed in range(50):
        right, up, ahead = draw_light(np.random.default_rng(seed)).toward_sun
        assert math.hypot(right, up, ahead) == pytest.approx(1.0)
        assert up >= math.sin(math.radians(6))
        assert abs(right) > 0.2
