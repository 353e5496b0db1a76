"""Files of the objects that an instance model found in an image."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.classes import IGNORE_INDEX
from pixelwise.errors import OptionError, OutputError
from pixelwise.files import write_text
from pixelwise.instances.measures import measured
from pixelwise.instances.objects import MAX_ID, Objects
from pixelwise.instances.polygons import Ring, filled, outlines, signed_area
from pixelwise.instances.rle import as_coco, compressed
from pixelwise.predict.result import Result
from pixelwise.raster.image import write_png, write_tiff

COLUMNS = ("id", "class", "score", "area", "row", "column", "left", "top", "right", "bottom", "perimeter", "intensity")
COCO_ENDING = "_coco.json"
Corner = tuple[int, int]


def write_instances(path: Path, result: Result) -> None:
    """Write the instance map as a 16-bit gray PNG: 0 = no object. Raises `OutputError` for more objects than that."""
    objects = objects_in(result)
    if len(objects) > MAX_ID:
        remedy = "Ask for --as instances32, a TIFF."
        raise OutputError(path, f"{len(objects):,} objects in one image", f"{MAX_ID:,} at most in 16 bits", remedy)
    instance_map = objects.instance_map.astype(np.uint16)
    if result.place is not None:
        write_bands(path, instance_map[None], result)
    else:
        write_png(path, instance_map)


def write_instances32(path: Path, result: Result) -> None:
    """Write the instance map as a 32-bit gray TIFF: 0 = no object."""
    instance_map = objects_in(result).instance_map
    if result.place is not None:
        write_bands(path, instance_map[None], result)
    else:
        write_tiff(path, instance_map)


def write_bands(path: Path, bands: npt.NDArray[Any], result: Result, **form: Any) -> None:
    """Write bands (bands, height, width) of an image with a place as a GeoTIFF (see `write_geotiff`)."""
    from pixelwise.raster.geotiff import write_geotiff  # which few ask for

    count, height, width = bands.shape
    write_geotiff(path, lambda rows: bands[:, rows], (count, height, width), bands.dtype.name, result.place, **form)


def write_table(path: Path, result: Result) -> None:
    """Write a CSV with a row an object: its id in the instance map, class, score, and `Measures`, in pixels."""
    objects = objects_in(result)
    write_rows(path, table_rows(objects, result.image, result.info.classes.names, range(1, len(objects) + 1)))


def write_rows(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows of a table of objects under the names of its columns."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows)
    write_text(path, text.getvalue())


def table_rows(
    objects: Objects, image: npt.NDArray[np.uint8], names: Sequence[str], ids: Sequence[int], corner: Corner = (0, 0)
) -> Iterator[tuple[object, ...]]:
    """Yield the row of each object in `image`, whose top left corner lies at `corner`, (row, column), of the whole."""
    own = measured(objects, image)
    centres = own.centre + np.array(corner)
    boxes = own.box_xyxy + np.array([corner[1], corner[0], corner[1], corner[0]])
    for index, number in enumerate(ids):
        middle = (f"{place:.2f}" for place in centres[index])
        lengths = (f"{own.perimeter[index]:.2f}", f"{own.intensity[index]:.2f}")
        name, score = names[objects.class_index[index]], f"{objects.score[index]:.4f}"
        yield (number, name, score, own.area[index], *middle, *boxes[index], *lengths)


def write_geojson(path: Path, result: Result) -> None:
    """Write a GeoJSON feature collection, a polygon along its pixels' edges, with holes, for each object; of a semantic
    model for each 4-connected region of a class.

    Coordinates are those of the image's place on earth (see `PlaceOnEarth.to_earth`); without one they are (x, y) in
    pixels from the image's top left corner, y down.
    """
    from pixelwise.instances.parts import regions  # scipy, which no mask needs
    from pixelwise.raster.geojson import Features

    objects = regions(result.label_map) if result.instances is None else result.instances
    areas = objects.areas()
    with Features(path, result.place) as features:
        for index, polygons in enumerate(polygons_of(objects)):
            if objects.class_index[index] == IGNORE_INDEX:
                continue
            properties: dict[str, object] = {"class": result.info.classes.names[objects.class_index[index]]}
            if result.instances is not None:
                properties |= {"id": index + 1, "score": score_of(objects, index), "area": int(areas[index])}
            features.add(polygons, properties)


def write_labelme(path: Path, result: Result) -> None:
    """Write labelme's JSON, which it opens with the image: outlines to correct by hand, and to train on again.

    They are those of objects; of a semantic model, of the 4-connected regions of each class but the background.
    """
    from pixelwise.formats.drawn import is_background
    from pixelwise.formats.layouts.labelme import as_labelme  # with all other layouts, which nothing else here needs
    from pixelwise.instances.parts import regions  # scipy, which no mask needs

    objects = regions(result.label_map) if result.instances is None else result.instances
    names = result.info.classes.names
    if result.instances is None:
        objects = objects.kept(np.array([not is_background(names[own]) for own in objects.class_index], bool))
    image = "" if result.source is None else os.path.relpath(result.source, path.parent)
    outlined = zip(objects.class_index.tolist(), objects.pieces(), strict=True)
    write_text(path, as_labelme(outlined, result.info.classes, image, objects.instance_map.shape))


def write_coco_results(path: Path, result: Result) -> None:
    """Write COCO's results: a list of objects with compressed runs, box, score, and the class index as category.

    The image's stem stands for its id, as a number where it is one.
    """
    objects = objects_in(result)
    stem = path.name.removesuffix(COCO_ENDING)
    entries = [
        {"image_id": int(stem) if stem.isdecimal() else stem, "score": score_of(objects, index), **own}
        for index, own in enumerate(as_coco(objects))
    ]
    for entry in entries:
        entry["segmentation"]["counts"] = compressed(entry["segmentation"]["counts"])
    write_text(path, json.dumps(entries))


def polygons_of(objects: Objects) -> Iterator[list[list[list[list[float]]]]]:
    """Yield each object's polygons: closed rings, the outer one first, then its holes."""
    for piece in objects.pieces():
        rings = [ring + np.array([piece.left, piece.top]) for ring in outlines(piece.mask)]
        outer = [ring for ring in rings if signed_area(ring) > 0]
        inner = [ring for ring in rings if signed_area(ring) < 0]
        alone = len(outer) == 1  # and around every hole
        polygons = [
            [_closed(own), *(_closed(hole) for hole in inner if alone or _surrounds(own, hole))] for own in outer
        ]
        yield polygons


def _closed(ring: Ring) -> list[list[float]]:
    closed: list[list[float]] = np.concatenate([ring, ring[:1]]).tolist()
    return closed


def _surrounds(ring: Ring, hole: Ring) -> bool:
    """Return whether a hole lies in a ring: pixels left of the hole's leftmost edge are the ring's own."""
    x, y = hole[np.lexsort((hole[:, 1], hole[:, 0]))[0]]
    size = (int(ring[:, 1].max()), int(ring[:, 0].max()))
    return bool(filled([ring], size)[int(y), int(x)]) if y < size[0] and x < size[1] else False


def score_of(objects: Objects, index: int) -> float:
    """Return an object's score with four digits, as files have it."""
    return round(float(objects.score[index]), 4)


def objects_in(result: Result) -> Objects:
    """Return the objects of a result. Raises `OptionError` for that of a semantic model."""
    if result.instances is None:
        remedy = "Leave it out, or train with --task instance."
        raise OptionError("--as", "objects of a semantic model", "an instance model", remedy)
    return result.instances
