import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise_scenes.blend import floats, rgb
from pixelwise_scenes.canvas import HOUSE, POLE, SCENE_CLASSES, THINGS, TREE, Canvas, polygon_alpha
from pixelwise_scenes.light import Light
from pixelwise_scenes.noise import Texture
from pixelwise_scenes.view import View

BOX = (slice(0, 4), slice(0, 6))


@pytest.fixture
def canvas():
    dark = rgb(0, 0, 0)
    light = Light((0.0, 1.0, 0.0), dark, dark, dark, dark, 1e9, 0.0)
    land_z = np.full((4, 6), 50.0, np.float32)
    land_z[3] = 5.0
    picture, labels, objects = np.zeros((3, 4, 6), np.float32), np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.int32)
    grain = Texture(np.random.default_rng(0), 1.0)
    return Canvas(View(4, 6, 5.0, 1.0, 2.0), light, grain, picture, labels, objects, land_z)


def test_polygon_covers_what_is_inside_either_way_round():
    square = floats([(1, 1), (1, 5), (3, 5), (3, 1)])
    alpha = polygon_alpha(square, BOX)
    expected = np.zeros((4, 6), bool)
    expected[1:3, 1:5] = True
    assert_array_equal(alpha > 0.5, expected)
    assert_allclose(polygon_alpha(square[::-1], BOX), alpha, atol=1e-6)
    assert alpha.max() == 1.0


def test_polygon_edge_through_a_pixel_covers_it_in_part():
    # the edge at column 2.3 lies 0.2 left of the pixel's centre: 0.2 + 0.65 inside it, 0.65 - 0.8 < 0 beyond
    alpha = polygon_alpha(floats([(-9, 2.3), (-9, 9), (9, 9), (9, 2.3)]), BOX)
    assert_allclose(alpha[0], [0, 0, 0.85, 1, 1, 1], atol=1e-5)


def test_more_than_half_covered_takes_the_label(canvas):
    alpha = floats([[0.4, 0.6, 1.0, 0.0, 0.0, 0.0]] * 4)
    canvas.paint(BOX, alpha, rgb(1, 0.5, 0), 10.0, TREE, 7)
    assert_allclose(canvas.rgb[0, 0], [0.4, 0.6, 1, 0, 0, 0], atol=1e-5)
    assert_allclose(canvas.rgb[1, 0], [0.2, 0.3, 0.5, 0, 0, 0], atol=1e-5)
    assert_array_equal(canvas.label_map[0], [0, TREE, TREE, 0, 0, 0])
    assert_array_equal(canvas.instance_map[0], [0, 7, 7, 0, 0, 0])


def test_nearer_land_hides_what_stands_behind_it(canvas):
    canvas.paint(BOX, np.ones((4, 6), np.float32), rgb(1, 1, 1), 10.0, HOUSE, 1)
    assert_array_equal(canvas.label_map[:3], HOUSE)
    assert_array_equal(canvas.label_map[3], 0)
    assert_array_equal(canvas.rgb[:, 3], 0)


def test_wires_colour_and_label_nothing(canvas):
    canvas.paint(BOX, np.ones((4, 6), np.float32), rgb(1, 1, 1), 2.0, None)
    assert_allclose(canvas.rgb, 1.0, atol=1e-5)
    assert_array_equal(canvas.label_map, 0)
    assert_array_equal(canvas.instance_map, 0)


def test_the_things_are_the_classes_with_objects():
    assert {SCENE_CLASSES.names[i] for i in THINGS} == {"tree", "house", "pole"}
    assert SCENE_CLASSES.names[POLE] == "pole"
