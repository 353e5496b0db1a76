from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError
from pixelwise.raster.axes import count_unread, describe_other_axes, describe_reading, page_bands
from pixelwise.raster.bands import read_stored
from pixelwise.raster.reader import open_reader
from pixelwise.raster.stack import page_path

tifffile = pytest.importorskip("tifffile")
DOUBTFUL = [
    ((200, 5), "contig", "an image of 90x200 (height x width) with 5 bands, (height, width, bands)"),
    ((5, 200), "separate", "an image of 200x90 (height x width) with 5 bands, (bands, height, width)"),
]


@pytest.mark.parametrize(("size", "planar", "image"), DOUBTFUL)
def test_bands_of_a_page_that_may_be_an_axis_of_the_image(
    tmp_path: Path, size: tuple[int, int], planar: str, image: str
) -> None:
    """An array (bands, 200, 90) or (90, 200, bands) that was written with the wrong planar configuration."""
    path = tmp_path / "a.tif"
    wrong = {"contig": "separate", "separate": "contig"}[planar]
    array = np.zeros((90, *size) if planar == "contig" else (*size, 90), np.uint8)
    tifffile.imwrite(path, array, photometric="minisblack", planarconfig=wrong)
    with pytest.raises(ImageError) as caught, open_reader(path):
        pass
    assert caught.value.found == f"90 bands of uint8, each {size[0]}x{size[1]} (height x width)"
    remedy = f"If it is {image}, write it again with `planarconfig='{planar}'` of tifffile."
    assert caught.value.remedy.startswith(remedy)
    assert describe_other_axes(5, (90, 200), are_pages=False) is None
    reading = f"read as 90 bands of {size[0]}x{size[1]} (height x width). {remedy}"
    assert describe_reading(path) == reading


def test_lines_of_bands_may_be_pages() -> None:
    text = describe_other_axes(200, (5, 300), are_pages=True) or ""
    assert text.startswith("If it is an image of 200x300 (height x width) with 5 bands, (height, bands, width), ")


def test_pages_are_bands_where_each_has_one(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 30, 40), np.uint16), photometric="minisblack")
    assert page_bands(tmp_path / "a.tif") == (4, (30, 40))
    assert (count_unread(tmp_path / "a.tif"), count_unread(tmp_path / "a.tif", as_bands=True)) == (3, 0)
    assert count_unread(page_path(tmp_path / "a.tif", 2)) == 0
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 30, 40, 3), np.uint8), photometric="rgb")
    assert page_bands(tmp_path / "b.tif") is describe_reading(tmp_path / "b.tif") is None
    assert count_unread(tmp_path / "b.tif", as_bands=True) == 3
    tifffile.imwrite(
        tmp_path / "c.tif", np.zeros((30, 40, 5), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    assert (page_bands(tmp_path / "c.tif"), count_unread(tmp_path / "c.tif")) == (None, 0)


def test_frames_are_unread_whatever_is_asked(tmp_path: Path) -> None:
    first, *others = (Image.fromarray(np.full((6, 7), 80 * i, np.uint8)) for i in range(3))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    first.save(tmp_path / "b.gif")
    assert [count_unread(tmp_path / "a.gif", as_bands=as_bands) for as_bands in (False, True)] == [2, 2]
    assert count_unread(tmp_path / "b.gif") == count_unread(tmp_path / "none.gif") == 0


def test_contiguous_bands_are_read_as_height_width_bands(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (30, 40, 5)).astype(np.uint8)
    bands = Bands((1, 2, 3, 4, 5), (0.0,) * 5, (255.0,) * 5)
    for planar, values in (("contig", array), ("separate", np.moveaxis(array, -1, 0))):
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", planarconfig=planar)
        np.testing.assert_array_equal(read_stored(tmp_path / "a.tif", bands), array)
