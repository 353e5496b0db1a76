"""The label map as a palette image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.inference.writers.base import Writer, write_bands
from pixelwise.raster.image import write_png

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_mask(path: Path, result: Result) -> None:
    """Write the label map as a palette PNG: the values are class indices, shown in the model's colours."""
    palette = result.info.classes.palette()
    if result.place is not None:
        write_bands(path, result.label_map[None], result, nodata=IGNORE_INDEX, palette=palette)
    else:
        write_png(path, result.label_map, palette=palette)


WRITER = Writer(".png", write_mask, geotiff_ending=".tif")
