"""The page of names: everything that an option takes by name, with a line from its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from typing import Any

from pixelwise.core.registry import Registry
from pixelwise.data.layouts import LAYOUTS
from pixelwise.inference.engines.registry import ENGINES
from pixelwise.inference.writers.registry import WRITERS
from pixelwise.nn.augment import AUGMENTATIONS
from pixelwise.nn.encoders import CLASSIFIERS, SUGGESTED
from pixelwise.nn.losses import LOSSES
from pixelwise.nn.models import MODELS, describe
from pixelwise.tasks import TASKS

TITLE = """# Names

The names that options take. Other packages can add more ([Extending](../extending.md)). The error for an unknown name
lists similar names.
"""
LISTS = (
    ("Models", "`--model NAME`", MODELS),
    ("Tasks", "`--task NAME`", TASKS),
    ("Losses", "`--loss NAME`", LOSSES),
    ("Augmentations", "`--augmentation NAME`", AUGMENTATIONS),
    ("Engines", "`--engine NAME`", ENGINES),
    ("Writers", "`--as NAME,NAME`", WRITERS),
    ("Layouts", "`--format NAME` and `convert --to NAME`; details: [layouts](formats.md)", LAYOUTS),
)


def names_page() -> str:
    """Return the page in Markdown."""
    parts = [TITLE]
    for title, use, registry in LISTS:
        parts.append(_section(title, use, {name: _line(registry, name) for name in registry}))
        if registry is MODELS:
            use = "`--encoder NAME`; any other convolutional net of timm works as well"
            parts.append(_section("Encoders", use, SUGGESTED | CLASSIFIERS))
    return "\n".join(parts)


def _section(title: str, use: str, lines: Mapping[str, str]) -> str:
    rows = [f"| `{name}` | {_escape(line)} |" for name, line in lines.items()]
    return "\n".join([f"## {title}", f"{use}.\n", "| name | |", "|---|---|", *rows, ""])


def _line(registry: Registry[Any], name: str) -> str:
    """Return what an entry is: its summary, else the first line of its docstring, else of its module's."""
    if registry is MODELS:
        return describe(name)
    thing = registry[name]
    if isinstance(getattr(thing, "summary", None), str):
        return str(thing.summary)
    described = inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing)
    source = registry.source_of(name)
    text = inspect.getdoc(thing) if described else None
    if not text and source is not None:
        text = importlib.import_module(source.partition(":")[0]).__doc__
    return (text or "").strip().partition("\n")[0]


def _escape(text: str) -> str:
    """Return text as Markdown shows it letter for letter, but for code in backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([|<>*_])", r"\\\1", part) for part in parts)
