"""Test-time scales and tiles worked out by hand."""

from __future__ import annotations

import pytest

from pixelwise.training.planning import defaults
from pixelwise.training.planning.tiles import choose_test_scales, fit_tiles, remove_tta, tile_and_overlap


@pytest.mark.parametrize(
    ("magnifications", "tile", "overlap"),
    [((1.0,), 1536, 512), ((1.25,), 1408, 384), ((1.25, 1.75), 1024, 384), ((2.25, 2.75), 640, 256)],
)
def test_tiles_are_as_large_enlarged_and_share_as_much(
    magnifications: tuple[float, ...], tile: int, overlap: int
) -> None:
    assert tile_and_overlap(magnifications) == (tile, overlap)
    assert tile * max(magnifications) <= 1792
    assert overlap * min(magnifications) >= 480


@pytest.mark.parametrize("scales", [(1.0,), (1.25,), (1.25, 1.75), (3.0,)])
def test_tiles_suit_every_stride_and_overlap(scales: tuple[float, ...]) -> None:
    run = fit_tiles(defaults.RECIPE.replace(magnifications=scales))
    for stride in (8, 16, 32, 64):
        assert run.tile % stride == 0
        assert 0 < run.overlap <= run.tile - stride


@pytest.mark.parametrize(
    ("image_scale", "minutes", "scales"),
    [
        (1.5, 10.0, (1.5,)),
        (544 * 736 / 512**2, None, (1.5,)),  # in quarters
        (1.0, 10.0, (1.25,)),
        (1.0, 20.0, (1.0, 1.5)),
        (2.5, 30.0, (2.25, 2.75)),
    ],
)
def test_long_waits_are_worth_two_test_time_scales(
    image_scale: float, minutes: float | None, scales: tuple[float, ...]
) -> None:
    assert choose_test_scales(image_scale, minutes) == scales


def test_on_sparse_labels_ten_minutes_are_enough_for_two() -> None:
    assert choose_test_scales(1.5, 9.0, is_sparse=True) == (1.5,)
    assert choose_test_scales(1.5, 10.0, is_sparse=True) == (1.25, 1.75)


def test_without_tta_an_image_is_predicted_once() -> None:
    plain = remove_tta(defaults.RECIPE.replace(magnifications=(2.25, 2.75), rotate=True))
    assert (plain.magnifications, plain.flip_axes) == ((1.0,), ())
    assert (plain.tile, plain.overlap) == (1536, 512)
