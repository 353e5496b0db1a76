"""GeoTIFFs of any size, written some rows at a time: tiled, packed, with overviews, whole or not at all."""

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
"""Side of the tiles that are written."""
RowsOf = Callable[[slice], npt.NDArray[Any]]
"""Returns some rows of all bands, (bands, rows, width)."""


@dataclass(frozen=True)
class RasterProfile:
    """What a GeoTIFF's pixels are.

    shape: (bands, height, width). dtype: of their values, in numpy's words. place: where they lie, if that is known.
    nodata: the value that stands for no data. palette: the colours of a band's values, uint8 (n, 3). smooth: whether
    overviews hold the mean of their pixels, not the value that most have.
    """

    shape: tuple[int, int, int]
    dtype: str
    place: PlaceOnEarth | None
    nodata: int | None = None
    palette: UInt8 | None = None
    smooth: bool = False


def write_geotiff(path: Path, rows_of: RowsOf, profile: RasterProfile) -> None:
    """Write bands, which are asked for `BLOCK` rows at a time.

    Raises `OutputError` where the disk does not take it, and what `rows_of` raises.
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
