"""The probabilities of all classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.inference.writers.base import Writer, write_bands
from pixelwise.raster.image import write_tiff

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_probabilities(path: Path, result: Result) -> None:
    """Write the probabilities as a 16-bit TIFF with one page a class, or a GeoTIFF with one band a class. A value v
    stands for v / 65535."""
    values = np.rint(result.probabilities * 65535).astype(np.uint16)
    if result.place is not None:
        write_bands(path, values, result, smooth=True)
    else:
        write_tiff(path, values)


WRITER = Writer("_probabilities.tif", write_probabilities, needs_probabilities=True)
