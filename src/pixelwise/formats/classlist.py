"""Class lists beside the data: `classes.yaml`, `classes.txt`, `label_colors.txt`, `class_dict.csv`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pixelwise.classes import IGNORE_INDEX, ClassMap, Color, distinct_colors
from pixelwise.errors import DataError
from pixelwise.files import write_text

VOID_NAMES = ("void", "unlabelled", "unlabeled", "ignore")
"""Names under which colour lists carry the pixels that belong to no class."""
OBJECT_CLASSES = ClassMap(("background", "object"), ((0, 0, 0), distinct_colors(1)[0]))


@dataclass(frozen=True)
class ClassList:
    """The classes of a data set, and what stands for them in its masks.

    values and colors: class index, or `IGNORE_INDEX`, of a mask's value and of a mask's RGB colour; `colors` holds
    what the list gives, which may be nothing.
    """

    path: Path
    classes: ClassMap
    values: dict[int, int]
    colors: dict[Color, int]


def read_object_classes(root: Path) -> ClassMap:
    """Return the classes of data that has objects and no masks: background and object, or the two of a list in `root`.

    Raises `DataError` for a list of another number of classes, and as `read_class_list`.
    """
    class_list = read_class_list(root)
    if class_list is None:
        return OBJECT_CLASSES
    if class_list.classes.num_classes != 2:
        found = f"{class_list.classes.num_classes} classes, and objects without masks that tell their classes"
        expected = "two classes: background and that of objects"
        raise DataError(class_list.path, found, expected, "Add masks/ or correct the list.")
    return class_list.classes


def read_class_list(root: Path) -> ClassList | None:
    """Return the first class list found in `root`, in the order of `CLASS_LISTS`; `None` without one.

    Raises `DataError` for a list that cannot be read or whose names or colours make no sense.
    """
    for name, read in CLASS_LISTS.items():
        path = root / name
        if path.is_file():
            try:
                return read(path, path.read_text(encoding="utf-8-sig"))
            except DataError as error:
                raise DataError(path, error.found, error.expected, error.remedy) from error
            except (OSError, ValueError, RecursionError, yaml.YAMLError, csv.Error) as error:
                reason = " ".join(str(error).split())
                raise DataError(path, f"a list that cannot be read ({reason})", FORMS[name], "Correct it.") from error
    return None


def to_yaml(classes: ClassMap) -> str:
    """Return the text of `classes.yaml`, a class a line."""
    lines = (yaml.safe_dump(e, default_flow_style=True, sort_keys=False, width=10**6) for e in classes.to_dict())
    return "classes:\n" + "".join(f"- {line}" for line in lines)


def write_classes(path: Path, classes: ClassMap) -> None:
    """Write `classes.yaml`."""
    write_text(path, to_yaml(classes))


def _read_yaml(path: Path, text: str) -> ClassList:
    content = yaml.safe_load(text)
    if not isinstance(content, dict) or not isinstance(content.get("classes"), list):
        raise ValueError("no list under the key 'classes'")
    entries = [entry if isinstance(entry, dict) else {"name": entry} for entry in content["classes"]]
    for entry in entries:
        if not isinstance(entry.get("name"), str | int | float) or isinstance(entry["name"], bool):
            raise ValueError(f"the class {entry!r} has no name, or one that needs quotes")
        if "color" in entry:
            _color(entry["color"])
    classes = ClassMap.from_dict(entries)
    given = [(_color(entry["color"]), i) for i, entry in enumerate(entries) if "color" in entry]
    values = {i: i for i in range(classes.num_classes)}
    for ignored in content.get("ignore", []):
        if isinstance(ignored, int):
            values[ignored] = IGNORE_INDEX
        else:
            given.append((_color(ignored), IGNORE_INDEX))
    return ClassList(path, classes, values, _unambiguous(given))


def _read_names(path: Path, text: str) -> ClassList:
    classes = ClassMap.named([line.strip() for line in text.splitlines() if line.strip()])
    return ClassList(path, classes, {i: i for i in range(classes.num_classes)}, {})


def _read_label_colors(path: Path, text: str) -> ClassList:
    rows = [line.split(maxsplit=3) for line in text.splitlines() if line.strip()]
    return _from_color_rows(path, [(row[3].strip(), row[:3]) for row in rows if _of_length(row, 4)])


def _read_class_dict(path: Path, text: str) -> ClassList:
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    return _from_color_rows(path, [(row[0], row[1:4]) for row in rows[1:] if _of_length(row, 4)])


def _from_color_rows(path: Path, rows: Iterable[tuple[str, list[str]]]) -> ClassList:
    """Return the classes of (name, [r, g, b]) rows; a row's position is its mask value, void rows included."""
    names: list[str] = []
    colors: list[Color] = []
    indices: list[int] = []
    for name, cells in rows:
        color = _color([int(cell) for cell in cells])
        void = name.lower() in VOID_NAMES
        indices.append(IGNORE_INDEX if void else len(names))
        colors.append(color)
        if not void:
            names.append(name)
    kept = tuple(color for color, index in zip(colors, indices, strict=True) if index != IGNORE_INDEX)
    given = _unambiguous(list(zip(colors, indices, strict=True)))
    return ClassList(path, ClassMap(tuple(names), kept), dict(enumerate(indices)), given)


def _of_length(row: list[str], least: int) -> bool:
    if len(row) < least:
        raise ValueError(f"the line {' '.join(row)!r} is too short")
    return True


def _color(value: Any) -> Color:
    if not isinstance(value, list) or len(value) != 3 or not all(type(v) is int and 0 <= v <= 255 for v in value):
        raise ValueError(f"{value!r} is no colour [r, g, b] of values in 0..255")
    return value[0], value[1], value[2]


def _unambiguous(given: list[tuple[Color, int]]) -> dict[Color, int]:
    colors: dict[Color, int] = {}
    for color, index in given:
        if colors.setdefault(color, index) != index:
            raise ValueError(f"the colour {list(color)} stands for two classes")
    return colors


CLASS_LISTS: dict[str, Callable[[Path, str], ClassList]] = {
    "classes.yaml": _read_yaml,
    "classes.txt": _read_names,
    "label_colors.txt": _read_label_colors,
    "class_dict.csv": _read_class_dict,
}
"""The readers of the lists, by file name."""

FORMS = {
    "classes.yaml": "classes: [{name: sky, color: [128, 128, 128]}, ...] or [sky, ...], with or without ignore: [...]",
    "classes.txt": "one class name a line",
    "label_colors.txt": "lines of red, green, blue and name",
    "class_dict.csv": "a header line, then lines of name,red,green,blue",
}
