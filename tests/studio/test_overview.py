"""Large images whose files have no overviews: coarse and true at first, exact in the end."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.labels.project_images import ImageRecord
from pixelwise.raster.reader import ImageReader, open_reader
from pixelwise.studio import overview, pictures
from pixelwise.studio.overview import Glimpse, Overview, take_glimpse

rasterio = pytest.importorskip("rasterio")
PLACE = rasterio.Affine(0.5, 0, 0, 0, -0.5, 0)
SIZE = (640, 900)


def write(path: Path, values: np.ndarray, **form: object) -> None:
    height, width, count = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype="uint8",
        compress="deflate",
        transform=PLACE,
        **form,
    ) as file:
        file.write(values.transpose(2, 0, 1))


def ramp() -> np.ndarray:
    """Return an image that grows darker to the right in red, and downwards in green."""
    rows, columns = np.indices(SIZE)
    return np.stack([columns // 4, rows // 4, 0 * rows], axis=2).astype(np.uint8)


@pytest.fixture(
    params=[{"blockysize": 8}, {"tiled": True, "blockxsize": 64, "blockysize": 64}], ids=["strips", "tiles"]
)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "large.tif"
    write(path, ramp(), **request.param)
    return path


def test_a_glimpse_has_the_nearest_pixels_that_it_knows() -> None:
    glimpse = Glimpse(np.array([2, 10]), np.array([0, 4, 5]), np.arange(6).reshape(2, 3, 1))
    values = glimpse.read(np.array([0, 5, 7, 99]), np.array([1, 3, 9]))
    assert_array_equal(values[..., 0], [[0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]])


def test_a_glimpse_decodes_few_blocks_and_is_near_the_truth(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_BLOCKS", 36)
    decoded: set[tuple[int, int]] = set()
    with open_reader(file) as reader:
        assert reader.block is not None
        read = reader.read

        def count(place: tuple[slice, slice]) -> np.ndarray:
            decoded.add((place[0].start, place[1].start))
            return read(place)

        reader.read = count  # type: ignore[method-assign]
        glimpse = take_glimpse(reader, seconds=10)
    assert 30 <= len(decoded) <= 37
    rows, columns = np.arange(0, SIZE[0], 8), np.arange(0, SIZE[1], 8)
    difference = glimpse.read(rows, columns).astype(int) - ramp()[::8, ::8]
    assert np.abs(difference).mean() < 4  # a gap of 64 pixels at most lies between two blocks
    assert np.abs(difference).max() <= 32


def test_an_overview_becomes_exact_from_the_top_down(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "BAND_BYTES", 64 * SIZE[1] * 3)
    monkeypatch.setattr(overview, "TOLD_SECONDS", 0)
    whole = slice(0, SIZE[0]), slice(0, SIZE[1])
    told: list[float] = []
    with open_reader(file) as reader:
        growing = Overview(file, reader, tmp_path / "cache" / "overview.npy")
    assert growing.read_every(whole, 8)[1] == 0
    growing.complete(lambda: len(told) == 3, told.append)
    assert told == [0.1, 0.2, 0.3]
    values, share = growing.read_every(whole, 8)
    assert share == 0.3
    assert_array_equal(values[:24], ramp()[:192:8, ::8])
    values, share = growing.read_every((slice(0, 128), slice(64, 320)), 4)
    assert share == 1
    assert_array_equal(values, ramp()[:128:4, 64:320:4])
    growing.complete(lambda: False, told.append)
    assert told[-1] == growing.share == 1
    with open_reader(file) as reader:
        again = Overview(file, reader, tmp_path / "cache" / "overview.npy")
    for later in (growing, again):
        values, share = later.read_every(whole, 16)
        assert share == 1
        assert_array_equal(values, ramp()[::16, ::16])


def test_tiles_are_coarse_and_then_sharp(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sharp tile is what it is of a file that is read at once, and the only one that is stored."""
    monkeypatch.setattr(pictures, "SLOW_PIXELS", 1000)
    monkeypatch.setattr(pictures, "full_box", lambda size, level, row, column: (0, 0, *size))
    shares: list[float] = []
    seen = pictures.Pictures(
        [ImageRecord("a", file, SIZE)], tmp_path / "cache", lambda number, share: shares.append(share)
    )
    key = seen.thumbnail_key(0)
    hold = seen._worker._condition  # so that the background waits
    with hold:
        first = seen.tile(0, (3, 0, 0), (1, 99))
        assert first is not None
        assert first.share == 0
        assert seen.thumbnail(0).share in (0, 1)  # of a smaller step, which is read at once
        assert seen.thumbnail_key(0) != key
    end = time.monotonic() + 20
    while seen.thumbnail_key(0) != key:
        assert time.monotonic() < end
        time.sleep(0.01)
    last = seen.tile(0, (3, 0, 0), (1, 99))
    assert last is not None
    assert last.share == shares[-1] == 1
    assert seen.thumbnail_key(0) == key
    picture = np.asarray(Image.open(io.BytesIO(last.content))).astype(int)
    expected = ramp()[: 8 * (SIZE[0] // 8), : 8 * (SIZE[1] // 8)].astype(int)
    means = sum(expected[down::8, across::8] for down in (0, 4) for across in (0, 4)) / 4
    assert np.abs(picture[: means.shape[0], : means.shape[1], :2] - means[..., :2]).mean() < 3  # JPEG
    seen.close()
    assert seen.tile(0, (3, 0, 0), (1, 99)) == last


def test_files_with_overviews_and_small_ones_need_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "with.tif"
    write(path, ramp(), blockysize=8)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    seen = pictures.Pictures([ImageRecord("a", path, SIZE)], tmp_path / "cache")
    for most in (1000, 10**9):
        monkeypatch.setattr(pictures, "SLOW_PIXELS", most)
        with open_reader(path) as reader:
            assert isinstance(reader, ImageReader)
            assert reader.has_overviews
            assert seen._overview(0, reader) is None
