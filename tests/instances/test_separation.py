"""Objects of a predicted interior and border, on maps that are checked by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from pixelwise.core.errors import ShapeError
from pixelwise.instances.separation import separate_objects


def discs(*centres: tuple[float, float], radius: float = 12, size: tuple[int, int] = (60, 90)) -> np.ndarray:
    """A mask of discs."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.any([(rows - r) ** 2 + (columns - c) ** 2 <= radius**2 for r, c in centres], axis=0)


def two_touching() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two discs that touch, as interior and border probabilities, and which pixels are left of the middle."""
    left, right = discs((30, 33)), discs((30, 56))
    union = left | right
    rim = np.zeros_like(union)
    for disc in (left, right):
        rim |= disc & ~ndimage.binary_erosion(disc, iterations=2)
    interior = np.where(union & ~rim, 0.9, 0.05)
    border = np.where(rim, 0.8, 0.05)
    return interior, border, np.broadcast_to(np.arange(90) < 44, union.shape)


def test_touching_objects_meet_on_their_border() -> None:
    interior, border, is_left = two_touching()
    instance_map = separate_objects(interior, border)
    assert instance_map.dtype == np.int32
    assert_array_equal(np.unique(instance_map), [0, 1, 2])
    assert_array_equal(instance_map > 0, interior + border >= 0.5)
    assert (instance_map[is_left & (instance_map > 0)] == 1).all()
    assert (instance_map[:, 46:][instance_map[:, 46:] > 0] == 2).all()


def test_strokes_are_seeds_and_keep_their_ids() -> None:
    """Each stroke is an object; a stroke on what the map calls background is one, too."""
    interior, border, _ = two_touching()
    seeds = np.zeros(interior.shape, np.int32)
    seeds[30, 30:36], seeds[30, 54:58], seeds[5, 5:9] = 40, 7, 3
    instance_map = separate_objects(interior, border, seeds)
    assert_array_equal(np.unique(instance_map), [0, 3, 7, 40])
    assert instance_map[30, 25] == 40
    assert instance_map[30, 64] == 7
    assert (instance_map == 3).sum() == 4


def test_a_part_without_a_seed_is_no_object() -> None:
    interior = np.where(discs((20, 20), (20, 70)), 0.9, 0.0)
    seeds = np.zeros(interior.shape, np.int32)
    seeds[20, 20] = 1
    instance_map = separate_objects(interior, np.zeros_like(interior), seeds)
    assert_array_equal(instance_map > 0, discs((20, 20)))


def test_a_small_object_that_is_all_border_is_one() -> None:
    """Beside an object with an interior; a speck of border is none, and strokes as seeds leave it out."""
    interior, border, _ = two_touching()
    border[4:8, 4:9], border[4:7, 20:23] = 0.9, 0.9  # 20 and 9 pixels
    instance_map = separate_objects(interior, border)
    assert_array_equal(np.unique(instance_map), [0, 1, 2, 3])
    assert_array_equal(instance_map == 3, np.pad(np.ones((4, 5), bool), ((4, 52), (4, 81))))
    seeds = np.zeros(interior.shape, np.int32)
    seeds[30, 30] = 1
    assert not separate_objects(interior, border, seeds)[:10].any()


def test_masks_of_a_label_map_are_taken_too() -> None:
    interior, border, _ = two_touching()
    expected = separate_objects(interior, border)
    assert_array_equal(separate_objects(interior > 0.5, border > 0.5), expected)


def test_specks_are_no_objects() -> None:
    interior = np.zeros((20, 30))
    interior[3:6, 3:6], interior[10:14, 10:13] = 1, 1  # 9 and 12 pixels
    assert_array_equal(np.argwhere(separate_objects(interior) > 0)[0], [10, 10])


def test_without_a_border_objects_part_at_their_waists() -> None:
    """Two discs that overlap a little are two objects; a bar, whose depth is the same all along, is one."""
    interior = np.where(discs((14, 20), (14, 40)), 0.9, 0.1)
    interior[40:50, 5:80] = 0.9
    instance_map = separate_objects(interior)
    assert instance_map.max() == 3
    assert instance_map[14, 20] != instance_map[14, 40]
    assert len(np.unique(instance_map[40:50, 5:80])) == 1
    assert_array_equal(instance_map > 0, interior > 0.5)


def test_a_map_without_objects() -> None:
    nothing = np.full((20, 20), 0.1)
    assert not separate_objects(nothing).any()
    assert not separate_objects(nothing, nothing).any()
    assert separate_objects(nothing + 0.8).max() == 1  # all of it


def test_maps_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"border: found \(3, 2\)"):
        separate_objects(np.zeros((2, 2)), np.zeros((3, 2)))
    with pytest.raises(ShapeError, match="interior"):
        separate_objects(np.zeros((1, 2, 2)))
