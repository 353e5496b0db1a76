"""TIFFs in windows: what rasterio wrote is read part by part, and a label map keeps its place on earth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import ImageError
from pixelwise.raster import geotiff
from pixelwise.raster import scan as scans
from pixelwise.raster.image import read_image
from pixelwise.raster.scan import Scan, is_scan, write_label_map

PLACE = {"crs": "EPSG:25832", "transform": from_origin(500_000, 5_500_000, 0.5, 0.5)}
CLASSES = ClassMap(("water", "land"), ((0, 0, 200), (0, 200, 0)))


def write(path: Path, bands: np.ndarray, **form: Any) -> Path:
    count, height, width = bands.shape
    form = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": bands.dtype, **form}
    with rasterio.open(path, "w", **form) as file:
        file.write(bands)
    return path


def values(count: int, height: int = 40, width: int = 70, most: int = 255, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(count).integers(0, most + 1, (count, height, width)).astype(dtype)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"compress": "lzw"},
        {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 32},
        {"BIGTIFF": "YES", "interleave": "pixel"},
    ],
    ids=["striped", "lzw", "tiled", "big"],
)
def test_a_window_is_that_part_of_the_image(tmp_path: Path, form: dict[str, Any]) -> None:
    bands = values(3)
    with Scan(write(tmp_path / "a.tif", bands, **form, **PLACE)) as scan:
        assert (scan.shape, scan.ndim, scan.size) == ((40, 70, 3), 3, 40 * 70 * 3)
        part = scan[5:21, 30:70]
        assert part.dtype == np.uint8
        assert_array_equal(part, bands[:, 5:21, 30:70].transpose(1, 2, 0))


def test_gray_sixteen_bits_and_a_fourth_band_are_read_as_images_are(tmp_path: Path) -> None:
    gray = values(1, most=65535, dtype=np.uint16)
    with Scan(write(tmp_path / "gray.tif", gray, **PLACE)) as scan:
        assert_array_equal(scan[0:40, 0:70], read_image(tmp_path / "gray.tif"))
    four = values(4)
    with Scan(write(tmp_path / "four.tif", four, **PLACE)) as scan:
        assert_array_equal(scan[0:40, 0:70], four[:3].transpose(1, 2, 0))


def test_where_there_is_no_data(tmp_path: Path) -> None:
    bands = np.full((3, 4, 5), 9, np.uint8)
    bands[:, 1:3, 2] = 0
    with Scan(write(tmp_path / "a.tif", bands, nodata=0, **PLACE)) as scan:
        assert_array_equal(scan.blank((slice(0, 3), slice(1, 5))), [[0] * 4, [0, 1, 0, 0], [0, 1, 0, 0]])


def test_a_scan_is_a_large_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "placed.tif", values(3), **PLACE)
    Image.fromarray(values(3).transpose(1, 2, 0)).save(tmp_path / "photo.png")
    (tmp_path / "broken.tif").write_bytes(b"II*\0 and no more")
    names = ("placed.tif", "photo.png", "broken.tif")
    assert [is_scan(tmp_path / name) for name in names] == [False, False, False]
    monkeypatch.setattr(scans, "LARGE_PIXELS", 40 * 70)
    assert [is_scan(tmp_path / name) for name in names] == [True, False, False]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not is_scan(tmp_path / "placed.tif")


@pytest.mark.parametrize(("count", "dtype"), [(2, np.uint8), (5, np.uint16)])
def test_other_bands_are_named(tmp_path: Path, count: int, dtype: Any) -> None:
    path = write(tmp_path / "a.tif", values(count, dtype=dtype), **PLACE)
    found = rf"found {count} bands of {np.dtype(dtype).name}, each \d+x\d+ \(height x width\)"
    expected = rf"{found}; expected 1, 3 or 4 bands of one type. .*`bands"
    with pytest.raises(ImageError, match=expected):
        Scan(path)


def test_a_truncated_strip_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", values(3, height=400), compress="lzw", **PLACE)
    path.write_bytes(path.read_bytes()[:-20_000])
    with (
        Scan(path) as scan,
        pytest.raises(ImageError, match=r"a\.tif: found a file that cannot be read, damaged or truncated"),
    ):
        scan[0:400, 0:70]


def test_a_label_map_keeps_the_place_and_has_overviews_and_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geotiff, "BLOCK", 16)
    labels = values(1, most=1)[0]
    bands = np.full((3, 40, 70), 9, np.uint8)
    bands[:, 30:, :9] = 0
    with Scan(write(tmp_path / "a.tif", bands, nodata=0, **PLACE)) as scan:
        write_label_map(tmp_path / "out" / "b.tif", labels, scan, CLASSES)
    labels[30:, :9] = IGNORE_INDEX
    with rasterio.open(tmp_path / "out" / "b.tif") as file:
        assert_array_equal(file.read(1), labels)
        assert (file.crs, file.transform) == (rasterio.CRS.from_string(PLACE["crs"]), PLACE["transform"])
        assert (file.nodata, file.block_shapes, file.compression.name) == (IGNORE_INDEX, [(16, 16)], "deflate")
        assert file.overviews(1) == [2, 4, 8]
        assert [file.colormap(1)[index][:3] for index in (0, 1)] == list(CLASSES.colors)


def test_a_scan_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geotiff, "BLOCK", 16)
    blank = Scan.blank

    def failing(self: Scan, place: tuple[slice, slice]) -> Any:
        if place[0].start:
            raise ImageError(tmp_path, "a hole", "none", "Mend it.")
        return blank(self, place)

    monkeypatch.setattr(Scan, "blank", failing)
    with Scan(write(tmp_path / "a.tif", values(3), **PLACE)) as scan, pytest.raises(ImageError, match="a hole"):
        write_label_map(tmp_path / "out" / "b.tif", np.zeros((40, 70), np.uint8), scan, CLASSES)
    assert not list((tmp_path / "out").iterdir())
