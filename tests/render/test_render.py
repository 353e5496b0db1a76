import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.render import (
    OBJECT_COLORS,
    OBJECT_FATES,
    colorize,
    error_map,
    join_column,
    join_row,
    join_row_with_captions,
    legend,
    object_errors,
    object_overlay,
    overlay,
)

CLASSES = ClassMap(("red", "blue"), ((200, 0, 0), (0, 0, 100)))
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


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
    kept, label_map = image.copy(), np.zeros((4, 6), np.uint8)
    assert_array_equal(overlay(image, label_map, CLASSES, 0.0), image)
    assert_array_equal(overlay(image, label_map, CLASSES, 1.0), colorize(label_map, CLASSES))
    assert_array_equal(image, kept)


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


def test_side_by_side_and_stacked_leave_white_between():
    left, right = picture(2, 1, (1, 2, 3)), picture(2, 2, (4, 5, 6))
    row = join_row([left, right], gap=2)
    assert_array_equal(row, [[(1, 2, 3), WHITE, WHITE, (4, 5, 6), (4, 5, 6)]] * 2)
    column = join_column([left.transpose(1, 0, 2), right.transpose(1, 0, 2)], gap=1)
    assert_array_equal(column, [[(1, 2, 3)] * 2, [WHITE] * 2, [(4, 5, 6)] * 2, [(4, 5, 6)] * 2])
    assert_array_equal(join_row([left]), left)


def test_labelled_row_writes_each_caption_below_its_picture():
    images = [picture(20, 120), picture(20, 80)]
    sheet = join_row_with_captions(images, ["photo", ""], gap=10)
    assert_array_equal(sheet[:20], join_row(images, gap=10))
    inked = np.flatnonzero((sheet[20:] < 128).all(axis=2).any(axis=0))
    assert inked[0] > 30
    assert inked[-1] < 90
    assert abs((inked[0] + inked[-1]) / 2 - 60) <= 2


def test_legend_shows_every_colour_and_takes_another_line_where_one_is_full():
    wide, narrow = legend(CLASSES, 200), legend(CLASSES, 60)
    assert wide.shape[1] == 200
    assert narrow.shape[1] == 60
    assert narrow.shape[0] == 2 * wide.shape[0]
    for sheet in (wide, narrow):
        for color in CLASSES.colors:
            assert (sheet == color).all(axis=2).sum() > 80


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
        (lambda: join_row([]), "pictures: found none"),
        (lambda: join_row([picture(2, 3), picture(3, 3)]), "picture 2: found height 3; expected 2"),
        (lambda: join_column([picture(2, 3), picture(2, 4)]), "picture 2: found width 4; expected 3"),
        (lambda: join_row_with_captions([picture(2, 3)], []), "found 0 captions for 1 pictures"),
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


def test_objects_are_tinted_and_outlined_in_their_colours():
    instance_map = np.zeros((5, 7), np.int32)
    instance_map[1:4, 1:4], instance_map[1:4, 4:6] = 1, 2
    colors = np.array([(200, 0, 0), (0, 0, 200)], np.uint8)
    drawn = object_overlay(picture(5, 7), instance_map, colors, opacity=0.5)
    assert_array_equal(drawn[instance_map == 0], [(100, 100, 100)] * 20)
    assert_array_equal(drawn[2, 2], (150, 50, 50))  # the one pixel that touches no other id
    line = (instance_map == 1) & (np.indices((5, 7)) != np.array([2, 2])[:, None, None]).any(axis=0)
    assert_array_equal(drawn[line], [(200, 0, 0)] * 8)
    assert_array_equal(drawn[instance_map == 2], [(0, 0, 200)] * 6)


def test_objects_without_colours_take_turns_and_neighbouring_ids_differ():
    drawn = object_overlay(picture(1, 30), np.arange(30, dtype=np.int32)[None])
    colors = [tuple(color) for color in drawn[0].tolist()]
    assert len(set(colors[1:])) == len(OBJECT_COLORS)
    assert all(one != other for one, other in pairwise(colors))


def test_numbers_are_written_on_objects_that_have_room():
    image, instance_map = picture(60, 90), np.zeros((60, 90), np.int32)
    instance_map[5:55, 5:55], instance_map[5:9, 70:74] = 1, 2
    kept = image.copy()
    plain, numbered = (object_overlay(image, instance_map, numbered=own) for own in (False, True))
    changed = (plain != numbered).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert 20 <= rows.min() <= rows.max() <= 40
    assert 20 <= columns.min() <= columns.max() <= 40
    assert_array_equal(image, kept)


def test_objects_of_another_image():
    with pytest.raises(ShapeError, match=r"instance map: found \(2, 3\); expected \(2, 4\)"):
        object_overlay(picture(2, 4), np.zeros((2, 3), np.int32))


def test_objects_are_drawn_by_what_became_of_them_those_predicted_above():
    """Object 1 of both maps is matched; the other true one lies in part under the other predicted one."""
    target = np.array([[1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 2, 2]] * 4, np.int32)
    prediction = np.array([[1, 1, 1, 1, 0, 0, 0, 0, 0, 2, 2, 2]] * 4, np.int32)
    fate = np.array([True, False])
    drawn = object_errors(picture(4, 12), prediction, target, fate, fate)
    outlines = [tuple(drawn[0, column].tolist()) for column in (3, 4, 5, 9)]
    assert outlines == [OBJECT_FATES["matched"], (100, 100, 100), OBJECT_FATES["missed"], OBJECT_FATES["invented"]]
    assert tuple(drawn[3, 5].tolist()) == BLACK  # 2 * 3 + 5 = 11, a dash of 0 to 4 modulo 10; 2 * 0 + 5 is none


def test_what_became_of_objects_shows_without_colours():
    """Solid, dashed and hatched: an outline that is missed and an object that is invented have black in them."""
    target, prediction = np.zeros((60, 90), np.int32), np.zeros((60, 90), np.int32)
    target[5:25, 5:25], target[35:55, 5:25] = 1, 2
    prediction[5:25, 5:25], prediction[35:55, 60:80] = 1, 2
    fate = np.array([True, False])
    drawn = object_errors(picture(60, 90), prediction, target, fate, fate)
    black = (drawn == 0).all(axis=2)
    assert not black[:30].any()
    assert 0.4 < black[35, 5:25].mean() < 0.6  # half of the outline
    assert not black[37:53, 7:23].any()  # nothing within
    inside = black[36:54, 61:79]
    assert inside.mean() == pytest.approx(1 / 8, abs=0.02)
    assert not black[35, 60:80].any()


def test_colours_of_objects_differ_in_brightness_for_those_who_see_no_red_or_green():
    """Where red and green are one (their mean), blue and the brightness tell the three apart by 60 levels."""
    merged = [np.array([(red + green) / 2, blue]) for red, green, blue in OBJECT_FATES.values()]
    for i, one in enumerate(merged):
        assert all(np.abs(one - other).max() >= 60 for other in merged[i + 1 :])
