"""Objects of a live map, and their correction, on maps that are checked by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from pixelwise.core.errors import OptionError
from pixelwise.labels.objects import (
    add_object,
    merge_objects,
    object_box,
    region_at,
    remove_object,
    split_at_points,
    split_object,
)
from pixelwise.labels.strokes import polygon_mask


def discs(*centres: tuple[float, float], radius: float = 12, size: tuple[int, int] = (60, 90)) -> np.ndarray:
    """A mask of discs."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.any([(rows - r) ** 2 + (columns - c) ** 2 <= radius**2 for r, c in centres], axis=0)


def test_a_region_is_four_connected() -> None:
    label_map = np.array([[1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0]], np.uint8)
    assert region_at(np.eye(3, dtype=np.uint8), (1.5, 1.5))[0] == (1, 1, 2, 2)
    assert region_at(np.eye(3, dtype=np.uint8), (1.5, 1.5), corners=True)[0] == (0, 0, 3, 3)
    box, mask = region_at(label_map, (0.2, 3.9))
    assert box == (0, 2, 2, 4)
    assert_array_equal(mask, [[0, 1], [1, 1]])
    box, mask = region_at(label_map, (1.0, 1.0))
    assert box == (1, 0, 3, 4)
    assert_array_equal(mask, [[1, 1, 0, 0], [0, 1, 1, 1]])


@pytest.mark.parametrize("window", [2, 4, 512])
def test_a_region_is_found_whole_whatever_the_window(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.labels.objects._WINDOW", window)
    label_map = (ndimage.gaussian_filter(np.random.default_rng(0).random((70, 90)), 2) > 0.5).astype(np.uint8)
    parts, _ = ndimage.label(label_map == label_map[35, 45])
    (top, left, bottom, right), mask = region_at(label_map, (35.5, 45.5))
    whole = np.zeros(label_map.shape, bool)
    whole[top:bottom, left:right] = mask
    assert_array_equal(whole, parts == parts[35, 45])
    assert mask.any(axis=0).all() or mask.any(axis=1).all()


def test_a_point_outside_the_map() -> None:
    for point in ((-0.1, 0.0), (3.0, 0.0), (0.0, float("nan"))):
        with pytest.raises(OptionError, match="point: found"):
            region_at(np.zeros((3, 3), np.uint8), point)


def test_an_added_object_takes_no_pixel_of_another() -> None:
    instance_map = np.zeros((6, 8), np.int32)
    instance_map[:, :3] = 5
    box, mask = polygon_mask([(1, 1), (1, 7), (4, 7), (4, 1)], (6, 8))
    assert add_object(instance_map, box, mask) == 6
    expected = np.zeros((6, 8), np.int32)
    expected[:, :3] = 5
    expected[1:4, 3:7] = 6
    assert_array_equal(instance_map, expected)
    with pytest.raises(OptionError, match="no pixel that belongs to no other object"):
        add_object(instance_map, box, mask)
    with pytest.raises(OptionError, match="found no pixel; expected"):
        add_object(instance_map, (0, 0, 0, 0), np.zeros((0, 0), bool))
    assert_array_equal(instance_map, expected)


def test_an_accepted_object_is_the_region_of_a_proposal() -> None:
    proposal = np.array([[1, 1, 2, 2], [1, 1, 2, 2]], np.int32)
    instance_map = np.zeros((2, 4), np.int32)
    assert add_object(instance_map, *region_at(proposal, (0.5, 2.5)), object_id=30) == 30
    assert_array_equal(instance_map, [[0, 0, 30, 30]] * 2)
    with pytest.raises(OptionError, match="the id 30 of another object"):
        add_object(instance_map, *region_at(proposal, (0.5, 0.5)), object_id=30)
    with pytest.raises(OptionError, match="65,536; expected 1 to 65,535"):
        add_object(instance_map, *region_at(proposal, (0.5, 0.5)), object_id=65536)


def test_remove_and_merge() -> None:
    instance_map = np.array([[1, 1, 2, 2], [0, 3, 3, 9]], np.int32)
    assert remove_object(instance_map, 3) == (1, 1, 2, 3)
    assert_array_equal(instance_map, [[1, 1, 2, 2], [0, 0, 0, 9]])
    assert merge_objects(instance_map, [9, 2]) == 2
    assert_array_equal(instance_map, [[1, 1, 2, 2], [0, 0, 0, 2]])
    for call in (lambda: remove_object(instance_map, 3), lambda: object_box(instance_map, 0)):
        with pytest.raises(OptionError, match="object_id: found"):
            call()
    with pytest.raises(OptionError, match=r"object_ids: found \[2, 2\]"):
        merge_objects(instance_map, [2, 2])
    before = instance_map.copy()
    with pytest.raises(OptionError, match="object_id: found 8"):
        merge_objects(instance_map, [1, 8])
    assert_array_equal(instance_map, before)


def test_a_line_parts_an_object_and_no_other() -> None:
    """A slanted line through a disc: a pixel is on the side where its centre is, except under the line."""
    instance_map = np.where(discs((30, 40)), 4, 0).astype(np.int32)
    instance_map[:, 60:] = 9
    before = instance_map.copy()
    assert split_object(instance_map, 4, [(0.0, 30.0), (60.0, 42.0)]) == [4, 10]
    rows, columns = np.mgrid[:60, :90] + 0.5
    beyond = (columns - 30) * 60 - rows * 12  # above 0 right of the line
    far = np.abs(beyond) / np.hypot(60, 12) > 1
    of_disc = before == 4
    assert_array_equal(instance_map[of_disc & far & (beyond > 0)], 4)  # the larger part
    assert_array_equal(instance_map[of_disc & far & (beyond < 0)], 10)
    assert set(np.unique(instance_map[of_disc])) == {4, 10}
    assert_array_equal(instance_map[~of_disc], before[~of_disc])
    for object_id in (4, 10):
        assert ndimage.label(instance_map == object_id)[1] == 1


def test_a_bent_line_makes_three_parts() -> None:
    instance_map = np.ones((9, 30), np.int32)
    ids = split_object(instance_map, 1, [(-2.0, 8.0), (11.0, 8.0), (11.0, 20.0), (-2.0, 20.0)])
    assert ids == [1, 2, 3]
    assert_array_equal(instance_map[4, [2, 14, 27]], [3, 1, 2])


def test_a_line_that_parts_nothing() -> None:
    instance_map = np.ones((9, 9), np.int32)
    with pytest.raises(OptionError, match="does not cut the object in two"):
        split_object(instance_map, 1, [(-1.0, 4.0), (4.0, 4.0)])
    with pytest.raises(OptionError, match="does not cut the object in two"):
        split_object(instance_map, 1, [(-4.0, -4.0), (-4.0, 9.0)])
    assert (instance_map == 1).all()


def test_a_line_through_one_of_two_parts_leaves_the_other_with_the_nearer() -> None:
    instance_map = np.zeros((5, 20), np.int32)
    instance_map[:, :9], instance_map[:, 15:] = 2, 2
    assert split_object(instance_map, 2, [(-1.0, 3.0), (6.0, 3.0)]) == [2, 3]
    assert_array_equal(instance_map[0], [3] * 3 + [2] * 6 + [0] * 6 + [2] * 5)


def test_a_point_in_each_part_parts_an_object_at_its_waist() -> None:
    instance_map = np.where(discs((14, 20), (14, 40)), 4, 0).astype(np.int32)
    instance_map[14, 60] = 4  # apart, and nearer to the right part
    instance_map[50, 50] = 8
    assert split_at_points(instance_map, 4, [(14.5, 44.0), (12.0, 16.5)]) == [4, 9]
    rows, columns = np.nonzero(discs((14, 20), (14, 40)))
    assert (instance_map[rows, columns][columns > 30] == 4).all()
    assert (instance_map[rows, columns][columns < 30] == 9).all()
    assert instance_map[14, 60] == 4
    assert instance_map[50, 50] == 8


def test_points_that_part_nothing() -> None:
    instance_map = np.ones((9, 9), np.int32)
    instance_map[8] = 0
    for points, message in (
        ([(1.0, 1.0)], "found 1 different pixels"),
        ([(1.1, 1.0), (1.9, 1.2)], "found 1 different pixels"),
        ([(1.0, 1.0), (8.5, 1.0)], "a point outside the object"),
        ([(1.0, 1.0), (9.5, 1.0)], "point: found"),
    ):
        with pytest.raises(OptionError, match=message):
            split_at_points(instance_map, 1, points)
    assert instance_map.sum() == 72
