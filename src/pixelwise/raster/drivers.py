"""Opens image files with readers of images only, whatever the content of a file requests.

Otherwise Pillow would start Ghostscript for PostScript in a `.png` file, and GDAL would read the files or addresses
that a virtual raster in a `.tif` file names.
"""

from __future__ import annotations

import contextlib
import io
import os
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
"""The formats that Pillow may recognise, whatever a file's ending: their readers start no program and open no other
file."""
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
"""The driver that GDAL tries first, by the ending in lower case; it tries the other drivers afterwards."""
SENSORS = ("ENVI", "HFA")
"""Drivers of sensors' own formats, which have many endings."""
FILTERING = threading.Lock()
"""Python's warning filters are global: two threads that change and restore them would undo each other's changes."""
HEAD = 1024
COMPANIONS = (".aux.xml", ".ovr", ".msk")
"""The endings of companion files that GDAL opens beside a file."""
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
"""How other files begin that are mistaken for images, or disguised as images."""


class _PillowLimit:
    """Pillow's limit on pixels, which can only be changed for the whole process, and the number of threads that need it
    changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: int | None = None

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Let Pillow read images of up to `max_pixels` within the context. The last of several threads restores the
        limit."""
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


class BoundedReader(io.BufferedReader):
    """A file of which no more bytes are asked for than it has: `read` reserves memory for all of them, and the lengths
    in a damaged file can be gigabytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._bytes = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return super().read()
        return super().read(min(size, max(0, self._bytes - self.tell())))


@contextlib.contextmanager
def open_pillow(file: Path, path: Path | None = None) -> Iterator[Image.Image]:
    """Yield an image file as Pillow opens it, with its header read, even if it exceeds Pillow's default limit. Pillow's
    errors are raised unchanged. Raises `ImageError`, which names `path`, for content of another kind."""
    require_image(file, path)
    with PILLOW_LIMIT.raised(), contextlib.ExitStack() as stack:
        stream = stack.enter_context(BoundedReader(file))
        with FILTERING, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = stack.enter_context(Image.open(stream, formats=PILLOW_FORMATS))
        yield image


def open_gdal(source: Path) -> DatasetReader:
    """Open a file or a Zarr on this machine as rasterio does, but only with drivers of images. rasterio's errors are
    raised unchanged.

    Raises `ImageError` if there is no such file, as for GDAL's names of archives and addresses (`/vsi...`), and for
    content of another kind.
    """
    import rasterio
    from rasterio.errors import RasterioIOError

    if not os.path.exists(source):
        raise ImageError(source, "no such file", "an image file on this machine", "Check the path.")
    if not source.is_dir():
        require_image(source)
    for companion in (source.with_name(source.name + ending) for ending in COMPANIONS):
        if (kind := special_file_kind(companion)) and not companion.is_dir():
            raise ImageError(companion, kind, "a file", f"Remove it: it is read with {source.name}.")
    path = source.absolute()  # of GDAL's prefixes only /vsi begins with a slash
    if source.is_dir():
        return rasterio.open(path, driver="Zarr")
    ending = source.suffix.lower()
    first = (GDAL_DRIVERS[ending],) if ending in GDAL_DRIVERS else SENSORS
    for driver in dict.fromkeys((*first, *GDAL_DRIVERS.values())):
        with contextlib.suppress(RasterioIOError):
            return rasterio.open(path, driver=driver)
    return rasterio.open(path, driver=first[0])  # for its messages about a damaged file


def require_image(file: Path, path: Path | None = None) -> None:
    """Raise `ImageError` for a file that begins like one of another kind, and for a directory, pipe, socket or device.
    Files that cannot be read pass."""
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
