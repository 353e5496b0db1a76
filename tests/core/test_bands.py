"""Bands: which values become 0 and 255, and what are no numbers of bands."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.bands import Bands, parse_bands
from pixelwise.core.errors import OptionError


def test_values_are_spread_and_cut_off() -> None:
    bands = Bands((4, 1), (100.0, -1.0), (200.0, 1.0))
    values = np.array([[[0, 100, 150, 200, 900]], [[-1, 0, 1, 2, np.nan]]], np.float64)
    scaled = bands.scale(values)
    assert scaled.dtype == np.uint8
    assert_array_equal(scaled, [[[0, 0], [0, 128], [128, 255], [255, 255], [255, 0]]])  # 127.5 rounds to the even 128


def test_plain_bytes_stay() -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 9), np.uint8)
    scaled = Bands((1, 2, 3, 4, 5), (0.0,) * 5, (255.0,) * 5).scale(values)
    assert_array_equal(scaled, values.transpose(1, 2, 0))
    assert scaled.flags.c_contiguous


def test_a_band_of_one_value_is_black() -> None:
    assert_array_equal(Bands((1,), (7.0,), (7.0,)).scale(np.full((1, 2, 2), 7, np.uint16)), np.zeros((2, 2, 1)))


def test_numbers_are_read() -> None:
    assert parse_bands("4, 3,2") == (4, 3, 2)


@pytest.mark.parametrize("text", ["", "red", "0,1", "1,1", "1,,2", ",".join(map(str, range(1, 66)))])
def test_what_are_no_numbers_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"bands: found .* expected 1 to 64 different bands, counted from 1"):
        parse_bands(text)


@pytest.mark.parametrize(("low", "high"), [((0.0,), (1.0, 1.0)), ((0.0, float("nan")), (1.0, 1.0))])
def test_ranges_are_finite_and_one_a_band(low: tuple[float, ...], high: tuple[float, ...]) -> None:
    with pytest.raises(OptionError, match="expected 2 finite values each"):
        Bands((1, 2), low, high)
