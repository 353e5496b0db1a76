"""The folders in which a data set's files may lie: its root, whatever annotations, lists and links name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data.dataset import Dataset, Item
from pixelwise.raster.stack import split_page


def require_inside(dataset: Dataset, images_root: Path | None = None) -> None:
    """Raise `DataError` where a file that an item names, and that is there, lies neither under the data set's root nor
    under `images_root`: links and `..` are followed to their end.

    Raises `OptionError` for an `images_root` that is no directory or under which no file of the data set lies.
    """
    if images_root is not None and not os.path.isdir(images_root):
        remedy = "Name the folder that holds the images, or leave it out."
        raise OptionError("images_root", f"{images_root}, which is no directory", "a directory", remedy)
    home, other = _end(dataset.root), None if images_root is None else _end(images_root)
    end_of = _ends()
    outside: list[tuple[Path, Path]] = []
    needed = False
    for file in (file for items in dataset.splits.values() for item in items for file in _files(item)):
        end = end_of(file)
        if end.is_relative_to(home):
            continue
        if other is not None and end.is_relative_to(other):
            needed = True
        elif os.path.exists(end):
            outside.append((file, end))
    if outside:
        raise _refusal(dataset.root, outside)
    if other is not None and not needed:
        found = f"{images_root}, under which no file of {dataset.root} lies"
        expected = "a folder outside the data set that its annotations or links name"
        raise OptionError("images_root", found, expected, "Leave it out, or correct it.")


def _refusal(root: Path, outside: list[tuple[Path, Path]]) -> DataError:
    (file, end), more = outside[0], len(outside) - 1
    others = f", and {more:,} more" if more else ""
    shared = Path(os.path.commonpath([end_path.parent for _, end_path in outside]))
    folder = end.parent if shared == shared.parent else shared  # never the whole machine
    remedy = f"Copy what belongs to the data into it, or allow the folder: `images_root={str(folder)!r}`."
    return DataError(file, f"a file outside the data set ({end}{others})", f"files under {_end(root)}", remedy)


def _files(item: Item) -> Iterator[Path]:
    """Yield the files that an item names, of a folder what is linked in it too."""
    for path in dict.fromkeys((item.image, item.mask, item.instances, *item.more)):
        if path is None:
            continue
        file, _ = split_page(path)
        yield file
        if file != item.image and os.path.isdir(file):
            yield from (Path(entry.path) for entry in os.scandir(file) if entry.is_symlink())


def _ends() -> Callable[[Path], Path]:
    """Return a function from a path to where it leads in the end; a folder is followed once, however many files it
    has."""
    folder_end = lru_cache(maxsize=None)(_end)

    def end_of(path: Path) -> Path:
        if path.name in ("", "..") or os.path.islink(path):
            return _end(path)
        return folder_end(path.parent) / path.name

    return end_of


def _end(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a NUL in it: there is no such file
        return path
