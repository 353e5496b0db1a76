"""GDAL, through rasterio, which comes with the extra `geo`."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.core.errors import ImageError, MissingDependencyError
from pixelwise.core.text import is_text
from pixelwise.raster.drivers import FILTERING, open_gdal
from pixelwise.raster.zarr import full_resolution, is_zarr

if TYPE_CHECKING:
    from rasterio.io import DatasetReader


def has_rasterio() -> bool:
    """Return whether rasterio is installed."""
    return importlib.util.find_spec("rasterio") is not None


def require_rasterio(what: str) -> None:
    """Raise `MissingDependencyError` if rasterio is not installed; `what` is the feature that needs it."""
    if not has_rasterio():
        remedy = "pip install 'pixelwise[geo]'"
        raise MissingDependencyError(what, "no package rasterio", "rasterio, which reads bands and scans", remedy)


def open_file(source: Path | str) -> DatasetReader:
    """Open a file, or another source, with GDAL, without its warning about a missing place on earth; of a Zarr, the
    array of full size. Raises `ImageError` for a group of arrays that does not define which one that is, and for a name
    that is not UTF-8, which GDAL cannot open."""
    if not is_text(source):
        found, expected = "a name that is not UTF-8", "one that GDAL takes"
        raise ImageError(Path(source), found, expected, "Rename the file, or its folder.")
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with FILTERING, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        if not (isinstance(source, Path) and is_zarr(source)):
            return open_gdal(source) if isinstance(source, Path) else rasterio.open(source)
        file = open_gdal(full_resolution(source))
    if not file.count:
        arrays = [name.rpartition(":/")[2] for name in file.subdatasets]
        file.close()
        remedy = f"Name one of them, as in {source / min(arrays, default='0')}."
        raise ImageError(source, f"a group of {len(arrays)} arrays", "an array, or an OME-Zarr", remedy)
    return file


@contextmanager
def image_errors(path: Path) -> Iterator[None]:
    """Turn GDAL's errors for a file into `ImageError`."""
    from rasterio._err import CPLE_BaseError  # GDAL's errors for unsupported tags are passed on unchanged
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:
        found = f"a file that cannot be read, damaged or truncated ({error.__cause__ or error})"
        raise ImageError(path, found, "a TIFF, or another file of bands", "Copy or export it again.") from error
    except MemoryError as error:
        remedy = "Close other programs, cut the image into parts, or leave it out."
        raise ImageError(path, "an image that does not fit into the memory", "one that does", remedy) from error
