"""A table of objects, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.core.files import write_atomically
from pixelwise.core.text import as_cell
from pixelwise.inference.writers.base import Writer
from pixelwise.instances.measurements import measure_objects
from pixelwise.instances.objects import Objects

if TYPE_CHECKING:
    from pixelwise.inference.result import Result

COLUMNS = ("id", "class", "score", "area", "row", "column", "left", "top", "right", "bottom", "perimeter", "intensity")
Corner = tuple[int, int]


def write_table(path: Path, result: Result) -> None:
    """Write a CSV with a row for each object: its id in the instance map, class (see `as_cell`), score, and
    `ObjectMeasures`, in pixels."""
    objects = result.require_objects()
    with open_table(path) as write_rows:
        write_rows(table_rows(objects, result.image, result.info.classes.names, range(1, len(objects) + 1)))


@contextmanager
def open_table(path: Path) -> Iterator[Callable[[Iterable[Sequence[object]]], None]]:
    """Yield a writer for the rows of a table of objects, after writing the names of the columns. The file appears whole
    or not at all."""
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        yield table.writerows


def table_rows(
    objects: Objects, image: npt.NDArray[np.uint8], names: Sequence[str], ids: Sequence[int], corner: Corner = (0, 0)
) -> Iterator[tuple[object, ...]]:
    """Yield the row of each object in `image`, a part of an image with its top left corner at `corner`, (row,
    column)."""
    measures = measure_objects(objects, image)
    centres = measures.centre + np.array(corner)
    boxes = measures.box_xyxy + np.array([corner[1], corner[0], corner[1], corner[0]])
    for index, number in enumerate(ids):
        middle = (f"{place:.2f}" for place in centres[index])
        lengths = (f"{measures.perimeter[index]:.2f}", f"{measures.intensity[index]:.2f}")
        name, score = as_cell(names[objects.class_index[index]]), f"{objects.score[index]:.4f}"
        yield (number, name, score, measures.area[index], *middle, *boxes[index], *lengths)


WRITER = Writer("_objects.csv", write_table)
