"""`Registry`: things by name, which packages outside the tree can add to."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from pixelwise.core.errors import OptionError

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind, by name: models, encoders, layouts, engines.

    An entry is the thing itself, or a text `module:attribute` that is imported when the thing is first asked for, so
    that a table of nets loads no torch. Packages add entries in two ways: by `register`, or by an entry point in the
    group `pixelwise.<plural of the kind>`, which is looked for when a name is not known yet, or all names are wanted.

    Parameters
    ----------
    kind
        What an entry is called in messages, for example `"model"`. It is also the name of the parameter that takes it.
    group
        The group of entry points, for example `"pixelwise.models"`.
    entries
        The entries that come with pixelwise, in the order in which they are listed.

    Examples
    --------
    >>> registry = Registry("shape", "pixelwise.shapes", {"square": 4})
    >>> registry.register("triangle", 3)
    >>> registry["triangle"], list(registry)
    (3, ['square', 'triangle'])
    >>> registry["squares"]
    Traceback (most recent call last):
    pixelwise.core.errors.OptionError: shape: found 'squares'; expected one of square. Choose one of these.
    """

    def __init__(self, kind: str, group: str, entries: Mapping[str, T | str]) -> None:
        self.kind = kind
        self.group = group
        self._entries: dict[str, T | str] = dict(entries)
        self._imported: dict[str, T] = {}
        self._has_entry_points = False

    def register(self, name: str, entry: T | str, *, replace: bool = False) -> None:
        """Add an entry; with `replace`, it may replace another one.

        Raises
        ------
        OptionError
            The name is taken.
        """
        if not replace and name in self._entries and self._entries[name] != entry:
            remedy = "Register it under another name."
            raise OptionError(self.kind, f"{name!r}, which is registered already", "a new name", remedy)
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        """Return the entry called `name`.

        Raises
        ------
        OptionError
            No entry has this name; the message lists the close ones.
        """
        if name not in self:
            import difflib  # only a mistake should cost its import

            close = difflib.get_close_matches(name, self, 3) or list(self)
            raise OptionError(self.kind, repr(name), f"one of {', '.join(close)}", "Choose one of these.")
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        if name not in self._imported:
            module, _, attribute = entry.partition(":")
            self._imported[name] = cast(T, getattr(importlib.import_module(module), attribute))
        return self._imported[name]

    def __contains__(self, name: object) -> bool:
        if name not in self._entries:
            self._add_entry_points()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the names: first pixelwise's, then those of packages."""
        self._add_entry_points()
        return iter(self._entries)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def source_of(self, name: str) -> str | None:
        """Return `module:attribute` of an entry that is imported lazily, `None` for any other."""
        entry: Any = self._entries.get(name)
        return entry if isinstance(entry, str) else None

    def _add_entry_points(self) -> None:
        if not self._has_entry_points:
            self._has_entry_points = True
            import importlib.metadata  # which takes long, and a prediction by known names needs none

            for point in importlib.metadata.entry_points(group=self.group):
                self._entries.setdefault(point.name, point.value)
