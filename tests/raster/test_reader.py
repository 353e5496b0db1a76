"""Every n-th row and column of an image, as the page of the studio looks at large ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.raster.reader import GdalReader, PillowReader, open_reader


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("place", [(slice(0, 24), slice(0, 40)), (slice(4, 20), slice(8, 24))])
def test_every_fourth_pixel_of_a_turned_tiff(tmp_path: Path, orientation: int, place: tuple[slice, slice]) -> None:
    pytest.importorskip("rasterio")
    blocks = np.arange(60, dtype=np.uint8).reshape(6, 10)
    shown = np.kron(blocks, np.ones((4, 4), np.uint8))  # whichever pixel of a block is read, it has its value
    stored = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.T,
        6: shown.T[::-1],
        7: shown.T[::-1, ::-1],
        8: shown.T[:, ::-1],
    }[orientation]
    path = tmp_path / "a.tif"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, tiffinfo={274: orientation})
    with open_reader(path) as reader:
        assert isinstance(reader, GdalReader)
        whole = reader.read(place)[..., 0]
        assert_array_equal(reader.read_every(place, 4)[..., 0], whole[::4, ::4])
        assert whole.shape == (place[0].stop - place[0].start, place[1].stop - place[1].start)


def test_every_third_pixel_of_a_png(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    with open_reader(tmp_path / "a.png") as reader:
        assert isinstance(reader, PillowReader)
        assert_array_equal(reader.read_every((slice(2, 18), slice(1, 29)), 3), picture[2:18:3, 1:29:3])
