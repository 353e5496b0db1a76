"""Scans: TIFFs and Zarrs larger than memory, read by windows, and the files of their results, through rasterio (GDAL).

TIFFs may be tiled or striped, BigTIFFs, and in any compression that GDAL supports. rasterio comes with the extra `geo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.core.bands import Bands, channel_count
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import ImageError
from pixelwise.core.files import output_errors
from pixelwise.core.temporary_files import temporary_path
from pixelwise.core.value_range import ValueRange
from pixelwise.raster.bands import open_bands, require_bands, values_of
from pixelwise.raster.depth import range_of
from pixelwise.raster.features import Features
from pixelwise.raster.gdal import has_rasterio, image_errors, open_file, require_rasterio
from pixelwise.raster.geotiff import RasterProfile, write_geotiff
from pixelwise.raster.image import tiff_page
from pixelwise.raster.place import PlaceOnEarth, place_in, place_of
from pixelwise.raster.reader import open_reader
from pixelwise.raster.zarr import is_zarr

UInt8 = npt.NDArray[np.uint8]
Place = tuple[slice, slice]
LARGE_PIXELS = 2**26
"""TIFFs and Zarrs with at least this many pixels are read in parts."""
MOST_SIDE = 2**22
"""A damaged Zarr of some bytes can state any size. The largest scanners deliver sides of half a million pixels."""


def is_scan(path: Path) -> bool:
    """Return whether an image is read in parts: a large TIFF or Zarr, if rasterio is installed."""
    if not has_rasterio():
        return is_zarr(path)
    try:
        if is_zarr(path):
            with image_errors(path), open_file(path) as file:
                return bool(file.height * file.width >= LARGE_PIXELS)
        page = tiff_page(path)
        return page is not None and page.is_plain and page.size[0] * page.size[1] >= LARGE_PIXELS
    except ImageError:
        return True  # a Zarr with an error that its reader reports


class Scan:
    """An image whose parts are read on demand, as `scan[rows, columns]`: uint8 (height, width, 3) RGB, or with `bands`
    (height, width, channels). Its pixels are those of `open_reader`, as for every image. Raises `ImageError` for a file
    that cannot be read or has too few bands, and `MissingDependencyError` without rasterio.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path, bands: Bands | None = None, value_range: ValueRange | None = None) -> None:
        require_rasterio(str(path))
        self.path = path
        self._bands = bands
        self.place: PlaceOnEarth | None
        if bands is None:
            self.place = place_of(path)
            self._source = open_reader(path)
            size = self._source.shape
            self._range = value_range
        else:
            with image_errors(path):
                self._file = open_bands(path)
            require_bands(path, self._file, bands.numbers)
            self.place = place_in(self._file)
            size = (self._file.height, self._file.width)
        if max(size) > MOST_SIDE:
            expected = f"sides of at most {MOST_SIDE:,}"
            raise ImageError(
                path, f"{size[0]:,} x {size[1]:,} pixels", expected, "Cut it into parts, or copy it again."
            )
        self.shape: tuple[int, ...] = (*size, channel_count(bands))
        self.size = size[0] * size[1] * channel_count(bands)

    def __enter__(self) -> Scan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self._source if self._bands is None else self._file).close()

    def __getitem__(self, place: Place) -> UInt8:
        if self._bands is None:
            self._range = self._range or range_of(self._source)
            return self._range.scale(self._source.read(place))
        numbers = self._bands.numbers
        return self._bands.scale(self._read(lambda window: values_of(self._file, numbers, window=window), place))

    def blank(self, place: Place) -> npt.NDArray[np.bool_]:
        """Return where the file has no data, boolean (height, width)."""
        if self._bands is None:
            return self._source.blank(place)
        blank: npt.NDArray[np.bool_] = self._read(lambda window: self._file.dataset_mask(window=window), place) == 0
        return blank

    def _read(self, read: Any, place: Place) -> Any:
        from rasterio.windows import Window

        with image_errors(self.path):
            return read(Window.from_slices(*place))


class Rows(Protocol):
    """A label map whose rows, uint8 (rows, width), are read some at a time: an array, or an object that acts like
    one."""

    def __getitem__(self, rows: slice, /) -> UInt8: ...


def write_label_map(path: Path, label_map: Rows, scan: Scan, classes: ClassMap) -> None:
    """Write a label map as a GeoTIFF at the scan's place, whole or not at all: tiled, compressed, with overviews, in
    the classes' colours, and with no data where the scan has none.

    label_map: uint8 (height, width), read `BLOCK` rows at a time. Raises `OutputError` if the file cannot be written,
    and `ImageError` if the scan cannot be read.
    """
    height, width, _ = scan.shape

    def rows_of(rows: slice) -> UInt8:
        blank = scan.blank((rows, slice(0, width)))
        return np.where(blank, np.uint8(IGNORE_INDEX), label_map[rows])[None]

    shape = (1, height, width)
    profile = RasterProfile(shape, "uint8", scan.place, nodata=IGNORE_INDEX, palette=classes.palette())
    write_geotiff(path, rows_of, profile)


def write_polygons(label_map: Path, classes: ClassMap, files: Sequence[Features]) -> None:
    """Write into each of the open `files` a polygon with holes, along pixel edges, for each 4-connected region of a
    class, in the order of their last rows. `label_map` is a file of `write_label_map`.

    Memory does not grow with the number of regions: outlines are stored in a temporary file beside `label_map`. Raises
    `OutputError` if a file cannot be written, and `ImageError` if `label_map` cannot be read.
    """
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    from pixelwise.raster.regions import trace_regions  # imports rasterio's features, which few scans need

    try:
        source = open_file(label_map)
    except RasterioError as error:
        found = f"a file that is no TIFF ({error.__cause__ or error})"
        raise ImageError(label_map, found, "a label map", "Remove it, and predict again.") from error

    def rows_of(rows: slice) -> UInt8:
        values: UInt8 = source.read(1, window=Window.from_slices(rows, slice(0, source.width)))
        return values

    with source, output_errors(label_map), temporary_path(label_map) as waiting, waiting.open("w+b") as outlines:
        multiple = int(source.block_shapes[0][0])
        for region in trace_regions(rows_of, source.shape, outlines, multiple=multiple):
            properties = {"class": classes.names[region.value], "area": region.area}
            for file in files:
                file.add_rings(region.outlines(), (region.rings, region.corners), properties)
