"""Pages of docs/experiments: title, origin, text and tables, all from a suite's store."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from lab.store import Origin, Store

WIDTH = 120


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, rows)])


def format_origin(origin: Origin) -> str:
    """Return an origin as a line of Markdown."""
    command = f"`{origin.command}`"
    return f"*Date: {origin.date}. Commit: {origin.commit}. Machine: {origin.machine}. Command: {command}.*"


def format_page(title: str, store: Store, parts: Iterable[str], picture: str = "") -> str:
    """Return a page: the title, a picture, the origins of the figures, the parts, and the store's notes.

    A part is a heading, a table or a paragraph of text, whose lines are broken anew.
    """
    origins = [format_origin(origin) for origin in store.origins()]
    paragraphs = [f"# {title}", picture, *origins, *map(_wrap, parts), *map(_wrap, store.notes)]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _wrap(paragraph: str) -> str:
    if paragraph.startswith(("#", "|")):
        return paragraph
    words = " ".join(paragraph.split())
    return textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)


def _row(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
