"""Where tiles stand along a side, and that their weights sum to 1."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import OptionError
from pixelwise.tiling.grid import Tiling, tile_spans

GRIDS = [(64, 16, 8), (64, 17, 8), (64, 56, 8), (64, 0, 16), (32, 31, 1), (32, 1, 1), (7, 3, 1), (512, 128, 32)]
LENGTHS = [1, 2, 31, 32, 33, 63, 64, 65, 97, 128, 500, 513, 1999]


def test_a_side_that_fits_is_one_span() -> None:
    (span,) = tile_spans(64, Tiling(64, 16, 8))
    assert (span.start, span.stop, span.first, span.last) == (0, 64, 0, 64)
    assert_array_equal(span.weights, np.ones(64))


def test_two_tiles_by_hand() -> None:
    left, right = tile_spans(24, Tiling(16, 8, 8))
    assert (left.start, left.stop, right.start, right.stop) == (0, 16, 8, 24)
    # They share 8..16; the ramp is 2 pixels wide around 12, so each gives up the outer 3 of its 8 pixels.
    assert (left.first, left.last, right.first, right.last) == (0, 13, 11, 24)
    assert_array_equal(left.weights, [1] * 11 + [0.75, 0.25])
    assert_array_equal(right.weights, [0.25, 0.75] + [1] * 11)
    assert (left.used, right.used) == (slice(0, 13), slice(3, 16))


def test_no_overlap_is_a_clean_cut() -> None:
    cut = tile_spans(32, Tiling(16, 0, 16))
    assert [(s.start, s.stop, s.first, s.last) for s in cut] == [(0, 16, 0, 16), (16, 32, 16, 32)]


def test_tiles_are_spread_evenly_and_the_last_ends_with_the_side() -> None:
    # The last tile must start at 744 or beyond: 768 = 24 strides. Steps of at most 6 strides: 4 steps, all of 6.
    laid = tile_spans(1000, Tiling(256, 64, 32))
    assert [(s.start, s.stop) for s in laid] == [(0, 256), (192, 448), (384, 640), (576, 832), (768, 1000)]
    # One stride over: two tiles that share nearly all, rather than one that is a sliver.
    assert [(s.start, s.stop) for s in tile_spans(513, Tiling(512, 128, 32))] == [(0, 512), (32, 513)]


@pytest.mark.parametrize(("tile", "overlap", "stride"), GRIDS)
def test_every_grid_keeps_its_promises(tile: int, overlap: int, stride: int) -> None:
    for length in LENGTHS:
        laid = tile_spans(length, Tiling(tile, overlap, stride))
        total = np.zeros(length)
        for span in laid:
            assert len(span.weights) == span.last - span.first
            assert (span.weights > 0).all()
            total[span.first : span.last] += span.weights
        assert_allclose(total, 1, atol=1e-7)  # float32 weights
        assert (laid[0].start, laid[-1].stop) == (0, length)
        assert all(span.start % stride == 0 for span in laid)
        assert all(span.stop - span.start == tile for span in laid[:-1])
        if len(laid) > 1:
            assert laid[-1].stop - laid[-1].start > tile - stride
        for span, after in pairwise(laid):
            assert span.stop - after.start >= overlap
            assert span.stop - span.last >= 3 * overlap // 8  # the edge that lacks context is not used
            assert after.first - after.start >= 3 * overlap // 8
        fewest = 1 + ceil(ceil(max(length - tile, 0) / stride) / ((tile - overlap) // stride))
        assert len(laid) == fewest


@pytest.mark.parametrize(
    ("tile", "overlap", "stride", "where"),
    [
        (64, 16, 0, "stride"),
        (60, 16, 8, "tile"),
        (0, 0, 8, "tile"),
        (64, -1, 8, "overlap"),
        (64, 57, 8, "overlap"),
        (64, 64, 1, "overlap"),
    ],
)
def test_grids_that_cannot_be_laid(tile: int, overlap: int, stride: int, where: str) -> None:
    with pytest.raises(OptionError) as caught:
        Tiling(tile, overlap, stride)
    assert caught.value.where == where


def test_another_tile_keeps_an_overlap_that_fits() -> None:
    assert Tiling(512, 128, 32).with_tile(256) == Tiling(256, 128, 32)
    assert Tiling(512, 128, 32).with_tile(128) == Tiling(128, 96, 32)
