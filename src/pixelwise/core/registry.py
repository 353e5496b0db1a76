"""`Registry`: things by name, which packages outside the tree can add to."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pixelwise.core.errors import ExtensionError, ExtensionWarning, OptionError, PixelwiseError

T = TypeVar("T")
NOUNS = {"format": "layout", "metrics": "metric"}
"""What an entry is called where the parameter that takes it has another name."""


class Requirement(NamedTuple):
    """What an entry must be: `expected`, the end of "expected ...", and whether a thing `fits`."""

    expected: str
    fits: Callable[[Any], bool]


def requires_attributes(expected: str, *names: str) -> Requirement:
    """Return the requirement that an entry has these attributes."""
    return Requirement(f"{expected} with {', '.join(names)}", lambda thing: all(hasattr(thing, name) for name in names))


@contextlib.contextmanager
def extension_errors(origin: str | None, expected: str) -> Iterator[None]:
    """Turn what an extension raises by mistake into an `ExtensionError`.

    Errors of pixelwise, of the operating system and for want of memory pass through: they tell what happened.

    Parameters
    ----------
    origin
        What `Registry.origin` says; `None`, for what comes with pixelwise, changes nothing.
    expected
        What the extension had to do or to return.

    Raises
    ------
    ExtensionError
        With the error's type, text and place in the extension.
    """
    try:
        yield
    except (PixelwiseError, OSError, MemoryError):
        raise
    except Exception as error:
        if origin is None or "out of memory" in str(error).lower():
            raise
        raise ExtensionError(origin, _describe_error(error), expected, extension_remedy(origin)) from error


def _describe_error(error: Exception) -> str:
    """Return the type and first line of an error, and the place outside of pixelwise where it arose."""
    import traceback  # only a mistake should cost its import

    frames = [(frame.f_globals.get("__name__", ""), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    others = [
        f" ({name}:{line})" for name, line in frames if not name.startswith(("pixelwise.", "importlib", "contextlib"))
    ]
    text = next(iter(str(error).splitlines()), "").rstrip(". ")
    return f"{type(error).__name__}: {text}{others[0] if others else ''}"


def describe_object(thing: object) -> str:
    """Return what a thing is: the signature of a function, the type of anything else."""
    import inspect  # only a mistake should cost its import

    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
        signature = signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)
        return f"the function {thing.__name__}{signature}"
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"an object of the type {type(thing).__name__}"


def extension_remedy(origin: str) -> str:
    """Return what to do about a fault of an extension."""
    package = origin.partition(" of the package ")[2].partition(" ")[0]
    return f"Correct it, tell its authors, or uninstall {package}." if package else "Correct it where it is registered."


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
    requirement
        What each entry that is added must be. It is checked when the thing is registered, or else loaded.

    Examples
    --------
    >>> registry = Registry("shape", "pixelwise.shapes", {"square": 4})
    >>> registry.register("triangle", 3)
    >>> registry["triangle"], list(registry)
    (3, ['square', 'triangle'])
    >>> registry.unknown("squares").found
    "'squares' (did you mean square?)"
    """

    def __init__(
        self, kind: str, group: str, entries: Mapping[str, T | str], requirement: Requirement | None = None
    ) -> None:
        self.kind = kind
        self.group = group
        self.requirement = requirement
        self._entries: dict[str, T | str] = dict(entries)
        self._built_in = frozenset(entries)
        self._packages: dict[str, str] = {}
        self._imported: dict[str, T] = {}
        self._has_entry_points = False

    def register(self, name: str, entry: T | str, *, replace: bool = False) -> None:
        """Add an entry; with `replace`, it may replace another one.

        Raises
        ------
        OptionError
            The name is taken.
        ExtensionError
            The entry is not what the registry requires. A text is imported, and checked, when it is first asked for.
        """
        if not replace and name in self._entries and self._entries[name] != entry:
            remedy = "Register it under another name."
            raise OptionError(self.kind, f"{name!r}, which is registered already", "a new name", remedy)
        if not isinstance(entry, str):
            self._require(f"{NOUNS.get(self.kind, self.kind)} {name!r}", entry)
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        """Return the entry called `name`.

        Raises
        ------
        OptionError
            No entry has this name; the message lists the close ones, and all.
        ExtensionError
            The entry is an extension that cannot be imported, or is not what the registry requires.
        """
        if name not in self:
            raise self.unknown(name)
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        if name not in self._imported:
            module, _, attribute = entry.partition(":")
            origin = self.origin(name)
            with extension_errors(origin, "an object that can be imported as `module:attribute`"):
                thing: Any = importlib.import_module(module)
                for part in filter(None, attribute.split(".")):
                    thing = getattr(thing, part)
            if origin is not None:
                self._require(origin, thing)
            self._imported[name] = cast(T, thing)
        return self._imported[name]

    def unknown(self, name: str, where: str = "", names: Iterable[str] = ()) -> OptionError:
        """Return the error for a name that is none of `names`, by default of all: it tells the close ones, and then
        all. where: the parameter, by default the registry's kind."""
        import difflib  # only a mistake should cost its import

        known = list(names) or list(self)
        close = difflib.get_close_matches(name, known, 3)
        hint = f" (did you mean {' or '.join(close)}?)" if close else ""
        expected = f"one of {', '.join(known)}"
        return OptionError(where or self.kind, f"{name!r}{hint}", expected, "Choose one of these.")

    def origin(self, name: str) -> str | None:
        """Return what an entry that was added is called in messages, with its package and where it is imported from;
        `None` for one that comes with pixelwise."""
        if name in self._built_in:
            return None
        entry: Any = self._entries[name]
        package = f" of the package {self._packages[name]}" if name in self._packages else ""
        source = f" ({entry})" if isinstance(entry, str) else ""
        return f"{NOUNS.get(self.kind, self.kind)} {name!r}{package}{source}"

    def _require(self, origin: str, thing: object) -> None:
        if self.requirement is None or self.requirement.fits(thing):
            return
        raise ExtensionError(origin, describe_object(thing), self.requirement.expected, extension_remedy(origin))

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

    def find_extensions(self) -> None:
        """Look for entry points now, and warn of those whose name is taken."""
        self._add_entry_points()

    def source_of(self, name: str) -> str | None:
        """Return `module:attribute` of an entry that is imported lazily, `None` for any other."""
        entry: Any = self._entries.get(name)
        return entry if isinstance(entry, str) else None

    def _add_entry_points(self) -> None:
        if not self._has_entry_points:
            self._has_entry_points = True
            import importlib.metadata  # which takes long, and a prediction by known names needs none

            for point in importlib.metadata.entry_points(group=self.group):
                package = "" if point.dist is None else point.dist.name
                if point.name not in self._entries:
                    self._entries[point.name] = point.value
                    if package:
                        self._packages[point.name] = package
                elif self._entries[point.name] != point.value:
                    self._warn_of_ignored(point.name, package, point.value)

    def _warn_of_ignored(self, name: str, package: str, source: str) -> None:
        noun = NOUNS.get(self.kind, self.kind)
        owner = "pixelwise has one" if name in self._built_in else "another one is registered"
        if name in self._packages:
            owner = f"the package {self._packages[name]} has one"
        text = f"{noun} {name!r} of the package {package or 'unknown'} ({source}) is ignored: {owner} of this name."
        warnings.warn(f"{text} Its package has to choose another name.", ExtensionWarning, stacklevel=4)
