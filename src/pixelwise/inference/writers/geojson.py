"""GeoJSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.inference.writers.base import Writer
from pixelwise.inference.writers.polygons import write_polygons
from pixelwise.inference.writers.registry import GEOJSON

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_geojson(path: Path, result: Result) -> None:
    """Write a GeoJSON feature collection: a polygon, with holes, along the edges of the pixels of each object, or for a
    semantic model, of each 4-connected region of a class."""
    write_polygons(GEOJSON, path, result)


WRITER = Writer(".geojson", write_geojson)
