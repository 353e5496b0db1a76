"""The index of the API: every public name with the first line of its docstring, by its page."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "reference" / "api"
ORDER = ("data", "training", "prediction", "models", "operations", "losses", "pictures", "extension", "errors")
ROOMS = ("pixelwise.nn.layers", "pixelwise.render")
"""Modules that a page shows whole: all names of their `__all__`."""
TITLE = """# Python API

`import pixelwise as pw` gives what most programs need: `pw.train`, `pw.load` and so on. Names with a longer path, such
as `pixelwise.nn.layers.max_pool`, are imported from there. The tests of pixelwise run the examples on these pages.
Sizes are (height, width), points (row, column).
"""


def api_page() -> str:
    """Return the page in Markdown."""
    parts = [TITLE]
    for page in ORDER:
        title = (FOLDER / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        rows = [f"| [`{name}`][{name}] | {summary(name)} |" for name in names_of(page)]
        parts.append("\n".join([f"## [{title}]({page}.md)\n", "| | |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def names_of(page: str) -> Iterator[str]:
    """Yield the full names that a page shows, in its order."""
    for name in re.findall(r"^::: (\S+)", (FOLDER / f"{page}.md").read_text(encoding="utf-8"), flags=re.MULTILINE):
        if name in ROOMS:
            yield from (f"{name}.{member}" for member in importlib.import_module(name).__all__)
        else:
            yield name


def value_of(name: str) -> object:
    """Return what a full name stands for."""
    path = name.split(".")
    for length in range(len(path), 0, -1):
        try:
            value: object = importlib.import_module(".".join(path[:length]))
        except ImportError:
            continue
        for part in path[length:]:
            value = getattr(value, part)
        return value
    raise ImportError(name)


def summary(name: str) -> str:
    """Return the first sentence of a docstring; what is no function or class has none of its own."""
    value = value_of(name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return f"`{value!r}`" if isinstance(value, (int, str)) else ""
    first = (inspect.getdoc(value) or "").partition("\n\n")[0]
    parts = re.split(r"(`[^`]*`)", " ".join(first.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([|<>*_])", r"\\\1", part) for part in parts)
