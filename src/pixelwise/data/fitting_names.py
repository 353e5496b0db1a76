"""Lists of class names without values, such as `labels.txt` of PaddleSeg and labelme, which are used if they fit the
masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pixelwise.core.classes import BACKGROUND, IGNORE_INDEX
from pixelwise.core.documents import MAX_LIST_BYTES, read_text
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import CLASS_LISTS, ClassList
from pixelwise.data.masks.antialiasing import find_soft_binary
from pixelwise.data.masks.statistics import MaskHistogram, collect_statistics, pixels_per_value
from pixelwise.data.masks.value_patterns import find_stray_values
from pixelwise.data.masks.with_class_list import rank_values

NAME_LISTS = ("labels.txt", "class_names.txt")
"""Files of one class name a line. Other programs write files of these names too, so a list is used only if it fits."""
SAMPLE = 256
"""Masks that are read at most to see whether a list fits."""


def read_fitting_names(folders: Iterable[Path], masks: Sequence[Path]) -> ClassList | None:
    """Return the first of `NAME_LISTS` in the folders whose names fit the values of the masks; `None` without one.

    Names fit in three cases: each value has a name and at least half of the names occur; the masks hold as many gray
    levels as there are names, or class indices that count from 1; there are two names, and masks of two classes with
    soft edges. A list that cannot be read is passed over, and `find_conflicting_lists` reports it.
    """
    paths = (folder / name for folder in dict.fromkeys(folders) for name in NAME_LISTS)
    lists = [class_list for path in paths if path.is_file() and (class_list := _read_names(path)) is not None]
    if not lists:
        return None
    statistics = collect_statistics(masks[:: -(-len(masks) // SAMPLE)] if masks else masks)
    if statistics.first_colored is not None:
        return None
    return next((class_list for class_list in lists if _fits(class_list, statistics.gray_masks)), None)


def _read_names(path: Path) -> ClassList | None:
    try:
        class_list = CLASS_LISTS["classes.txt"](path, read_text(path, MAX_LIST_BYTES))
        names = (BACKGROUND if name.strip("_") == BACKGROUND else name for name in class_list.classes.names)
        return replace(class_list, classes=replace(class_list.classes, names=tuple(names)))
    except (OSError, ValueError, DataError):
        return None


def _fits(class_list: ClassList, masks: Sequence[MaskHistogram]) -> bool:
    values = sorted(pixels_per_value(masks).keys() - find_stray_values(masks))
    if class_list.classes.num_classes == 2 and find_soft_binary(masks) is not None:
        return True
    class_values = [value for value in values if value != IGNORE_INDEX or value in class_list.values]
    are_named = all(value in class_list.values for value in class_values)
    if are_named and 2 * len(class_values) >= class_list.classes.num_classes:
        return True
    return bool(values) and rank_values(values, class_list) is not None
