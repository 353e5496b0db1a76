"""Tables of fruit: seeded, of any size, each object of one class and mostly seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import ShapeError
from pixelwise_scenes.compose import Scene
from pixelwise_scenes.fruit import FRUIT_CLASSES, fruit

SMALL = (96, 128)


@pytest.fixture(scope="module")
def tables() -> list[Scene]:
    return [fruit((3, index), SMALL) for index in range(24)]


def test_the_same_key_gives_the_same_bytes_and_another_another(tables: list[Scene]) -> None:
    again = fruit((3, 0), SMALL)
    for name in ("image", "label_map", "instance_map"):
        assert_array_equal(getattr(again, name), getattr(tables[0], name))
    assert len({one.image.tobytes() for one in tables}) == len(tables)


@pytest.mark.parametrize("size", [(96, 128), (32, 32), (67, 131), (160, 48)])
def test_any_size_has_its_shapes_and_dtypes(size: tuple[int, int]) -> None:
    drawn = fruit(11, size)
    assert (drawn.image.shape, drawn.image.dtype) == ((*size, 3), np.uint8)
    assert (drawn.label_map.shape, drawn.label_map.dtype) == (size, np.uint8)
    assert (drawn.instance_map.shape, drawn.instance_map.dtype) == (size, np.int32)


def test_a_table_is_the_same_in_another_size() -> None:
    small, large = fruit(4, (96, 128)), fruit(4, (192, 256))
    assert (large.instance_map[1::2, 1::2] == small.instance_map).mean() > 0.97


def test_objects_are_fruits_of_one_class_each_and_partly_seen_at_least(tables: list[Scene]) -> None:
    for one in tables:
        count = one.instance_map.max()
        assert 6 <= count <= 18
        assert np.bincount(one.instance_map.ravel(), minlength=count + 1)[1:].min() > 30
        assert_array_equal(one.instance_map > 0, one.label_map > 0)
        pairs = np.unique(np.stack((one.instance_map, one.label_map))[:, one.instance_map > 0], axis=1)
        assert_array_equal(pairs[0], np.arange(1, count + 1))


def test_all_kinds_occur_and_some_touch(tables: list[Scene]) -> None:
    assert {index for one in tables for index in np.unique(one.label_map)} == set(range(FRUIT_CLASSES.num_classes))
    touching = 0
    for one in tables:
        first, second = one.instance_map[:, :-1], one.instance_map[:, 1:]
        touching += bool(((first != second) & (first > 0) & (second > 0)).any())
    assert touching > 12


def test_too_small_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"size 31x200; expected at least 32x32"):
        fruit(0, (31, 200))
