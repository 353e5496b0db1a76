"""Files in masks/ and instances/ of a project. They are written from the labels, with the number of the last action in
them, and read as initial labels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import MaskError
from pixelwise.core.files import write_atomically
from pixelwise.labels.tiled_map import SIDE, TiledMap, write_map
from pixelwise.raster.drivers import BoundedReader
from pixelwise.raster.image import read_values

ACTION, CHECKSUM, COUNTS = "pixelwise-action", "pixelwise-crc32", "pixelwise-pixels"
"""Keys of the texts in a mask's file."""


@dataclass(frozen=True)
class MaskState:
    """The metadata in a file of labels: the number of the last action in it, the checksum of its pixels, and the count
    of each value."""

    number: int
    checksum: int
    counts: dict[int, int]


def write_mask(path: Path, values: TiledMap, number: int, classes: ClassMap | None) -> None:
    """Write a label map, with the classes' palette, or without classes an instance map. Raises `OutputError`."""
    remarks = {
        ACTION: str(number),
        CHECKSUM: str(values.checksum()),
        COUNTS: " ".join(f"{value}:{count}" for value, count in sorted(values.counts().items())),
    }
    write_map(path, values, None if classes is None else classes.palette(), remarks)


def read_state(path: Path) -> MaskState | None:
    """Return the metadata of a file; `None` where there is no file, or another program wrote it."""
    try:
        with BoundedReader(path) as file, Image.open(file, formats=("PNG",)) as image:
            texts = getattr(image, "text", {})
            pairs = (pair.split(":") for pair in str(texts[COUNTS]).split())
            counts = {int(value): int(count) for value, count in pairs}
            return MaskState(int(texts[ACTION]), int(texts[CHECKSUM]), counts)
    except (OSError, KeyError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def read_map(path: Path, size: tuple[int, int], num_classes: int | None) -> TiledMap:
    """Read a label map, or without `num_classes` an instance map.

    Raises `ImageError` for a file that cannot be read and `MaskError` for one of another size, and for values that are
    no classes.
    """
    values = read_values(path)
    if values.ndim != 2 or values.shape != size:
        shape = "x".join(map(str, values.shape))
        remedy = "Export the mask again at the image's size, or remove it."
        raise MaskError(path, f"a mask of {shape}", f"one value a pixel, {size[0]}x{size[1]} (height x width)", remedy)
    is_labels = num_classes is not None
    if num_classes is not None:
        unknown = [value for value in np.unique(values).tolist() if value >= num_classes and value != IGNORE_INDEX]
        if unknown:
            expected = f"0 to {num_classes - 1}, or {IGNORE_INDEX} for no label"
            raise MaskError(path, f"the value {unknown[0]}", expected, "Correct the mask, or remove it.")
    dtype = np.dtype(np.uint8 if is_labels else np.int32)
    result = TiledMap(size, dtype, IGNORE_INDEX if is_labels else 0)
    for top in range(0, size[0], SIDE):
        bottom = min(top + SIDE, size[0])
        result.write((top, 0, bottom, size[1]), values[top:bottom].astype(dtype, copy=False), skip=result.empty)
    return result


def keep_base(path: Path, base: Path) -> None:
    """Keep a copy of a file under another name, by a hard link where possible; it stays when the file is replaced.
    Raises `OSError`."""
    base.parent.mkdir(parents=True, exist_ok=True)
    base.unlink(missing_ok=True)
    try:
        os.link(path, base)
    except OSError:  # no links here
        with write_atomically(base) as temporary:
            temporary.write_bytes(path.read_bytes())
