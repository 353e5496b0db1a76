"""What opens an image file: the readers of images alone, never what a file's content asks for.

Pillow would start Ghostscript for PostScript behind `.png`, GDAL would read the files or addresses that a virtual
raster behind `.tif` names.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.files import open_regular, special_file_kind
from pixelwise.raster.limits import max_pixels

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG2000", "TGA")
"""What Pillow may take a file for, whatever its ending: readers that start no program and open no other file."""
GDAL_DRIVERS = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jfif": "JPEG",
    ".jp2": "JP2OpenJPEG",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".ppm": "PNM",
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".webp": "WEBP",
}
"""What GDAL opens a file with first, by its ending in lower case; the drivers of the others come next."""
SENSORS = ("ENVI", "HFA")
"""Drivers of sensors' own formats, which have many endings."""
FILTERING = threading.Lock()
"""Python's filters of warnings are the whole process's: two threads that change and restore them undo each other."""
HEAD = 1024
COMPANIONS = (".aux.xml", ".ovr", ".msk")
"""What GDAL opens beside a file of the same name."""
BEGINNINGS = {
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop document",
    b"PK\x03\x04": "a ZIP archive",
    b"<VRTDataset": "a virtual raster (VRT), which names other files",
    b"<OGRVRTDataSource": "a virtual data source (VRT), which names other files",
    b"<GDAL_WMS": "a description of a map server",
    b"<svg": "an SVG drawing",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}
"""What files begin with that are taken for images by mistake or on purpose."""


class _PillowLimit:
    """Pillow's own limit on pixels, which can only be moved for the whole process, and who needs it moved."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: int | None = None

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Let Pillow read images up to `max_pixels` meanwhile. The last of several threads puts the limit back."""
        pixels = max_pixels()
        with self._lock:
            if not self._users:
                self._before = Image.MAX_IMAGE_PIXELS
            if Image.MAX_IMAGE_PIXELS is not None:
                Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, pixels)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    Image.MAX_IMAGE_PIXELS = self._before


PILLOW_LIMIT = _PillowLimit()


@contextlib.contextmanager
def open_pillow(file: Path, path: Path | None = None) -> Iterator[Image.Image]:
    """Yield an image file, its header read, as Pillow opens it, which raises as ever; larger ones than Pillow reads by
    itself, too. Raises `ImageError`, which names `path`, for content that is known to be no image."""
    require_image(file, path)
    with PILLOW_LIMIT.raised():
        with FILTERING, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=PILLOW_FORMATS)
        with image:
            yield image


def open_gdal(source: Path) -> DatasetReader:
    """Open a file or a Zarr on this machine with drivers of images alone, as rasterio does, which raises as ever.

    Raises `ImageError` where there is none, as under GDAL's own names for archives and addresses (`/vsi...`), and for
    content that is known to be no image.
    """
    import rasterio
    from rasterio.errors import RasterioIOError

    if not source.exists():
        raise ImageError(source, "no such file", "an image file on this machine", "Check the path.")
    if not source.is_dir():
        require_image(source)
    for companion in (source.with_name(source.name + ending) for ending in COMPANIONS):
        if (kind := special_file_kind(companion)) and not companion.is_dir():
            raise ImageError(companion, kind, "a file", f"Remove it: it is read with {source.name}.")
    path = source.absolute()  # no prefix of GDAL's begins with a slash but /vsi
    if source.is_dir():
        return rasterio.open(path, driver="Zarr")
    ending = source.suffix.lower()
    first = (GDAL_DRIVERS[ending],) if ending in GDAL_DRIVERS else SENSORS
    for driver in dict.fromkeys((*first, *GDAL_DRIVERS.values())):
        with contextlib.suppress(RasterioIOError):
            return rasterio.open(path, driver=driver)
    return rasterio.open(path, driver=first[0])  # for what it says of a damaged file


def require_image(file: Path, path: Path | None = None) -> None:
    """Raise `ImageError` for a file that begins as one of another kind does, and for a directory, pipe, socket or
    device; one that cannot be read passes."""
    if kind := special_file_kind(file):
        raise ImageError(path or file, kind, "an image file", "Check the path, or leave it out.")
    try:
        with open_regular(file) as stream:
            head = stream.read(HEAD)
    except (OSError, ValueError):
        return
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<?xml"):
        start = start.partition(b"?>")[2].lstrip()
    for beginning, name in BEGINNINGS.items():
        if start[: len(beginning)].lower() == beginning.lower():
            remedy = "Save the picture as PNG or TIFF, or leave the file out."
            raise ImageError(path or file, f"{name} behind the ending {file.suffix}", "an image", remedy)
