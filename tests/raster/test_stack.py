from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.raster.depth import is_deep
from pixelwise.raster.image import frame_count, image_size, is_jpeg, page_count, read_image, read_values
from pixelwise.raster.stack import page_path, split_page

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
        assert split_page(path) == (stack, i)
        assert image_size(path) == page.shape
        assert_array_equal(read_values(path), page)
        assert_array_equal(read_image(path)[..., 0], np.round(page / 65535 * 255))
        assert not is_jpeg(path)
    assert_array_equal(read_values(stack), PAGES[0])


def test_other_paths_are_files_of_one_image(stack: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tif").mkdir()
    Image.fromarray(PAGES[0]).save(tmp_path / "b.tif" / "7", format="PNG")
    folder_file = tmp_path / "b.tif" / "7"
    assert split_page(folder_file) == (folder_file, 0)
    assert split_page(stack) == (stack, 0)
    assert split_page(tmp_path / "none.tif" / "3") == (tmp_path / "none.tif" / "3", 0)
    assert page_count(folder_file) == 1
    assert_array_equal(read_values(folder_file), PAGES[0])


def test_a_page_that_is_not_there(stack: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.TIF/12: found a damaged or truncated image"):
        read_image(page_path(stack, 12))
    with pytest.raises(ImageError, match="no such file"):
        page_count(stack.with_name("none.tif"))


FRAMES = [np.random.default_rng(i).integers(0, 2, (6, 7, 1)).repeat(3, 2).astype(np.uint8) * 255 for i in range(3)]
"""Black and white: no format of frames loses any of it."""


def animation(path: Path) -> Path:
    first, *others = map(Image.fromarray, FRAMES)
    first.save(path, save_all=True, append_images=others, **({"lossless": True} if path.suffix == ".webp" else {}))
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_frames_are_read_by_their_paths(tmp_path: Path, name: str) -> None:
    path = animation(tmp_path / name)
    assert frame_count(path) == 3
    assert_array_equal(read_image(path), FRAMES[0])
    for i, frame in enumerate(FRAMES):
        assert image_size(page_path(path, i)) == (6, 7)
        assert not is_deep(page_path(path, i))
        assert_array_equal(read_image(page_path(path, i)), frame)
    with pytest.raises(ImageError):
        read_image(page_path(path, 3))


def test_what_holds_one_picture_has_one_frame(tmp_path: Path) -> None:
    first, second = map(Image.fromarray, FRAMES[:2])
    for name in ("b.gif", "b.png", "b.webp", "b.jpg"):
        first.save(tmp_path / name)
        assert frame_count(tmp_path / name) == 1
    first.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[second], quality=95)
    with Image.open(tmp_path / "phone.jpg") as image:
        assert image.n_frames == 2  # as Pillow counts: the second is another view or a preview
    assert frame_count(tmp_path / "phone.jpg") == 1
    assert np.abs(read_image(tmp_path / "phone.jpg").astype(int) - FRAMES[0]).mean() < 30  # as JPEG keeps them
    (tmp_path / "c.gif").write_bytes(b"GIF89a")
    assert frame_count(tmp_path / "c.gif") == 1
    assert frame_count(tmp_path / "none.gif") == 1


def test_a_file_has_no_more_frames_than_fit_into_it(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.png")
    content = bytearray(path.read_bytes())
    start = content.index(b"acTL")
    content[start + 4 : start + 8] = (2**31 - 1).to_bytes(4, "big")
    content[start + 12 : start + 16] = zlib.crc32(content[start : start + 12]).to_bytes(4, "big")
    path.write_bytes(content)
    with Image.open(path) as image:
        assert image.n_frames == 2**31 - 1
    assert frame_count(path) == page_count(path) == 1
    assert_array_equal(read_image(path), FRAMES[0])
