"""Painted objects of small images, by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import MaskError
from pixelwise.data.shapes.rasterize import AnnotatedObject, format_names, rasterize
from pixelwise.instances.polygons import Ring


def box(left: float, top: float, right: float, bottom: float) -> Ring:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def test_objects_are_numbered_in_their_order_and_the_smaller_is_in_front() -> None:
    small, large = AnnotatedObject("7", 2, [box(1, 0, 3, 1)]), AnnotatedObject("9", 1, [box(0, 0, 3, 2)])
    drawn = rasterize([small, large], (2, 4), "a.json")
    assert_array_equal(drawn.instance_map, [[2, 1, 1, 0], [2, 2, 2, 0]])
    assert_array_equal(drawn.label_map, [[1, 2, 2, 0], [1, 1, 1, 0]])
    assert drawn.label_map.dtype == np.uint8
    assert drawn.remarks == (
        "found objects (9) that lie partly behind smaller ones; expected objects that share no pixel. "
        "Each of them was cut.",
    )


def test_a_crowd_has_no_label_where_no_object_lies_on_it() -> None:
    crowd, cell = AnnotatedObject("1", 1, runs=[0, 4, 2], crowd=True), AnnotatedObject("2", 1, [box(1, 0, 3, 1)])
    drawn = rasterize([crowd, cell], (2, 3), "a.json")
    assert_array_equal(drawn.label_map, [[IGNORE_INDEX, 1, 1], [IGNORE_INDEX, IGNORE_INDEX, 0]])
    assert_array_equal(drawn.instance_map, [[0, 1, 1], [0, 0, 0]])
    assert drawn.remarks == ()


def test_a_part_outside_the_image_is_cut_off_and_an_object_without_a_pixel_is_told() -> None:
    outside, across, tiny = box(9, 9, 12, 12), box(-2, -2, 1, 1), box(1.6, 0.6, 2.4, 1.4)
    drawn = rasterize(
        [AnnotatedObject(str(i), 1, [ring]) for i, ring in enumerate((outside, across, tiny))], (2, 3), "a.json"
    )
    assert_array_equal(drawn.instance_map, [[1, 0, 0], [0, 0, 0]])
    (remark,) = drawn.remarks
    assert remark.startswith("found objects (0, 2) that cover no pixel's centre inside the image;")


def test_an_object_wholly_behind_others_is_told() -> None:
    halves = [AnnotatedObject("1", 1, [box(0, 0, 1, 1)]), AnnotatedObject("2", 1, [box(1, 0, 2, 1)])]
    drawn = rasterize([AnnotatedObject("0", 1, [box(0, 0, 2, 1)]), *halves], (1, 2), "a.json")
    assert_array_equal(drawn.instance_map, [[2, 3]])
    assert [remark.split(";")[0] for remark in drawn.remarks] == [
        "found objects (0) that lie wholly behind smaller ones"
    ]


def test_rings_in_rings_are_holes() -> None:
    drawn = rasterize([AnnotatedObject("1", 1, [box(0, 0, 3, 3), box(1, 1, 2, 2)])], (3, 3), "a.json")
    assert_array_equal(drawn.instance_map, [[1, 1, 1], [1, 0, 1], [1, 1, 1]])


def test_an_image_without_objects() -> None:
    drawn = rasterize([], (2, 3), "a.json")
    assert_array_equal(drawn.label_map, np.zeros((2, 3)))
    assert_array_equal(drawn.instance_map, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("rings", "problem"),
    [
        ([np.array([(0, 0), (2, 2)], float)], "an outline of 2 corners"),
        ([np.array([(0, 0), (2, np.nan), (1, 1)], float)], "corners that are no numbers"),
        ([], "no outline"),
    ],
)
def test_outlines_that_are_none_name_the_file_and_the_object(rings: list[Ring], problem: str) -> None:
    with pytest.raises(MaskError, match=f"a.json, object 5: found {problem}"):
        rasterize([AnnotatedObject("5", 1, rings)], (2, 3), "a.json")


def test_runs_of_another_size_name_the_file_and_the_object() -> None:
    with pytest.raises(MaskError, match=r"a\.json, object 5: found runs of 3 pixels"):
        rasterize([AnnotatedObject("5", 1, runs=[1, 2])], (2, 3), "a.json")


def test_names_are_shortened_in_remarks() -> None:
    assert format_names(["a", "b"]) == "a, b"
    assert format_names(list("abcdefg")) == "a, b, c, d, e and 2 more"
