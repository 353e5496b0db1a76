"""Objects of small maps, checked by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import MaskError, ShapeError
from pixelwise.instances.objects import Objects, Piece, objects_from_maps, renumber


@pytest.mark.parametrize("gap", [1, 10**6])
def test_ids_become_one_to_n_in_their_order(gap: int) -> None:
    """By a table of ids where they are small, by sorting where they are large."""
    numbers, ids = renumber(np.array([[0, 7, 7], [3, 3, 0]]) * gap)
    assert_array_equal(numbers, [[0, 2, 2], [1, 1, 0]])
    assert_array_equal(ids, [3 * gap, 7 * gap])
    assert numbers.dtype == np.int32


def test_a_map_without_objects_or_without_background() -> None:
    numbers, ids = renumber(np.zeros((2, 3), np.uint16))
    assert not numbers.any()
    assert len(ids) == 0
    assert_array_equal(renumber(np.array([[2, 9]], np.uint16))[0], [[1, 2]])


def test_an_object_has_the_class_of_most_of_its_labelled_pixels() -> None:
    label_map = np.array([[4, 4, 2, IGNORE_INDEX], [1, 1, 2, IGNORE_INDEX]], np.uint8)
    instance_map = np.array([[5, 5, 5, 5], [5, 8, 8, 0]])
    objects = objects_from_maps(label_map, instance_map)
    assert_array_equal(objects.class_index, [4, 1])  # 4 twice, 1 and 2 once; 1 before 2 where both occur once
    assert_array_equal(objects.instance_map, [[1, 1, 1, 1], [1, 2, 2, 0]])
    assert_array_equal(objects.areas(), [5, 2])
    assert_array_equal(objects.score, [1, 1])


def test_an_object_of_which_nothing_is_known_is_left_out() -> None:
    label_map = np.array([[IGNORE_INDEX, IGNORE_INDEX, 3]], np.uint8)
    objects = objects_from_maps(label_map, np.array([[1, 1, 2]]))
    assert_array_equal(objects.instance_map, [[0, 0, 1]])
    assert_array_equal(objects.class_index, [3])


def test_objects_that_are_kept_are_numbered_anew() -> None:
    objects = objects_from_maps(np.array([[0, 1, 2]], np.uint8), np.array([[1, 2, 3]])).select(
        np.array([True, False, True])
    )
    assert_array_equal(objects.instance_map, [[1, 0, 2]])
    assert_array_equal(objects.class_index, [0, 2])
    assert len(objects) == 2


def test_maps_that_are_none_or_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"float64 of shape \(2, 2\)"):
        renumber(np.zeros((2, 2)))
    with pytest.raises(MaskError, match="the id -1"):
        renumber(np.array([[-1, 1]]))
    with pytest.raises(ShapeError, match="the label map's shape"):
        objects_from_maps(np.zeros((2, 2), np.uint8), np.zeros((2, 3), int))


def test_boxes_and_pieces_are_no_larger_than_their_objects() -> None:
    made = Objects(
        np.array([[0, 1, 1, 0], [2, 1, 0, 0], [0, 0, 0, 2]], np.int32), np.ones(2, np.int32), np.ones(2, np.float32)
    )
    assert_array_equal(made.boxes_xyxy(), [[1, 0, 3, 2], [0, 1, 4, 3]])
    first, second = made.pieces()
    assert (first.top, first.left) == (0, 1)
    assert_array_equal(first.mask, [[1, 1], [1, 0]])
    assert_array_equal(second.mask, [[1, 0, 0, 0], [0, 0, 0, 1]])
    for number, piece in ((1, first), (2, second)):
        whole = np.zeros((3, 4), bool)
        whole[piece.place] = piece.mask
        assert_array_equal(whole, made.instance_map == number)
        cut = Piece.from_mask(whole)
        assert (cut.top, cut.left) == (piece.top, piece.left)
        assert_array_equal(cut.mask, piece.mask)
