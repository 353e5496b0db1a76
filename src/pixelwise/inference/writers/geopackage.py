"""GeoPackage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.inference.writers.base import Writer
from pixelwise.inference.writers.polygons import write_polygons
from pixelwise.inference.writers.registry import GEOPACKAGE

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_geopackage(path: Path, result: Result) -> None:
    """Write what `write_geojson` does as a GeoPackage."""
    write_polygons(GEOPACKAGE, path, result)


WRITER = Writer(".gpkg", write_geopackage)
