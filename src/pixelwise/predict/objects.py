"""Files of the objects that an instance model found in an image."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from pixelwise.errors import OptionError, OutputError
from pixelwise.files import write_text
from pixelwise.instances.measures import measured
from pixelwise.instances.objects import Objects
from pixelwise.predict.predictor import Result
from pixelwise.raster.image import write_png

COLUMNS = ("id", "class", "score", "area", "row", "column", "left", "top", "right", "bottom", "perimeter", "intensity")
MAX_ID = 65535


def write_instances(path: Path, result: Result) -> None:
    """Write the instance map as a 16-bit gray PNG: 0 = no object. Raises `OutputError` for more objects than that."""
    objects = objects_in(result)
    if len(objects) > MAX_ID:
        remedy = "Cut the image into parts, or write the table of objects."
        raise OutputError(path, f"{len(objects):,} objects in one image", f"{MAX_ID:,} at most in 16 bits", remedy)
    write_png(path, objects.instance_map.astype(np.uint16))


def write_table(path: Path, result: Result) -> None:
    """Write a CSV with a row an object: its id in the instance map, class, score, and `Measures`, in pixels."""
    objects = objects_in(result)
    own, names = measured(objects, result.image), result.predictor.classes.names
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for index in range(len(objects)):
        middle = (f"{place:.2f}" for place in own.centre[index])
        lengths = (f"{own.perimeter[index]:.2f}", f"{own.intensity[index]:.2f}")
        name, score = names[objects.class_index[index]], f"{objects.score[index]:.4f}"
        table.writerow((index + 1, name, score, own.area[index], *middle, *own.box_xyxy[index], *lengths))
    write_text(path, text.getvalue())


def objects_in(result: Result) -> Objects:
    """Return the objects of a result. Raises `OptionError` for that of a semantic model."""
    if result.instances is None:
        remedy = "Leave it out, or train with --task instance."
        raise OptionError("--as", "objects of a semantic model", "an instance model", remedy)
    return result.instances
