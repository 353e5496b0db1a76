"""Superpixels follow edges, are connected and of the size that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.instances.parts import connected_regions
from pixelwise.labels.superpixels import superpixels


def picture() -> tuple[np.ndarray, np.ndarray]:
    """Noisy blobs of two colours, and which pixels are of the first."""
    rng = np.random.default_rng(0)
    first = ndimage.gaussian_filter(rng.random((150, 203)), 9) > 0.5
    image = np.where(first[..., None], (150, 60, 60), (60, 140, 60)) + rng.normal(0, 6, (150, 203, 3))
    return image.clip(0, 255).astype(np.uint8), first


def test_regions_are_connected_numbered_and_of_the_size_asked_for() -> None:
    image, _ = picture()
    regions = superpixels(image, size=12)
    assert regions.dtype == np.int32
    areas = np.bincount(regions.ravel())
    assert areas[0] == 0
    assert areas[1:].min() >= 36
    assert 72 < areas[1:].mean() < 288
    assert connected_regions(regions)[1] == regions.max()


def test_regions_end_at_edges() -> None:
    """Each pixel with the class of most of its region: at most 1.5 % are wrong, where a plain grid has several times
    that."""
    image, first = picture()

    def wrong(regions: np.ndarray) -> float:
        share = ndimage.mean(first, regions, np.arange(1, regions.max() + 1))
        return float(((share > 0.5)[regions - 1] != first).mean())

    rows, columns = np.mgrid[:150, :203] // 12
    assert wrong(superpixels(image, size=12)) < 0.015
    assert wrong(rows * 17 + columns + 1) > 0.04


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 3), (33, 40)])
@pytest.mark.parametrize("channels", [(), (1,), (5,)])
def test_images_of_any_size_and_channels(size: tuple[int, int], channels: tuple[int, ...]) -> None:
    regions = superpixels(np.full((*size, *channels), 9, np.uint8))
    assert regions.shape == size
    assert set(np.unique(regions)) == set(range(1, regions.max() + 1))


def test_what_is_no_image() -> None:
    with pytest.raises(ShapeError):
        superpixels(np.zeros((0, 4), np.uint8))
    with pytest.raises(OptionError, match="size: found 1"):
        superpixels(np.zeros((4, 4), np.uint8), size=1)
    with pytest.raises(OptionError, match="compactness: found 0"):
        superpixels(np.zeros((4, 4), np.uint8), compactness=0)
