"""The classes of data in Pascal VOC's layout: those of a class list, VOC's own, or those that the values suggest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import BACKGROUND, IGNORE_INDEX, ClassMap, Color
from pixelwise.core.errors import DataError
from pixelwise.data.annotation_files import format_value
from pixelwise.data.class_list import VOID_NAMES, ClassList, read_class_list, require_no_ids
from pixelwise.data.masks.encoding import MaskEncoding, pack_rgb
from pixelwise.data.masks.interpretation import infer_encoding
from pixelwise.data.splits import lines_of

NAMES = (
    BACKGROUND,
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
LABELME_LISTS = ("class_names.txt", "labels.txt")
"""What labelme's converter to VOC writes, and what it is given: `__ignore__`, `_background_`, then the classes."""
LABEL_MAP = "labelmap.txt"
"""What CVAT and Datumaro write: lines of name:r,g,b:parts:actions."""
_PHOTO_OF_VOC = re.compile(r"20(0[789]|1[012])_\d{6}")
_CHANNEL = re.compile(r"\s*[0-9]{1,3}\s*")
_IGNORED = ("__ignore__", "ignored", *VOID_NAMES)


def _palette() -> npt.NDArray[np.uint8]:
    """Return VOC's colours, uint8 (256, 3). The bits 0, 3, 6 of a value are the highest bits of red, 1, 4, 7 those of
    green, and 2, 5 those of blue."""
    values, channels = np.arange(256)[:, None], np.arange(3)
    colors = np.zeros((256, 3), np.uint8)
    for i in range(3):
        colors |= ((values >> 3 * i + channels & 1) << 7 - i).astype(np.uint8)
    return colors


PALETTE = _palette()
CLASSES = ClassMap.from_dict([{"name": name, "color": PALETTE[i].tolist()} for i, name in enumerate(NAMES)])


def indices_of_colors(indices: Iterable[int]) -> dict[int, int]:
    """Return {VOC's colour of an index, packed: the index}."""
    return {pack_rgb(PALETTE[None, index]).item(): index for index in indices}


def read_encoding(
    folders: Iterable[Path],
    images: Mapping[Path, Path],
    stems: Sequence[str],
    *,
    has_objects: bool = False,
) -> MaskEncoding:
    """Return what the values of masks stand for.

    The first class list in `folders` decides. Without one, VOC's classes count where every image is named like VOC's
    (2007_000032); else `interpretation.infer_encoding` decides. 255 is no label, unless masks hold 0 and 255 alone and
    there are two classes. images: the image of each mask. stems: those of all images. has_objects: whether there are
    object masks. Raises `DataError` for lists that make no sense, and as `interpretation.infer_encoding`.
    """
    different_folders, masks = list(dict.fromkeys(folders)), list(images)
    for folder in different_folders:
        class_list = read_class_list(folder) or _names_list(folder) or read_label_map(folder)
        if class_list is not None:
            require_no_ids(class_list)
            return infer_encoding(folder, masks, class_list, has_objects=has_objects, images=images)
    if stems and all(_PHOTO_OF_VOC.fullmatch(stem) for stem in stems):
        known = (*range(len(NAMES)), IGNORE_INDEX)
        colors = indices_of_colors(known)
        return MaskEncoding(CLASSES, {index: index for index in known}, colors, colors, why="the classes of Pascal VOC")
    return infer_encoding(different_folders[0], masks, None, has_objects=has_objects, images=images)


def _names_list(folder: Path) -> ClassList | None:
    path = next((folder / name for name in LABELME_LISTS if (folder / name).is_file()), None)
    if path is None:
        return None
    names = [name for name in lines_of(path) if name not in _IGNORED]
    if not names or names[0].strip("_") != BACKGROUND:
        found = f"{format_value(names[0])} first" if names else "no class"
        remedy = "Write _background_, the class of value 0, before the other classes."
        raise DataError(path, found, "_background_ first, after __ignore__", remedy)
    return _class_list_of_rows(
        path, [(name, tuple(PALETTE[index % len(PALETTE)].tolist())) for index, name in enumerate(names)], {}
    )


def read_label_map(folder: Path) -> ClassList | None:
    """Return the classes of the `labelmap.txt` in `folder`, `None` without one; raise `DataError` where it makes no
    sense."""
    path = folder / LABEL_MAP
    if not path.is_file():
        return None
    rows: list[tuple[str, Color]] = []
    colors: dict[Color, int] = {}
    for line in (line for line in lines_of(path) if not line.startswith("#")):
        name, *others = line.split(":")
        channels = others[0].split(",") if others and others[0] else list(map(str, PALETTE[len(rows) % len(PALETTE)]))
        if len(channels) != 3 or not all(_CHANNEL.fullmatch(channel) and int(channel) < 256 for channel in channels):
            raise DataError(path, f"the line {format_value(line)}", "name:r,g,b:parts:actions", "Correct the line.")
        color = (int(channels[0]), int(channels[1]), int(channels[2]))
        is_ignored = name in _IGNORED
        label = IGNORE_INDEX if is_ignored else len(rows)
        if colors.setdefault(color, label) != label:
            raise DataError(path, f"the colour {list(color)} twice", "a colour a class", "Correct one of the lines.")
        if not is_ignored:
            rows.append((name, color))
    return _class_list_of_rows(path, rows, colors)


def _class_list_of_rows(path: Path, rows: Sequence[tuple[str, Color]], colors: dict[Color, int]) -> ClassList:
    names = tuple(BACKGROUND if name.strip("_") == BACKGROUND else name for name, _ in rows)
    try:
        classes = ClassMap(names, tuple(color for _, color in rows))
    except DataError as error:
        raise DataError(path, error.found, error.expected, error.remedy) from error
    return ClassList(path, classes, {index: index for index in range(classes.num_classes)}, colors)
