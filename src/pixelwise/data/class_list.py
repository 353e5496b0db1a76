"""Class lists beside the data: `classes.yaml`, `classes.txt`, and the lists of common tools and public data sets."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from pixelwise.core.classes import IGNORE_INDEX, ClassMap, Color, distinct_colors
from pixelwise.core.documents import MAX_LIST_BYTES, read_text
from pixelwise.core.errors import DataError
from pixelwise.core.files import write_text
from pixelwise.core.safe_yaml import yaml_value
from pixelwise.data.annotation_files import format_value

VOID_NAMES = ("void", "unlabelled", "unlabeled", "ignore")
"""Names that lists give to pixels without a label."""
_NUMBERED = re.compile(r"(\d{1,5})(?:\s*[:=,;.)]\s*|\s+)(\S.*)")
"""A mask's value and its class, as in `7 car` or `7: car`."""
OBJECT_CLASSES = ClassMap(("background", "object"), ((0, 0, 0), distinct_colors(1)[0]))
"""The classes of data with objects and without a class list."""


@dataclass(frozen=True)
class ClassList:
    """The classes of a data set, and their values and colours in its masks.

    Attributes
    ----------
    path
        The file.
    classes
        The classes.
    values
        The class index, or `IGNORE_INDEX`, of each mask value.
    colors
        The class index, or `IGNORE_INDEX`, of each RGB colour that the list gives, if any.
    stated
        Whether the list states the values of its classes. Otherwise they count from 0.
    thresholds
        The lowest value of each class but the first, where the list gives thresholds; else empty.
    ignore_ids
        The values of instance maps that are no objects and have no label; `None` where the list states none.
    """

    path: Path
    classes: ClassMap
    values: dict[int, int]
    colors: dict[Color, int]
    stated: bool = False
    thresholds: tuple[int, ...] = ()
    ignore_ids: tuple[int, ...] | None = None


def read_object_classes(root: Path, *, id_maps: bool = False) -> ClassMap:
    """Return the classes of data that have objects and no masks: those of a list in `root`, or background and object.

    id_maps: whether the objects lie in instance maps, to which `ignore_ids` of a list applies. Raises `DataError` for a
    list of more or fewer than two classes, as `read_class_list`, and, without instance maps, as `require_no_ids`.
    """
    class_list = read_class_list(root)
    if class_list is None:
        return OBJECT_CLASSES
    if not id_maps:
        require_no_ids(class_list)
    if class_list.classes.num_classes != 2:
        found = f"{class_list.classes.num_classes} classes, and objects without masks that tell their classes"
        expected = "two classes: background and that of objects"
        raise DataError(class_list.path, found, expected, "Add masks/ or correct the list.")
    return class_list.classes


def require_no_ids(class_list: ClassList) -> None:
    """Raise `DataError` for a list with `ignore_ids`, in a layout where it would have no effect."""
    if class_list.ignore_ids is not None:
        expected = "none in this layout, which has no folder instances/"
        raise DataError(class_list.path, "'ignore_ids'", expected, "Take it out, or pass `format='folders'`.")


def read_class_list(root: Path) -> ClassList | None:
    """Return the first class list in `root`, in the order of `CLASS_LISTS`; `None` without one.

    A list without colours gets those of another list there that names the same classes in the same order. Raises
    `DataError` for a list that cannot be read or whose names or colours are invalid.
    """
    paths = [path for name in CLASS_LISTS if (path := root / name).is_file()]
    if not paths:
        return None
    first = _read_list(paths[0])
    if first.colors or first.thresholds:
        return first
    for path in paths[1:]:
        try:
            other = _read_list(path)
        except DataError:  # `find_conflicting_lists` reports it
            continue
        if other.colors and (other.classes.names, other.values) == (first.classes.names, first.values):
            return replace(first, classes=other.classes, colors=other.colors)
    return first


def _read_list(path: Path) -> ClassList:
    try:
        return CLASS_LISTS[path.name](path, read_text(path, MAX_LIST_BYTES))
    except DataError as error:
        raise DataError(path, error.found, error.expected, error.remedy) from error
    except (OSError, ValueError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise DataError(path, f"a list that cannot be read ({reason})", FORMS[path.name], "Correct it.") from error


def class_list_yaml(classes: ClassMap) -> str:
    """Return the text of `classes.yaml`, one line a class."""
    lines = (yaml.safe_dump(e, default_flow_style=True, sort_keys=False, width=10**6) for e in classes.to_dict())
    return "classes:\n" + "".join(f"- {line}" for line in lines)


def write_classes(path: Path, classes: ClassMap) -> None:
    """Write `classes.yaml`."""
    write_text(path, class_list_yaml(classes))


def _read_yaml(path: Path, text: str) -> ClassList:
    content = yaml_value(text)
    if not isinstance(content, dict) or not isinstance(content.get("classes"), list):
        raise ValueError("no list under the key 'classes'")
    _require_keys(content, ("classes", "ignore", "threshold", "thresholds", "ignore_ids"), "the file")
    entries = [entry if isinstance(entry, dict) else {"name": entry} for entry in content["classes"]]
    for entry in entries:
        if not isinstance(entry.get("name"), str | int | float) or isinstance(entry["name"], bool):
            raise ValueError(f"the class {format_value(entry)} has no name, or one that needs quotes")
        _require_keys(entry, ("name", "color", "value", "values"), f"the class {format_value(entry['name'])}")
        if "color" in entry:
            _color(entry["color"])
    classes = ClassMap.from_dict(entries)
    given = [(_color(entry["color"]), i) for i, entry in enumerate(entries) if "color" in entry]
    values, stated = _values(entries)
    for ignored in _as_list(content.get("ignore")):
        if isinstance(ignored, list):
            given.append((_color(ignored), IGNORE_INDEX))
        elif not _is_value(ignored):
            raise ValueError(
                f"under 'ignore' {format_value(ignored)}, which is neither a mask value nor a colour [r, g, b]"
            )
        elif stated and ignored in values:
            raise ValueError(f"the value {ignored} stands for a class and for no label")
        else:
            values[ignored] = IGNORE_INDEX
    thresholds = _thresholds(content, classes.num_classes, stated=stated)
    ignore_ids = None if "ignore_ids" not in content else tuple(_as_list(content["ignore_ids"]))
    for value in ignore_ids or ():
        if not _is_value(value) or value <= 0:
            raise ValueError(f"under 'ignore_ids' {value!r}, which is no value of an instance map above 0")
    return ClassList(path, classes, values, _require_unambiguous(given), stated, thresholds, ignore_ids)


def _require_keys(entry: dict[Any, Any], known: tuple[str, ...], where: str) -> None:
    """Raise `ValueError` for a key that would have no effect."""
    others = [key for key in entry if key not in known]
    if others:
        raise ValueError(f"{where} has the key {format_value(others[0])}, which is none of {', '.join(known)}")


def _as_list(given: Any) -> list[Any]:
    """Return a value of the file as a list: a single value or colour is a list of one."""
    if given is None:
        return []
    if not isinstance(given, list):
        return [given]
    return given


def _values(entries: list[dict[str, Any]]) -> tuple[dict[int, int], bool]:
    """Return the class index of each mask value, and whether the entries state them under `value` or `values`."""
    with_values = [entry for entry in entries if "value" in entry or "values" in entry]
    if not with_values:
        return {i: i for i in range(len(entries))}, False
    if len(with_values) < len(entries):
        missing = next(entry["name"] for entry in entries if entry not in with_values)
        raise ValueError(f"values of some classes and none of {format_value(missing)}; give those of all or of none")
    values: dict[int, int] = {}
    for index, entry in enumerate(entries):
        for key in ("value", "values"):
            for value in _as_list(entry.get(key)):
                if not _is_value(value):
                    where = f"under {key!r} of {format_value(entry['name'])}"
                    raise ValueError(f"{format_value(value)} {where}, which is no whole number")
                if values.setdefault(value, index) != index:
                    raise ValueError(f"the value {value} stands for two classes")
    return values, True


def _thresholds(content: dict[str, Any], classes: int, *, stated: bool) -> tuple[int, ...]:
    """Return the thresholds of `classes.yaml`, if any. Raises `ValueError` unless they rise and are one fewer than the
    classes."""
    if "threshold" not in content and "thresholds" not in content:
        return ()
    if "threshold" in content and "thresholds" in content:
        raise ValueError("'threshold' and 'thresholds', which say the same; keep one of them")
    key = "threshold" if "threshold" in content else "thresholds"
    given = _as_list(content[key])
    is_rising = all(_is_value(value) for value in given) and all(a < b for a, b in pairwise([0, *given]))
    if not is_rising or len(given) != classes - 1:
        raise ValueError(
            f"{format_value(content[key])} under {key!r}; {classes} classes need {classes - 1} rising whole numbers "
            "above 0, each the lowest value of the next class"
        )
    if stated:
        raise ValueError(f"{key!r} beside values of the classes, which contradict each other; keep one of them")
    return tuple(given)


def _is_value(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**31


def _read_names(path: Path, text: str) -> ClassList:
    """Read one name a line. Lines that begin with # and labelme's `__ignore__` are no classes.

    Where every line begins with a number, the numbers are the masks' values.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#") and line != "__ignore__"]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if not lines or not all(numbered):
        classes = ClassMap.from_names(lines)
        return ClassList(path, classes, {i: i for i in range(classes.num_classes)}, {})
    rows = sorted((int(row[1]), row[2]) for row in numbered if row)
    values = {value: index for index, (value, _) in enumerate(rows)}
    if len(values) < len(rows) or max(values) > IGNORE_INDEX:
        raise ValueError(f"lines numbered {', '.join(str(value) for value, _ in rows[:8])}; expected different values")
    return ClassList(path, ClassMap.from_names([name for _, name in rows]), values, {}, stated=True)


def _read_label_colors(path: Path, text: str) -> ClassList:
    rows = [line.split(maxsplit=3) for line in text.splitlines() if line.strip()]
    return _from_color_rows(path, [(row[3].strip(), row[:3]) for row in rows if _require_length(row, 4)])


def _read_class_dict(path: Path, text: str) -> ClassList:
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    return _from_color_rows(path, [(row[0], row[1:4]) for row in rows[1:] if _require_length(row, 4)])


def _read_object_info(path: Path, text: str) -> ClassList:
    """Read the list of ADE20K's challenge: a header, then index, three numbers and names of a class; 0 has no label."""
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    pairs = [(int(row[0]), row[-1].split(",")[0].strip()) for row in rows[1:] if _require_length(row, 2)]
    return _from_values(path, pairs, {0: IGNORE_INDEX})


def _read_class_values(path: Path, text: str) -> ClassList:
    """Read the list that Roboflow writes beside semantic masks: a header, then lines of value and name."""
    rows = [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if any(row)]
    return _from_values(path, [(int(row[0]), row[1].strip()) for row in rows[1:] if _require_length(row, 2)], {})


def _from_values(path: Path, pairs: Iterable[tuple[int, str]], others: dict[int, int]) -> ClassList:
    """Return the class list of (value, name) pairs, in the order of values. others: the labels of further values."""
    rows = sorted(pairs)
    values = {value: index for index, (value, _) in enumerate(rows)}
    if len(values) < len(rows) or not all(0 <= value <= IGNORE_INDEX for value in values):
        raise ValueError(
            f"the values {', '.join(str(value) for value, _ in rows[:8])}; expected different ones, 0..255"
        )
    return ClassList(path, ClassMap.from_names([name for _, name in rows]), {**others, **values}, {}, stated=True)


def _from_color_rows(path: Path, rows: Iterable[tuple[str, list[str]]]) -> ClassList:
    """Return the class list of (name, [r, g, b]) rows. A row's position, void rows included, is its mask value."""
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
    class_colors = tuple(color for color, index in zip(colors, indices, strict=True) if index != IGNORE_INDEX)
    label_of_color = _require_unambiguous(list(zip(colors, indices, strict=True)))
    return ClassList(path, ClassMap(tuple(names), class_colors), dict(enumerate(indices)), label_of_color)


def _require_length(row: list[str], least: int) -> bool:
    """Return true; raise `ValueError` for a row of fewer cells than `least`."""
    if len(row) < least:
        raise ValueError(f"the line {format_value(' '.join(row))} is too short")
    return True


def _color(value: Any) -> Color:
    if not isinstance(value, list) or len(value) != 3 or not all(type(v) is int and 0 <= v <= 255 for v in value):
        raise ValueError(f"{format_value(value)} is no colour [r, g, b] of values in 0..255")
    return value[0], value[1], value[2]


def _require_unambiguous(given: list[tuple[Color, int]]) -> dict[Color, int]:
    """Return the class index of each colour; raise `ValueError` for a colour of two classes."""
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
    "class_dict_seg.csv": _read_class_dict,
    "_classes.csv": _read_class_values,
    "objectInfo150.txt": _read_object_info,
}
"""The reader of each list by its file name, the preferred list first."""

FORMS = {
    "classes.yaml": (
        "classes: [{name: sky, color: [128, 128, 128], value: 0}, ...] or [sky, ...], with or without ignore: [255], "
        "for gray masks threshold: 128, for instance maps ignore_ids: [255]"
    ),
    "classes.txt": "one class name a line",
    "label_colors.txt": "lines of red, green, blue and name",
    "class_dict.csv": "a header line, then lines of name,red,green,blue",
    "class_dict_seg.csv": "a header line, then lines of name,red,green,blue",
    "_classes.csv": "a header line, then lines of value,name",
    "objectInfo150.txt": "a header line, then lines of index, three numbers and name, divided by tabs",
}
"""The form of each list, as messages describe it."""
