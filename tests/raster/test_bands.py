"""Bands of files: what is read, the range that is measured, and files that have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError, MissingDependencyError
from pixelwise.raster import gdal
from pixelwise.raster.bands import band_size, bands_file, measure_bands, read_bands
from pixelwise.raster.scan import Scan

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write(path: Path, values: np.ndarray, **form: object) -> Path:
    count, height, width = values.shape
    kind = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype}
    with rasterio.open(path, "w", **kind, **form) as file:
        file.write(values)
    return path


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3000, (6, 40, 50)).astype(np.uint16)


def test_bands_come_in_the_order_asked_for(values: np.ndarray, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", values)
    bands = Bands((6, 2), (0.0, 1000.0), (2550.0, 1255.0))
    expected = [values[5] / 10, values[1].astype(float) - 1000]
    assert_array_equal(read_bands(path, bands), np.rint(np.clip(expected, 0, 255)).astype(np.uint8).transpose(1, 2, 0))
    assert band_size(path) == (40, 50)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pages_that_hold_a_band_each_are_bands(values: np.ndarray, tmp_path: Path, dtype: type) -> None:
    pages = [Image.fromarray(page) for page in (values // 12).astype(dtype)]
    small = Image.fromarray(np.zeros((5, 5), dtype))  # such as a thumbnail
    pages[0].save(tmp_path / "a&b.tif", save_all=True, append_images=[*pages[1:3], small, *pages[3:]])
    bands = Bands((6, 2), (0.0, 0.0), (255.0, 255.0))
    assert_array_equal(read_bands(tmp_path / "a&b.tif", bands), (values // 12)[[5, 1]].transpose(1, 2, 0))
    with Scan(tmp_path / "a&b.tif", bands) as scan:
        assert_array_equal(scan[3:10, 20:50], (values // 12)[[5, 1], 3:10, 20:50].transpose(1, 2, 0))


def test_pages_keep_their_place_and_where_they_hold_nothing(values: np.ndarray, tmp_path: Path) -> None:
    first = {"crs": "EPSG:32632", "transform": rasterio.transform.from_origin(500_000, 5_000_000, 10, 10), "nodata": 7}
    values[:, :4] = 7
    path = write(tmp_path / "a.tif", values[:1], **first)
    with rasterio.open(path) as file:
        place = file.crs, file.transform
    write(path, values[1:2], **first, APPEND_SUBDATASET="YES")
    with bands_file(path) as file:
        assert (file.count, file.nodata, file.crs, file.transform) == (2, 7, *place)
        assert_array_equal(file.read(), values[:2])


def test_bytes_of_any_file_stay(tmp_path: Path) -> None:
    rgba = np.random.default_rng(1).integers(0, 256, (20, 30, 4), np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    bands = measure_bands([tmp_path / "a.png"], (4, 1))
    assert bands == Bands((4, 1), (0.0, 0.0), (255.0, 255.0))
    assert_array_equal(read_bands(tmp_path / "a.png", bands), rgba[..., [3, 0]])


def test_a_range_is_that_of_most_values_of_all_files(values: np.ndarray, tmp_path: Path) -> None:
    other = values + 1000
    paths = [write(tmp_path / "a.tif", values), write(tmp_path / "b.tif", other)]
    bands = measure_bands(paths, (3,))
    both = np.concatenate([values[2], other[2]])
    assert_allclose((bands.low[0], bands.high[0]), np.percentile(both, (1, 99)))


def test_pixels_without_data_say_nothing_and_are_black(values: np.ndarray, tmp_path: Path) -> None:
    values[:, :20] = 65535
    bands = measure_bands([write(tmp_path / "a.tif", values, nodata=65535)], (1, 2))
    assert max(bands.high) < 3000
    image = read_bands(tmp_path / "a.tif", bands)
    assert not image[:20].any()
    assert image[20:].mean() > 100


def test_files_that_cannot_be_read_are_passed_over_while_one_can(values: np.ndarray, tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a.tif", values), tmp_path / "b.tif"
    bad.write_text("no TIFF")
    assert measure_bands([bad, good], (1,)) == measure_bands([good], (1,))
    with pytest.raises(ImageError, match=r"b\.tif: found a .*damaged or truncated"):
        measure_bands([bad, bad], (1,))


def test_a_file_with_too_few_bands_is_named(values: np.ndarray, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", values)
    with pytest.raises(ImageError, match=r"a\.tif: found 6 bands of .*; expected 7 or more"):
        read_bands(path, Bands((1, 7), (0.0, 0.0), (1.0, 1.0)))


def test_animations_give_the_bands_of_their_first_frame_or_are_named(tmp_path: Path) -> None:
    """GDAL reads the first frame of a PNG, and nothing of a WebP of several frames."""
    frames = np.random.default_rng(0).integers(0, 255, (3, 6, 8, 3)).astype(np.uint8)
    first, *others = map(Image.fromarray, frames)
    bands = Bands((3, 1), (0.0, 0.0), (255.0, 255.0))
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    assert_array_equal(read_bands(tmp_path / "a.png", bands), frames[0][..., [2, 0]])
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, lossless=True)
    with pytest.raises(ImageError, match=r"found an animation of 3 frames.*Save each of its frames as a file"):
        read_bands(tmp_path / "a.webp", bands)


def test_a_truncated_file_is_named(values: np.ndarray, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", values)
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(ImageError, match=r"a\.tif: found a .*damaged or truncated"):
        read_bands(path, Bands((6,), (0.0,), (1.0,)))


def test_without_rasterio_it_says_what_to_install(
    values: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.tif", values)
    monkeypatch.setattr(gdal.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'pixelwise\[geo\]'"):
        read_bands(path, Bands((1,), (0.0,), (1.0,)))
