"""The order of labelled pixels, and how a limit is shared."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.pixel_samples import LabelledPixels, checked_pixels, order_pixels, share_limit


def pixels(counts: list[int], seed: int = 0) -> LabelledPixels:
    """Return different pixels, so many of each class."""
    places = np.random.default_rng(seed).permutation(10_000)[: sum(counts)].astype(np.int32)
    return LabelledPixels(places // 100, places % 100, np.repeat(np.arange(len(counts), dtype=np.uint8), counts))


def test_any_beginning_has_as_many_of_each_class() -> None:
    ordered = order_pixels(pixels([500, 3, 40]), seed=0, limit=10_000)
    assert len(ordered) == 543
    assert np.bincount(ordered.class_indices[:9]).tolist() == [3, 3, 3]
    assert np.bincount(ordered.class_indices[:63]).tolist() == [30, 3, 30]
    assert len(order_pixels(pixels([500, 3, 40]), seed=0, limit=100)) == 100


def test_a_beginning_is_spread() -> None:
    """The mean place of 200 of 4,000 pixels is near the middle: 2.9 rows are one and a half standard errors."""
    ordered = order_pixels(
        LabelledPixels(*np.divmod(np.arange(4000, dtype=np.int32), 40), np.zeros(4000, np.uint8)), 1, 200
    )
    assert abs(ordered.rows.mean() - 49.5) < 6
    assert abs(ordered.columns.mean() - 19.5) < 2.5


def test_further_pixels_leave_the_order_of_the_others() -> None:
    more = pixels([300, 300])
    fewer = more.select(np.arange(600) % 3 > 0)
    both = order_pixels(more, 5, 600)
    places = {(row, column) for row, column in zip(fewer.rows.tolist(), fewer.columns.tolist(), strict=True)}
    remaining = both.select(
        np.array([pair in places for pair in zip(both.rows.tolist(), both.columns.tolist(), strict=True)])
    )
    alone = order_pixels(fewer, 5, 600)
    for index in (0, 1):
        one, other = (part.select(part.class_indices == index) for part in (remaining, alone))
        assert one.equals(other)


def test_pixels_are_found_by_their_places() -> None:
    some = LabelledPixels(*(np.array(values, np.int32) for values in ([3, 0, 3], [1, 2, 0])), np.zeros(3, np.uint8))
    others = LabelledPixels(
        *(np.array(values, np.int32) for values in ([0, 3, 1, 9], [2, 1, 3, 9])), np.ones(4, np.uint8)
    )
    assert some.find(others).tolist() == [1, 0, -1, -1]
    assert some.select(slice(0)).find(others).tolist() == [-1] * 4


def test_the_order_depends_on_the_seed() -> None:
    assert not order_pixels(pixels([100]), 0, 100).equals(order_pixels(pixels([100]), 1, 100))


def test_a_limit_is_shared_by_groups() -> None:
    assert share_limit([5, 5], 10) == 5
    assert share_limit([8, 1, 8], 10) == 4
    assert share_limit([9] * 20, 10) == 1
    assert share_limit([], 10) == 1


def test_pixels_without_a_label_are_left_out() -> None:
    checked = checked_pixels([1, 2, 3], [4, 5, 6], [0, 255, 1], (4, 7), 2)
    assert_array_equal(checked.rows, [1, 3])
    assert_array_equal(checked.class_indices, [0, 1])
    assert len(checked_pixels([], [], [], (4, 7), 2)) == 0


def test_pixels_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="a pixel outside the image"):
        checked_pixels([4], [0], [0], (4, 7), 2)
    with pytest.raises(OptionError, match="a pixel outside the image"):
        checked_pixels([0], [-1], [0], (4, 7), 2)
    with pytest.raises(OptionError, match="the class 2; expected 0 to 1, or 255"):
        checked_pixels([0], [0], [2], (4, 7), 2)
    with pytest.raises(ShapeError, match="three arrays"):
        checked_pixels([0, 1], [0], [1], (4, 7), 2)
    with pytest.raises(ShapeError, match="whole numbers"):
        checked_pixels([0.5], [0], [1], (4, 7), 2)
