"""`Problem`: one thing that is wrong with a data set, or was assumed about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 3
"""Paths that a message lists."""


@dataclass(frozen=True)
class Problem:
    """One finding about a data set.

    Attributes
    ----------
    file
        The file concerned; the data set's directory where all of it is concerned.
    kind
        A key of `pixelwise.data.item_check.KINDS`, such as `"unknown_value"`.
    message
        What was found, what was expected, and what to do about it.
    """

    file: Path
    kind: str
    message: str


def display_path(root: Path, path: Path) -> str:
    """Return a path as messages show it: relative to the data set's directory `root` where it lies in there."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def list_paths(root: Path, paths: Sequence[Path]) -> str:
    """Return the first few paths as text (see `display_path`)."""
    return ", ".join(display_path(root, path) for path in paths[:_SHOWN]) + (" ..." if len(paths) > _SHOWN else "")
