"""Polygons of predictions for GIS programs: GeoJSON and GeoPackage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.inference.writers.base import rounded_score
from pixelwise.inference.writers.registry import GEOJSON, POLYGON_KINDS
from pixelwise.instances.objects import Objects
from pixelwise.instances.polygons import Ring, fill_rings, signed_area, split_ring, trace_outlines
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.features import Features, Polygon
from pixelwise.raster.place import PlaceOnEarth
from pixelwise.raster.stack import split_page

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def open_polygon_files(
    outputs: Mapping[str, Path], place: PlaceOnEarth | None, info: ModelInfo, image: Path | None
) -> list[Features]:
    """Return those of the `outputs` of an image that are files of polygons, by kind; each is a context to enter.

    GeoJSON is in the coordinates of `PlaceOnEarth.to_earth`, a GeoPackage in the image's own coordinate system; without
    a place both are in pixels, (x, y) from the image's top left corner, y down.
    """
    return [_polygon_file(kind, outputs[kind], place, info, image) for kind in POLYGON_KINDS if kind in outputs]


def _polygon_file(kind: str, path: Path, place: PlaceOnEarth | None, info: ModelInfo, image: Path | None) -> Features:
    if kind == GEOJSON:
        from pixelwise.raster.geojson import GeoJson

        return GeoJson(path, place)
    from pixelwise.raster.geopackage import GeoPackage  # imports SQLite, which nothing else needs

    layer = "regions" if info.grouping is None else "objects"
    return GeoPackage(path, place, layer, "" if image is None else _file_name(image))


def write_polygons(kind: str, path: Path, result: Result) -> None:
    """Write a file of polygons of one of `POLYGON_KINDS`."""
    from pixelwise.instances.parts import region_objects  # scipy, which no mask needs

    names = result.info.classes.names
    with _polygon_file(kind, path, result.place, result.info, result.source) as file:
        if result.instances is not None:
            add_objects([file], result.instances, names, range(1, len(result.instances) + 1))
            return
        parts = region_objects(result.label_map)
        areas = parts.areas()
        for index, polygons in enumerate(polygons_of(parts)):
            if parts.class_index[index] != IGNORE_INDEX:
                file.add(polygons, {"class": names[parts.class_index[index]], "area": int(areas[index])})


def add_objects(
    files: Sequence[Features],
    objects: Objects,
    names: Sequence[str],
    ids: Sequence[int],
    corner: tuple[int, int] = (0, 0),
) -> None:
    """Add objects to open files; `corner` is the (row, column) of their map in the whole image."""
    areas = objects.areas()
    for index, (number, polygons) in enumerate(zip(ids, polygons_of(objects, corner), strict=True)):
        properties = {
            "class": names[objects.class_index[index]],
            "id": number,
            "score": rounded_score(objects, index),
            "area": int(areas[index]),
        }
        for file in files:
            file.add(polygons, properties)


def polygons_of(objects: Objects, corner: tuple[int, int] = (0, 0)) -> Iterator[list[Polygon]]:
    """Yield each object's polygons: closed rings of (x, y), the outer one first, then its holes. No ring touches
    itself, as GIS programs require (OGC 06-103r4, 6.1.11)."""
    for piece in objects.pieces():
        shift = np.array([piece.left + corner[1], piece.top + corner[0]])
        rings = [ring + shift for outline in trace_outlines(piece.mask) for ring in split_ring(outline)]
        outer = [ring for ring in rings if signed_area(ring) > 0]
        inner = [ring for ring in rings if signed_area(ring) < 0]
        alone = len(outer) == 1  # it surrounds every hole
        polygons = [
            [_close(ring), *(_close(hole) for hole in inner if alone or _surrounds(ring, hole))] for ring in outer
        ]
        yield polygons


def _close(ring: Ring) -> Ring:
    return np.concatenate([ring, ring[:1]])


def _surrounds(ring: Ring, hole: Ring) -> bool:
    """Return whether a hole lies in a ring, by whether the pixel left of the hole's leftmost edge is inside the
    ring."""
    x, y = hole[np.lexsort((hole[:, 1], hole[:, 0]))[0]]
    size = (int(ring[:, 1].max()), int(ring[:, 0].max()))
    return bool(fill_rings([ring], size)[int(y), int(x)]) if y < size[0] and x < size[1] else False


def _file_name(image: Path) -> str:
    """Return the name of a file, or of a page with its number, such as `stack.tif/2`."""
    file, _ = split_page(image)
    return image.name if file == image else f"{file.name}/{image.name}"
