"""Border weights against every object's full distance transform, and by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import distance_transform_edt

from pixelwise.core.errors import MaskError, OptionError, ShapeError
from pixelwise.nn.losses import border_weights
from pixelwise.nn.losses.border import REACH

Int32 = npt.NDArray[np.int32]


def cells(seed: int, count: int, height: int = 150, width: int = 190) -> Int32:
    """Discs of 3 to 12 pixels radius, later ones over earlier ones, with ids in no order and with gaps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:height, :width]
    instance_map = np.zeros((height, width), np.int32)
    for number in rng.permutation(50 * count)[:count] + 1:
        distance = np.hypot(rows - rng.uniform(0, height), columns - rng.uniform(0, width))
        instance_map[distance < rng.uniform(3, 12)] = number
    return instance_map


def exact(instance_map: Int32, w0: float, sigma: float) -> npt.NDArray[np.float64]:
    """Equation 2 to the letter: distances to all objects, over the whole image."""
    ids = [number for number in np.unique(instance_map) if number != 0]
    if len(ids) < 2:
        return np.zeros(instance_map.shape)
    d1, d2 = np.sort([distance_transform_edt(instance_map != number) for number in ids], axis=0)[:2]
    return np.where(instance_map == 0, w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)), 0)


@pytest.mark.parametrize(("w0", "sigma"), [(10, 5), (1, 2), (3, 9.5)])
@pytest.mark.parametrize("count", [2, 10, 60])
def test_it_equals_the_exact_map_up_to_what_is_cut_off(count: int, w0: float, sigma: float) -> None:
    """Cut off is what weighs less than w0 exp(-REACH**2 / 2), 3.7e-6 w0; float32 rounds by at most 2**-25 w0."""
    instance_map = cells(count, count)
    weights = border_weights(instance_map, w0=w0, sigma=sigma)
    assert weights.dtype == np.float32
    tolerance = w0 * (math.exp(-(REACH**2) / 2) + 2**-25)
    assert_allclose(weights, exact(instance_map, w0, sigma), rtol=0, atol=tolerance)


def test_the_gap_between_two_cells_by_hand() -> None:
    # d1 + d2 is 4 all along the gap of three pixels, and 8, 10, 12 on its right: 1 + 7, 2 + 8, 3 + 9
    row = np.array([[5, 5, 0, 0, 0, 9, 9, 9, 0, 0, 0]])
    along = [math.inf, math.inf, 4, 4, 4, math.inf, math.inf, math.inf, 1 + 7, 2 + 8, 3 + 9]
    expected = [10 * math.exp(-(d**2) / 50) for d in along]
    assert_allclose(border_weights(row), [expected], rtol=1e-6)


def test_distances_are_euclidean() -> None:
    instance_map = np.zeros((5, 9), np.int32)
    instance_map[0, 0], instance_map[4, 8] = 1, 2
    # pixel (3, 4) is 5 from the first and sqrt(17) from the second
    expected = 10 * math.exp(-((5 + math.sqrt(17)) ** 2) / 50)
    assert_allclose(border_weights(instance_map)[3, 4], expected, rtol=1e-6)


def test_objects_that_touch_leave_no_background_to_weigh_between_them() -> None:
    weights = border_weights(np.array([[0, 1, 1, 2, 2, 0]]))
    assert_array_equal(weights[0, 1:5], np.zeros(4))
    assert_allclose(weights[0, [0, 5]], 10 * math.exp(-(4**2) / 50), rtol=1e-6)


def test_the_parts_of_one_object_are_held_apart_by_nothing() -> None:
    assert_array_equal(border_weights(np.array([[3, 0, 3, 0, 3]])), np.zeros((1, 5)))


@pytest.mark.parametrize("instance_map", [np.zeros((4, 5), np.int32), np.eye(6, dtype=np.int32)])
def test_fewer_than_two_objects_weigh_nothing(instance_map: Int32) -> None:
    assert_array_equal(border_weights(instance_map), np.zeros(instance_map.shape))


def test_objects_far_from_each_other_weigh_nothing() -> None:
    instance_map = np.zeros((3, 100), np.int32)
    instance_map[:, 0], instance_map[:, -1] = 1, 2
    assert_array_equal(border_weights(instance_map), np.zeros((3, 100)))


def test_ids_may_be_as_large_as_their_type_allows() -> None:
    ids, few = np.array([[2**31 - 1, 0, 7]], np.int32), np.array([[1, 0, 2]], np.uint8)
    assert_array_equal(border_weights(ids), border_weights(few))


def test_the_map_stays_untouched() -> None:
    instance_map = cells(0, 10)
    border_weights(instance_map)
    assert_array_equal(instance_map, cells(0, 10))


@pytest.mark.parametrize(
    "instance_map", [np.zeros((2, 4, 5), int), np.zeros(5, int), np.zeros((4, 5)), np.zeros((0, 3), int)]
)
def test_other_arrays_are_refused(instance_map: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ShapeError, match=r"instance_map: found .* expected integers of shape \(height, width\)"):
        border_weights(instance_map)


def test_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(MaskError, match="instance_map: found the id -1"):
        border_weights(np.array([[0, -1]]))
    for sigma in (0.0, -5.0, math.nan, math.inf):
        with pytest.raises(OptionError, match="sigma: found"):
            border_weights(cells(0, 2), sigma=sigma)
    for w0 in (-1.0, math.nan, math.inf):
        with pytest.raises(OptionError, match="w0: found"):
            border_weights(cells(0, 2), w0=w0)
