"""Bands: images of other channels than red, green and blue, as satellites and microscopes take them.

Files are read through rasterio (GDAL), which comes with the extra `geo`.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import numpy.typing as npt

from pixelwise.bands import Bands, require_numbers
from pixelwise.errors import ImageError, MissingDependencyError, OptionError
from pixelwise.raster.allowed import open_gdal
from pixelwise.raster.image import read_image
from pixelwise.raster.zarr import full_size, is_zarr

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

UInt8 = npt.NDArray[np.uint8]
Values = npt.NDArray[np.generic]

SAMPLE = 32
"""So many images are looked at to find out which values occur, and of each every so manieth pixel that 512 are left a
side."""
SIDE = 512
GDAL_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}
CACHE_MIB = "256"
"""What GDAL keeps of decoded pixels at most, unless the user says so, instead of a twentieth of the machine's memory: a
row of tiles of a scan that is stored in strips."""
EXTREMES = (1.0, 99.0)
"""Percentiles of a band's values that become 0 and 255."""


def measured_bands(paths: Sequence[Path], numbers: Sequence[int]) -> Bands:
    """Return bands with the range of values in some of these files: 0 to 255 where all are of 8 bits.

    Files that cannot be read are passed over. Raises `ImageError` where none can, and `MissingDependencyError` without
    rasterio.
    """
    require_numbers(numbers)
    looks = [_look(path, numbers) for path in paths[:: max(1, len(paths) // SAMPLE)]]
    seen = [look for look in looks if not isinstance(look, ImageError)]
    if not seen:
        errors = (look for look in looks if isinstance(look, ImageError))
        raise next(errors, OptionError("--bands", "no image", "images to look at", "Check the data set."))
    if all(values.dtype == np.uint8 for values in seen):
        return Bands(tuple(numbers), (0.0,) * len(numbers), (255.0,) * len(numbers))
    together = np.concatenate([values.astype(np.float64) for values in seen], axis=1)
    low, high = np.nanpercentile(together, EXTREMES, axis=1).tolist()
    return Bands(tuple(numbers), tuple(low), tuple(high))


def _look(path: Path, numbers: Sequence[int]) -> Values | ImageError:
    """Return some of a file's values, (channels, pixels), or what is wrong with it."""
    try:
        with opened(path) as file:
            step = max(1, max(file.shape) // SIDE)
            return _values(path, file, numbers)[:, ::step, ::step].reshape(len(numbers), -1)
    except ImageError as error:
        return error


def read_bands(path: Path, bands: Bands) -> UInt8:
    """Return a file's bands as uint8 (height, width, channels).

    Raises `ImageError` for a file that cannot be read or has too few bands, and `MissingDependencyError` without
    rasterio.
    """
    with opened(path) as file:
        return bands.scaled(_values(path, file, bands.numbers))


def read_channels(path: Path, bands: Bands | None) -> UInt8:
    """Return a file's image as uint8 (height, width, channels): its bands, or RGB without. Raises as either does."""
    return read_image(path) if bands is None else read_bands(path, bands)


def band_size(path: Path) -> tuple[int, int]:
    """Return a file's (height, width) from its header, of several pages that of the first. Raises as `read_bands`."""
    require_rasterio("--bands")
    with readable(path), open_file(path) as file:
        return file.height, file.width


def require_bands(path: Path, file: DatasetReader, numbers: Sequence[int]) -> None:
    """Raise `ImageError` where a file has too few bands."""
    if max(numbers) > file.count:
        remedy = "Name bands that all files have, or leave this one out."
        raise ImageError(path, f"{file.count} bands", f"{max(numbers)} or more", remedy)


def values_of(file: DatasetReader, numbers: Sequence[int], **window: Any) -> Values:
    """Return the values of bands, (channels, height, width), NaN where the file says that there are none."""
    values = file.read(list(numbers), masked=True, **window)
    filled: Values = values.astype(np.float32).filled(np.nan) if np.ma.is_masked(values) else values.data
    return filled


def _values(path: Path, file: DatasetReader, numbers: Sequence[int]) -> Values:
    require_bands(path, file, numbers)
    return values_of(file, numbers)


@contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """Yield what `open_bands` gives; what it raises while it is used becomes `ImageError`."""
    require_rasterio("--bands")
    with readable(path), open_bands(path) as file:
        yield file


def require_rasterio(what: str) -> None:
    """Raise `MissingDependencyError`, which names what asked for it, where rasterio is not installed."""
    if importlib.util.find_spec("rasterio") is None:
        remedy = "pip install 'pixelwise[geo]'"
        raise MissingDependencyError(what, "no package rasterio", "rasterio, which reads bands and scans", remedy)


def open_bands(path: Path) -> DatasetReader:
    """Open a file that GDAL reads. The pages of a TIFF that has a band in each, as an OME-TIFF does, are its bands."""
    file = open_file(path)
    pages = [name for name in file.subdatasets if name.startswith("GTIFF_DIR:")]
    if file.count > 1 or len(pages) < 2 or file.dtypes[0] not in GDAL_TYPES:
        return file
    with file:
        return open_file(_of_pages(file, pages))


def open_file(source: Path | str) -> DatasetReader:
    """Open a file, or another source, that GDAL reads, without a word on whether it has a place on earth; of a Zarr the
    array of full size. Raises `ImageError` for a group of arrays that does not say which that is."""
    os.environ.setdefault("GDAL_CACHEMAX", CACHE_MIB)  # read once, before a process's first pixels
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        if not (isinstance(source, Path) and is_zarr(source)):
            return open_gdal(source) if isinstance(source, Path) else rasterio.open(source)
        file = open_gdal(full_size(source))
    if not file.count:
        arrays = [name.rpartition(":/")[2] for name in file.subdatasets]
        file.close()
        remedy = f"Name one of them, as in {source / min(arrays, default='0')}."
        raise ImageError(source, f"a group of {len(arrays)} arrays", "an array, or an OME-Zarr", remedy)
    return file


def _of_pages(first: DatasetReader, pages: Sequence[str]) -> str:
    """Return, in GDAL's words (VRT), an image whose bands are the pages of the first one's size and type."""
    root = Element("VRTDataset", rasterXSize=str(first.width), rasterYSize=str(first.height))
    if first.crs:
        SubElement(root, "SRS").text = first.crs.to_wkt()
    if not first.transform.is_identity:
        SubElement(root, "GeoTransform").text = ", ".join(map(str, first.transform.to_gdal()))
    for name in pages:
        with open_file(name) as page:
            if (page.shape, page.dtypes) != (first.shape, first.dtypes):
                continue
        band = SubElement(root, "VRTRasterBand", dataType=GDAL_TYPES[first.dtypes[0]])
        if first.nodata is not None:
            SubElement(band, "NoDataValue").text = repr(first.nodata)
        source = SubElement(band, "SimpleSource")
        SubElement(source, "SourceFilename").text = name
        SubElement(source, "SourceBand").text = "1"
    return tostring(root, encoding="unicode")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Make what GDAL raises of a file an `ImageError`."""
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        found = f"a file that cannot be read, damaged or truncated ({error.__cause__ or error})"
        raise ImageError(path, found, "a TIFF, or another file of bands", "Copy or export it again.") from error
