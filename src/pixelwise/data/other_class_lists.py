"""Class lists that lie beside the one that is read: whether they agree with it, and whether they can be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pixelwise.core.classes import IGNORE_INDEX, Color
from pixelwise.core.documents import MAX_LIST_BYTES, read_text
from pixelwise.core.errors import DataError
from pixelwise.core.text import join_first
from pixelwise.data.annotation_files import parse_json, parse_yaml, shorten
from pixelwise.data.class_list import CLASS_LISTS, FORMS, VOID_NAMES, ClassList
from pixelwise.data.dataset import Dataset
from pixelwise.data.fitting_names import NAME_LISTS
from pixelwise.data.layouts.voc_classes import LABEL_MAP, read_label_map
from pixelwise.data.masks.encoding import format_ranges
from pixelwise.data.problem import Problem, display_path
from pixelwise.data.references import nfc, walk
from pixelwise.data.shapes.annotations import is_background
from pixelwise.data.splits import SPLITS
from pixelwise.data.unrecognised import kind_of_json

DEPTH = 3
"""Levels of folders that are searched for class lists; the data set's directory is the first."""
MOST = 50
"""Lists that are compared at most."""
ROBOFLOW_LIST = "_classes.csv"
OTHER_CLASS_LISTS = re.compile(
    r"(_?class(es)?([ _-]?(names?|dict|list|map|labels?|colou?rs?|info))?([ _-]?seg(mentation)?)?"
    r"|labels?([ _-]?(map|names?|list|colou?rs))?|categories|obj_class_to_machine_colou?r"
    r"|palette|colou?r([ _-]?map|s)?|obj)"
    r"(\.names|\.txt|\.csv|\.tsv|\.json|\.pbtxt|\.xml|\.xlsx)",
    re.IGNORECASE,
)
"""File names of class lists in common tools."""
KEYS = ("names", "classes", "labels", "categories")
"""Keys of class names in JSON and YAML files."""
LAYOUTS_OF_NAMES = ("coco", "panoptic", "cvat", "via", "labelme")
"""Layouts whose annotations name their classes, so that the order of a list is irrelevant."""
LAYOUTS_OF_LISTS = ("folders", "voc", "dsb", "yolo")
"""Layouts whose classes a list determines."""
_SHOWN = 8
"""Names that a message lists."""


@dataclass(frozen=True)
class NameList:
    """The class names of a list in their order, without names that mean no label, and their values and colours where
    the list states them."""

    path: Path
    names: tuple[str, ...]
    values: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, Color] = field(default_factory=dict)

    @property
    def normalized(self) -> tuple[str, ...]:
        """The names as they are compared (see `_normalize`)."""
        return tuple(_normalize(name) for name in self.names)


def read_split_class_list(root: Path) -> ClassList | None:
    """Return the list that Roboflow writes into each split's folder; `None` without one.

    Where the lists of splits differ, `find_conflicting_lists` reports it. Raises `DataError` for a list that cannot be
    read.
    """
    names = (name for spellings in SPLITS.values() for name in spellings)
    path = next((file for name in names if (file := root / name / ROBOFLOW_LIST).is_file()), None)
    if path is None:
        return None
    try:
        return CLASS_LISTS[ROBOFLOW_LIST](path, read_text(path, MAX_LIST_BYTES))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(path, f"a list that cannot be read ({error})", FORMS[ROBOFLOW_LIST], "Correct it.") from error


def find_conflicting_lists(dataset: Dataset) -> list[Problem]:
    """Return the problems of class lists that contradict the classes of a data set, or cannot be read."""
    read = [(path, _read_list(path)) for path in find_list_files(dataset.root)]
    used = next((name_list for _, name_list in read if name_list is not None and _is_used(dataset, name_list)), None)
    problems: list[Problem] = []
    for path, name_list in read:
        if name_list is None:
            if path.name in (*CLASS_LISTS, LABEL_MAP) or OTHER_CLASS_LISTS.fullmatch(path.name):
                problems.append(_unread_problem(dataset, path, used))
        elif name_list is not used and (difference := _describe_difference(dataset, name_list, used)):
            problems.append(_conflict_problem(dataset, name_list, used, difference))
    return problems


def _is_used(dataset: Dataset, name_list: NameList) -> bool:
    """Return whether a list is the one that the data set's classes were read from."""
    names = tuple(_normalize(name) for name in dataset.classes.names)
    if dataset.format == "yolo":
        return (
            name_list.path.suffix.lower() in (".yaml", ".yml")
            and _without_background(name_list.normalized) == names[1:]
        )
    return name_list.normalized == names


def find_list_files(root: Path) -> list[Path]:
    """Return the files that are named like class lists, in `root` and the folders in it, `DEPTH` levels in all.

    The nearest come first, and among equally near ones those whose form is read.
    """
    files: list[tuple[int, int, Path]] = []
    order = [*CLASS_LISTS, LABEL_MAP]
    for folder, names in walk(root, DEPTH):
        for name in names:
            path = folder / name
            depth = len(folder.relative_to(root).parts)
            is_yaml = not depth and path.suffix.lower() in (".yaml", ".yml")
            if name in order:
                files.append((depth, order.index(name), path))
            elif is_yaml or (not depth and name == "dataset.json") or OTHER_CLASS_LISTS.fullmatch(name):
                files.append((depth, len(order), path))
    return [path for *_, path in sorted(files)[:MOST] if not _holds_annotations(path)]


def _holds_annotations(path: Path) -> bool:
    """Return whether a JSON file holds annotations instead of a class list."""
    return path.suffix.lower() == ".json" and kind_of_json(path) is not None


def _read_list(path: Path) -> NameList | None:
    """Return the names of a list; `None` for a file that cannot be read or is no class list."""
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            return None
        if path.suffix.lower() in (".json", ".yaml", ".yml") and path.name not in CLASS_LISTS:
            content = parse_json(path) if path.suffix.lower() == ".json" else parse_yaml(path)
            return _from_pairs(path, _find_pairs(content, is_list=OTHER_CLASS_LISTS.fullmatch(path.name) is not None))
        if path.name == LABEL_MAP:
            class_list = read_label_map(path.parent)
            return None if class_list is None else _from_class_list(class_list)
        if (form := _guess_form(path)) is None:
            return None
        return _from_class_list(CLASS_LISTS[form](path, read_text(path, MAX_LIST_BYTES)))
    except (OSError, ValueError, KeyError, RecursionError, DataError, yaml.YAMLError, csv.Error):
        return None


def _guess_form(path: Path) -> str | None:
    """Return the key of `CLASS_LISTS` whose form the name of a file suggests; `None` where it suggests none."""
    if path.name in CLASS_LISTS:
        return path.name
    if path.suffix.lower() == ".txt" and re.match("colou?r|palette|.*colou?rs", path.name, re.IGNORECASE):
        return "label_colors.txt"
    return {".csv": "class_dict.csv", ".txt": "classes.txt", ".names": "classes.txt"}.get(path.suffix.lower())


def _from_class_list(class_list: ClassList) -> NameList:
    """Return the names of a list that was read."""
    names = class_list.classes.names
    values = {names[index]: value for value, index in class_list.values.items() if index != IGNORE_INDEX}
    colors = {names[index]: color for color, index in class_list.colors.items() if index != IGNORE_INDEX}
    return NameList(class_list.path, names, values if class_list.stated else {}, colors)


def _from_pairs(path: Path, pairs: list[tuple[int | None, str]]) -> NameList | None:
    """Return the names of (value, name) pairs; `None` without a name."""
    named = [(value, name) for value, name in pairs if _normalize(name) not in VOID_NAMES]
    if not named:
        return None
    stated = {name: value for value, name in named if value is not None}
    if len(stated) == len(named):
        named.sort(key=lambda pair: pair[0] or 0)
    return NameList(path, tuple(name for _, name in named), stated if len(stated) == len(named) else {})


def _find_pairs(content: Any, *, is_list: bool) -> list[tuple[int | None, str]]:
    """Return the (value, name) pairs in the content of a JSON or YAML file; a value is `None` where none is stated.

    is_list: whether the file is named like a class list. Otherwise only the content under one of `KEYS` counts.
    """
    if isinstance(content, dict):
        if key := next((key for key in KEYS if isinstance(content.get(key), list | dict)), None):
            return _find_pairs(content[key], is_list=True)
        if is_list and all(type(value) is int for value in content.values()):
            return [(value, str(name)) for name, value in content.items()]
        if is_list and all(isinstance(name, str) and str(key).isdecimal() for key, name in content.items()):
            return [(int(key), name) for key, name in content.items()]
    if not (is_list and isinstance(content, list)):
        return []
    pairs: list[tuple[int | None, str]] = []
    for entry in content:
        if isinstance(entry, dict):
            name = next((entry[key] for key in ("name", "title", "label") if isinstance(entry.get(key), str)), None)
            value = next((entry[key] for key in ("value", "id") if type(entry.get(key)) is int), None)
        else:
            name, value = entry if isinstance(entry, str) else None, None
        if name is None:
            return []
        pairs.append((value, name))
    return pairs


def _describe_difference(dataset: Dataset, name_list: NameList, used: NameList | None) -> str | None:
    """Return how a list differs from the classes that are read, a clause; `None` where it agrees."""
    names = dataset.classes.names
    here, there = name_list.normalized, tuple(_normalize(name) for name in names)
    may_lack_background = dataset.format in (*LAYOUTS_OF_NAMES, "yolo") or name_list.path.suffix.lower() in (
        ".yaml",
        ".yml",
        ".names",
    )
    if may_lack_background:
        here, there = _without_background(here), _without_background(there)
    if dataset.format in LAYOUTS_OF_NAMES:
        here, there = tuple(sorted(here)), tuple(sorted(there))
    if here == there:
        return None if used is None else _describe_other_values(dataset, name_list, used)
    if sorted(here) == sorted(there):
        return "the order differs"
    only_here = [name for name in name_list.names if _normalize(name) in here and _normalize(name) not in there]
    only_there = [name for name in names if _normalize(name) in there and _normalize(name) not in here]
    differences = [
        f"only {where}: {_format_names(some)}" for where, some in (("here", only_here), ("there", only_there)) if some
    ]
    return "; ".join(differences) or "the numbers differ"


def _describe_other_values(dataset: Dataset, name_list: NameList, used: NameList) -> str | None:
    """Return which values, or colours that masks are read by, differ between a list and the one that is read, a clause;
    `None` where none does."""
    for word, stated, others in (("value", name_list.values, used.values), ("colour", name_list.colors, used.colors)):
        known = {_normalize(name): value for name, value in others.items()}
        differ = [name for name, value in stated.items() if known.get(_normalize(name), value) != value]
        if differ and (word == "value" or _uses_colors(dataset)):
            plural, verb = ("s", "differ") if len(differ) > 1 else ("", "differs")
            return f"the {word}{plural} of {_format_names(differ)} {verb}"
    return None


def _uses_colors(dataset: Dataset) -> bool:
    """Return whether masks are read by colours."""
    return dataset.mask_encoding is not None and bool(dataset.mask_encoding.colors or dataset.mask_encoding.palette)


def _conflict_problem(dataset: Dataset, name_list: NameList, used: NameList | None, difference: str) -> Problem:
    """Return the problem for a list that differs from the classes that are read."""
    names = f"{len(name_list.names)} classes ({_format_names(name_list.names)})"
    if used is None and dataset.format == "folders" and name_list.path.name in NAME_LISTS:
        message = (
            f"found names of {names}, which do not fit {_describe_values(dataset)}; expected a name for each value. "
            "They were not used: correct the list, or write the names and their values into classes.yaml."
        )
        return Problem(name_list.path, "passed_over", message)
    if used is None and dataset.format in ("folders", "dsb", "voc"):
        message = (
            f"found names of {names}; expected them in classes.yaml or classes.txt in {dataset.root.name}/. They "
            "were not read: write them there, in classes.txt one a line in the order of the masks' values."
        )
        return Problem(name_list.path, "passed_over", message)
    source = "the classes of the data" if used is None else display_path(dataset.root, used.path)
    message = (
        f"found {names}, and {dataset.classes.num_classes} ({_format_names(dataset.classes.names)}) in {source}, which "
        f"count{'' if used is None else 's'}: {difference}; expected one list of classes, or the same in all. Correct "
        "one of them, or move this one elsewhere."
    )
    return Problem(name_list.path, "class_lists" if dataset.format in LAYOUTS_OF_LISTS else "passed_over", message)


def _describe_values(dataset: Dataset) -> str:
    """Return what the masks of a data set hold, for a message."""
    encoding = dataset.mask_encoding
    if encoding is None or encoding.objects:
        return "the objects that the files number"
    values = format_ranges(value for value, label in encoding.values.items() if label != IGNORE_INDEX)
    return f"the {dataset.classes.num_classes} classes of the masks (values {values})"


def _unread_problem(dataset: Dataset, path: Path, used: NameList | None) -> Problem:
    """Return the problem for a file that is named like a class list and cannot be read as one."""
    known = ", ".join(CLASS_LISTS)
    if used is None and dataset.format in ("folders", "dsb", "voc"):
        message = (
            f"found what looks like a list of classes; expected one of {known} in {dataset.root.name}/. It was not "
            "read: write the names there, in classes.txt one a line in the order of the masks' values."
        )
    else:
        source = "those of the data count" if used is None else f"{display_path(dataset.root, used.path)} counts"
        message = (
            f"found what looks like a list of classes and cannot be read as one; expected one of {known}. It was not "
            f"compared: {source}. Make sure that both say the same, or move this one elsewhere."
        )
    return Problem(path, "passed_over", message)


def _without_background(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names without those of background."""
    return tuple(name for name in names if not is_background(name))


def _normalize(name: str) -> str:
    """Return a name without case, spaces, dashes and underscores."""
    return re.sub(r"[\s_-]+", "", nfc(name).casefold())


def _format_names(names: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    """Return the first names as text."""
    return join_first([shorten(name) for name in names], _SHOWN)
