"""`Problem`: one thing that is wrong with a data set, or was assumed about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """With which file (or directory, for the whole set), of which of `examine.KINDS`, and what to do about it."""

    file: Path
    kind: str
    message: str


def display_path(root: Path, path: Path) -> str:
    """Return a file's path as messages show it: from the data set's directory on."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
