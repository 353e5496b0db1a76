"""Which values of deep images become 0 and 255: those of the training set, else what a file suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.raster.depth import estimate_range, is_deep, measure_range
from pixelwise.raster.image import read_image

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def saved(path: Path, values: np.ndarray) -> Path:
    if values.ndim == 2 and values.dtype in (np.uint8, np.uint16):
        Image.fromarray(values).save(path)
        return path
    bands = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    count, height, width = bands.shape
    with rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype) as file:
        file.write(bands)
    return path


def nuclei(seed: int) -> np.ndarray:
    """A dim micrograph, float64: background at 0, nuclei up to 1, with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    image = 0.1 + rng.normal(0, 0.02, (64, 64))
    for row, column in rng.integers(8, 56, (6, 2)):
        image += 0.7 * ((rows - row) ** 2 + (columns - column) ** 2 < 36)
    return np.clip(image, 0, 1)


@pytest.mark.parametrize(("low", "high", "dtype"), [(33_010, 33_900, "uint16"), (-500, 1_500, "int16"),
                                                     (0, 3_000_000_000, "uint32"), (-1.5, 2.5, "float32"),
                                                     (1e-4, 3e-4, "float64")])  # fmt: skip
def test_dim_images_are_those_that_were_stretched_before(tmp_path: Path, low: float, high: float, dtype: str) -> None:
    """Stored with a narrow range they come out as the same pictures with 8 bits do, to 2 levels: noise is cut off at
    the percentiles."""
    pictures = [nuclei(seed) for seed in range(5)]
    paths = []
    for number, picture in enumerate(pictures):
        values = low + (high - low) * picture
        values = values.astype(dtype) if dtype.startswith("float") else np.rint(values).astype(dtype)
        paths.append(saved(tmp_path / f"{number}.tif", values))
    measured = measure_range(paths)
    assert measured is not None
    ends = np.percentile(pictures, (0.1, 99.9))
    for picture, path in zip(pictures, paths, strict=True):
        stretched = np.rint(np.clip((picture - ends[0]) / (ends[1] - ends[0]), 0, 1) * 255)
        assert_allclose(read_image(path, measured)[..., 0], stretched, atol=2)


def test_a_hot_pixel_changes_nothing(tmp_path: Path) -> None:
    values = np.rint(200 + 3_000 * nuclei(0)).astype(np.uint16)
    hot = values.copy()
    hot[3, 4] = hot[40, 41] = 65_535
    (one,) = [measure_range([saved(tmp_path / "a.tif", values)])]
    (two,) = [measure_range([saved(tmp_path / "b.tif", hot)])]
    assert one is not None
    assert two is not None
    assert_allclose(two.high, one.high, rtol=0.02)
    assert (
        estimate_range(hot.reshape(-1, 1)) == estimate_range(values.reshape(-1, 1)) == ValueRange((0,) * 3, (4095,) * 3)
    )


def test_the_range_is_of_each_channel(tmp_path: Path) -> None:
    values = np.stack([np.tile(np.linspace(0, top, 100), (50, 1)) for top in (1_000, 2_000, 4_000)], axis=2)
    measured = measure_range([saved(tmp_path / "a.tif", values.astype(np.uint16))])
    assert measured is not None
    assert_allclose(measured.high, (1_000, 2_000, 4_000), rtol=0.01)
    assert_array_equal(np.ptp(read_image(tmp_path / "a.tif", measured), axis=(0, 1)), [255] * 3)


def test_pictures_of_16_bits_keep_all_of_them(tmp_path: Path) -> None:
    """Both times they look as the same picture of 8 bits does: times 257, however dark, and with half of all values."""
    dark = np.random.default_rng(0).integers(0, 60, (50, 60)).astype(np.uint16)
    bright = np.random.default_rng(0).integers(0, 2**16, (50, 60)).astype(np.uint16)
    for values in (dark * 257, bright):
        path = saved(tmp_path / "a.png", values)
        assert measure_range([path]) == FULL
        assert_array_equal(read_image(path)[..., 0], np.rint(values / 257))


def test_8_bits_have_no_range_and_stay_as_they_are(tmp_path: Path) -> None:
    gray = np.arange(100, dtype=np.uint8).reshape(10, 10)
    path = saved(tmp_path / "a.png", gray)
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    assert measure_range([path, tmp_path / "broken.tif", tmp_path / "none.png"]) is None
    assert_array_equal(read_image(path, ValueRange((5,) * 3, (9,) * 3))[..., 1], gray)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (np.arange(200, dtype=np.uint16), 0, 255),  # 8 bits in 16
        (np.arange(1_000, dtype=np.uint16), 0, 1_023),  # 10 bits
        (np.arange(4_000, dtype=np.int16), 0, 4_095),  # 12 bits in signed numbers
        (np.arange(70_000, dtype=np.uint32), 0, 2**18 - 1),
        (np.linspace(0, 1, 500, dtype=np.float32), 0, 1),
        (np.linspace(0, 200, 500), 0, 255),
        (np.zeros(500, np.uint16), 0, 255),
    ],
)
def test_a_file_suggests_its_bits(values: Any, low: float, high: float) -> None:
    estimate = estimate_range(values.reshape(-1, 1))
    assert estimate == (FULL if not values.any() and high == 65535 else ValueRange((low,) * 3, (high,) * 3))


def test_few_values_and_negative_ones_are_spread_over_what_they_take() -> None:
    for values in (np.linspace(33_010, 33_900, 2_000).astype(np.uint16), np.linspace(-900, 1_200, 2_000)):
        estimate = estimate_range(values.reshape(-1, 1))
        assert_allclose((estimate.low[0], estimate.high[0]), np.percentile(values, (0.1, 99.9)))


def test_no_data_does_not_count(tmp_path: Path) -> None:
    values = np.linspace(10, 20, 2_500, dtype=np.float32).reshape(1, 50, 50)
    values[0, :20] = -9999
    form = {"driver": "GTiff", "count": 1, "height": 50, "width": 50, "dtype": "float32", "nodata": -9999}
    with rasterio.open(tmp_path / "a.tif", "w", **form) as file:
        file.write(values)
    measured = measure_range([tmp_path / "a.tif"])
    assert measured is not None
    assert 13 < measured.low[0] < measured.high[0] <= 20
    assert not read_image(tmp_path / "a.tif", measured)[:20].any()


def test_the_header_tells_depth(tmp_path: Path) -> None:
    deep = np.zeros((3, 4), np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    Image.fromarray(deep.astype(np.uint8)).save(tmp_path / "b.png")
    Image.fromarray(deep).save(tmp_path / "c.tif")
    Image.fromarray(deep.astype(np.uint8)).save(tmp_path / "d.jpg")
    (tmp_path / "e.ppm").write_bytes(b"P5\n# a camera\n1 1\n4095\n" + bytes(2))
    (tmp_path / "f.ppm").write_bytes(b"P6\n1 1\n255\n" + bytes(3))
    depths = {path.name: is_deep(path) for path in sorted(tmp_path.iterdir())}
    assert depths == {"a.png": True, "b.png": False, "c.tif": True, "d.jpg": False, "e.ppm": True, "f.ppm": False}
