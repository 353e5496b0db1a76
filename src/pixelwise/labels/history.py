"""The state of a project that follows from its journal: the classes, and for each image what is done, undone and
marked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, MAX_CLASSES, ClassMap, Color, distinct_colors
from pixelwise.core.errors import OptionError
from pixelwise.labels.action_checks import CLASS_TYPES, PIXEL_TYPES
from pixelwise.labels.journal import Entry

Table = npt.NDArray[np.uint8]
MOST_IDS = 10_000
"""The number of actions that are remembered by the id that a client gave them."""
_OKABE_ITO: tuple[Color, ...] = (
    (153, 153, 153),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
MOST_PAUSE_SECONDS = 60.0
"""A longer pause between two actions does not count as labelling time."""


@dataclass
class ImageHistory:
    """The actions of one image. done, undone: numbers of the actions on its pixels, as stacks for undo and redo. last:
    the number of the last entry that affects its pixels. base: the number of the last import of its mask, 0 for none.
    is_test, is_done: marks.
    """

    done: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    last: int = 0
    base: int = 0
    is_test: bool = False
    is_done: bool = False


@dataclass(frozen=True)
class ClassChange:
    """An action on classes: its number, the classes before and after it, and the new index of each old class; `None`
    where no index changed."""

    number: int
    before: ClassMap
    after: ClassMap
    table: Table | None


class History:
    """The state of a project except for its pixels, built from the entries of the journal one by one.

    Undo reverts the newest action, of the image or on classes; redo repeats the action that was undone last. An action
    on classes can be undone only while no later action on the pixels of any image is in effect. So class indices in
    actions keep the meaning they had when the action was done.
    """

    def __init__(self, classes: ClassMap, test: frozenset[str] = frozenset()) -> None:
        self.classes = classes
        self.labelling_seconds = 0.0
        """Time between actions in seconds, with long pauses cut to `MOST_PAUSE_SECONDS`."""
        self.images: dict[str, ImageHistory] = {name: ImageHistory(is_test=True) for name in test}
        self.remaps: list[tuple[int, Table]] = []
        """Numbers of the actions in effect that change class indices, each with its table."""
        self.moves: list[Table] = []
        """Every change of class indices in order, including those by undo and redo."""
        self.class_number = 0
        """The number of the last entry that changed `remaps`."""
        self._class_done: list[ClassChange] = []
        self._class_undone: list[ClassChange] = []
        self._newest: int | None = None
        self.ids: OrderedDict[str, int] = OrderedDict()
        self._last_time: float | None = None

    def of(self, image: str) -> ImageHistory:
        """Return the history of an image, new where it has none."""
        return self.images.setdefault(image, ImageHistory())

    def last_number(self, image: str) -> int:
        """Return the number of the entry that changed an image's pixels last."""
        last = self.of(image).last
        return max(last, self.class_number) if last else last

    @property
    def newest(self) -> int:
        """The number of the newest action in effect on the pixels of any image."""
        if self._newest is None:
            tops = ((*one.done[-1:], one.base) for one in self.images.values())
            self._newest = max((number for top in tops for number in top), default=0)
        return self._newest

    def class_step(self, kind: str, image: str | None) -> int | None:
        """Return the number of the action on classes that "undo" or "redo" would take next in an image, or without an
        image in the project. Return `None` where the next action is one of the image, or there is none."""
        changes = self._class_done if kind == "undo" else self._class_undone
        if not changes:
            return None
        number = changes[-1].number
        if kind == "undo":
            return number if number > self.newest else None
        undone = self.of(image).undone if image is not None else []
        return None if undone and undone[-1] < number else number

    def can_step(self, kind: str, image: str) -> bool:
        """Return whether there is something to "undo" or "redo" in an image."""
        history = self.of(image)
        return bool(history.done if kind == "undo" else history.undone) or self.class_step(kind, image) is not None

    def require_possible(self, action: Mapping[str, Any]) -> None:
        """Raise `OptionError` for an impossible action on classes, before it is written to the journal."""
        if action["type"] in CLASS_TYPES:
            _change_classes(self.classes, action)

    def add(self, entry: Entry) -> None:
        """Update the state by the next entry of the journal.

        Raises `ValueError`, `KeyError`, `TypeError`, `IndexError` or `OptionError` for an entry that is not possible
        here.
        """
        number, kind, image = entry["number"], entry["type"], entry.get("image")
        self._newest = None
        self._count_time(entry)
        if isinstance(entry.get("id"), str):
            self.ids[entry["id"]] = number
            if len(self.ids) > MOST_IDS:
                self.ids.popitem(last=False)
        if kind in CLASS_TYPES:
            classes, table = _change_classes(self.classes, entry)
            self._forget_undone_classes()
            self._do_class_change(ClassChange(number, self.classes, classes, table), number)
            return
        if image is None:
            self._step_in_classes(kind, entry)
            return
        if not isinstance(image, str):
            raise ValueError(f"{kind} of an image without a name")
        history = self.of(image)
        if kind in PIXEL_TYPES:
            history.done.append(number)
            history.undone.clear()
            self._forget_undone_classes()
            history.last = number
        elif kind == "undo":
            _move_last(history.done, history.undone, entry)
            history.last = number
        elif kind == "redo":
            _move_last(history.undone, history.done, entry)
            history.last = number
        elif kind == "import":
            history.done, history.undone = [], []
            history.last = history.base = number
            history.is_done = history.is_done or entry.get("done") is True
        elif kind == "mark_test":
            history.is_test = entry["value"]
        elif kind == "mark_done":
            history.is_done = entry["value"]
        else:
            raise ValueError(f"an action of type {kind[:40]!r}, which this version of pixelwise does not know")

    def _step_in_classes(self, kind: str, entry: Entry) -> None:
        changes = {"undo": self._class_done, "redo": self._class_undone}.get(kind)
        if changes is None:
            raise ValueError(f"{kind[:40]!r} without an image")
        if not changes or changes[-1].number != entry["of"]:
            raise ValueError(f"{kind} of action {entry['of']}, which is not the last one")
        if kind == "undo":
            self._undo_class_change(entry["number"])
        else:
            self._do_class_change(changes.pop(), entry["number"])

    def _do_class_change(self, change: ClassChange, number: int) -> None:
        self._class_done.append(change)
        self.classes = change.after
        if change.table is not None:
            self.remaps.append((change.number, change.table))
            self.moves.append(change.table)
            self.class_number = number

    def _undo_class_change(self, number: int) -> None:
        change = self._class_done.pop()
        self._class_undone.append(change)
        self.classes = change.before
        if change.table is not None:
            self.remaps.pop()
            self.class_number = number
        self.moves.append(_way_back(change))

    def _forget_undone_classes(self) -> None:
        """Drop the undone actions on classes after a new action, and with them what was drawn and undone after them:
        their class indices have no meaning any more."""
        if not self._class_undone:
            return
        oldest = self._class_undone[-1].number
        self._class_undone.clear()
        for history in self.images.values():
            history.undone = [number for number in history.undone if number < oldest]

    def tables_after(self, number: int) -> list[tuple[int, Table]]:
        """Return the changes of class indices after an entry."""
        return [(at, table) for at, table in self.remaps if at > number]

    def _count_time(self, entry: Entry) -> None:
        time = float(entry.get("time", 0.0))
        if self._last_time is not None:
            self.labelling_seconds += min(max(time - self._last_time, 0.0), MOST_PAUSE_SECONDS)
        self._last_time = time


def _move_last(source: list[int], target: list[int], entry: Entry) -> None:
    """Move the number of the action that an undo or redo refers to. Raises `ValueError` where it is not the last
    one."""
    if not source or source[-1] != entry["of"]:
        raise ValueError(f"{entry['type']} of action {entry['of']}, which is not the last one")
    target.append(source.pop())


def _change_classes(classes: ClassMap, action: Mapping[str, Any]) -> tuple[ClassMap, Table | None]:
    """Return the classes after an action, and the new index of each old class where indices changed. Raises
    `OptionError`."""
    names, colors = list(classes.names), list(classes.colors)
    kind = action["type"]
    if kind == "class_add":
        if len(names) >= MAX_CLASSES:
            raise OptionError("class_add", f"{len(names)} classes", f"at most {MAX_CLASSES}", "Merge classes first.")
        _require_new_name(names, action["name"])
        names.append(action["name"])
        colors.append(parse_color(action["color"]) if "color" in action else distinct_label_colors(len(names))[-1])
        return ClassMap(tuple(names), tuple(colors)), None
    if kind == "class_rename":
        others = [name for index, name in enumerate(names) if index != action["class_index"]]
        _require_new_name(others, action["name"])
        names[action["class_index"]] = action["name"]
        return ClassMap(tuple(names), tuple(colors)), None
    if kind == "class_recolor":
        colors[action["class_index"]] = parse_color(action["color"])
        return ClassMap(tuple(names), tuple(colors)), np.arange(256, dtype=np.uint8)  # masks hold the colours
    if len(names) == 1:
        raise OptionError(kind, "the only class", "a class left after it", "Add another class first.")
    gone = action["from"] if kind == "class_merge" else action["class_index"]
    target = action["into"] if kind == "class_merge" else IGNORE_INDEX
    table = np.arange(256, dtype=np.uint8)
    table[gone + 1 : IGNORE_INDEX] -= 1
    table[gone] = table[target]
    del names[gone], colors[gone]
    return ClassMap(tuple(names), tuple(colors)), table


def _way_back(change: ClassChange) -> Table:
    """Return, for each class after an action on classes, its index before it; `IGNORE_INDEX` for a class that the
    action added."""
    table = np.full(256, IGNORE_INDEX, np.uint8)
    names = change.before.names
    if change.table is None:  # a class was added or renamed
        table[: len(names)] = np.arange(len(names))
    else:
        table[: change.after.num_classes] = [names.index(name) for name in change.after.names]
    return table


def _require_new_name(names: list[str], name: str) -> None:
    if name in names:
        raise OptionError("name", f"{name!r}, which a class has", "another name", "Choose another name.")


def distinct_label_colors(count: int) -> tuple[Color, ...]:
    """Return colours that people with colour blindness can tell apart: gray and the colours of Okabe and Ito. Beyond
    eight classes they are those of `distinct_colors`.

    References
    ----------
    Okabe and Ito, Color Universal Design, 2008. https://jfly.uni-koeln.de/color/
    """
    return (*_OKABE_ITO, *distinct_colors(count))[:count]


def parse_color(text: str) -> Color:
    """Return the (red, green, blue) of "#rrggbb"."""
    value = int(text[1:], 16)
    return value >> 16, value >> 8 & 255, value & 255


def format_color(color: Color) -> str:
    """Return a colour as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*color)
