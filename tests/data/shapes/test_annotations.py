"""Drawn shapes of small images, by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.dataset import Dataset, Labels
from pixelwise.data.shapes.annotations import (
    Shape,
    box,
    class_map_of_entries,
    draw_shapes,
    ellipse,
    iter_regions,
    require_inside,
    rotate_ring,
    trace_rings,
    writable_classes,
)
from pixelwise.instances.polygons import fill_rings

CLASSES = ClassMap.from_names(("background", "cat", "dog"))


def test_labels_are_classes_background_or_nothing() -> None:
    shapes = [
        Shape("1", "dog", [box(0, 0, 2, 1)]),
        Shape("2", "_background_", [box(1, 0, 2, 1)]),
        Shape("3", "__ignore__", [box(3, 0, 4, 2)]),
        Shape("4", "cat", [box(2, 0, 3, 2)]),
    ]
    drawn = draw_shapes(shapes, CLASSES, (2, 4), "a.json")
    assert_array_equal(drawn.label_map, [[2, 0, 1, IGNORE_INDEX], [0, 0, 1, IGNORE_INDEX]])
    assert_array_equal(drawn.instance_map, [[1, 0, 3, 0], [0, 0, 3, 0]])


def test_parts_of_a_group_are_one_object_even_where_they_overlap() -> None:
    parts = [Shape(str(i), "cat", [box(i, 0, i + 2, 1)], group_id=7) for i in range(2)]
    other = Shape("2", "dog", [box(3, 0, 4, 1)], group_id=7)
    drawn = draw_shapes([*parts, other], CLASSES, (1, 4), "a.json")
    assert_array_equal(drawn.instance_map, [[1, 1, 1, 2]])
    assert_array_equal(drawn.label_map, [[1, 1, 1, 2]])
    assert drawn.remarks == ()


def test_a_part_without_a_pixel_is_told() -> None:
    parts = [Shape("1", "cat", [box(0, 0, 1, 1)], 7), Shape("2", "cat", [box(9, 0, 10, 1)], 7)]
    (remark,) = draw_shapes(parts, CLASSES, (1, 2), "a.json").remarks
    assert remark.startswith("found objects (2) that cover no pixel's centre inside the image;")
    (remark,) = draw_shapes([parts[1], parts[1]], CLASSES, (1, 2), "a.json").remarks
    assert remark.startswith("found objects (2) that cover no pixel's centre inside the image;")


def test_the_higher_level_is_in_front_and_what_it_hides_wholly_is_told() -> None:
    large = Shape("1", "cat", [box(0, 0, 3, 1)], level=2)
    small, across = Shape("2", "dog", [box(1, 0, 2, 1)]), Shape("3", "dog", [box(2, 0, 5, 1)])
    drawn = draw_shapes([large, small, across], CLASSES, (1, 5), "a.xml")
    assert_array_equal(drawn.instance_map, [[1, 1, 1, 2, 2]])
    assert_array_equal(drawn.label_map, [[1, 1, 1, 2, 2]])
    assert drawn.remarks == (
        "found objects (2) that lie wholly behind those drawn in front of them; expected objects that can be seen. "
        "Each of them was lost.",
    )


def test_on_one_level_the_smaller_is_in_front() -> None:
    shapes = [Shape("1", "cat", [box(1, 0, 2, 1)], level=3), Shape("2", "dog", [box(0, 0, 3, 1)], level=3)]
    assert_array_equal(draw_shapes(shapes, CLASSES, (1, 3), "a.xml").instance_map, [[2, 1, 2]])


def test_what_has_no_label_covers_objects_of_lower_levels() -> None:
    shapes = [Shape("1", "cat", [box(0, 0, 2, 1)]), Shape("2", "void", [box(1, 0, 3, 1)], level=1)]
    drawn = draw_shapes(shapes, CLASSES, (1, 3), "a.xml")
    assert_array_equal(drawn.label_map, [[1, IGNORE_INDEX, IGNORE_INDEX]])
    assert_array_equal(drawn.instance_map, [[1, 0, 0]])


def test_an_object_without_a_pixel_is_told_on_any_level() -> None:
    shapes = [Shape("1", "cat", [box(0, 0, 2, 1)]), Shape("2", "cat", trace_rings(np.zeros((1, 1), bool)), level=1)]
    (remark,) = draw_shapes(shapes, CLASSES, (1, 2), "a.xml").remarks
    assert remark.startswith("found objects (2) that cover no pixel's centre")


def test_labels_that_are_no_class() -> None:
    with pytest.raises(
        MaskError, match=r"a.json, object 1: found the label 'cow'; expected one of background, cat, dog"
    ):
        draw_shapes([Shape("1", "cow", [box(0, 0, 1, 1)])], CLASSES, (1, 1), "a.json")


def test_circles_and_ellipses_have_the_pixels_whose_centres_lie_within() -> None:
    rows, columns = np.mgrid[:12, :16] + 0.5
    assert_array_equal(fill_rings([ellipse((8, 6), (5, 5))], (12, 16)), np.hypot(columns - 8, rows - 6) < 5)
    across = ((columns - 8) / 6) ** 2 + ((rows - 6) / 3) ** 2 < 1
    assert_array_equal(fill_rings([ellipse((8, 6), (6, 3))], (12, 16)), across)


def test_turning_is_clockwise_about_the_middle() -> None:
    assert_allclose(rotate_ring(box(0, 0, 4, 2), 90), [(3, -1), (3, 3), (1, 3), (1, -1)], atol=1e-12)
    quarter = rotate_ring(box(0, 0, 4, 0), 45)  # its right end goes down
    assert_allclose(quarter[1], [2 + 2**0.5, 2**0.5])


def test_masks_lie_where_they_are_put() -> None:
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    expected = np.zeros((5, 6), bool)
    expected[2:5, 1:4] = ring
    assert_array_equal(fill_rings(trace_rings(ring, 1, 2), (5, 6)), expected)
    with pytest.raises(
        MaskError, match="a mask in columns 4 to 6 and rows 2 to 4; expected one inside the image of 5x6"
    ):
        require_inside((4, 2, 7, 5), (5, 6), "a.json, object 1")


def test_classes() -> None:
    names = [{"name": name} for name in ("cat", "ignore", "_background_", "dog", "__ignore__")]
    assert class_map_of_entries(names).names == ("_background_", "cat", "dog")
    assert class_map_of_entries([{"name": "cat", "color": [1, 2, 3]}]).names == ("background", "cat")
    assert class_map_of_entries([{"name": "cat", "color": [1, 2, 3]}]).colors[1] == (1, 2, 3)


def test_regions_share_no_pixel_and_end_with_what_has_no_label() -> None:
    label_map = np.array([[0, 1, IGNORE_INDEX, 2], [IGNORE_INDEX, 1, 0, 2]], np.uint8)
    instance_map = np.array([[3, 5, 5, 9], [0, 5, 0, 9]], np.int32)  # 3 is of the first class
    cat, dog, unknown = iter_regions(Labels(label_map, instance_map))
    assert (cat[0], dog[0], unknown[0]) == (1, 2, IGNORE_INDEX)
    for (_, piece), expected in (
        (cat, [[0, 1, 0, 0], [0, 1, 0, 0]]),
        (dog, [[0, 0, 0, 1], [0, 0, 0, 1]]),
        (unknown, [[0, 0, 1, 0], [1, 0, 0, 0]]),
    ):
        covered = np.zeros((2, 4), bool)
        covered[piece.place] = piece.mask
        assert_array_equal(covered, expected)
    classes = [class_index for class_index, _ in iter_regions(Labels(label_map))]
    assert classes == [1, 2, IGNORE_INDEX]


def test_the_first_class_is_written_as_background(tmp_path: Path) -> None:
    def written(*names: str) -> tuple[str, ...]:
        return writable_classes(Dataset(tmp_path, "folders", ClassMap.from_names(names), {}, lambda item: None)).names  # type: ignore[arg-type, return-value]

    assert written("sky", "cat") == ("background", "cat")
    assert written("Background", "cat") == ("Background", "cat")
    with pytest.raises(DataError, match="found one class"):
        written("sky")
    with pytest.raises(DataError, match="found the class 'void'"):
        written("sky", "void")
    with pytest.raises(DataError, match="found the class '_background_'"):
        written("sky", "_background_")
