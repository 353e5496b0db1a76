"""A directory in memory: names of files and what they are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Pipe:
    """A named pipe that nobody writes to: whoever opens it waits."""


@dataclass(frozen=True)
class Folder:
    """An empty directory."""


Entry = bytes | Link | Pipe | Folder
Tree = dict[str, Entry]
"""What lies at paths with slashes, bytes that are not UTF-8 as surrogates (see `os.fsdecode`)."""


def files_in(tree: Tree) -> dict[str, bytes]:
    """Return the plain files of a tree."""
    return {name: entry for name, entry in tree.items() if isinstance(entry, bytes)}


def write_tree(tree: Tree, root: Path) -> None:
    """Write a tree below `root`. An entry that this file system cannot hold is left out: nobody can have it."""
    for name, entry in tree.items():
        path = os.path.join(root, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(entry, bytes):
                with open(path, "wb") as file:
                    file.write(entry)
            elif isinstance(entry, Link):
                os.symlink(entry.target, path)
            elif isinstance(entry, Pipe):
                os.mkfifo(path)
            else:
                os.makedirs(path, exist_ok=True)
        except (OSError, ValueError):
            continue


def read_tree(root: Path) -> Tree:
    """Return the plain files below `root`."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
