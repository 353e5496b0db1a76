"""Photometric change against the same arithmetic in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.augment import color
from pixelwise.augment.color import Color

UInt8 = npt.NDArray[np.uint8]
IDENTITY = (1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)


def image(seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)


def test_a_matrix_row_gives_a_channel() -> None:
    swapped = Color((0, 0, 1, 0, 0, 1, 0, 10, 0.5, 0, 0, 100), 1.0)
    pixel = np.array([[[100, 20, 30]]], np.uint8)
    assert color.on_image(pixel, swapped).tolist() == [[[30, 30, 150]]]


@pytest.mark.parametrize("key", range(5))
def test_a_drawn_matrix_equals_numpys_within_one_level(key: int) -> None:
    change = replace(color.draw(np.random.default_rng(key)), gamma=1.0)
    matrix = np.array(change.matrix).reshape(3, 4)
    expected = np.clip(image() @ matrix[:, :3].T + matrix[:, 3], 0, 255)
    assert_allclose(color.on_image(image(), change), expected, atol=1)


@pytest.mark.parametrize("gamma", [0.8, 1.0, 1.25])
def test_gamma_is_a_power_of_values_in_0_to_1(gamma: float) -> None:
    expected = 255 * (image() / 255) ** gamma
    assert_allclose(color.on_image(image(), Color(IDENTITY, gamma)), expected, atol=0.5001)


def test_no_strength_changes_nothing() -> None:
    assert_array_equal(color.on_image(image(), color.draw(np.random.default_rng(0), 0.0)), image())


def test_draws_stay_in_their_ranges() -> None:
    for key in range(300):
        change = color.draw(np.random.default_rng(key))
        matrix = np.array(change.matrix).reshape(3, 4)
        on_gray = matrix[:, :3].sum(1)  # contrast * brightness * balance, whatever the saturation
        assert (on_gray >= 0.7 * 0.7 * 0.94).all()
        assert (on_gray <= 1.3 * 1.3 * 1.06).all()
        assert np.ptp(matrix[:, 3]) == 0
        assert abs(matrix[0, 3]) <= 0.3 * 128
        assert np.exp(-0.2) <= change.gamma <= np.exp(0.2)


def test_contrast_alone_leaves_middle_gray_where_it_is() -> None:
    """Offset 128 (1 - contrast) and gain contrast on gray cancel at 128; brightness and balance are divided out."""
    for key in range(20):
        rng = np.random.default_rng(key)
        brightness, contrast, _ = 1 + rng.uniform(-0.3, 0.3, 3)
        balance = 1 + rng.uniform(-0.06, 0.06, 3)
        matrix = np.array(color.draw(np.random.default_rng(key)).matrix).reshape(3, 4)
        gray = matrix[:, :3].sum(1) / (brightness * balance) * 128 + matrix[:, 3]
        assert_allclose(gray, 128)
        assert_allclose(matrix[:, 3], 128 * (1 - contrast))


def test_a_draw_follows_from_its_key() -> None:
    first, again, other = (color.draw(np.random.default_rng(key)) for key in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_image_stays_untouched() -> None:
    pixels = image()
    color.on_image(pixels, color.draw(np.random.default_rng(0)))[:] = 0
    assert_array_equal(pixels, image())
