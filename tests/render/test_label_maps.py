import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.render import (
    colorize,
    error_map,
    overlay,
)

CLASSES = ClassMap(("red", "blue"), ((200, 0, 0), (0, 0, 100)))
BLACK = (0, 0, 0)


def picture(height, width, color=(100, 100, 100)):
    return np.full((height, width, 3), color, np.uint8)


def test_colorize_looks_up_the_colours_and_leaves_ignored_pixels_black():
    colors = colorize(np.uint8([[0, 1], [IGNORE_INDEX, 0]]), CLASSES)
    assert_array_equal(colors, [[(200, 0, 0), (0, 0, 100)], [BLACK, (200, 0, 0)]])


def test_overlay_tints_within_and_darkens_along_the_edge():
    label_map = np.uint8([[0, 0, 1, 1]] * 2)
    tinted = overlay(picture(2, 4), label_map, CLASSES, opacity=0.5)
    # half of 100 and half of the colour
    assert_array_equal(tinted[:, 0], [(150, 50, 50)] * 2)
    assert_array_equal(tinted[:, 2:], [[(50, 50, 100)] * 2] * 2)
    # column 1 has the other class to its right: 0.625 of (100, 0, 0) over the tint, 0.375 * 150 + 62.5 = 118.75
    assert_array_equal(tinted[:, 1], [(119, 19, 19)] * 2)


def test_overlay_edges_run_along_both_axes_one_pixel_wide():
    label_map = np.zeros((5, 5), np.uint8)
    label_map[2:, 2:] = 1
    plain = overlay(picture(5, 5), np.zeros_like(label_map), CLASSES)
    edge = (overlay(picture(5, 5), label_map, CLASSES) != plain).any(axis=2) & (label_map == 0)
    expected = np.zeros((5, 5), bool)
    expected[1, 2:] = expected[2:, 1] = True
    assert_array_equal(edge, expected)


def test_overlay_shows_the_image_where_nothing_is_known():
    image = np.random.default_rng(0).integers(0, 256, (3, 3, 3), np.uint8)
    label_map = np.full((3, 3), IGNORE_INDEX, np.uint8)
    assert_array_equal(overlay(image, label_map, CLASSES), image)
    label_map[:, 0] = 1
    assert_array_equal(overlay(image, label_map, CLASSES)[:, 1:], image[:, 1:])


def test_overlay_goes_from_the_image_to_the_colours():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    before, label_map = image.copy(), np.zeros((4, 6), np.uint8)
    assert_array_equal(overlay(image, label_map, CLASSES, 0.0), image)
    assert_array_equal(overlay(image, label_map, CLASSES, 1.0), colorize(label_map, CLASSES))
    assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("name", "color"), [("background", (0, 0, 0)), ("_Background_", (90, 120, 240)), ("0", (0, 0, 0))]
)
def test_background_stays_the_photo_and_what_lies_on_it_has_a_border(name, color):
    classes = ClassMap((name, "cell"), (color, (200, 0, 0)))
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    image[2:7, 3:9] = 100
    label_map = np.zeros((9, 11), np.uint8)
    label_map[2:7, 3:9] = 1
    drawn = overlay(image, label_map, classes)
    assert_array_equal(drawn[label_map == 0], image[label_map == 0])
    assert_array_equal(drawn[2, 3:9], [(200, 0, 0)] * 6)  # the outer line, in full
    assert_array_equal(drawn[2:7, 8], [(200, 0, 0)] * 5)
    # three quarters of (66, 0, 0) over a quarter of 100: 25 + 49.5; inside of that half of either
    assert_array_equal(drawn[3, 4:8], [(75, 25, 25)] * 4)
    assert_array_equal(drawn[4, 5:7], [(150, 50, 50)] * 2)


def test_two_classes_that_are_no_background_are_both_tinted():
    """A road and a sky: neither is what the other lies on."""
    classes = ClassMap(("road", "sky"), ((128, 64, 128), (70, 130, 180)))
    label_map = np.uint8([[0, 0, 1, 1]] * 2)
    drawn = overlay(picture(2, 4), label_map, classes)
    assert_array_equal(drawn[:, 0], [(114, 82, 114)] * 2)
    assert_array_equal(drawn[:, 3], [(85, 115, 140)] * 2)


def test_errors_are_orange_on_gray_and_ignored_pixels_dim():
    image = np.uint8([[(100, 100, 100), (10, 200, 50), (90, 90, 90)]])
    shown = error_map(image, np.uint8([[0, 1, 1]]), np.uint8([[1, 1, IGNORE_INDEX]]))
    # 179/256 of (240, 110, 0) over 100; luminance 0.299 * 10 + 0.587 * 200 + 0.114 * 50 = 126.09; a third of 90
    assert_array_equal(shown, [[(198, 107, 30), (126, 126, 126), (30, 30, 30)]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: colorize(np.zeros((2, 2), np.int64), CLASSES), "label map: found int64"),
        (lambda: colorize(np.zeros((1, 2, 2), np.uint8), CLASSES), r"found uint8 \(1, 2, 2\)"),
        (lambda: overlay(picture(2, 3), np.zeros((3, 2), np.uint8), CLASSES), "found 3x2; expected 2x3"),
        (lambda: overlay(picture(2, 3)[..., 0], np.zeros((2, 3), np.uint8), CLASSES), r"image: found uint8 \(2, 3\)"),
        (lambda: overlay(picture(2, 3) / 255, np.zeros((2, 3), np.uint8), CLASSES), "image: found float64"),
        (lambda: error_map(picture(2, 3), np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)), "prediction: "),
        (lambda: error_map(picture(2, 3), np.zeros((2, 3), np.uint8), np.zeros((2, 4), np.uint8)), "target: "),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize("opacity", [-0.1, 1.5, float("nan")])
def test_an_opacity_outside_0_to_1_is_refused(opacity):
    with pytest.raises(OptionError, match="opacity"):
        overlay(picture(1, 1), np.zeros((1, 1), np.uint8), CLASSES, opacity)


def test_importing_render_loads_no_pillow():
    code = (
        "import sys, pixelwise.render; print([name for name in sys.modules if name.split('.')[0] in ('PIL', 'scipy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
