"""Lists of classes beside the one that is read: whether they say the same, how they differ, or that none was read."""

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
from pixelwise.data.annotation_files import parse_json, parse_yaml, shorten
from pixelwise.data.class_list import CLASS_LISTS, VOID_NAMES, ClassList
from pixelwise.data.dataset import Dataset
from pixelwise.data.layouts.voc_classes import LABEL_MAP, read_label_map
from pixelwise.data.problem import Problem, display_path
from pixelwise.data.references import nfc, walk
from pixelwise.data.shapes.annotations import is_background
from pixelwise.data.splits import SPLITS
from pixelwise.data.unrecognised import kind_of_json

DEPTH = 3
"""Of folders in which lists of classes are noticed."""
MOST = 50
"""Lists that are compared."""
ROBOFLOWS = "_classes.csv"
OTHER_CLASS_LISTS = re.compile(
    r"(_?class(es)?([ _-]?(names?|dict|list|map|labels?|colou?rs?|info))?([ _-]?seg(mentation)?)?"
    r"|labels?([ _-]?(map|names?|list|colou?rs))?|categories|obj_class_to_machine_colou?r"
    r"|palette|colou?r([ _-]?map|s)?|obj)"
    r"(\.names|\.txt|\.csv|\.tsv|\.json|\.pbtxt|\.xml|\.xlsx)",
    re.IGNORECASE,
)
"""Names under which tools keep lists of classes."""
KEYS = ("names", "classes", "labels", "categories")
"""Under which JSON and YAML files hold names of classes."""
BY_NAME = ("coco", "panoptic", "cvat", "via", "labelme")
"""Layouts whose annotations name their classes, so that the order of a list says nothing."""
LISTED = ("folders", "voc", "dsb", "yolo")
"""Layouts whose classes a list decides."""
_SHOWN = 8


@dataclass(frozen=True)
class NameList:
    """The names of a list in their order, less those of no label, and what it says of their values and colours."""

    path: Path
    names: tuple[str, ...]
    values: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, Color] = field(default_factory=dict)

    @property
    def plain(self) -> tuple[str, ...]:
        return tuple(_plain(name) for name in self.names)


def read_split_class_list(root: Path) -> ClassList | None:
    """Return the list that Roboflow writes into each split's folder; `None` without one. Where they differ,
    `find_conflicting_lists` tells."""
    names = (name for spellings in SPLITS.values() for name in spellings)
    path = next((file for name in names if (file := root / name / ROBOFLOWS).is_file()), None)
    if path is None:
        return None
    try:
        return CLASS_LISTS[ROBOFLOWS](path, read_text(path, MAX_LIST_BYTES))
    except (OSError, ValueError, csv.Error) as error:
        found = f"a list that cannot be read ({error})"
        raise DataError(path, found, "a header line, then lines of value,name", "Correct it.") from error


def find_conflicting_lists(dataset: Dataset) -> list[Problem]:
    """Return what is to be said of the lists of classes in a data set's folders that say something else than its
    classes, or that cannot be read."""
    read = [(path, _read(path)) for path in find_list_files(dataset.root)]
    used = next((own for _, own in read if own is not None and _is_used(dataset, own)), None)
    problems: list[Problem] = []
    for path, own in read:
        if own is None:
            if path.name in (*CLASS_LISTS, LABEL_MAP) or OTHER_CLASS_LISTS.fullmatch(path.name):
                problems.append(_unread(dataset, path, used))
        elif own is not used and (difference := _difference(dataset, own, used)):
            problems.append(_differing(dataset, own, used, difference))
    return problems


def _is_used(dataset: Dataset, own: NameList) -> bool:
    names = tuple(_plain(name) for name in dataset.classes.names)
    if dataset.format == "yolo":
        return own.path.suffix.lower() in (".yaml", ".yml") and _without_background(own.plain) == names[1:]
    return own.plain == names


def find_list_files(root: Path) -> list[Path]:
    """Return the files in `root`, and a little deeper, that are called as lists of classes are, those that are read
    first."""
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
    return path.suffix.lower() == ".json" and kind_of_json(path) is not None


def _read(path: Path) -> NameList | None:
    """Return what a list says; `None` where it cannot be read, or is none."""
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            return None
        if path.suffix.lower() in (".json", ".yaml", ".yml") and path.name not in CLASS_LISTS:
            content = parse_json(path) if path.suffix.lower() == ".json" else parse_yaml(path)
            return _of_pairs(path, _pairs_in(content, OTHER_CLASS_LISTS.fullmatch(path.name) is not None))
        if path.name == LABEL_MAP:
            own = read_label_map(path.parent)
            return None if own is None else _of_list(own)
        if (reader := _reader(path)) is None:
            return None
        return _of_list(CLASS_LISTS[reader](path, read_text(path, MAX_LIST_BYTES)))
    except (OSError, ValueError, KeyError, RecursionError, DataError, yaml.YAMLError, csv.Error):
        return None


def _reader(path: Path) -> str | None:
    """Return the list whose form a file's name suggests."""
    if path.name in CLASS_LISTS:
        return path.name
    if path.suffix.lower() == ".txt" and re.match("colou?r|palette|.*colou?rs", path.name, re.IGNORECASE):
        return "label_colors.txt"
    return {".csv": "class_dict.csv", ".txt": "classes.txt", ".names": "classes.txt"}.get(path.suffix.lower())


def _of_list(own: ClassList) -> NameList:
    names = own.classes.names
    values = {names[index]: value for value, index in own.values.items() if index != IGNORE_INDEX}
    colors = {names[index]: color for color, index in own.colors.items() if index != IGNORE_INDEX}
    return NameList(own.path, names, values if own.stated else {}, colors)


def _of_pairs(path: Path, pairs: list[tuple[int | None, str]]) -> NameList | None:
    named = [(value, name) for value, name in pairs if _plain(name) not in VOID_NAMES]
    if not named:
        return None
    stated = {name: value for value, name in named if value is not None}
    if len(stated) == len(named):
        named.sort(key=lambda pair: pair[0] or 0)
    return NameList(path, tuple(name for _, name in named), stated if len(stated) == len(named) else {})


def _pairs_in(content: Any, is_list: bool) -> list[tuple[int | None, str]]:
    """Return values, where they are given, and names of classes in what a JSON or YAML file holds; of one that need not
    be a list of classes what stands under one of `KEYS`."""
    if isinstance(content, dict):
        if key := next((key for key in KEYS if isinstance(content.get(key), list | dict)), None):
            return _pairs_in(content[key], True)
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


def _difference(dataset: Dataset, own: NameList, used: NameList | None) -> str | None:
    """Return how a list differs from the classes that are read; `None` where it says the same."""
    names = dataset.classes.names
    here, there = own.plain, tuple(_plain(name) for name in names)
    may_lack_background = dataset.format in (*BY_NAME, "yolo") or own.path.suffix.lower() in (".yaml", ".yml", ".names")
    if may_lack_background:
        here, there = _without_background(here), _without_background(there)
    if dataset.format in BY_NAME:
        here, there = tuple(sorted(here)), tuple(sorted(there))
    if here != there:
        if sorted(here) == sorted(there):
            return "the order differs"
        only_here, only_there = (
            [name for name in own_names if (plain := _plain(name)) in mine and plain not in others]
            for own_names, mine, others in ((own.names, here, there), (names, there, here))
        )
        told = [f"only {where}: {_shown(some)}" for where, some in (("here", only_here), ("there", only_there)) if some]
        return "; ".join(told) or "the numbers differ"
    if used is None:
        return None
    for word, mine, others in (("value", own.values, used.values), ("colour", own.colors, used.colors)):
        known = {_plain(name): value for name, value in others.items()}
        differ = [name for name, value in mine.items() if known.get(_plain(name), value) != value]
        if differ and (word == "value" or _uses_colors(dataset)):
            plural, verb = ("s", "differ") if len(differ) > 1 else ("", "differs")
            return f"the {word}{plural} of {_shown(differ)} {verb}"
    return None


def _uses_colors(dataset: Dataset) -> bool:
    return dataset.mask_encoding is not None and bool(dataset.mask_encoding.colors or dataset.mask_encoding.palette)


def _differing(dataset: Dataset, own: NameList, used: NameList | None, difference: str) -> Problem:
    names = f"{len(own.names)} classes ({_shown(own.names)})"
    if used is None and dataset.format in ("folders", "dsb", "voc"):
        message = (
            f"found names of {names}; expected them in classes.yaml or classes.txt in {dataset.root.name}/. They "
            "were not read: write them there, in classes.txt one a line in the order of the masks' values."
        )
        return Problem(own.path, "passed_over", message)
    source = "the classes of the data" if used is None else display_path(dataset.root, used.path)
    message = (
        f"found {names}, and {dataset.classes.num_classes} ({_shown(dataset.classes.names)}) in {source}, which "
        f"count{'' if used is None else 's'}: {difference}; expected one list of classes, or the same in all. Correct "
        "one of them, or move this one elsewhere."
    )
    return Problem(own.path, "class_lists" if dataset.format in LISTED else "passed_over", message)


def _unread(dataset: Dataset, path: Path, used: NameList | None) -> Problem:
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
            f"compared: {source}. See that both say the same, or move this one elsewhere."
        )
    return Problem(path, "passed_over", message)


def _without_background(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if not is_background(name))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", nfc(name).casefold())


def _shown(names: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    own = [shorten(name) for name in names]
    return ", ".join(own[:_SHOWN]) + (" ..." if len(own) > _SHOWN else "")
