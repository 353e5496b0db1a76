from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import ImageError, ShapeError
from pixelwise.core.value_range import FULL
from pixelwise.raster.image import image_size, is_jpeg, read_image, read_values, write_png, write_tiff
from pixelwise.raster.limits import DEFAULT
from pixelwise.raster.reader import open_reader

RGB = np.random.default_rng(0).integers(0, 256, (4, 7, 3)).astype(np.uint8)
GRAY = RGB[..., 0]


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def png(path: Path, width: int, height: int, depth: int, kind: int, data: bytes) -> Path:
    """A PNG by hand: what Pillow cannot write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("extension", ["png", "tif", "bmp"])
def test_rgb_comes_back_exactly_and_can_be_written_to(tmp_path: Path, extension: str) -> None:
    image = read_image(saved(tmp_path / f"a.{extension}", Image.fromarray(RGB)))
    assert image.dtype == np.uint8
    assert image.flags.writeable
    assert_array_equal(image, RGB)


def test_gray_and_gray_with_alpha_fill_three_channels(tmp_path: Path) -> None:
    expected = np.stack([GRAY, GRAY, GRAY], axis=-1)
    gray = Image.fromarray(GRAY)
    with_alpha = Image.merge("LA", (gray, Image.new("L", gray.size, 9)))
    assert_array_equal(read_image(saved(tmp_path / "l.png", gray)), expected)
    assert_array_equal(read_image(saved(tmp_path / "la.png", with_alpha)), expected)


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    transparent = np.concatenate([RGB, np.zeros((4, 7, 1), np.uint8)], axis=-1)
    assert_array_equal(read_image(saved(tmp_path / "a.png", Image.fromarray(transparent))), RGB)


def test_a_palette_image_shows_its_colours_even_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    path = saved(tmp_path / "p.png", image, transparency=bytes([0, 128, 255]))
    assert_array_equal(read_image(path), [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]])


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    path = saved(tmp_path / "1.png", Image.fromarray(np.array([[True, False]])))
    assert_array_equal(read_image(path), [[[255] * 3, [0] * 3]])
    assert_array_equal(read_values(path), [[255, 0]])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    inks = Image.new("CMYK", (2, 1), (0, 255, 255, 0))  # no cyan, full magenta and yellow: red
    assert_array_equal(read_image(saved(tmp_path / "a.tif", inks)), [[[255, 0, 0]] * 2])


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_16_bit_gray_is_scaled_by_its_full_range(tmp_path: Path, extension: str) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65278, 65535]], np.uint16)
    path = saved(tmp_path / f"a.{extension}", Image.fromarray(values))
    expected = [round(value * 255 / 65535) for value in values[0].tolist()]
    assert expected == [0, 0, 1, 1, 128, 254, 255]
    assert_array_equal(read_image(path)[0], [[value] * 3 for value in expected])
    assert read_values(path).dtype == np.uint16
    assert_array_equal(read_values(path), values)


@pytest.mark.parametrize(("kind", "samples"), [(2, 3), (6, 4), (4, 2)])
def test_16_bits_of_a_png_are_read_whole(tmp_path: Path, kind: int, samples: int) -> None:
    values = np.random.default_rng(kind).integers(0, 2**16, (5, 3, samples))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path = png(tmp_path / "a.png", 3, 5, 16, kind, rows)
    expected = values[..., : 3 if samples > 2 else 1]
    with open_reader(path) as reader:
        assert_array_equal(reader.read_whole(), expected)
    assert_array_equal(read_image(path, FULL), np.broadcast_to(np.rint(expected / 257), (5, 3, 3)))


def test_12_bits_in_a_16_bit_file_are_read_as_12_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**12, (30, 40, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    image = read_image(png(tmp_path / "a.png", 40, 30, 16, 2, rows))
    assert_array_equal(image, np.rint(values * (255 / 4095)))


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, RGB),
        (2, RGB[:, ::-1]),
        (3, RGB[::-1, ::-1]),
        (4, RGB[::-1]),
        (5, RGB.transpose(1, 0, 2)),
        (6, np.rot90(RGB, -1)),
        (7, RGB[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(RGB, 1)),
    ],
)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int, turned: np.ndarray, extension: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"a.{extension}", Image.fromarray(RGB), exif=exif)
    assert_array_equal(read_image(path), turned)
    assert_array_equal(read_values(path), turned)
    assert image_size(path) == turned.shape[:2]


def test_a_rotated_jpeg_has_the_rotated_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.jpg", Image.fromarray(RGB), exif=exif)
    assert read_image(path).shape == (7, 4, 3)
    assert image_size(path) == (7, 4)


def test_damaged_exif_does_not_spoil_an_image(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.fromarray(RGB), exif=b"Exif\0\0not a directory of tags")
    assert read_image(path).shape == RGB.shape


@pytest.mark.parametrize("shape", [(1, 1), (8, 50_000), (50_000, 8)])
def test_extreme_sizes(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(np.full(shape, 3, np.uint8)))
    assert image_size(path) == shape
    assert_array_equal(read_image(path), np.full((*shape, 3), 3))


@pytest.mark.parametrize("width", [16_385, 60_000])  # just beyond the limit, and beyond Pillow's own last limit
def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path, width: int) -> None:
    path = png(tmp_path / "a.png", width, width, 8, 0, b"")
    assert width * width > DEFAULT
    for read in (read_image, read_values, image_size):
        with pytest.raises(ImageError, match=r"pixels; expected at most 268,435,456"):
            read(path)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    text = tmp_path / "a.png"
    text.write_text("not an image")
    for path, problem in ((tmp_path / "b.png", "no such file"), (tmp_path, "a directory"), (text, "no image")):
        with pytest.raises(ImageError, match=problem) as caught:
            read_image(path)
        assert caught.value.where == str(path)


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "bmp"])
def test_a_truncated_file_is_never_half_an_image(tmp_path: Path, extension: str) -> None:
    whole = saved(tmp_path / f"a.{extension}", Image.fromarray(np.tile(RGB, (5, 5, 1)))).read_bytes()
    short = tmp_path / f"b.{extension}"
    for share in (0.0, 0.02, 0.3, 0.6, 0.9):
        short.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ImageError):
            read_image(short)


def test_floats_are_read_as_images_and_refused_as_labels(tmp_path: Path) -> None:
    floats = saved(tmp_path / "f.tif", Image.fromarray(np.array([[0, 0.5, 1]], np.float32)))
    deep = saved(tmp_path / "i.tif", Image.fromarray(np.array([[0, 70_000]], np.int32)))
    assert_array_equal(read_image(floats)[..., 0], [[0, 128, 255]])
    assert_array_equal(read_image(deep)[..., 0], [[0, round(70_000 * 255 / (2**18 - 1))]])
    with pytest.raises(ImageError, match="floating-point"):
        read_values(floats)
    assert_array_equal(read_values(deep), [[0, 70_000]])


def test_palette_values_are_indices_not_colours(tmp_path: Path) -> None:
    indices = np.array([[0, 2, 1], [255, 0, 2]], np.uint8)
    palette = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
    path = tmp_path / "deep" / "a.png"
    write_png(path, indices, palette)
    with Image.open(path) as image:
        assert image.mode == "P"
    assert_array_equal(read_values(path), indices)
    assert_array_equal(read_image(path), palette[indices])


@pytest.mark.parametrize("array", [GRAY, RGB, GRAY.astype(np.uint16) * 200])
def test_write_png_keeps_every_value(tmp_path: Path, array: np.ndarray) -> None:
    write_png(tmp_path / "a.png", array)
    stored = read_values(tmp_path / "a.png")
    assert stored.dtype == array.dtype
    assert_array_equal(stored, array)


@pytest.mark.parametrize(
    ("array", "palette"),
    [
        (np.zeros((2, 2), np.float32), None),
        (np.zeros((2, 2, 4), np.uint8), None),
        (np.zeros(2, np.uint8), None),
        (np.zeros((0, 2), np.uint8), None),
        (np.zeros((2, 2), np.uint16), np.zeros((256, 3), np.uint8)),
        (np.zeros((2, 2), np.uint8), np.zeros((257, 3), np.uint8)),
    ],
)
def test_write_png_refuses_other_arrays(tmp_path: Path, array: np.ndarray, palette: np.ndarray | None) -> None:
    with pytest.raises(ShapeError):
        write_png(tmp_path / "a.png", array, palette)
    assert not (tmp_path / "a.png").exists()


def test_jpeg_is_told_by_content(tmp_path: Path) -> None:
    disguised = saved(tmp_path / "a.png", Image.fromarray(RGB), format="JPEG")
    honest = saved(tmp_path / "b.png", Image.fromarray(RGB))
    assert [is_jpeg(disguised), is_jpeg(honest), is_jpeg(tmp_path / "none.png")] == [True, False, False]


def test_write_tiff_keeps_every_value(tmp_path: Path) -> None:
    array = np.array([[0, 1, 65536], [2**31 - 1, 7, 8]], np.int32)
    write_tiff(tmp_path / "a.tif", array)
    assert_array_equal(read_values(tmp_path / "a.tif"), array)
    pages = np.arange(30, dtype=np.uint16).reshape(2, 3, 5) * 2000
    write_tiff(tmp_path / "pages.tif", pages)
    with Image.open(tmp_path / "pages.tif") as written:
        assert_array_equal(np.asarray(written), pages[0])
        written.seek(1)
        assert_array_equal(np.asarray(written), pages[1])
    for other in (array.astype(np.int64), array[0], array[:0], pages[0], pages[:0]):
        with pytest.raises(ShapeError, match="int32"):
            write_tiff(tmp_path / "b.tif", other)
    assert not (tmp_path / "b.tif").exists()
