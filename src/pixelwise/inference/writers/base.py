"""`Writer`: writes one kind of file of a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixelwise.instances.objects import Objects
from pixelwise.raster.image import write_png

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


@dataclass(frozen=True)
class Writer:
    """Writes one kind of file of a result.

    Attributes
    ----------
    ending : str
        The ending that is added to the stem of the image to name the file.
    write : callable
        Writes a `Result` to a path.
    needs_probabilities : bool
        Whether it needs the probabilities of all classes, which are then computed with the prediction.
    geotiff_ending : str or None
        The ending of the GeoTIFF that is written for an image with a place on earth; `None` if the file is the same for
        all images.

    Examples
    --------
    >>> def write_size(path, result):
    ...     _ = path.write_text(str(result.label_map.size))
    >>> Writer("_size.txt", write_size).ending_of(placed=False)
    '_size.txt'
    """

    ending: str
    write: Callable[[Path, Result], None]
    needs_probabilities: bool = False
    geotiff_ending: str | None = None

    def ending_of(self, *, placed: bool) -> str:
        """Return the ending of the file that is written of an image.

        Parameters
        ----------
        placed
            Whether the image has a place on earth, so that its file is a GeoTIFF where `geotiff_ending` is given.

        Returns
        -------
        str
            `geotiff_ending` or `ending`.

        Examples
        --------
        >>> def write_height(path, result):
        ...     _ = path.write_bytes(b"...")
        >>> writer = Writer("_height.png", write_height, geotiff_ending="_height.tif")
        >>> writer.ending_of(placed=False), writer.ending_of(placed=True)
        ('_height.png', '_height.tif')
        """
        return (placed and self.geotiff_ending) or self.ending


def write_bands(path: Path, bands: npt.NDArray[Any], result: Result, **form: Any) -> None:
    """Write bands (bands, height, width) of an image with a place as a GeoTIFF; form: fields of `RasterProfile`."""
    from pixelwise.raster.geotiff import RasterProfile, write_geotiff  # rarely asked for

    count, height, width = bands.shape
    profile = RasterProfile((count, height, width), bands.dtype.name, result.place, **form)
    write_geotiff(path, lambda rows: bands[:, rows], profile)


def write_gray16(path: Path, values: npt.NDArray[np.uint16], result: Result) -> None:
    """Write values (height, width) as a 16-bit gray PNG, of an image with a place as a GeoTIFF."""
    if result.place is not None:
        write_bands(path, values[None], result, smooth=True)
    else:
        write_png(path, values)


def rounded_score(objects: Objects, index: int) -> float:
    """Return an object's score rounded to four digits, as in files."""
    return round(float(objects.score[index]), 4)
