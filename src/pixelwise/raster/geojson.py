"""GeoJSON files (RFC 7946), in coordinates on earth or in pixels, written feature by feature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.raster.features import Features, Polygon
from pixelwise.raster.place import PlaceOnEarth


class GeoJson(Features):
    """A GeoJSON file in the coordinates of `PlaceOnEarth.to_earth`."""

    def _begin(self, temporary: Path, stack: ExitStack) -> None:
        self._file = stack.enter_context(temporary.open("w", encoding="utf-8"))
        self._between = "\n"
        head = {"type": "FeatureCollection"} | ({} if self._place is None else self._place.geojson_member())
        self._file.write(json.dumps(head).removesuffix("}") + ', "features": [')

    def _place_corners(self, place: PlaceOnEarth, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return place.to_earth(xy)

    def _write(self, polygons: list[Polygon], properties: dict[str, Any]) -> None:
        rings: list[Any] = [[ring.tolist() for ring in polygon] for polygon in polygons]
        kind, coordinates = ("Polygon", rings[0]) if len(rings) == 1 else ("MultiPolygon", rings)
        feature = {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
        self._file.write(self._between + json.dumps(feature))
        self._between = ",\n"

    def _write_rings(self, rings: Iterator[npt.NDArray[np.float64]], count: int, properties: dict[str, Any]) -> None:
        geometry = {"type": "Polygon", "coordinates": []}
        head = json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}).removesuffix("]}}")
        self._file.write(self._between + head)
        for index, ring in enumerate(rings):
            self._file.write((", " if index else "") + json.dumps(ring.tolist()))
        self._file.write("]}}")
        self._between = ",\n"

    def _end(self) -> None:
        self._file.write("\n]}\n")
