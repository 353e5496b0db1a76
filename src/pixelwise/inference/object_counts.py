"""The number and the area of the objects of each image, from the tables of objects that `predict` wrote."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import OutputError
from pixelwise.core.files import write_atomically
from pixelwise.core.text import as_cell
from pixelwise.inference.writers.table import COLUMNS, WRITER

NAME = "objects_per_image.csv"
_CLASS, _AREA = COLUMNS.index("class"), COLUMNS.index("area")


@dataclass(frozen=True)
class ObjectCounts:
    """The objects of one image: how many there are of each class, and their areas together, in pixels."""

    image: str
    by_class: Counter[str]
    area: int

    @property
    def objects(self) -> int:
        return self.by_class.total()


def write_object_counts(out: Path) -> Path:
    """Write `objects_per_image.csv` into `out` and return its path.

    It has a row for each table of objects in `out` and in the folders within, those of earlier calls included: the
    image's name without ending, its number of objects, their mean and total area in pixels and, if there are several
    classes, the number of objects of each. Raises `OutputError` for a damaged table, and if the file cannot be
    written.
    """
    counts = list(_read_tables(out))
    names = sorted({name for image in counts for name in image.by_class})
    classes = names if len(names) > 1 else []
    path = out / NAME
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image", "objects", "mean_area", "total_area", *classes])
        for image in counts:
            mean = f"{image.area / image.objects:.2f}" if image.objects else ""
            by_class = [image.by_class[name] for name in classes]
            table.writerow([as_cell(image.image), image.objects, mean, image.area, *by_class])
    return path


def _read_tables(out: Path) -> Iterator[ObjectCounts]:
    """Yield the counts of each table in `out`, by the names of the files."""
    for path in sorted(out.rglob(f"*{WRITER.ending}")):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file))
            if not rows or tuple(rows.pop(0)) != COLUMNS:  # of another program
                continue
            by_class, area = Counter(row[_CLASS] for row in rows), sum(int(row[_AREA]) for row in rows)
        except (OSError, ValueError, IndexError) as error:
            remedy = "Predict its image again with `overwrite=True`, or move it elsewhere."
            raise OutputError(path, f"a damaged table ({error})", "a table of objects", remedy) from error
        image = path.relative_to(out).as_posix().removesuffix(WRITER.ending)
        yield ObjectCounts(image, by_class, area)
