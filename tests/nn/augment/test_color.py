"""Photometric change against the same arithmetic in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.nn.augment import color
from pixelwise.nn.augment.color import Color

UInt8 = npt.NDArray[np.uint8]
SIZE = (30, 40)
IDENTITY = (1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)


def image(seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)


def test_a_matrix_row_gives_a_channel() -> None:
    swapped = Color((0, 0, 1, 0, 0, 1, 0, 10, 0.5, 0, 0, 100), 1.0)
    pixel = np.array([[[100, 20, 30]]], np.uint8)
    assert color.on_image(pixel, swapped).tolist() == [[[30, 30, 150]]]


@pytest.mark.parametrize("key", range(5))
def test_a_drawn_matrix_equals_numpys_within_one_level(key: int) -> None:
    change = replace(color.draw(np.random.default_rng(key), SIZE), gamma=1.0)
    matrix = np.array(change.matrix).reshape(3, 4)
    expected = np.clip(image() @ matrix[:, :3].T + matrix[:, 3], 0, 255)
    assert_allclose(color.on_image(image(), change), expected, atol=1)


@pytest.mark.parametrize("gamma", [0.8, 1.0, 1.25])
def test_gamma_is_a_power_of_values_in_0_to_1(gamma: float) -> None:
    expected = 255 * (image() / 255) ** gamma
    assert_allclose(color.on_image(image(), Color(IDENTITY, gamma)), expected, atol=0.5001)


def test_no_strength_changes_nothing() -> None:
    assert_array_equal(color.on_image(image(), color.draw(np.random.default_rng(0), SIZE, 0.0)), image())


def test_draws_stay_in_their_ranges() -> None:
    """Contrast c turns around 128: its offset is 128 (1 - c). What else scales a gray is brightness and balance."""
    for key in range(300):
        change = color.draw(np.random.default_rng(key), SIZE)
        matrix = np.array(change.matrix).reshape(3, 4)
        contrast = 1 - matrix[:, 3] / 128
        assert np.ptp(contrast) == 0
        assert 0.8 <= contrast[0] <= 1.2
        on_gray = matrix[:, :3].sum(1) / contrast  # whatever the saturation
        assert (on_gray >= 0.7 * 0.94).all()
        assert (on_gray <= 1.3 * 1.06).all()
        assert np.exp(-0.2) <= change.gamma <= np.exp(0.2)


def test_saturation_mixes_each_channel_with_the_luminance() -> None:
    """Divided by its sum a row is s on its own channel plus (1 - s) of BT.601's weights, one s for all three."""
    for key in range(50):
        matrix = np.array(color.draw(np.random.default_rng(key), SIZE).matrix).reshape(3, 4)[:, :3]
        mix = matrix / matrix.sum(1, keepdims=True)
        saturation = mix[0, 0] - mix[1, 0]
        assert 0.7 <= saturation <= 1.3
        assert_allclose(mix - saturation * np.eye(3), (1 - saturation) * np.array([[0.299, 0.587, 0.114]] * 3))


def test_a_draw_follows_from_its_key() -> None:
    first, again, other = (color.draw(np.random.default_rng(key), SIZE) for key in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_image_stays_untouched() -> None:
    pixels = image()
    color.on_image(pixels, color.draw(np.random.default_rng(0), SIZE))[:] = 0
    assert_array_equal(pixels, image())
