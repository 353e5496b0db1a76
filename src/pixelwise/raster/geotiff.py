"""GeoTIFFs of any size, written some rows at a time: tiled, compressed, with overviews. They appear whole or not at
all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OutputError
from pixelwise.core.files import write_atomically
from pixelwise.core.text import is_text
from pixelwise.raster.place import PlaceOnEarth

UInt8 = npt.NDArray[np.uint8]
BLOCK = 512
"""Side of the written tiles, in pixels."""
RowsOf = Callable[[slice], npt.NDArray[Any]]
"""Returns some rows of all bands, (bands, rows, width)."""


@dataclass(frozen=True)
class RasterProfile:
    """The properties of a GeoTIFF's pixels.

    shape: (bands, height, width). dtype: the numpy dtype of the values. place: the place on earth, if known. nodata:
    the value that means no data. palette: the colours of a band's values, uint8 (n, 3). smooth: whether overviews have
    the mean of their pixels, instead of the most frequent value.
    """

    shape: tuple[int, int, int]
    dtype: str
    place: PlaceOnEarth | None
    nodata: int | None = None
    palette: UInt8 | None = None
    smooth: bool = False


def write_geotiff(path: Path, rows_of: RowsOf, profile: RasterProfile) -> None:
    """Write bands, requested `BLOCK` rows at a time. Raises `OutputError` if the file cannot be written, and what
    `rows_of` raises.
    """
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    if not is_text(path):
        remedy = "Choose another `out`, or rename the image."
        raise OutputError(path, "a name that is not UTF-8", "one that GDAL takes", remedy)
    count, height, width = profile.shape
    place, palette = profile.place, profile.palette
    form: dict[str, Any] = {
        "driver": "GTiff", "height": height, "width": width, "count": count, "dtype": profile.dtype,
        "nodata": profile.nodata, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate",
        "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    if profile.smooth and count == 3 and profile.dtype == "uint8":
        form["photometric"] = "RGB"
    with write_atomically(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        beside = temporary.with_name(temporary.name + ".aux.xml")
        try:
            with rasterio.open(temporary, "w", **form, **({} if place is None else place.profile())) as file:
                if place is not None:
                    place.add_to(file)
                if palette is not None:
                    file.write_colormap(1, dict(enumerate(map(tuple, palette.tolist()))))
                for row in range(0, height, BLOCK):
                    rows = slice(row, min(row + BLOCK, height))
                    window = rasterio.windows.Window.from_slices(rows, slice(0, width))
                    file.write(rows_of(rows), window=window)
            factors = [2**power for power in range(1, 16) if max(height, width) >> (power - 1) > BLOCK]
            if factors:
                with rasterio.open(temporary, "r+") as file:
                    file.build_overviews(factors, Resampling.average if profile.smooth else Resampling.mode)
            if beside.is_file():  # a coordinate system that no GeoTIFF key can name
                beside.replace(path.with_name(path.name + ".aux.xml"))
        except RasterioError as error:
            remedy = "Free some space or choose another `out`."
            raise OutputError(path, str(error.__cause__ or error), "a place that can be written", remedy) from error
        finally:
            beside.unlink(missing_ok=True)
