from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data.masks.object_ids import detect_object_ids
from pixelwise.data.masks.statistics import collect_statistics

Arrays = list[np.ndarray]


@pytest.fixture
def verdict(save) -> Callable[..., bool | None]:
    """Return whether masks, uint8 or of another dtype, are surely object ids; `None` where they are classes."""

    def mask(arrays: Arrays, dtype: str = "uint8", name: str = "{}.png") -> bool | None:
        masks: list[Path] = [save(name.format(i), array.astype(dtype)) for i, array in enumerate(arrays)]
        ids = detect_object_ids(collect_statistics(masks).gray_masks)
        return None if ids is None else ids.sure

    return mask


def test_numbers_that_grow_with_the_objects(verdict, discs) -> None:
    arrays = [discs(seed, list(range(1, 4 + 2 * seed)), 96) for seed in range(5)]
    assert verdict(arrays) is True
    assert verdict(arrays, "uint16", "{}.tif") is True
    assert verdict([np.zeros((96, 96)), *arrays]) is True


def test_as_many_objects_in_each_image(verdict, discs) -> None:
    assert verdict([discs(seed, list(range(1, 7)), 96) for seed in range(5)]) is True


def test_new_numbers_in_each_image(verdict, discs) -> None:
    assert verdict([discs(seed, list(range(8 * seed + 1, 8 * seed + 9)), 96) for seed in range(6)], "uint16") is True


def test_objects_that_touch_and_fill_the_image(verdict) -> None:
    """Each pixel belongs to the nearest of some points: cells of a tissue, numbered 1..n."""
    arrays: Arrays = []
    for seed in range(4):
        points = np.random.default_rng(seed).integers(0, 64, (12 + 3 * seed, 2))
        rows, columns = np.mgrid[:64, :64]
        arrays.append(((rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2).argmin(2) + 1)
    assert verdict(arrays) is True


def test_one_image_with_many_objects(verdict, discs) -> None:
    assert verdict([discs(0, list(range(1, 25)), 128)]) is True


def test_few_objects_leave_a_doubt_but_for_deep_files_and_names_of_tools(verdict, discs) -> None:
    arrays = [discs(seed, [1, 2, 3], 96) for seed in range(6)]
    assert verdict(arrays) is False
    assert verdict(arrays, "uint16") is True
    assert verdict(arrays, "uint8", "{}_cp_masks.png") is True
    assert verdict(arrays, "uint8", "{}_Object Identities.png") is True


def test_layers_that_cross_the_image_leave_a_doubt(verdict) -> None:
    """Twelve layers of one thickness, each from side to side, at another height in every image: their columns and sizes
    tell nothing."""
    layers = np.repeat(np.arange(12), 8)[:, None].repeat(64, 1)
    arrays: Arrays = [np.roll(layers, shift, 0) for shift in range(0, 64, 8)]
    assert verdict(arrays) is False


def test_classes_in_pieces(verdict, discs) -> None:
    assert verdict([discs(seed, [1, 2, 3, 4, 5, 6] * 2, 128) for seed in range(5)]) is None
    assert verdict([discs(seed, [1, 2, 3] * 2, 128) for seed in range(5)], "uint8", "{}_cp_masks.png") is None


def test_classes_that_lie_where_they_always_lie(verdict) -> None:
    """Six organs, one piece each, of a size and at a place of its own that hardly change."""
    arrays: Arrays = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        organs = np.zeros((90, 60), np.int64)
        for index in range(6):
            top, left = (index // 2) * 30 + rng.integers(0, 6), (index % 2) * 30 + rng.integers(0, 6)
            organs[top : top + 6 + 3 * index, left : left + 10] = index + 1
        arrays.append(organs)
    assert verdict(arrays) is None


def test_some_of_many_classes_in_each_image(verdict, discs) -> None:
    """One piece of two classes of twenty, as in Pascal VOC."""
    rng = np.random.default_rng(1)
    arrays = [discs(seed, rng.choice(np.arange(1, 21), 2, replace=False).tolist(), 96) for seed in range(12)]
    assert verdict(arrays) is None


def test_two_values_are_classes(verdict, discs) -> None:
    assert verdict([discs(seed, [1, 255]) for seed in range(4)]) is None
    assert verdict([np.zeros((4, 4))]) is None
