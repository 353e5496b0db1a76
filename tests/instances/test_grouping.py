"""Grouping: of targets it gives back the objects they were made of, and of small logits what the eye sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from pixelwise.instances.fields import Fields
from pixelwise.instances.grouping import grouped, peaks
from pixelwise.instances.rule import Grouping
from pixelwise.instances.targets import centre_targets

TWO = Grouping((1,))


def fields_of(instance_map: npt.NDArray[np.int32], sure: float = 4.0) -> Fields:
    """Return what logits of background and one class give that say exactly what the map holds."""
    heat, offsets = centre_targets(instance_map)
    scores = np.stack([np.zeros(heat.shape), np.where(instance_map > 0, sure, -sure)])
    return Fields.of(np.concatenate([scores, heat[None], offsets]).astype(np.float32), (1,))


def discs(side: int, count: int) -> npt.NDArray[np.int32]:
    """Return touching discs around random points of a jittered grid."""
    rng = np.random.default_rng(0)
    cells = side // 12
    chosen = rng.permutation(cells * cells)[:count]
    rows, columns = (12 * place + 6 + rng.integers(-2, 3, count) for place in (chosen // cells, chosen % cells))
    seeds = np.zeros((side, side), np.int32)
    seeds[rows, columns] = np.arange(1, count + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(distance < 6.5, seeds[tuple(nearest)], 0).astype(np.int32)


def test_targets_give_back_their_objects() -> None:
    """A hundred discs, many of them touching."""
    instance_map = discs(144, 100)
    found = grouped(fields_of(instance_map), TWO)
    assert len(found) == 100
    pairs = np.unique(np.stack([found.instance_map.ravel(), instance_map.ravel()]), axis=1)
    assert pairs.shape == (2, 101)  # one to one
    assert_array_equal(found.class_index, np.ones(100))
    assert_allclose(found.score, 1 / (1 + np.exp(-4)), rtol=1e-5)


def test_a_class_is_that_of_the_whole_object_and_background_is_none() -> None:
    """Of three pixels two look more like the second thing."""
    logits = np.zeros((6, 1, 4), np.float32)
    logits[0, 0, 3] = 9  # background
    logits[1, 0] = [2, 0, 0, 0]
    logits[2, 0] = [0, 5, 5, 0]
    logits[3, 0] = [0.2, 0.5, 0.2, 0.9]  # the last is no peak of an object
    logits[5, 0] = [1, 0, -1, 0]
    found = grouped(Fields.of(logits, (1, 2)), Grouping((1, 2), least_area=1))
    assert_array_equal(found.instance_map, [[1, 1, 1, 0]])
    assert_array_equal(found.class_index, [2])
    sure = np.array([0, 1, 1]) * np.exp(5) / (2 + np.exp(5))  # over all its pixels, where it is best
    assert_allclose(found.score, 0.5 * sure.mean(), rtol=1e-5)


def test_small_objects_are_dropped_and_the_others_numbered() -> None:
    instance_map = np.array([[1, 1, 0, 2, 2, 2, 2]], np.int32)
    found = grouped(fields_of(instance_map), Grouping((1,), radius=1, least_area=3))
    assert_array_equal(found.instance_map, [[0, 0, 0, 1, 1, 1, 1]])


def test_nothing_is_found_in_background() -> None:
    found = grouped(fields_of(np.zeros((5, 6), np.int32)), TWO)
    assert len(found) == 0
    assert_array_equal(found.instance_map, np.zeros((5, 6)))


def test_a_peak_is_highest_within_its_radius_and_a_plateau_is_one_peak() -> None:
    heat = np.array([[0.9, 0.0, 0.8, 0.0, 0.0, 0.0, 0.7, 0.7, 0.7, 0.0, 0.05]], np.float32)
    assert_array_equal(peaks(heat, 2, 0.1), [[0, 0], [0, 7]])
    assert_array_equal(peaks(heat, 1, 0.1), [[0, 0], [0, 2], [0, 7]])
