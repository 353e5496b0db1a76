"""Scans: TIFFs larger than memory or with a place on earth, read and written by windows, through rasterio (GDAL).

Tiled, striped and BigTIFFs in any compression that GDAL knows, and Zarr. rasterio comes with the extra `geo`.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.bands import Bands, channel_count
from pixelwise.classes import IGNORE_INDEX, ClassMap
from pixelwise.errors import ImageError, OutputError
from pixelwise.files import written_whole
from pixelwise.raster.bands import open_bands, open_file, readable, require_bands, require_rasterio, values_of
from pixelwise.raster.image import to_8_bits
from pixelwise.raster.stack import STACK_ENDINGS
from pixelwise.raster.zarr import is_zarr

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

UInt8 = npt.NDArray[np.uint8]
Place = tuple[slice, slice]
LARGE_PIXELS = 2**26
"""From so many on a TIFF is a scan wherever it lies."""
BLOCK = 512
"""Side of the tiles that are written."""
TYPES = {"uint8", "uint16"}
"""Of pixels that are read."""


def is_scan(path: Path) -> bool:
    """Return whether a path is a Zarr, or a TIFF of one image that has a place on earth or is large where rasterio is
    there."""
    if is_zarr(path):
        return True
    if path.suffix.lower() not in STACK_ENDINGS or importlib.util.find_spec("rasterio") is None:
        return False
    try:
        with readable(path), open_file(path) as file:
            return _is_placed(file) or file.height * file.width >= LARGE_PIXELS
    except ImageError:
        return False  # what reads images tells what is wrong


class Scan:
    """A TIFF or Zarr whose parts are read when they are asked for, as `scan[rows, columns]`: uint8 (height, width, 3)
    RGB, or with `bands` (height, width, channels).

    Gray becomes RGB, 16 bits are scaled by their full range, round(value / 257), a fourth band is transparency and left
    out. Raises `ImageError` for a file that cannot be read, of another number of bands or type, and
    `MissingDependencyError` without rasterio.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path, bands: Bands | None = None) -> None:
        require_rasterio(str(path))
        self.path = path
        self._bands = bands
        with readable(path):
            self._file = open_file(path) if bands is None else open_bands(path)
        channels = channel_count(bands)
        self.shape: tuple[int, ...] = (self._file.height, self._file.width, channels)
        self.size = self._file.height * self._file.width * channels
        self.placed = _is_placed(self._file)
        if bands is not None:
            require_bands(path, self._file, bands.numbers)
            return
        kinds = set(self._file.dtypes)
        if self._file.count not in (1, 3, 4) or len(kinds) != 1 or not kinds <= TYPES:
            found = f"{self._file.count} bands of {', '.join(sorted(kinds))}"
            remedy = "Write red, green and blue to a file of their own, for example with gdal_translate -b."
            raise ImageError(path, found, "1, 3 or 4 bands of 8 or 16 bits", remedy)

    def __enter__(self) -> Scan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __getitem__(self, place: Place) -> UInt8:
        if self._bands is not None:
            numbers = self._bands.numbers
            return self._bands.scaled(self._read(lambda window: values_of(self._file, numbers, window=window), place))
        bands = [1, 2, 3] if self._file.count > 1 else [1]
        values = self._read(lambda window: self._file.read(bands, window=window), place)
        if values.dtype == np.uint16:
            values = to_8_bits(values, self.path)
        return np.repeat(values, 3 // len(bands), axis=0).transpose(1, 2, 0)

    def blank(self, place: Place) -> npt.NDArray[np.bool_]:
        """Return where the file says that it has no data, boolean (height, width)."""
        blank: npt.NDArray[np.bool_] = self._read(lambda window: self._file.dataset_mask(window=window), place) == 0
        return blank

    def profile(self) -> dict[str, Any]:
        """Return the scan's place on earth, in rasterio's words; nothing where it has none."""
        return {"crs": self._file.crs, "transform": self._file.transform} if self.placed else {}

    def _read(self, read: Any, place: Place) -> Any:
        from rasterio.windows import Window

        with readable(self.path):
            return read(Window.from_slices(*place))


def _is_placed(file: DatasetReader) -> bool:
    return bool(file.crs) or not file.transform.is_identity


class Rows(Protocol):
    """A label map whose rows, uint8 (rows, width), are looked at some at a time: an array, or what stands for one."""

    def __getitem__(self, rows: slice, /) -> UInt8: ...


def write_label_map(path: Path, label_map: Rows, scan: Scan, classes: ClassMap) -> None:
    """Write a label map as a GeoTIFF at the scan's place, whole or not at all: tiled, packed, with overviews, in the
    classes' colours, and without data where the scan has none.

    label_map: uint8 (height, width), read `BLOCK` rows at a time. Raises `OutputError` where the disk does not take it,
    and `ImageError` where the scan cannot be read.
    """
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import RasterioError

    height, width, _ = scan.shape
    form: dict[str, Any] = {
        "driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8", "nodata": IGNORE_INDEX,
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with written_whole(path) as temporary:
        try:
            with rasterio.open(temporary, "w", **form, **scan.profile()) as file:
                file.write_colormap(1, dict(enumerate(map(tuple, classes.palette().tolist()))))
                for row in range(0, height, BLOCK):
                    place = slice(row, min(row + BLOCK, height)), slice(0, width)
                    rows = np.where(scan.blank(place), np.uint8(IGNORE_INDEX), label_map[place[0]])
                    file.write(rows, 1, window=rasterio.windows.Window.from_slices(*place))
            factors = [2**power for power in range(1, 16) if max(height, width) >> (power - 1) > BLOCK]
            if factors:
                with rasterio.open(temporary, "r+") as file:
                    file.build_overviews(factors, Resampling.mode)
        except RasterioError as error:
            remedy = "Free some space or choose another --out."
            raise OutputError(path, str(error.__cause__ or error), "a place that can be written", remedy) from error


def write_polygons(path: Path, label_map: Path, classes: ClassMap) -> None:
    """Write a GeoJSON feature collection, a polygon with holes along its pixels' edges for each 4-connected region of a
    class, from what `write_label_map` wrote; whole or not at all.

    Coordinates are those of the file's place on earth, in its own coordinate system, which is named; without one they
    are (x, y) in pixels from the top left corner, y down. Raises `OutputError` where the disk does not take it, and
    `ImageError` where `label_map` cannot be read.
    """
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.features import shapes

    try:
        source = open_file(label_map)
    except RasterioError as error:
        found = f"a file that is no TIFF ({error.__cause__ or error})"
        raise ImageError(label_map, found, "a label map", "Remove it, and predict again.") from error
    with source, written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        authority = source.crs.to_authority() if source.crs else None
        head: dict[str, Any] = {"type": "FeatureCollection"}
        if authority:
            head["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{'::'.join(authority)}"}}
        file.write(json.dumps(head).removesuffix("}") + ', "features": [')
        between = "\n"
        for geometry, value in shapes(rasterio.band(source, 1), transform=source.transform):
            if value != IGNORE_INDEX:
                feature = {"type": "Feature", "properties": {"class": classes.names[int(value)]}, "geometry": geometry}
                file.write(between + json.dumps(feature))
                between = ",\n"
        file.write("\n]}\n")
