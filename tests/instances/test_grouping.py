"""Grouping: of targets it gives back the objects they were made of, and of small logits what the eye sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.grouping import find_peaks, group_pixels
from pixelwise.instances.grouping_parameters import BOTH, COMPONENTS, WAISTS, GroupingParameters
from pixelwise.instances.targets import centre_targets

TWO = GroupingParameters((1,))


def fields_of(instance_map: npt.NDArray[np.int32], sure: float = 4.0) -> CentreOffsetMaps:
    """Return what logits of background and one class give that say exactly what the map holds."""
    heat, offsets = centre_targets(instance_map)
    scores = np.stack([np.zeros(heat.shape), np.where(instance_map > 0, sure, -sure)])
    return CentreOffsetMaps.from_logits(np.concatenate([scores, heat[None], offsets]).astype(np.float32), (1,))


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
    objects = group_pixels(fields_of(instance_map), TWO)
    assert len(objects) == 100
    pairs = np.unique(np.stack([objects.instance_map.ravel(), instance_map.ravel()]), axis=1)
    assert pairs.shape == (2, 101)  # one to one
    assert_array_equal(objects.class_index, np.ones(100))
    assert_allclose(objects.score, 1 / (1 + np.exp(-4)), rtol=1e-5)


def test_a_class_is_that_of_the_whole_object_and_background_is_none() -> None:
    """Of three pixels two look more like the second thing."""
    logits = np.zeros((6, 1, 4), np.float32)
    logits[0, 0, 3] = 9  # background
    logits[1, 0] = [2, 0, 0, 0]
    logits[2, 0] = [0, 5, 5, 0]
    logits[3, 0] = [0.2, 0.5, 0.2, 0.9]  # the last is no peak of an object
    logits[5, 0] = [1, 0, -1, 0]
    objects = group_pixels(CentreOffsetMaps.from_logits(logits, (1, 2)), GroupingParameters((1, 2), least_area=1))
    assert_array_equal(objects.instance_map, [[1, 1, 1, 0]])
    assert_array_equal(objects.class_index, [2])
    sure = np.array([0, 1, 1]) * np.exp(5) / (2 + np.exp(5))  # over all its pixels, where it is best
    assert_allclose(objects.score, 0.5 * sure.mean(), rtol=1e-5)


def test_small_objects_are_dropped_and_the_others_numbered() -> None:
    instance_map = np.array([[1, 1, 0, 2, 2, 2, 2]], np.int32)
    objects = group_pixels(fields_of(instance_map), GroupingParameters((1,), radius=1, least_area=3))
    assert_array_equal(objects.instance_map, [[0, 0, 0, 1, 1, 1, 1]])


def test_nothing_is_found_in_background() -> None:
    objects = group_pixels(fields_of(np.zeros((5, 6), np.int32)), TWO)
    assert len(objects) == 0
    assert_array_equal(objects.instance_map, np.zeros((5, 6)))


def test_a_peak_is_highest_within_its_radius_and_a_plateau_is_one_peak() -> None:
    heat = np.array([[0.9, 0.0, 0.8, 0.0, 0.0, 0.0, 0.7, 0.7, 0.7, 0.0, 0.05]], np.float32)
    assert_array_equal(find_peaks(heat, 2, 0.1), [[0, 0], [0, 7]])
    assert_array_equal(find_peaks(heat, 1, 0.1), [[0, 0], [0, 2], [0, 7]])


def test_connected_components_of_each_class_are_objects_whatever_the_heat() -> None:
    """Two classes that touch, one of them in two parts; the scores are the mean probabilities of their pixels."""
    logits = np.zeros((6, 3, 5), np.float32)
    logits[0] = 1
    logits[1, 0], logits[2, 1, :2], logits[1, 2, 3:] = 4, 5, 6
    logits[3, 0, :] = np.nan  # heat that says nothing
    objects = group_pixels(
        CentreOffsetMaps.from_logits(logits, (1, 2)), GroupingParameters((1, 2), least_area=2, by=COMPONENTS)
    )
    assert_array_equal(objects.instance_map, [[1, 1, 1, 1, 1], [2, 2, 0, 0, 0], [0, 0, 0, 3, 3]])
    assert_array_equal(objects.class_index, [1, 2, 1])
    sure = np.exp([4.0, 5.0, 6.0])
    assert_allclose(objects.score, sure / (sure + 1 + np.e), rtol=1e-5)


def test_at_waists_objects_of_each_class_meet_in_their_border() -> None:
    """Two squares of one class and their common border, whose heat is low; one of another class touches them."""
    classes = np.zeros((9, 24), int)
    classes[1:8, 1:16], classes[1:8, 16:22] = 1, 2
    heat = np.where(classes == 2, 0.9, 0.4)
    heat[2:7, 2:7], heat[2:7, 9:15] = 0.8, 0.8
    logits = np.concatenate(
        [np.where(classes == np.arange(3)[:, None, None], 5.0, 0.0), heat[None], np.full((2, 9, 24), 99)]
    )
    objects = group_pixels(
        CentreOffsetMaps.from_logits(logits.astype(np.float32), (1, 2)), GroupingParameters((1, 2), by=WAISTS)
    )
    assert_array_equal(objects.class_index, [1, 1, 2])
    assert_array_equal(objects.instance_map == 3, classes == 2)
    assert_array_equal(objects.instance_map > 0, classes > 0)
    assert_array_equal(objects.instance_map[4, 1:7], 1)  # the border beyond goes to either
    assert_array_equal(objects.instance_map[4, 9:16], 2)
    assert_allclose(objects.score, np.exp(5) / (2 + np.exp(5)), rtol=1e-5)


def test_a_component_without_a_centre_is_an_object_where_both_count() -> None:
    """The second one's heat lies below the least, the third's within the radius of the first."""
    logits = np.zeros((5, 1, 12), np.float32)
    logits[1, 0] = [4, 4, 4, -4, 4, 4, -4, -4, -4, 4, 4, 4]
    logits[2, 0] = [0, 0.9, 0, 0, 0, 0.8, 0, 0, 0, 0.1, 0.2, 0.1]
    fields = CentreOffsetMaps.from_logits(logits, (1,))
    alone = group_pixels(fields, GroupingParameters((1,), radius=5, least_heat=0.3, least_area=1))
    assert_array_equal(alone.instance_map, [[1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    objects = group_pixels(fields, GroupingParameters((1,), radius=5, least_heat=0.3, least_area=1, by=BOTH))
    assert_array_equal(objects.instance_map, [[1, 1, 1, 0, 2, 2, 0, 0, 0, 3, 3, 3]])
    assert_allclose(objects.score, np.array([0.9, 0.8, 0.2]) / (1 + np.exp(-4)), rtol=1e-5)


@pytest.mark.parametrize("by", [BOTH, COMPONENTS, WAISTS])
def test_no_way_finds_anything_in_background(by: str) -> None:
    objects = group_pixels(fields_of(np.zeros((5, 6), np.int32)), GroupingParameters((1,), by=by))
    assert len(objects) == 0
    assert_array_equal(objects.instance_map, np.zeros((5, 6)))


@pytest.mark.parametrize("by", [BOTH, COMPONENTS, WAISTS])
def test_objects_apart_come_back_either_way(by: str) -> None:
    instance_map = np.zeros((40, 60), np.int32)
    instance_map[2:12, 3:20], instance_map[15:38, 30:55] = 1, 2
    objects = group_pixels(fields_of(instance_map), GroupingParameters((1,), by=by))
    assert_array_equal(objects.instance_map, instance_map)


def test_a_broad_heat_with_many_peaks_shatters_an_object_unless_the_radius_goes_by_its_size() -> None:
    """Two touching halves of a disc 240 pixels across, whose heat has noise of a tenth; offsets lead half the way."""
    y, x = np.mgrid[:260, :260] - 130
    instance_map = np.where(x**2 + y**2 < 120**2, 1 + (x > 0), 0).astype(np.int32)
    fields = fields_of(instance_map)
    noise = np.random.default_rng(0).normal(0, 0.1, fields.heat.shape).astype(np.float32)
    fields = dataclasses.replace(fields, heat=fields.heat + noise, down=fields.down // 2, right=fields.right // 2)
    assert len(group_pixels(fields, GroupingParameters((1,), radius=14, least_area=32))) > 5
    whole = group_pixels(fields, GroupingParameters((1,), radius=60, least_area=400)).instance_map
    assert whole.max() == 2
    swapped = np.array([0, 2, 1])[whole]  # ids go by the centres' rows, which noise decides
    assert max((grouped == instance_map).mean() for grouped in (whole, swapped)) > 0.97
