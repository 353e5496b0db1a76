"""How large an image may be: decided by its header, in every reader; and what it takes to read one."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError, OptionError
from pixelwise.raster.bands import read_bands, read_stored
from pixelwise.raster.image import image_size, pixels_in, read_image, read_values
from pixelwise.raster.limits import DEFAULT, VARIABLE, PixelBudget, max_pixels
from pixelwise.raster.scan import Scan, is_scan

PLACE = (0.1, 0, 0, 0, -0.1, 50)
READERS = (read_image, read_values, image_size)
ONE_BAND = Bands((1,), (0.0,), (255.0,))


def png(path: Path, width: int, height: int, bits: int, kind: int, rows: bytes) -> Path:
    """A PNG by hand, of one row of bytes over and over."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(b"\0" + rows) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


def tiff(path: Path, data: bytes = b"", **changes: int | tuple[int, ...]) -> Path:
    """A TIFF by hand: 8-bit gray, 40 x 30, one strip, unless changed. A value of several is stored behind the tags."""
    numbers = {
        "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "offsets": 273,
        "samples": 277, "rows": 278, "counts": 279, "tile_width": 322, "tile_height": 323,
        "tile_offsets": 324, "tile_counts": 325, "planes": 284,
    }  # fmt: skip
    tags = {"width": 40, "height": 30, "bits": 8, "compression": 1, "photometric": 1, "samples": 1, "rows": 30}
    tags |= {"offsets": 8, "counts": len(data)} | changes
    entries, behind = [], b""
    start = 8 + len(data) + 2 + 12 * len(tags) + 4
    for number, value in sorted((numbers[name], value) for name, value in tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"<{len(values)}I", *values)
        content = packed if len(values) == 1 else struct.pack("<I", start + len(behind))
        behind += b"" if len(values) == 1 else packed
        entries.append(struct.pack("<HHI", number, 4, len(values)) + content)
    head = b"II" + struct.pack("<HI", 42, 8 + len(data))
    path.write_bytes(head + data + struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4) + behind)
    return path


def test_the_limit_is_that_of_the_largest_cameras_unless_the_variable_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert max_pixels() == DEFAULT == 268_435_456
    monkeypatch.setenv(VARIABLE, " 1000 ")
    assert max_pixels() == 1000
    monkeypatch.setenv(VARIABLE, "")
    assert max_pixels() == DEFAULT


@pytest.mark.parametrize("text", ["many", "0", "-5", "1e9", "1_000", "1,000", "2.5", "9" * 30])
def test_another_value_of_the_variable_is_an_error(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (4, 3)).save(tmp_path / "a.png")
    monkeypatch.setenv(VARIABLE, text)
    for read in READERS:
        with pytest.raises(OptionError, match=rf"PIXELWISE_MAX_PIXELS: found '{text}'; expected a whole number"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp", "webp", "ppm", "tga", "jp2", "tif"])
def test_every_reader_keeps_the_limit(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (40, 30), (9, 9, 9)).save(path)
    monkeypatch.setenv(VARIABLE, "1200")
    assert read_image(path).shape == (30, 40, 3)
    assert pixels_in(path) == 1200
    monkeypatch.setenv(VARIABLE, "1199")
    for read in READERS:
        with pytest.raises(
            ImageError, match=rf"a\.{ending}: found .*pixels.*; expected at most 1,199 pixels .*{VARIABLE}"
        ):
            read(path)
    assert pixels_in(path) == 0


@pytest.mark.parametrize("ending", ["png", "tif", "jp2", "img"])
def test_bands_keep_it_too(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rasterio")
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (40, 30)).save(path, format={"img": "TIFF", "jp2": "JPEG2000"}.get(ending))
    monkeypatch.setenv(VARIABLE, "1200")
    assert read_bands(path, ONE_BAND).shape == (30, 40, 1)
    monkeypatch.setenv(VARIABLE, "1199")
    for read in (lambda: read_bands(path, ONE_BAND), lambda: read_stored(path, ONE_BAND)):
        with pytest.raises(ImageError, match="expected at most 1,199 pixels"):
            read()


def test_deep_pixels_count_by_their_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "a.tif"
    form = {"driver": "GTiff", "tiled": True, "blockxsize": 16, "blockysize": 16, "transform": PLACE}
    with rasterio.open(path, "w", **form, width=40, height=30, count=1, dtype="float64") as file:
        file.write(np.ones((1, 30, 40)))
    monkeypatch.setenv(VARIABLE, "2400")
    assert read_stored(path, None).shape == (30, 40, 1)
    monkeypatch.setenv(VARIABLE, "2399")
    with pytest.raises(ImageError, match="found 1,200 pixels of 64 bits; expected at most 2,399 pixels of 32 bits"):
        read_stored(path, None)


def test_what_is_read_in_parts_is_bound_by_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasterio = pytest.importorskip("rasterio")
    values = np.random.default_rng(0).integers(0, 256, (1, 96, 80), np.uint8)
    for name, tiled in (("tiles", {"tiled": True, "blockxsize": 32, "blockysize": 32}), ("strip", {"blockysize": 96})):
        form = {"driver": "GTiff", "transform": PLACE, "width": 80, "height": 96, "count": 1, "dtype": "uint8"}
        with rasterio.open(tmp_path / f"{name}.tif", "w", **form, **tiled) as file:
            file.write(values)
    monkeypatch.setenv(VARIABLE, "1024")  # one tile
    with Scan(tmp_path / "tiles.tif", ONE_BAND) as scan:
        assert_array_equal(scan[slice(10, 20), slice(70, 80)][..., 0], values[0, 10:20, 70:80])
    with Scan(tmp_path / "tiles.tif") as scan:
        assert_array_equal(scan[slice(10, 20), slice(70, 80)].shape, (10, 10, 3))
    with pytest.raises(ImageError, match="found 7,680 pixels"):
        read_image(tmp_path / "tiles.tif")
    for bands in (None, ONE_BAND):
        with pytest.raises(ImageError, match=r"strip\.tif: found strips or tiles of 96 x 80 pixels of 8 bits"):
            Scan(tmp_path / "strip.tif", bands)


def test_a_large_chunk_of_a_zarr_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rasterio")
    path = tmp_path / "a.zarr"
    path.mkdir()
    (path / ".zarray").write_text(
        '{"zarr_format": 2, "shape": [64, 64], "chunks": [64, 64], "dtype": "|u1", "compressor": null,'
        ' "fill_value": 7, "order": "C", "filters": null}'
    )
    with Scan(path) as scan:
        assert (scan[slice(0, 2), slice(0, 2)] == 7).all()
    monkeypatch.setenv(VARIABLE, "4095")
    with pytest.raises(ImageError, match="found strips or tiles of 64 x 64 pixels"):
        Scan(path)


DAMAGED = [
    (
        {"height": 16_000, "rows": 16_000},
        "found a damaged or truncated TIFF: 640,000 bytes of pixels in 1,[0-9]+ of the file",
    ),
    ({"height": 6000}, "found a damaged TIFF: 1 strips or tiles for 6000 x 40 pixels; expected 200"),
    (
        {"width": 2**17, "height": 2**17, "rows": 2**17},
        "found (17,179,869,184 pixels|too many pixels|strips or tiles of 131,072 x)",
    ),
    ({"compression": 8, "height": 2**15, "rows": 2**15, "counts": 600}, "1,310,720 bytes of pixels in 600 of"),
    ({"compression": 32773, "height": 2**13, "rows": 2**13}, "327,680 bytes of pixels in 1,200 of"),
]


@pytest.mark.parametrize(("changes", "problem"), DAMAGED)
@pytest.mark.parametrize("rasterio", [True, False])
def test_a_size_that_the_file_cannot_hold_is_refused_by_the_header(
    changes: dict[str, int], problem: str, rasterio: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rasterio:
        pytest.importorskip("rasterio")
    else:
        for module in ("reader", "image", "scan"):
            monkeypatch.setattr(f"pixelwise.raster.{module}.has_rasterio", lambda: False)
    path = tiff(tmp_path / "a.tif", bytes(1200))
    assert_array_equal(read_image(path), np.zeros((30, 40, 3)))
    tiff(path, bytes(1200), **changes)
    for read in READERS:
        with pytest.raises(ImageError, match=problem):
            read(path)


def test_such_a_file_is_no_scan_either(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    path = tiff(tmp_path / "a.tif", bytes(1200), width=16_711_700, height=28, rows=1, offsets=(8,) * 28,
                counts=(40,) * 28, compression=8)  # fmt: skip
    assert is_scan(path)
    for bands in (None, ONE_BAND):
        with pytest.raises(ImageError, match="found a damaged or truncated TIFF: 16,711,700 bytes of pixels in 40 of"):
            Scan(path, bands)


def test_tiles_of_which_nothing_is_stored_are_zeros(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "sparse.tif"
    form = {"tiled": True, "blockxsize": 16, "blockysize": 16, "SPARSE_OK": True}
    with rasterio.open(
        path, "w", driver="GTiff", transform=PLACE, width=4096, height=4096, count=1, dtype="uint8", **form
    ) as file:
        file.write(np.full((1, 16, 16), 9, np.uint8), window=rasterio.windows.Window(16, 32, 16, 16))
    image = read_image(path)
    assert image[32:48, 16:32].min() == 9
    assert image.sum() == 9 * 16 * 16 * 3


@pytest.mark.parametrize("reader", [read_image, read_values])
def test_planes_of_no_samples_are_a_damaged_file(reader: Callable[[Path], object], tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", bytes(1200), samples=0, planes=2)
    with pytest.raises(ImageError, match=r"a\.tif"):
        reader(path)


def test_separate_planes_and_many_strips_are_whole(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    values = np.random.default_rng(0).integers(0, 256, (3, 50, 20), np.uint8)
    form = {"driver": "GTiff", "transform": PLACE, "width": 20, "height": 50, "count": 3, "dtype": "uint8"}
    for profile in ({"interleave": "band"}, {"interleave": "pixel"}, {"interleave": "band", "compress": "deflate"}):
        path = tmp_path / "a.tif"
        with rasterio.open(path, "w", **form, blockysize=7, photometric="RGB", **profile) as file:
            file.write(values)
        assert_array_equal(read_image(path), values.transpose(1, 2, 0))


def peak(code: str, *arguments: object, limit: int | None = None) -> float:
    """Return the GB that a process of this code takes at most."""
    lines = "import resource, sys\n" + code
    lines += "\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
    environment = {} if limit is None else {VARIABLE: str(limit)}
    done = subprocess.run(
        [sys.executable, "-c", lines, *map(str, arguments)], capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def test_reading_takes_little_more_than_the_pixels(tmp_path: Path) -> None:
    """8,192 squared in a bit each: 64 MB as gray levels; the whole pipeline holds four such at most."""
    path = png(tmp_path / "a.png", 8192, 8192, 1, 0, bytes(1024))
    assert path.stat().st_size < 100_000
    base = peak("import pixelwise.raster.bands, pixelwise.data.masks.statistics, pixelwise.data.item_check")
    mega = 8192**2 / 2**30
    image = (
        "from pathlib import Path; from pixelwise.raster.bands import read_stored; read_stored(Path(sys.argv[1]), None)"
    )
    assert peak(image, path) - base < 2.5 * mega
    look = "from pathlib import Path; from pixelwise.data.masks import statistics; "
    look += "print(statistics.collect_statistics([Path(sys.argv[1])]))"
    assert peak(look, path) - base < 3 * mega


def test_large_images_wait_for_their_turn() -> None:
    budget, most = PixelBudget(), max_pixels()
    held: list[int] = []
    peaks: list[int] = []

    def work(pixels: int) -> None:
        with budget.reserve(pixels):
            held.append(pixels)
            peaks.append(sum(held))
            time.sleep(0.01)
            held.remove(pixels)

    sizes = [most // 2, most // 2, most // 3, most, 2 * most, 10]
    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(peaks) == len(sizes)
    assert max(peaks) == 2 * most  # the one that is larger than the limit, alone
    assert sorted(peaks)[-2] <= most


def test_no_more_is_reserved_than_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.full((12, 16), 7, np.uint8)).save(path)
    content = path.read_bytes()
    start = content.index(b"IDAT") - 4
    path.write_bytes(content[:start] + struct.pack(">I", 2**31 - 1) + content[start + 4 :])  # data of 2 GiB, it says
    tracemalloc.start()
    try:
        assert (read_image(path) == 7).all()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**24


def test_the_sides_of_a_scan_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    path.mkdir()
    form = '{"zarr_format": 2, "shape": [12, 2000000000], "chunks": [12, 16], "dtype": "|u1", "compressor": null,'
    (path / ".zarray").write_text(f'{form} "fill_value": 0, "filters": null, "order": "C"}}')
    assert is_scan(path)
    with pytest.raises(ImageError, match=r"found 12 x 2,000,000,000 pixels; expected sides of at most 4,194,304"):
        Scan(path)
