"""GeoJSON files, at a place on earth or in pixels, written feature by feature."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pixelwise.files import written_whole
from pixelwise.raster.place import PlaceOnEarth

Polygon = list[list[Any]]
"""Closed rings of (x, y), the outer one first, then its holes."""


AT_ONCE = 50_000
"""So many corners are placed on earth at a time."""


class Features:
    """A GeoJSON file that is written feature by feature, whole or not at all, at a place on earth."""

    def __init__(self, path: Path, place: PlaceOnEarth | None) -> None:
        self._place = place
        self._path = path
        self._stack = ExitStack()
        self._between = "\n"
        self._waiting: list[tuple[list[Polygon], dict[str, Any]]] = []
        self._corners = 0

    def __enter__(self) -> Features:
        temporary = self._stack.enter_context(written_whole(self._path))
        self._file = self._stack.enter_context(temporary.open("w", encoding="utf-8"))
        head = {"type": "FeatureCollection"} | ({} if self._place is None else self._place.geojson_member())
        self._file.write(json.dumps(head).removesuffix("}") + ', "features": [')
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._flush()
            self._file.write("\n]}\n")

    def add(self, polygons: list[Polygon], properties: dict[str, Any]) -> None:
        """Write one object's polygons, in pixels, with what is known of it."""
        self._waiting.append((polygons, properties))
        self._corners += sum(len(ring) for polygon in polygons for ring in polygon)
        if self._corners >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        corners = [xy for polygons, _ in self._waiting for polygon in polygons for ring in polygon for xy in ring]
        if self._place is not None and corners:
            corners = self._place.to_earth(np.array(corners, np.float64)).tolist()
        following = iter(corners)
        for polygons, properties in self._waiting:
            placed = [[list(itertools.islice(following, len(ring))) for ring in polygon] for polygon in polygons]
            kind, coordinates = ("Polygon", placed[0]) if len(placed) == 1 else ("MultiPolygon", placed)
            feature = {
                "type": "Feature",
                "properties": properties,
                "geometry": {"type": kind, "coordinates": coordinates},
            }
            self._file.write(self._between + json.dumps(feature))
            self._between = ",\n"
        self._waiting, self._corners = [], 0
