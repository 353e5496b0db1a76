from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.errors import ImageError
from pixelwise.raster.image import image_size, is_jpeg, page_count, read_image, read_values
from pixelwise.raster.stack import located, page_path

PAGES = [np.random.default_rng(i).integers(0, 60_000, (3 + i, 5)).astype(np.uint16) for i in range(12)]
"""Pages of different heights, 16 bits deep."""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "a.TIF"
    first, *others = map(Image.fromarray, PAGES)
    first.save(path, format="TIFF", save_all=True, append_images=others)
    return path


def test_pages_are_read_by_their_paths(stack: Path) -> None:
    assert page_count(stack) == 12
    for i, page in enumerate(PAGES):
        path = page_path(stack, i)
        assert located(path) == (stack, i)
        assert image_size(path) == page.shape
        assert_array_equal(read_values(path), page)
        assert_array_equal(read_image(path)[..., 0], np.round(page / 65535 * 255))
        assert not is_jpeg(path)
    assert_array_equal(read_values(stack), PAGES[0])


def test_other_paths_are_files_of_one_image(stack: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tif").mkdir()
    Image.fromarray(PAGES[0]).save(tmp_path / "b.tif" / "7", format="PNG")
    folder_file = tmp_path / "b.tif" / "7"
    assert located(folder_file) == (folder_file, 0)
    assert located(stack) == (stack, 0)
    assert located(tmp_path / "none.tif" / "3") == (tmp_path / "none.tif" / "3", 0)
    assert page_count(folder_file) == 1
    assert_array_equal(read_values(folder_file), PAGES[0])


def test_a_page_that_is_not_there(stack: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.TIF/12: found a damaged or truncated image"):
        read_image(page_path(stack, 12))
    with pytest.raises(ImageError, match="no such file"):
        page_count(stack.with_name("none.tif"))
