"""The image with the prediction drawn on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.inference.writers.base import Writer, write_bands
from pixelwise.raster.image import write_png

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_overlay(path: Path, result: Result) -> None:
    """Write the image with the colours of its classes, or with its numbered objects, as an RGB PNG."""
    if result.place is not None:
        write_bands(path, result.overlay().transpose(2, 0, 1), result, smooth=True)
    else:
        write_png(path, result.overlay())


WRITER = Writer("_overlay.png", write_overlay, geotiff_ending="_overlay.tif")
