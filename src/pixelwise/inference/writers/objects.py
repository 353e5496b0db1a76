"""Files of the objects that an instance model found in an image."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError, OutputError
from pixelwise.core.files import write_atomically, write_text
from pixelwise.core.text import as_cell
from pixelwise.inference.result import Result
from pixelwise.instances.measurements import measure_objects
from pixelwise.instances.objects import MAX_ID, Objects
from pixelwise.instances.rle import coco_annotations, compress_counts
from pixelwise.raster.image import write_png, write_tiff

COLUMNS = ("id", "class", "score", "area", "row", "column", "left", "top", "right", "bottom", "perimeter", "intensity")
COCO_ENDING = "_coco.json"
Corner = tuple[int, int]


def write_instances(path: Path, result: Result) -> None:
    """Write the instance map as a 16-bit gray PNG: 0 = no object. Raises `OutputError` for more objects than that."""
    objects = require_objects(result)
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
    instance_map = require_objects(result).instance_map
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
    """Write a CSV with a row an object: its id in the instance map, class (see `as_cell`), score, and `Measures`, in
    pixels."""
    objects = require_objects(result)
    with open_table(path) as write_rows:
        write_rows(table_rows(objects, result.image, result.info.classes.names, range(1, len(objects) + 1)))


@contextmanager
def open_table(path: Path) -> Iterator[Callable[[Iterable[Sequence[object]]], None]]:
    """Yield what writes rows of a table of objects, under the names of its columns; the file appears whole or not at
    all."""
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        yield table.writerows


def table_rows(
    objects: Objects, image: npt.NDArray[np.uint8], names: Sequence[str], ids: Sequence[int], corner: Corner = (0, 0)
) -> Iterator[tuple[object, ...]]:
    """Yield the row of each object in `image`, whose top left corner lies at `corner`, (row, column), of the whole."""
    own = measure_objects(objects, image)
    centres = own.centre + np.array(corner)
    boxes = own.box_xyxy + np.array([corner[1], corner[0], corner[1], corner[0]])
    for index, number in enumerate(ids):
        middle = (f"{place:.2f}" for place in centres[index])
        lengths = (f"{own.perimeter[index]:.2f}", f"{own.intensity[index]:.2f}")
        name, score = as_cell(names[objects.class_index[index]]), f"{objects.score[index]:.4f}"
        yield (number, name, score, own.area[index], *middle, *boxes[index], *lengths)


def write_labelme(path: Path, result: Result) -> None:
    """Write labelme's JSON, which it opens with the image: outlines to correct by hand, and to train on again.

    They are those of objects; of a semantic model, of the 4-connected regions of each class but the background.
    """
    from pixelwise.data.layouts.labelme import as_labelme  # with all other layouts, which nothing else here needs
    from pixelwise.data.shapes.annotations import is_background
    from pixelwise.instances.parts import region_objects  # scipy, which no mask needs

    objects = region_objects(result.label_map) if result.instances is None else result.instances
    names = result.info.classes.names
    if result.instances is None:
        objects = objects.select(np.array([not is_background(names[own]) for own in objects.class_index], bool))
    image = "" if result.source is None else os.path.relpath(result.source, path.parent)
    outlined = zip(objects.class_index.tolist(), objects.pieces(), strict=True)
    write_text(path, as_labelme(outlined, result.info.classes, image, objects.instance_map.shape))


def write_coco_results(path: Path, result: Result) -> None:
    """Write COCO's results: a list of objects with compressed runs, box, score, and the class index as category.

    The image's stem stands for its id, as a number where it is one.
    """
    objects = require_objects(result)
    stem = path.name.removesuffix(COCO_ENDING)
    entries = [
        {"image_id": int(stem) if stem.isdecimal() else stem, "score": rounded_score(objects, index), **own}
        for index, own in enumerate(coco_annotations(objects))
    ]
    for entry in entries:
        entry["segmentation"]["counts"] = compress_counts(entry["segmentation"]["counts"])
    write_text(path, json.dumps(entries))


def rounded_score(objects: Objects, index: int) -> float:
    """Return an object's score with four digits, as files have it."""
    return round(float(objects.score[index]), 4)


def require_objects(result: Result) -> Objects:
    """Return the objects of a result. Raises `OptionError` for that of a semantic model."""
    if result.instances is None:
        remedy = "Leave it out, or train with `task='instance'`."
        raise OptionError("as_", "objects of a semantic model", "an instance model", remedy)
    return result.instances
