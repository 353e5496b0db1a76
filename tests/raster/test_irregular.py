"""What is no regular file is refused by name, and nobody waits for it."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.files import open_regular, read_json_object, special_file_kind
from pixelwise.raster.bands import band_size, measure_bands, read_bands
from pixelwise.raster.depth import is_deep, measure_range
from pixelwise.raster.image import image_mode, image_size, is_jpeg, orientation_of, page_count, read_image, read_values
from pixelwise.raster.place import place_of
from pixelwise.raster.reader import open_reader
from pixelwise.raster.scan import Scan, is_scan
from pixelwise.raster.tiff import count_pages, image_pages, read_page

BANDS = Bands((1,), (0.0,), (255.0,))
NAMES = ("a.png", "a.tif", "a.jpg")


@pytest.fixture(params=["a named pipe", "a socket", "a device"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """What stands there, in words, and what puts it at a path."""
    with socket.socket(socket.AF_UNIX) as endpoint:

        def put(path: Path) -> None:
            if request.param == "a named pipe":
                os.mkfifo(path)
            elif request.param == "a socket":
                os.chdir(path.parent)  # names of sockets are short
                endpoint.bind(path.name)
            else:
                path.symlink_to("/dev/zero")

        before = os.getcwd()
        yield request.param, put
        os.chdir(before)


def within(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the `PixelwiseError` it raises; fail where it waits."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except PixelwiseError as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(5)
    assert results, "it waits"
    return results[0]


@pytest.mark.parametrize("name", NAMES)
def test_readers_name_it(special: tuple[str, Callable[[Path], None]], name: str, tmp_path: Path) -> None:
    kind, put = special
    path = tmp_path / name
    put(path)
    assert special_file_kind(path) == kind
    readers = [read_image, read_values, image_size, image_mode, open_reader]
    if pytest.importorskip("rasterio"):
        readers += [lambda path: read_bands(path, BANDS), band_size, Scan]
    for read in readers:
        error = within(lambda read=read: read(path))
        assert isinstance(error, ImageError)
        assert error.found == kind
        assert error.where == str(path)


@pytest.mark.parametrize("name", NAMES)
def test_those_that_only_look_pass_over_it(
    special: tuple[str, Callable[[Path], None]], name: str, tmp_path: Path
) -> None:
    _, put = special
    path = tmp_path / name
    put(path)
    looks: list[tuple[Callable[[Path], Any], Any]] = [
        (is_jpeg, False), (is_deep, False), (is_scan, False), (place_of, None), (read_page, None),
        (count_pages, 0), (image_pages, ()), (read_json_object, {}), (lambda path: measure_range([path]), None),
    ]  # fmt: skip
    for look, expected in looks:
        assert within(lambda look=look: look(path)) == expected
    assert isinstance(within(lambda: page_count(path)), ImageError)
    assert isinstance(within(lambda: orientation_of(path)), ImageError)
    assert isinstance(within(lambda: measure_bands([path], [1])), ImageError)
    with pytest.raises(OSError, match="not a file"):
        open_regular(path)


def test_a_pipe_beside_an_image_that_gdal_would_open_is_named(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    path = tmp_path / "a.tif"
    Image.new("L", (5, 4)).save(path)
    for ending in (".aux.xml", ".ovr", ".msk"):
        os.mkfifo(tmp_path / f"a.tif{ending}")
        error = within(lambda: read_image(path))
        assert error.where.endswith(f"a.tif{ending}")
        assert "found a named pipe; expected a file. Remove it" in str(error)
        (tmp_path / f"a.tif{ending}").unlink()
    assert read_image(path).shape == (4, 5, 3)


def test_links_to_files_are_followed_and_a_directory_is_named(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.uint8).reshape(4, 5)
    (tmp_path / "kept").mkdir()
    Image.fromarray(values).save(tmp_path / "kept" / "b.png")
    (tmp_path / "a.png").symlink_to(tmp_path / "kept" / "b.png")
    assert special_file_kind(tmp_path / "a.png") is None
    assert_array_equal(read_values(tmp_path / "a.png"), values)
    assert special_file_kind(tmp_path / "none.png") is None
    shutil.rmtree(tmp_path / "kept")
    with pytest.raises(ImageError, match="no such file"):
        read_values(tmp_path / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="found a directory"):
        read_values(tmp_path / "folder.png")
