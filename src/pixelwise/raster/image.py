"""Reading and writing image files through Pillow: photos as viewers show them, masks as they are stored."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pixelwise.core.errors import ImageError, PixelwiseError, ShapeError
from pixelwise.core.files import open_regular, write_atomically
from pixelwise.core.lookup import rows_of
from pixelwise.core.value_range import ValueRange
from pixelwise.raster.drivers import PILLOW_LIMIT, open_pillow
from pixelwise.raster.gdal import has_rasterio, image_errors, open_file
from pixelwise.raster.limits import require_moderate, require_parts, require_whole_index, size_error
from pixelwise.raster.stack import STACK_ENDINGS, split_page
from pixelwise.raster.tiff import Page, count_pages, read_page

UInt8 = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]

IMAGE_ENDINGS = (
    *(".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tga", ".tif", ".tiff", ".webp"),
)
"""Endings of image files, in lower case."""

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_GRAY_ALPHA = 4
ANIMATED_STARTS = (b"GIF8", PNG_START, b"RIFF")
"""The first bytes of files that may hold an animation: GIF, PNG, WebP."""
LEAST_FRAME_BYTES = 12
"""No frame of an animation takes fewer bytes of its file."""
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that swap height and width."""


def read_image(path: Path, value_range: ValueRange | None = None) -> UInt8:
    """Return the image as viewers show it, uint8 (height, width, 3) RGB. The EXIF rotation is applied, and transparency
    is dropped.

    Gray, palette, 1-bit, inverted ("minimum is white") and CMYK images become RGB. Values of more than 8 bits are
    spread over 0..255 by `value_range`, by default by a range estimated from the file (see `depth.estimate_range`). Of
    several pages or frames the first is read; the others have paths of their own (see `stack`). Raises `ImageError` for
    a file that is missing, no image, damaged or truncated, or too large to be read whole (see `limits`).
    """
    from pixelwise.raster.depth import range_of  # which reads images through this module
    from pixelwise.raster.reader import open_reader

    with open_reader(path) as reader:
        values = reader.read_whole()
        return (value_range or range_of(reader)).scale(values)


def read_values(path: Path) -> Values:
    """Return the values that a mask file stores, rotated by its EXIF orientation.

    Parameters
    ----------
    path
        A file, or a page of a stack.

    Returns
    -------
    numpy.ndarray
        For gray and palette files (height, width): uint8 with the indices of a palette, 0 and 255 of a 1-bit file, or
        the grays of a GIF; uint16 or int32 for deeper files. For all other files uint8 (height, width, 3) RGB, without
        transparency.

    Raises
    ------
    ImageError
        The file is missing, is no image, is too large, or stores floating-point numbers.

    Examples
    --------
    >>> from pathlib import Path
    >>> values = read_values(Path("photos/train/masks/0.png"))
    >>> values.shape, values.dtype
    ((64, 96), dtype('uint8'))
    """
    return read_values_and_palette(path)[0]


def read_values_and_palette(path: Path) -> tuple[Values, UInt8 | None]:
    """Return the values of `read_values` and, for a palette file, its colours, uint8 (n, 3), otherwise `None`."""
    try:
        image = _load(path)
    except ImageError:
        values = _values_by_gdal(path)
        if values is None:
            raise
        return values, None
    if image.mode == "F":
        remedy = "Save the labels as whole numbers of 8 or 16 bits."
        raise ImageError(path, "floating-point pixels", "8- or 16-bit pixels", remedy)
    if image.mode == "1":
        return _array(image, "L"), None
    if image.mode == "P" and image.format == "GIF":  # whose writers number colours differently in every file
        rgb = _array(image, "RGB")
        if all((rgb[rows] == rgb[rows, :, :1]).all() for rows in rows_of(rgb.shape)):
            return rgb[..., 0].copy(), None
    if image.mode == "L":
        return _array(image), None
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return _array(image), palette
    if image.mode == "LA":
        return _array(image), None
    if image.mode == "I":
        return _array(image).astype(np.int32, copy=False), None
    if image.mode.startswith("I"):
        return _array(image).astype(np.uint16, copy=False), None
    return _array(image, "RGB"), None


def image_size(path: Path) -> tuple[int, int]:
    """Return the size of an image as it is shown, after its EXIF orientation. Only the header is read.

    EXIF data that follows the pixels, which PNG allows, is not used.

    Parameters
    ----------
    path
        A file, or a page of a stack.

    Returns
    -------
    tuple of int
        (height, width) in pixels.

    Raises
    ------
    ImageError
        The file is missing, is no image, or is too large.

    Examples
    --------
    >>> from pathlib import Path
    >>> image_size(Path("photos/train/images/0.png"))
    (64, 96)
    """
    page = tiff_page(path)
    if page is not None:
        require_moderate(path, page.size[0] * page.size[1])
        require_whole_index(path)
        return page.size
    with _open(path) as image:
        width, height = image.size
        if image.format == "TIFF":  # Pillow has rotated it already
            return height, width
        return (width, height) if _orientation(image) in _TURNED else (height, width)


def pixels_in(path: Path) -> int:
    """Return the number of pixels that a file states; 0 if its header cannot be read."""
    try:
        height, width = image_size(path)
    except ImageError:
        return 0
    return height * width


def image_mode(path: Path) -> str:
    """Return Pillow's mode of an image, from its header. Raises as `image_size`."""
    with _open(path) as image:
        return str(image.mode)


def orientation_of(path: Path) -> int:
    """Return the EXIF orientation of an image, 1..8, from its header; 1 if it states none. Raises as `image_size`."""
    page = tiff_page(path)
    if page is not None:
        return page.orientation
    if os.path.isdir(path):  # a Zarr
        return 1
    with _open(path) as image:
        orientation = _orientation(image)
        return orientation if orientation in range(1, 9) else 1


def _orientation(image: Image.Image) -> int:
    # The method of the base class; PNG's decodes the whole image first.
    return int(Image.Image.getexif(image).get(ExifTags.Base.Orientation) or 1)


def page_count(path: Path) -> int:
    """Return the number of images in a file, 1 for most; raises `ImageError` as `image_size` does."""
    file, _ = split_page(path)
    if pages := count_pages(file) if file.suffix.lower() in STACK_ENDINGS else 0:
        return pages
    with _open(path) as image:
        return _count_frames(image, file)


def frame_count(path: Path) -> int:
    """Return how many frames an animated GIF, PNG or WebP has; 1 for any other file, and for a damaged one. Further
    pictures that cameras store in a JPEG (MPO), such as previews, do not count.
    """
    try:
        with open_regular(path) as file:
            if not file.read(len(PNG_START)).startswith(ANIMATED_STARTS):
                return 1
        with _open(path) as image:
            return _count_frames(image, path)
    except (ImageError, OSError, ValueError):
        return 1


def _count_frames(image: Image.Image, file: Path) -> int:
    """Return how many frames an opened image has; 1 where its header declares more than the file can hold."""
    frames = int(getattr(image, "n_frames", 1))
    return frames if frames * LEAST_FRAME_BYTES <= file.stat().st_size else 1


def tiff_page(path: Path) -> Page | None:
    """Return the header of a TIFF, or of a page of one; `None` for another file or a damaged one."""
    file, number = split_page(path)
    return read_page(file, number) if file.suffix.lower() in STACK_ENDINGS else None


def is_jpeg(path: Path) -> bool:
    """Return whether the file starts like a JPEG file, whatever its name; `False` if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(3) == JPEG_START
    except (OSError, ValueError):  # no such file, or an impossible name
        return False


def write_png(path: Path, array: UInt8 | npt.NDArray[np.uint16], palette: UInt8 | None = None) -> None:
    """Write a PNG, whole or not at all. array: uint8 (height, width), gray, or indices into `palette`, uint8 (n, 3)
    with n <= 256; uint8 (height, width, 3), RGB; or uint16 (height, width), 16-bit gray. Raises `ShapeError` for any
    other array, and `OutputError` if the file cannot be written.
    """
    kind = (array.dtype.name, array.shape[2:])
    gray = kind == ("uint8", ())
    if array.ndim < 2 or 0 in array.shape or kind not in (("uint8", ()), ("uint8", (3,)), ("uint16", ())):
        expected = "uint8 (height, width), uint8 (height, width, 3) or uint16 (height, width)"
        raise ShapeError("array", f"{array.dtype} {array.shape}", expected, "Convert the array first.")
    if palette is not None and not (gray and palette.shape[1:] == (3,) and len(palette) <= 256):
        found = f"a palette of shape {palette.shape} for {array.dtype} {array.shape}"
        raise ShapeError("palette", found, "(n, 3), n <= 256, for a uint8 (height, width) array", "Leave it out.")
    image = Image.fromarray(array)
    if palette is not None:
        image.putpalette(palette.astype(np.uint8).tobytes())
    # Label maps consist of runs of one value. Encoding only runs takes a sixth of the time, and makes smaller files.
    packing = {"compress_type": zlib.Z_RLE} if gray else {}
    with write_atomically(path) as temporary:
        image.save(temporary, format="PNG", **packing)


def write_tiff(path: Path, array: npt.NDArray[np.int32] | npt.NDArray[np.uint16]) -> None:
    """Write int32 (height, width) as a TIFF of 32 bits a pixel, or uint16 (pages, height, width) as one of 16 bits,
    compressed, whole or not at all. Raises `ShapeError` for any other array, and `OutputError` if the file cannot be
    written.
    """
    if (array.dtype.name, array.ndim) not in (("int32", 2), ("uint16", 3)) or 0 in array.shape:
        expected = "int32 (height, width) or uint16 (pages, height, width)"
        raise ShapeError("array", f"{array.dtype} {array.shape}", expected, "Convert the array first.")
    first, *others = map(Image.fromarray, array if array.ndim == 3 else [array])
    with write_atomically(path) as temporary:
        first.save(temporary, format="TIFF", compression="tiff_adobe_deflate", save_all=True, append_images=others)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Yield the image with its header read; Pillow's errors during its use become `ImageError`."""
    file, page = split_page(path)
    try:
        with open_pillow(file, path) as image:
            if page:
                if image.format != "TIFF":  # pages have sizes of their own; frames are decoded by seeking to them
                    require_moderate(path, image.width * image.height)
                image.seek(page)
            require_moderate(path, image.width * image.height)
            if image.format == "TIFF":
                require_whole_index(path)
            yield image
    except PixelwiseError:
        raise
    except FileNotFoundError as error:
        raise ImageError(path, "no such file", "an image file", "Check the path.") from error
    except PermissionError as error:
        remedy = "Check the path and its permissions."
        raise ImageError(path, "a file that may not be read", "an image file", remedy) from error
    except UnidentifiedImageError as error:
        remedy = "Save it as PNG or JPEG, or leave the file out."
        raise ImageError(path, "a file that is no image or is damaged", "a PNG, JPEG, TIFF ...", remedy) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise size_error(path, "too many pixels") from error
    except MemoryError as error:
        remedy = "Close other programs, scale the image down, or leave it out."
        raise ImageError(path, "an image that does not fit into the memory", "one that does", remedy) from error
    except Exception as error:  # for damaged files Pillow's readers raise errors of many kinds
        found = f"a damaged or truncated image ({error})"
        raise ImageError(path, found, "a complete image", "Copy or export it again, or leave it out.") from error


def _load(path: Path) -> Image.Image:
    with _open(path) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return image


def decode(path: Path, page: Page | None) -> Values:
    """Return the stored values that Pillow reads, (height, width, 1) for a gray image, else (height, width, 3). `page`
    is the header of a TIFF. Raises `ImageError` as `read_image` does.
    """
    image = _load(path)
    if image.mode in ("L", "LA", "La", "RGB", "RGBA", "RGBX", "RGBa") and _bits(path, page) == 16:
        high = _array(image, dtype=np.uint16)
        del image  # before the file is decoded again
        return _sixteen_bits(path, high)
    if image.mode.startswith("I") or image.mode == "F":
        values = _array(image)[..., None]
        if page is not None:
            return page.as_seen(values.astype(page.dtype, copy=False))
        # PNG and PNM have no more than 16 bits.
        return values.astype(np.float32 if image.mode == "F" else np.uint16, copy=False)
    if image.mode in ("1", "L", "LA", "La"):
        return _array(image, "L" if image.mode == "1" else None)[..., None]
    return _array(image, "RGB")


def _array(image: Image.Image, mode: str | None = None, dtype: type[np.generic] | None = None) -> Values:
    """Return the pixels of a loaded image, optionally converted to another mode and dtype, (height, width), or (height,
    width, 3) for RGB; an alpha channel is dropped. This is done some rows at a time, since Pillow and numpy would hold
    three copies of the whole image.
    """
    values: Values | None = None
    for rows, strip in _strips(image, mode):
        if values is None:
            values = np.empty((image.height, *strip.shape[1:]), dtype or strip.dtype)
        values[rows] = strip
    return np.empty((image.height, image.width), np.uint8) if values is None else values


def _strips(image: Image.Image, mode: str | None = None) -> Iterator[tuple[slice, Values]]:
    """Yield rows of a loaded image, each with its pixels as `_array` has them."""
    image.info.pop("transparency", None)
    for rows in rows_of((image.height, image.width)):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        pixels = np.asarray(strip if mode in (None, image.mode) else strip.convert(mode))
        yield rows, pixels if pixels.ndim == 2 else pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]


def _bits(path: Path, page: Page | None) -> int:
    """Return the bits of a channel in TIFF and PNG, of which Pillow may return fewer; 8 for other formats."""
    if page is not None:
        return page.bits
    with open_regular(split_page(path)[0]) as file:
        head = file.read(26)
    return head[24] if head.startswith(PNG_START) and len(head) == 26 else 8


def _sixteen_bits(path: Path, values: Values) -> Values:
    """Return 16-bit values, (height, width, 1 or 3), of which Pillow returned only the high bytes, `values`, uint16.

    When the file is read with the byte order reversed, Pillow returns the low bytes. A PNG of gray and alpha is read as
    8-bit red, green, blue and alpha, which have the same bytes.
    """
    with open_regular(split_page(path)[0]) as file:
        head = file.read(26)
    if head.startswith(PNG_START) and head[25] == PNG_GRAY_ALPHA:
        return _gray_and_alpha(path)
    with _open(path) as image:
        any_image: Any = image
        any_image.tile = [_swap_byte_order(tile) for tile in any_image.tile]
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        values <<= 8
        for rows, low in _strips(image):
            values[rows] |= low
    return values if values.ndim == 3 else values[..., None]


def _swap_byte_order(tile: Any) -> Any:
    swapped = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
    codec, box, offset, form = tile[:4]
    raw = form if isinstance(form, str) else form[0]
    raw = raw[:-1] + swapped[raw[-1]]
    return type(tile)(codec, box, offset, raw if isinstance(form, str) else (raw, *form[1:]))


def _gray_and_alpha(path: Path) -> Values:
    data = bytearray(path.read_bytes())
    data[24:26] = bytes([8, 6])
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with PILLOW_LIMIT.raised(), Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        pairs = _array(image)
    return (pairs[..., 0].astype(np.uint16) << 8 | pairs[..., 1])[..., None]


def _values_by_gdal(path: Path) -> Values | None:
    """Return the stored values of a TIFF that Pillow does not read; `None` if GDAL does not read it either, or if they
    are floats."""
    page = tiff_page(path)
    if page is None or not page.is_plain or not has_rasterio():
        return None
    from pixelwise.raster.reader import TURNS, apply_turn

    file, number = split_page(path)
    require_whole_index(path)
    require_moderate(path, page.size[0] * page.size[1])
    with image_errors(path), open_file(f"GTIFF_DIR:{number + 1}:{file}" if number else file) as source:
        require_parts(path, source)
        values: Values = apply_turn(source.read().transpose(1, 2, 0), TURNS[page.orientation])
    if values.dtype.kind == "f":
        return None
    if values.shape[2] < 3:
        return values[..., 0] if values.dtype in (np.uint8, np.uint16) else values[..., 0].astype(np.int32)
    return values[..., :3] if values.dtype == np.uint8 else (values[..., :3] >> 8).astype(np.uint8)
