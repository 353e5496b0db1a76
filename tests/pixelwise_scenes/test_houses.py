import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise_scenes.blend import rgb
from pixelwise_scenes.canvas import HOUSE, Canvas
from pixelwise_scenes.houses import House
from pixelwise_scenes.light import Light
from pixelwise_scenes.noise import Texture
from pixelwise_scenes.view import View

RED, BLUE = rgb(1, 0, 0), rgb(0, 0, 1)


def painted(yaw):
    """Paint a house of 12 x 4 x 5 m with a roof of 4 m, 50 m ahead, in even light; its front is 48 m away."""
    light = Light((0.0, 1.0, 0.0), rgb(0, 0, 0), rgb(1, 1, 1), *[rgb(0, 0, 0)] * 2, 1e9, 0.0)
    view = View(100, 100, 240.0, 30.0, 10.0)
    grain = Texture(np.random.default_rng(0), 1.0)
    land_z = np.full((100, 100), 1e6, np.float32)
    canvas = Canvas(
        view, light, grain, np.zeros((3, 100, 100), np.float32), np.zeros((100, 100), np.uint8),
        np.zeros((100, 100), np.int32), land_z,
    )  # fmt: skip
    House(0.0, 0.0, 50.0, yaw, 12.0, 4.0, 5.0, 4.0, RED, BLUE, 0.0).paint(canvas, 3)
    return canvas


def test_a_house_stands_where_perspective_puts_it():
    canvas = painted(0.0)
    wall = np.flatnonzero(canvas.label_map[60])  # row 60: y = 10 - 30 * 48 / 240 = 4 m, on the front wall
    # 12 m at 48 m are 60 columns around the middle
    assert_allclose([wall[0], wall[-1] + 1], [20, 80], atol=1)
    ridge = np.flatnonzero(canvas.label_map[:, 25])[0]  # column 25, clear of the chimney; y = 9 m at 50 m: row 34.8
    assert abs(ridge - 34.8) <= 1
    assert_array_equal(np.unique(canvas.instance_map[canvas.label_map == HOUSE]), [3])


def test_roof_above_wall_and_no_face_that_is_turned_away():
    canvas = painted(0.0)
    assert_allclose(canvas.rgb[:, 45, 25], [0, 0, 1], atol=1e-5)
    assert_allclose(canvas.rgb[:, 58, 22], [1, 0, 0], atol=1e-5)


def test_half_a_turn_shows_the_same_outline():
    # all but the chimney, which is off the middle
    assert_array_equal(painted(0.0).label_map[40:], painted(np.pi).label_map[40:])
