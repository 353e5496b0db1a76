"""`ClassMap`: the names and colours of the classes, made once by `data` and carried to the last overlay."""

from __future__ import annotations

import colorsys
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError

IGNORE_INDEX = 255
"""The class index of a pixel without a label. It counts in no loss and no metric."""

BACKGROUND = "background"
"""The name of the class of pixels that belong to nothing that is looked for."""

MAX_CLASSES = IGNORE_INDEX
"""A label map has 8 bits per pixel and one value is `IGNORE_INDEX`, so class indices run from 0 to 254."""

MAX_NAME = 1000
"""The longest name of a class, in characters."""
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories that names must not contain: control characters, surrogates, and line ends."""

Color = tuple[int, int, int]


@dataclass(frozen=True)
class ClassMap:
    """Names and colours of the classes. A class's position is its class index.

    Parameters
    ----------
    names
        1 to 255 different names. Each is one line of text, of at most 1000 characters.
    colors
        One RGB colour a class: three integers in 0..255.

    Raises
    ------
    DataError
        There are no classes or more than 255, a name is empty, repeated, too long or on several lines, the number of
        colours is not that of the names, or a colour is outside 0..255.

    Examples
    --------
    >>> import pixelwise as pw
    >>> classes = pw.ClassMap(("background", "cell"), ((0, 0, 0), (255, 128, 0)))
    >>> classes.num_classes
    2
    >>> classes.colors[classes.names.index("cell")]
    (255, 128, 0)
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]

    def __post_init__(self) -> None:
        where = "classes"
        _require_count(len(self.names))
        if len(self.names) != len(self.colors):
            found = f"{len(self.names)} names and {len(self.colors)} colours"
            raise DataError(where, found, "as many colours as names", "Give each class one colour.")
        if unnamed := [index for index, name in enumerate(self.names) if not name.strip()]:
            raise DataError(where, f"no name for the class {unnamed[0]}", "a name for each class", "Name the class.")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise DataError(where, f"the name {twice[0][:80]!r} twice", "different names", "Rename one of the classes.")
        if (bad := next((name for name in self.names if not is_class_name(name)), None)) is not None:
            found = f"the name {bad[:40]!a}"
            expected = f"text on one line, of at most {MAX_NAME} characters"
            raise DataError(where, found, expected, "Correct the name.")
        for name, color in zip(self.names, self.colors, strict=True):
            if len(color) != 3 or not all(0 <= channel <= 255 for channel in color):
                raise DataError(
                    where, f"colour {color} of {name[:80]!r}", "three values in 0..255", "Correct the colour."
                )

    @property
    def num_classes(self) -> int:
        """The number of classes.

        Examples
        --------
        >>> ClassMap.from_names(["sky", "road"]).num_classes
        2
        """
        return len(self.names)

    def palette(self) -> npt.NDArray[np.uint8]:
        """Return the table of colours that turns a label map into a picture: `palette()[label_map]`.

        Returns
        -------
        numpy.ndarray
            uint8 (256, 3), the RGB colour of each value of a label map. Values that are no class index, such as
            `IGNORE_INDEX`, are black.

        Examples
        --------
        >>> ClassMap(("sky", "road"), ((0, 0, 255), (90, 90, 90))).palette()[[0, 1, 255]].tolist()
        [[0, 0, 255], [90, 90, 90], [0, 0, 0]]
        """
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = self.colors
        return table

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the classes as plain data, the form that `classes.yaml` and model files store.

        Returns
        -------
        list of dict
            One `{"name": ..., "color": [red, green, blue]}` a class, in the order of the class indices.

        Examples
        --------
        >>> ClassMap(("sky", "road"), ((0, 0, 255), (90, 90, 90))).to_dict()[1]
        {'name': 'road', 'color': [90, 90, 90]}
        """
        return [{"name": n, "color": list(c)} for n, c in zip(self.names, self.colors, strict=True)]

    @classmethod
    def from_dict(cls, entries: list[dict[str, Any]]) -> ClassMap:
        """Return the classes that `to_dict` describes.

        Parameters
        ----------
        entries
            One `{"name": ..., "color": [red, green, blue]}` a class. A class without `"color"` gets a colour that is
            easy to tell from the others.

        Returns
        -------
        ClassMap

        Raises
        ------
        DataError
            The entries are no valid classes (see `ClassMap`).

        Examples
        --------
        >>> ClassMap.from_dict([{"name": "sky", "color": [0, 0, 255]}, {"name": "road", "color": [90, 90, 90]}]).names
        ('sky', 'road')
        """
        _require_count(len(entries))
        spare = distinct_colors(len(entries))
        names = tuple(str(entry["name"]) for entry in entries)
        colors = tuple(_color(entry.get("color", spare[i])) for i, entry in enumerate(entries))
        return cls(names, colors)

    @classmethod
    def from_names(cls, names: list[str] | tuple[str, ...]) -> ClassMap:
        """Return the classes of these names, in colours that are easy to tell apart.

        Parameters
        ----------
        names
            1 to 255 different names.

        Returns
        -------
        ClassMap

        Raises
        ------
        DataError
            The names are no valid names of classes (see `ClassMap`).

        Examples
        --------
        >>> ClassMap.from_names(["sky", "road"]).num_classes
        2
        """
        _require_count(len(names))
        return cls(tuple(names), distinct_colors(len(names)))


def distinct_colors(count: int) -> tuple[Color, ...]:
    """Return `count` RGB colours, each far in hue from its neighbours (steps of the golden angle)."""
    colors: list[Color] = []
    for i in range(count):
        hue = (0.58 + i * 0.618034) % 1.0
        saturation, value = ((0.62, 0.92), (0.78, 0.70), (0.42, 0.98))[i % 3]
        red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, saturation, value))
        colors.append((red, green, blue))
    return tuple(colors)


def _color(value: Any) -> Color:
    red, green, blue = (int(channel) for channel in value)
    return red, green, blue


def is_class_name(value: object) -> bool:
    """Return whether a value can be a class's name: text on one line, of at most `MAX_NAME` characters."""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        return False
    return value.isprintable() or not any(
        unicodedata.category(letter) in _NO_TEXT for letter in value if letter != "\t"
    )


def _require_count(count: int) -> None:
    if not 1 <= count <= MAX_CLASSES:
        raise DataError("classes", f"{count} classes", f"1 to {MAX_CLASSES}", "Merge or drop classes.")
