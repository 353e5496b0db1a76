"""Printing of text and tables. Control characters, which names and files may hold, are escaped."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pixelwise.core.text import escape_controls

if TYPE_CHECKING:
    from rich.table import Table


def say(text: object) -> None:
    """Print a line to standard output."""
    print(escape_controls(text))


def note(text: object) -> None:
    """Print a line to standard error, apart from the results on standard output."""
    print(escape_controls(text), file=sys.stderr)


def print_table(table: Table, width: int | None = None) -> None:
    """Print a table, `width` characters wide where standard output is no terminal."""
    from rich.console import Console

    terminal = sys.stdout is not None and sys.stdout.isatty()
    Console(markup=False, emoji=False, highlight=False, width=None if terminal else width).print(table)


def cells(*texts: object) -> Sequence[str]:
    """Return texts as the cells of a table's row."""
    return [escape_controls(text) for text in texts]
