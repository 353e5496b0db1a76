"""GeoJSON files, at a place on earth or in pixels, written feature by feature."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pixelwise.files import written_whole
from pixelwise.raster.place import PlaceOnEarth

Polygon = list[list[Any]]
"""Closed rings of (x, y), the outer one first, then its holes."""


class Features:
    """A GeoJSON file that is written feature by feature, whole or not at all, at a place on earth."""

    def __init__(self, path: Path, place: PlaceOnEarth | None) -> None:
        self._place = place
        self._whole = written_whole(path)
        self._between = "\n"

    def __enter__(self) -> Features:
        self._file = self._whole.__enter__().open("w", encoding="utf-8")
        head = {"type": "FeatureCollection"} | ({} if self._place is None else self._place.geojson_member())
        self._file.write(json.dumps(head).removesuffix("}") + ', "features": [')
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.write("\n]}\n")
        self._file.close()
        self._whole.__exit__(kind, error, trace)

    def add(self, polygons: list[Polygon], properties: dict[str, Any]) -> None:
        """Write one object's polygons, in pixels, with what is known of it."""
        if self._place is not None:
            polygons = [[self._on_earth(ring) for ring in polygon] for polygon in polygons]
        kind, coordinates = ("Polygon", polygons[0]) if len(polygons) == 1 else ("MultiPolygon", polygons)
        geometry = {"type": kind, "coordinates": coordinates}
        self._file.write(
            self._between + json.dumps({"type": "Feature", "properties": properties, "geometry": geometry})
        )
        self._between = ",\n"

    def _on_earth(self, ring: list[Any]) -> list[Any]:
        places: list[Any] = self._place.to_earth(np.array(ring, np.float64)).tolist() if self._place else ring
        return places
