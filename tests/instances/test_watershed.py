"""The seeded watershed: by eye, against the rule in plain loops, and against scikit-image."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage
from skimage.segmentation import watershed

from pixelwise.core.errors import ShapeError
from pixelwise.instances.watershed import seeded_watershed


def highest_points(height_map: np.ndarray, seeds: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
    """The highest point on the lowest path from a seed to each pixel; infinite where there is none."""
    cost = np.full(mask.shape, np.inf)
    queue = [(float(height_map[r, c]), int(r), int(c)) for r, c in np.argwhere((seeds == seed) & mask)]
    while queue:
        high, row, column = heapq.heappop(queue)
        if high >= cost[row, column]:
            continue
        cost[row, column] = high
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            r, c = row + down, column + right
            if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c] and seeds[r, c] in (0, seed):
                heapq.heappush(queue, (max(high, float(height_map[r, c])), r, c))
    return cost


@pytest.mark.parametrize("trial", range(6))
def test_every_pixel_belongs_to_a_seed_that_reaches_it_over_the_lowest_pass(trial: int) -> None:
    """So do the basins of scikit-image, which choose among equally low passes otherwise."""
    rng = np.random.default_rng(trial)
    height_map = rng.integers(0, 12 if trial % 2 else 255, (18, 25)).astype(np.uint8)
    mask = rng.random((18, 25)) > 0.15
    seeds = np.zeros((18, 25), np.int32)
    seeds.ravel()[rng.choice(18 * 25, 7, replace=False)] = [1, 2, 3, 9, 9, 9, 4]
    costs = {seed: highest_points(height_map, seeds, mask, seed) for seed in (1, 2, 3, 4, 9)}
    lowest = np.min(list(costs.values()), axis=0)
    masked_seeds = np.where(mask, seeds, 0)
    for basins in (seeded_watershed(height_map, seeds, mask), watershed(height_map, masked_seeds, mask=mask)):
        assert_array_equal(basins > 0, np.isfinite(lowest))
        own = np.choose(np.searchsorted([0, 1, 2, 3, 4, 9], basins), [np.full(mask.shape, np.inf), *costs.values()])
        inner = mask & (basins > 0) & (seeds == 0)
        assert_array_equal(own[inner], lowest[inner])
        assert_array_equal(basins[masked_seeds > 0], masked_seeds[masked_seeds > 0])


def test_basins_of_a_smooth_landscape_are_those_of_scikit_image() -> None:
    """Seeds at all minima: both differ at most on the ridges, a pixel wide."""
    bumps = ndimage.gaussian_filter(np.random.default_rng(0).random((120, 160)), 9)
    seeds, count = ndimage.label(bumps == ndimage.minimum_filter(bumps, 9))
    basins, expected = seeded_watershed(bumps, seeds, np.ones(bumps.shape, bool)), watershed(bumps, seeds)
    inner = ndimage.minimum_filter(expected, 3) == ndimage.maximum_filter(expected, 3)
    assert count > 10
    assert_array_equal(basins[inner], expected[inner])


def test_a_plateau_is_shared_by_distance() -> None:
    seeds = np.zeros((5, 11), np.int32)
    seeds[2, 1], seeds[2, 9] = 5, 3
    basins = seeded_watershed(np.zeros((5, 11), np.uint8), seeds, np.ones((5, 11), bool))
    assert (basins[:, :5] == 5).all()
    assert (basins[:, 6:] == 3).all()


def test_basins_end_at_the_mask_and_are_four_connected() -> None:
    mask = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]], bool)
    seeds = np.array([[7, 0, 0], [0, 2, 0], [0, 0, 4]])
    assert_array_equal(seeded_watershed(np.zeros((3, 3), np.uint8), seeds, mask), [[7, 0, 2], [0, 2, 2], [0, 0, 0]])


def test_seeds_without_room_and_no_seeds() -> None:
    height_map = np.zeros((2, 2), np.uint8)
    seeds = np.array([[1, 2], [3, 1]])
    assert_array_equal(seeded_watershed(height_map, seeds, np.ones((2, 2), bool)), seeds)
    assert not seeded_watershed(height_map, np.zeros((2, 2), int), np.ones((2, 2), bool)).any()
    assert not seeded_watershed(height_map, seeds, np.zeros((2, 2), bool)).any()


def test_maps_that_do_not_fit() -> None:
    height_map, mask = np.zeros((2, 2)), np.ones((2, 2), bool)
    with pytest.raises(ShapeError, match="height_map: found float64"):
        seeded_watershed(np.full((2, 2), np.nan), np.zeros((2, 2), int), mask)
    with pytest.raises(ShapeError, match=r"seeds: found int64 \(3, 2\)"):
        seeded_watershed(height_map, np.zeros((3, 2), int), mask)
    with pytest.raises(ShapeError, match="mask: found int64"):
        seeded_watershed(height_map, np.zeros((2, 2), int), mask.astype(int))  # type: ignore[arg-type]
