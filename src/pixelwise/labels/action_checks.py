"""The fields of actions: what a client sends is checked here, before it is written to the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pixelwise.core.classes import IGNORE_INDEX, is_class_name
from pixelwise.core.errors import OptionError
from pixelwise.core.text import short_repr

MOST_POINTS = 20_000
"""The largest number of points of a stroke or polygon."""
WIDEST = 2000.0
"""The largest width of a brush, in pixels."""
FARTHEST = 1e6
"""The largest coordinate of a point, in pixels."""
MOST_TEXT = 200
"""The largest number of characters of a client's name, or of an action's id."""

Action = dict[str, Any]
Check = Callable[[Any, "Limits"], Any]

REGION_TYPES = frozenset(
    {
        "fill",
        "accept",
        "object_add",
        "object_accept",
        "object_accept_all",
        "object_split",
        "object_merge",
        "object_delete",
    }
)
"""Actions whose pixels do not follow from their fields. They are stored in a file beside the journal."""
PIXEL_TYPES = frozenset({"stroke", "polygon", "clean", "clear"}) | REGION_TYPES
"""Actions that change the labels or objects of an image. Undo reverts them."""
CLASS_TYPES = frozenset({"class_add", "class_rename", "class_recolor", "class_merge", "class_delete"})
"""Actions on the classes of the whole project."""


class Limits:
    """What the values of fields are checked against: the number of classes, and the (height, width) of the image."""

    def __init__(self, num_classes: int, size: tuple[int, int] | None) -> None:
        self.num_classes, self.size = num_classes, size


def check_action(action: Mapping[str, Any], limits: Limits) -> Action:
    """Return the fields that the type of an action has, checked. Raises `OptionError`."""
    kind = action_type(action)
    required, optional = _FIELDS[kind]
    checked: Action = {"type": kind}
    for name, check in required.items():
        if name not in action:
            raise OptionError(name, "nothing", f"a value, which {kind} needs", "Send it.")
        checked[name] = check(action[name], limits)
    for name, check in optional.items():
        if action.get(name) is not None:
            checked[name] = check(action[name], limits)
    if kind == "accept" and sum(name in checked for name in ("box_tlbr", "point", "whole")) != 1:
        raise OptionError("accept", "none or several of box_tlbr, point and whole", "one of them", "Send one.")
    if kind == "object_accept_all" and ("box_tlbr" in checked) == ("whole" in checked):
        raise OptionError("object_accept_all", "none or both of box_tlbr and whole", "one of them", "Send one.")
    if kind == "class_merge" and checked["from"] == checked["into"]:
        raise OptionError("into", "the same class", "another one than `from`", "Choose another class.")
    return checked


def action_type(action: Mapping[str, Any]) -> str:
    """Return the type of an action. Raises `OptionError` for an unknown one."""
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise OptionError("type", short_repr(kind), f"one of {', '.join(_FIELDS)}", "Send a known action.")
    return kind


def check_text(value: Any, name: str) -> str:
    """Return the name of a client or the id of an action, a short text, checked. Raises `OptionError`."""
    if not isinstance(value, str) or not 0 < len(value) <= MOST_TEXT or not value.isprintable():
        raise OptionError(name, short_repr(value), f"a text of 1 to {MOST_TEXT} characters", "Send another.")
    return value


def _points(least: int) -> Check:
    def check(value: Any, limits: Limits) -> list[list[float]]:
        if not isinstance(value, list) or not least <= len(value) <= MOST_POINTS:
            found = f"{len(value):,} points" if isinstance(value, list) else short_repr(value)
            raise OptionError("points", found, f"{least:,} to {MOST_POINTS:,} of [row, column]", "Send fewer or more.")
        return [_point(point, limits) for point in value]

    return check


def _point(value: Any, limits: Limits) -> list[float]:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_number(part) for part in value):
        raise OptionError("point", short_repr(value), "[row, column] in pixels", "Send two numbers.")
    return [float(part) for part in value]


def _pixel(value: Any, limits: Limits) -> list[float]:
    """Return a point, checked to lie in the image."""
    row, column = _point(value, limits)
    if limits.size is None or not (0 <= row < limits.size[0] and 0 <= column < limits.size[1]):
        raise OptionError("point", f"{row:g}, {column:g}", f"a point of the image, {limits.size}", "Send another.")
    return [row, column]


def _pixels(value: Any, limits: Limits) -> list[list[float]]:
    if not isinstance(value, list) or not 2 <= len(value) <= 100:
        raise OptionError("points", short_repr(value), "2 to 100 points, one in each part", "Send them.")
    return [_pixel(point, limits) for point in value]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= FARTHEST  # false for NaN, too


def _width(value: Any, limits: Limits) -> float:
    if not _is_number(value) or not 0 < value <= WIDEST:
        raise OptionError("width", short_repr(value), f"above 0, at most {WIDEST:g} pixels", "Choose another brush.")
    return float(value)


def _class_index(value: Any, limits: Limits) -> int:
    if type(value) is not int or not 0 <= value < limits.num_classes:
        expected = f"0 to {limits.num_classes - 1}"
        raise OptionError("class_index", short_repr(value), expected, "Choose a class of the project.")
    return value


def _class_index_or_none(value: Any, limits: Limits) -> int:
    return IGNORE_INDEX if type(value) is int and value == IGNORE_INDEX else _class_index(value, limits)


def _box(value: Any, limits: Limits) -> list[int]:
    if isinstance(value, list) and len(value) == 4 and all(type(part) is int for part in value) and limits.size:
        top, left, bottom, right = value
        if 0 <= top < bottom <= limits.size[0] and 0 <= left < right <= limits.size[1]:
            return [top, left, bottom, right]
    raise OptionError("box_tlbr", short_repr(value), "[top, left, bottom, right] within the image", "Send another.")


def _flag(value: Any, limits: Limits) -> bool:
    if type(value) is not bool:
        raise OptionError("value", short_repr(value), "true or false", "Send one of them.")
    return value


def _true(value: Any, limits: Limits) -> bool:
    if value is not True:
        raise OptionError("whole", short_repr(value), "true", "Send true, or box_tlbr or point instead.")
    return True


def _name(value: Any, limits: Limits) -> str:
    if not isinstance(value, str) or not value.strip() or not is_class_name(value):
        raise OptionError("name", short_repr(value), "text on one line", "Choose another name.")
    return value.strip()


def _color(value: Any, limits: Limits) -> str:
    if isinstance(value, str) and len(value) == 7 and value[0] == "#":
        try:
            return f"#{int(value[1:], 16):06x}"
        except ValueError:
            pass
    raise OptionError("color", short_repr(value), "a colour such as #00a0ff", "Send another.")


def _source(value: Any, limits: Limits) -> str:
    if value not in ("prediction", "superpixel", "labels"):
        raise OptionError("of", short_repr(value), "prediction, superpixel or labels", "Send one of them.")
    return str(value)


def _object_id(value: Any, limits: Limits) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise OptionError("object_id", short_repr(value), "the number of an object", "Send another.")
    return value


def _object_ids(value: Any, limits: Limits) -> list[int]:
    if not isinstance(value, list) or not 2 <= len(value) <= 1000:
        raise OptionError("ids", short_repr(value), "2 or more numbers of objects", "Send them.")
    return [_object_id(number, limits) for number in value]


_FIELDS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "stroke": ({"points": _points(1), "width": _width, "class_index": _class_index_or_none}, {}),
    "polygon": ({"points": _points(3), "class_index": _class_index_or_none}, {}),
    "fill": ({"point": _pixel, "class_index": _class_index, "of": _source}, {}),
    "accept": ({}, {"box_tlbr": _box, "point": _pixel, "whole": _true, "only_sure": _flag}),
    "clean": ({"class_index": _class_index}, {}),
    "clear": ({}, {}),
    "object_add": ({"point": _pixel}, {}),
    "object_accept": ({"point": _pixel}, {}),
    "object_accept_all": ({}, {"box_tlbr": _box, "whole": _true}),
    "object_split": ({"points": _pixels}, {}),
    "object_merge": ({"ids": _object_ids}, {}),
    "object_delete": ({"object_id": _object_id}, {}),
    "class_add": ({"name": _name}, {"color": _color}),
    "class_rename": ({"class_index": _class_index, "name": _name}, {}),
    "class_recolor": ({"class_index": _class_index, "color": _color}, {}),
    "class_merge": ({"from": _class_index, "into": _class_index}, {}),
    "class_delete": ({"class_index": _class_index}, {}),
    "mark_test": ({"value": _flag}, {}),
    "mark_done": ({"value": _flag}, {}),
    "undo": ({}, {}),
    "redo": ({}, {}),
}
"""By type: the fields that are required, and those that are optional."""
