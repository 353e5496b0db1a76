"""Bands: images with other channels than red, green and blue, as from satellites and microscopes.

Files are read through rasterio (GDAL), which comes with the extra `geo`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import numpy.typing as npt

from pixelwise.core.bands import Bands, require_numbers
from pixelwise.core.errors import ImageError, OptionError
from pixelwise.core.text import quantity
from pixelwise.core.value_range import ValueRange
from pixelwise.raster.axes import describe_other_axes
from pixelwise.raster.gdal import image_errors, open_file, require_rasterio
from pixelwise.raster.image import frame_count, read_image
from pixelwise.raster.limits import require_moderate, require_parts, require_whole_index, type_bits
from pixelwise.raster.reader import open_reader, sample_places

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

UInt8 = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]

SAMPLE = 32
"""The most images that are sampled to measure which values occur."""
SIDE = 512
"""Longest side of the sample of an image in pixels, taken from every n-th row and column."""
GDAL_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}
EXTREMES = (1.0, 99.0)
"""Percentiles of a band's values that become 0 and 255."""


def measure_bands(paths: Sequence[Path], numbers: Sequence[int]) -> Bands:
    """Return bands with the range of values in some of these files; 0 to 255 if all have 8 bits.

    Files that cannot be read are skipped. Raises `ImageError` if none can be read, and `MissingDependencyError` without
    rasterio.
    """
    require_numbers(numbers)
    looks = [_look(path, numbers) for path in paths[:: max(1, len(paths) // SAMPLE)]]
    samples = [look for look in looks if not isinstance(look, ImageError)]
    if not samples:
        errors = (look for look in looks if isinstance(look, ImageError))
        raise next(errors, OptionError("bands", "no image", "images to look at", "Check the data set."))
    if all(values.dtype == np.uint8 for values in samples):
        return Bands(tuple(numbers), (0.0,) * len(numbers), (255.0,) * len(numbers))
    together = np.concatenate([values.astype(np.float64) for values in samples], axis=1)
    low, high = np.nanpercentile(together, EXTREMES, axis=1).tolist()
    return Bands(tuple(numbers), tuple(low), tuple(high))


def _look(path: Path, numbers: Sequence[int]) -> Values | ImageError:
    """Return some of a file's values, (channels, pixels), or the error if it cannot be read."""
    try:
        with bands_file(path) as file:
            step = max(1, max(file.shape) // SIDE)
            return _values(path, file, numbers)[:, ::step, ::step].reshape(len(numbers), -1)
    except ImageError as error:
        return error


def read_bands(path: Path, bands: Bands) -> UInt8:
    """Return a file's bands as uint8 (height, width, channels).

    Raises `ImageError` for a file that cannot be read or has too few bands, and `MissingDependencyError` without
    rasterio.
    """
    with bands_file(path) as file:
        return bands.scale(_values(path, file, bands.numbers))


def read_channels(path: Path, bands: Bands | None, value_range: ValueRange | None = None) -> UInt8:
    """Return a file's image as uint8 (height, width, channels): its bands, or RGB without `bands`. Raises as
    `read_bands` or `read_image`."""
    return read_image(path, value_range) if bands is None else read_bands(path, bands)


def read_stored(path: Path, bands: Bands | None) -> Values:
    """Return a file's image with its stored values, (height, width, channels): its bands, or gray or RGB without
    `bands`."""
    if bands is None:
        with open_reader(path) as reader:
            return reader.read_whole()
    with bands_file(path) as file:
        return _values(path, file, bands.numbers).transpose(1, 2, 0)


def sample_bands(path: Path, numbers: Sequence[int]) -> Values:
    """Return sampled values of bands, (n, channels); for a large file, from squares spread over it. NaN where the file
    has no data. Raises as `read_bands`."""
    from rasterio.windows import Window

    with bands_file(path) as file:
        require_bands(path, file, numbers)
        windows = [Window.from_slices(*place) for place in sample_places((file.height, file.width))]
        parts = [values_of(file, numbers, window=window).reshape(len(numbers), -1) for window in windows]
    return np.concatenate(parts, axis=1).T


def band_size(path: Path) -> tuple[int, int]:
    """Return a file's (height, width) from its header; for several pages, that of the first. Raises as `read_bands`."""
    require_rasterio("bands")
    with image_errors(path), open_file(path) as file:
        return file.height, file.width


def require_bands(path: Path, file: DatasetReader, numbers: Sequence[int]) -> None:
    """Raise `ImageError` if a file has too few bands."""
    if max(numbers) > file.count:
        remedy = "Name bands that all files have, or leave this one out."
        if other := describe_other_axes(file.count, file.shape, are_pages=file.driver == "VRT"):
            remedy = f"{other} {remedy}"
        found = f"{quantity(file.count, 'band')} of {file.height}x{file.width} (height x width)"
        raise ImageError(path, found, f"{max(numbers)} or more", remedy)


def values_of(file: DatasetReader, numbers: Sequence[int], **window: Any) -> Values:
    """Return the values of bands, (channels, height, width), NaN where the file has no data."""
    values = file.read(list(numbers), masked=True, **window)
    filled: Values = values.astype(np.float32).filled(np.nan) if np.ma.is_masked(values) else values.data
    return filled


def _values(path: Path, file: DatasetReader, numbers: Sequence[int]) -> Values:
    require_bands(path, file, numbers)
    require_moderate(path, file.height * file.width, len(numbers) * type_bits(file.dtypes[0]))
    return values_of(file, numbers)


@contextmanager
def bands_file(path: Path) -> Iterator[DatasetReader]:
    """Yield the file that `open_bands` opens; errors during its use become `ImageError`."""
    require_rasterio("bands")
    try:
        with image_errors(path), open_bands(path) as file:
            yield file
    except ImageError as error:
        if error.__cause__ is None or (frames := frame_count(path)) < 2:
            raise
        found = f"an animation of {frames} frames, whose bands cannot be read"
        raise ImageError(path, found, "an image a file", "Save each of its frames as a file.") from error


def open_bands(path: Path) -> DatasetReader:
    """Open a file with GDAL. If a TIFF has one band per page, as an OME-TIFF has, its pages are its bands."""
    require_whole_index(path)
    file = open_file(path)
    require_parts(path, file)
    pages = [name for name in file.subdatasets if name.startswith("GTIFF_DIR:")]
    if file.count > 1 or len(pages) < 2 or file.dtypes[0] not in GDAL_TYPES:
        return file
    with file:
        return open_file(_virtual_file_of_pages(file, pages))


def _virtual_file_of_pages(first: DatasetReader, pages: Sequence[str]) -> str:
    """Return a GDAL virtual file (VRT) whose bands are the pages with the size and type of the first."""
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
