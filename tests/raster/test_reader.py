"""Every n-th row and column of an image, as the page of the studio looks at large ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.raster.reader import GdalReader, PillowReader, open_reader
from pixelwise.raster.tiff import read_page


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


@pytest.mark.parametrize(("bits", "form", "is_indexed"), [(8, 1, True), (16, 1, True), (32, 1, False), (16, 2, False)])
def test_a_palette_needs_whole_numbers_of_up_to_16_bits(
    tmp_path: Path, bits: int, form: int, *, is_indexed: bool
) -> None:
    values = np.arange(4).astype(f"<u{bits // 8}").tobytes()
    colors = np.arange(3 * 256).astype("<u2").tobytes()
    numbers = {
        256: 2,
        257: 2,
        258: bits,
        259: 1,
        262: 3,
        273: 8,
        277: 1,
        278: 2,
        279: len(values),
        320: 8 + len(values),
    }
    entries = b"".join(
        struct.pack("<HHII", tag, *((3, 768) if tag == 320 else (4, 1)), value) for tag, value in numbers.items()
    )
    entries += struct.pack("<HHII", 339, 4, 1, form)
    start = 8 + len(values) + len(colors)
    head = b"II" + struct.pack("<HI", 42, start) + values + colors + struct.pack("<H", len(numbers) + 1)
    path = tmp_path / "a.tif"
    path.write_bytes(head + entries + bytes(4))
    page = read_page(path)
    assert page is not None
    assert (page.palette is not None) == is_indexed
