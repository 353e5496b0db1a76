from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import ShapeError
from pixelwise.render import (
    OBJECT_COLORS,
    OBJECT_FATES,
    object_errors,
    object_overlay,
)

BLACK = (0, 0, 0)


def picture(height, width, color=(100, 100, 100)):
    return np.full((height, width, 3), color, np.uint8)


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
    before = image.copy()
    plain, numbered = (object_overlay(image, instance_map, numbered=flag) for flag in (False, True))
    changed = (plain != numbered).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert 20 <= rows.min() <= rows.max() <= 40
    assert 20 <= columns.min() <= columns.max() <= 40
    assert_array_equal(image, before)


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
