"""The instance map, with 16 bits or with 32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.errors import OutputError
from pixelwise.inference.writers.base import Writer, write_bands
from pixelwise.instances.objects import MAX_ID
from pixelwise.raster.image import write_png, write_tiff

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_instances(path: Path, result: Result) -> None:
    """Write the instance map as a 16-bit gray PNG: 0 = no object. Raises `OutputError` for more objects than fit into
    16 bits."""
    objects = result.require_objects()
    if len(objects) > MAX_ID:
        remedy = "Ask for `as_='instances32'`, a TIFF."
        raise OutputError(path, f"{len(objects):,} objects in one image", f"{MAX_ID:,} at most in 16 bits", remedy)
    instance_map = objects.instance_map.astype(np.uint16)
    if result.place is not None:
        write_bands(path, instance_map[None], result)
    else:
        write_png(path, instance_map)


def write_instances32(path: Path, result: Result) -> None:
    """Write the instance map as a 32-bit gray TIFF: 0 = no object."""
    instance_map = result.require_objects().instance_map
    if result.place is not None:
        write_bands(path, instance_map[None], result)
    else:
        write_tiff(path, instance_map)


WRITER = Writer("_instances.png", write_instances, geotiff_ending="_instances.tif")
WRITER32 = Writer("_instances.tif", write_instances32, geotiff_ending="_instances32.tif")
