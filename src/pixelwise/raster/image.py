"""Image files in and out, through Pillow: photos as viewers show them, masks as they are stored."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pixelwise.errors import ImageError, ShapeError
from pixelwise.files import written_whole
from pixelwise.raster.allowed import open_pillow
from pixelwise.raster.stack import located

UInt8 = npt.NDArray[np.uint8]
Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int32]

IMAGE_ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Of files that are taken for images, in lower case."""

MAX_PIXELS = 2**29
"""The largest image that is decoded, in pixels (1.5 GiB as RGB); a header that promises more is refused unread."""

# Pillow's own limit is lower, warns below it and can only be set for the whole process: it is moved up to ours, once.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_TURNED = (5, 6, 7, 8)
"""EXIF orientations that swap height and width."""


def read_image(path: Path) -> UInt8:
    """Return the image as viewers show it: uint8 (height, width, 3) RGB, EXIF rotation applied, transparency dropped.

    Gray, palette, 1-bit and CMYK images become RGB. 16-bit gray is scaled by its full range, round(value * 255 /
    65535); of 16-bit colour Pillow hands out the high bytes, which differ from that by 1 at most. Of several frames
    the first counts; the pages of a TIFF have paths of their own (see `stack`). Raises `ImageError` for a file that is
    missing, no image, damaged or truncated, has more than `MAX_PIXELS` pixels, or pixels that are floating-point or
    beyond 16 bits.
    """
    image = _decoded(path)
    if image.mode.startswith("I"):
        gray = to_8_bits(np.asarray(image), path)
        return np.repeat(gray[..., None], 3, axis=2)
    image.info.pop("transparency", None)
    return np.array(image.convert("RGB"))


def read_values(path: Path) -> Values:
    """Return the values that a mask file stores, rotated as its EXIF says.

    Gray and palette files give (height, width): uint8, the palette's indices for palette files, 0 and 255 for 1-bit
    ones; uint16 or int32 where they are deeper. Anything else gives uint8 (height, width, 3) RGB. Transparency is
    dropped. Raises `ImageError` as `read_image` does.
    """
    image = _decoded(path)
    if image.mode == "1":
        return np.array(image.convert("L"))
    if image.mode in ("L", "P"):
        return np.array(image)
    if image.mode in ("LA", "PA"):
        return np.array(image.getchannel(0))
    if image.mode == "I":
        return np.array(image, np.int32)
    if image.mode.startswith("I"):
        return np.array(image, np.uint16)
    image.info.pop("transparency", None)
    return np.array(image.convert("RGB"))


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) as `read_image` would, from the header alone.

    EXIF data that follows the pixels, as PNG allows, is not looked for. Raises `ImageError` for a file that is
    missing, no image, or too large.
    """
    with _opened(path) as image:
        width, height = image.size
        if image.format == "TIFF":  # Pillow has turned it already
            return height, width
        # The base class's method: PNG's own decodes the whole image first.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        return (width, height) if orientation in _TURNED else (height, width)


def page_count(path: Path) -> int:
    """Return the number of images in a file, 1 for most; raises `ImageError` as `image_size` does."""
    with _opened(path) as image:
        return int(getattr(image, "n_frames", 1))


def is_jpeg(path: Path) -> bool:
    """Return whether the file starts as JPEG files do, whatever its name; `False` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(3) == b"\xff\xd8\xff"
    except OSError:
        return False


def write_png(path: Path, array: UInt8 | npt.NDArray[np.uint16], palette: UInt8 | None = None) -> None:
    """Write a PNG, whole or not at all.

    array: uint8 (height, width) gray, or indices into `palette`, uint8 (n, 3) with n <= 256, where that is given;
    uint8 (height, width, 3) RGB; or uint16 (height, width), 16-bit gray. Raises `ShapeError` for any other array and
    `OutputError` where the disk does not take it.
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
    # Label maps are runs of one value: looking for nothing else takes a sixth of the time, for smaller files.
    packing = {"compress_type": zlib.Z_RLE} if gray else {}
    with written_whole(path) as temporary:
        image.save(temporary, format="PNG", **packing)


def write_tiff(path: Path, array: npt.NDArray[np.int32] | npt.NDArray[np.uint16]) -> None:
    """Write int32 (height, width) as a TIFF of 32 bits a pixel, or uint16 (pages, height, width) as one of 16 bits,
    packed, whole or not at all.

    Raises `ShapeError` for any other array and `OutputError` where the disk does not take it.
    """
    if (array.dtype.name, array.ndim) not in (("int32", 2), ("uint16", 3)) or 0 in array.shape:
        expected = "int32 (height, width) or uint16 (pages, height, width)"
        raise ShapeError("array", f"{array.dtype} {array.shape}", expected, "Convert the array first.")
    first, *others = map(Image.fromarray, array if array.ndim == 3 else [array])
    with written_whole(path) as temporary:
        first.save(temporary, format="TIFF", compression="tiff_adobe_deflate", save_all=True, append_images=others)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Yield the image, its header read; whatever Pillow raises while it is used becomes `ImageError`."""
    file, page = located(path)
    try:
        with open_pillow(file, path) as image:
            if page:
                image.seek(page)
            _require_moderate(path, image.width * image.height)
            yield image
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(path, "no such file", "an image file", "Check the path.") from error
    except (IsADirectoryError, PermissionError) as error:
        found = "a directory" if isinstance(error, IsADirectoryError) else "a file that may not be read"
        raise ImageError(path, found, "an image file", "Check the path and its permissions.") from error
    except UnidentifiedImageError as error:
        remedy = "Save it as PNG or JPEG, or leave the file out."
        raise ImageError(path, "a file that is no image or is damaged", "a PNG, JPEG, TIFF ...", remedy) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, f"more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        found = f"a damaged or truncated image ({error})"
        raise ImageError(path, found, "a complete image", "Copy or export it again, or leave it out.") from error


def _decoded(path: Path) -> Image.Image:
    with _opened(path) as image:
        image.load()
        if image.mode == "F":
            remedy = "Scale the image to 8 or 16 bits."
            raise ImageError(path, "floating-point pixels", "8- or 16-bit pixels", remedy)
        ImageOps.exif_transpose(image, in_place=True)
        return image


def _require_moderate(path: Path, pixels: int) -> None:
    if pixels > MAX_PIXELS:
        raise _too_large(path, f"{pixels:,} pixels")


def _too_large(path: Path, found: str) -> ImageError:
    return ImageError(path, found, f"at most {MAX_PIXELS:,}", "Cut the image into parts or scale it down.")


def to_8_bits(gray: npt.NDArray[np.integer[Any]], path: Path) -> UInt8:
    """Return values of 16 bits scaled by their full range; raise `ImageError`, which names `path`, for others."""
    if gray.min() < 0 or gray.max() > 65535:
        found = f"values from {gray.min()} to {gray.max()}"
        raise ImageError(path, found, "8- or 16-bit pixels (0..65535)", "Scale the image to 8 or 16 bits.")
    return ((gray.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
