"""Models and losses that are passed as objects. They are registered under their import path, which the configuration
stores."""

from __future__ import annotations

import importlib
import sys
from typing import Any, TypeVar

from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry

T = TypeVar("T")


def register_object(registry: Registry[T], thing: T | str | None) -> str | None:
    """Return the name of `thing` in `registry`.

    A text is a name, or an import path `module:attribute`. Anything else is registered under its import path, in angle
    brackets if it cannot be imported from there, such as a lambda or a local function.
    """
    if thing is None:
        return None
    if isinstance(thing, str):
        require_registered(registry, thing)
        return thing
    if not callable(thing):
        remedy = f"Pass a function, or the name of a registered {registry.kind}."
        raise OptionError(registry.kind, repr(thing), "a name or a function", remedy)
    module = getattr(thing, "__module__", type(thing).__module__)
    name = f"{module}:{getattr(thing, '__qualname__', type(thing).__qualname__)}"
    if _import(name) is not thing:
        name = f"<{name}>"
    registry.register(name, thing, replace=True)
    return name


def require_registered(registry: Registry[Any], name: str) -> None:
    """Raise `OptionError` for a name that is not in `registry`, or an import path that leads to nothing."""
    registry.find_extensions()
    if name in registry or ":" not in name:
        registry[name]
        return
    remedy = f"Pass the object again: `{registry.kind}`."
    if name.startswith("<"):
        raise OptionError(registry.kind, f"{name}, which cannot be imported", "an import path", remedy)
    thing = _import(name)
    if not callable(thing) or name.partition(":")[0].partition(".")[0] in sys.stdlib_module_names:
        raise OptionError(registry.kind, f"{name!r}, where no {registry.kind} is found", "an import path", remedy)
    registry.register(name, thing)


def _import(path: str) -> object:
    """Return what is at `module:attribute`, `None` where nothing is."""
    module, _, attributes = path.partition(":")
    try:
        thing: object = importlib.import_module(module)
        for attribute in attributes.split("."):
            thing = getattr(thing, attribute)
    except (ImportError, AttributeError, ValueError):
        return None
    return thing
