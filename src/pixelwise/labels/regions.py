"""Pixels of actions that do not follow from their fields: accepted predictions, filled regions, objects. They are
stored in a file beside the journal, which is written to disk before the line that refers to it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError
from pixelwise.core.files import write_atomically
from pixelwise.labels.boxes import Box

Kind = Literal["labels", "objects", "erased"]
"""What the values of a part are: class indices, object ids, or 1 for pixels that lose their label."""
KINDS: tuple[Kind, ...] = ("labels", "objects", "erased")
DTYPES: dict[str, np.dtype[Any]] = {
    "labels": np.dtype(np.uint8),
    "objects": np.dtype("<i4"),
    "erased": np.dtype(np.uint8),
}
UNCHANGED = {"labels": 255, "objects": -1, "erased": 0}
"""The value of pixels that the action did not change."""
MOST_AREA = 2**26
"""The largest number of pixels of a part."""


@dataclass(frozen=True)
class RegionPart:
    """Values in a box of an image's label map, uint8, or instance map, int32, or what is erased in it, uint8."""

    kind: Kind
    box_tlbr: Box
    values: npt.NDArray[Any]


def write_region(path: Path, parts: Iterable[RegionPart]) -> int:
    """Write parts to disk, whole or not at all; return how many. Raises `OutputError`."""
    count = 0
    with (
        write_atomically(path, durable=True) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for part in parts:
            name = f"{part.kind}/{','.join(map(str, part.box_tlbr))}"
            content = np.ascontiguousarray(part.values, DTYPES[part.kind]).tobytes()
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 1)
            count += 1
    return count


def read_region(path: Path) -> Iterator[RegionPart]:
    """Yield the parts of a file that `write_region` wrote. Raises `DataError` for any other."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                kind, box_tlbr = _parse_name(info.filename)
                height, width = box_tlbr[2] - box_tlbr[0], box_tlbr[3] - box_tlbr[1]
                if not 0 < height * width <= MOST_AREA or info.file_size != height * width * DTYPES[kind].itemsize:
                    raise ValueError(f"{info.file_size} bytes for {height} x {width} pixels")
                values = np.frombuffer(archive.read(info), DTYPES[kind]).reshape(height, width)
                yield RegionPart(kind, box_tlbr, values)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        remedy = "Put back a copy of .studio/, or move it away: masks/ holds the labels."
        raise DataError(path, f"a damaged or missing file ({error})", "pixels that an action wrote", remedy) from error


def _parse_name(name: str) -> tuple[Kind, Box]:
    kind, _, numbers = name.partition("/")
    top, left, bottom, right = (int(text) for text in numbers.split(","))
    if kind not in KINDS or not (0 <= top < bottom and 0 <= left < right):
        raise ValueError(f"the entry {name[:40]!r}")
    return KINDS[KINDS.index(kind)], (top, left, bottom, right)
