"""A data set's files must lie under its root or `images_root`, whatever its annotations, lists and links name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data.dataset import Dataset, Item
from pixelwise.raster.stack import split_page


def require_inside(dataset: Dataset, images_root: Path | None = None) -> None:
    """Raise `DataError` where an existing file that an item names lies neither under the data set's root nor under
    `images_root`, once links and `..` are resolved.

    Raises `OptionError` for an `images_root` that is no directory or under which no file of the data set lies.
    """
    if images_root is not None and not os.path.isdir(images_root):
        remedy = "Name the folder that holds the images, or leave it out."
        raise OptionError("images_root", f"{images_root}, which is no directory", "a directory", remedy)
    home, second_home = _resolve(dataset.root), None if images_root is None else _resolve(images_root)
    resolve = _cached_resolve()
    outside: list[tuple[Path, Path]] = []
    is_second_used = False
    for file in (file for items in dataset.splits.values() for item in items for file in _files(item)):
        target = resolve(file)
        if target.is_relative_to(home):
            continue
        if second_home is not None and target.is_relative_to(second_home):
            is_second_used = True
        elif os.path.exists(target):
            outside.append((file, target))
    if outside:
        raise _outside_error(dataset.root, outside)
    if second_home is not None and not is_second_used:
        found = f"{images_root}, under which no file of {dataset.root} lies"
        expected = "a folder that its annotations or links name, or the images of masks that lie in the data set alone"
        raise OptionError("images_root", found, expected, "Leave it out, or correct it.")


def _outside_error(root: Path, outside: list[tuple[Path, Path]]) -> DataError:
    """Return the error for files outside of a data set, given as pairs of the file and the path it resolves to."""
    (file, target), more = outside[0], len(outside) - 1
    others = f", and {more:,} more" if more else ""
    shared = Path(os.path.commonpath([path.parent for _, path in outside]))
    folder = target.parent if shared == shared.parent else shared  # never suggest the root of the file system
    remedy = f"Copy what belongs to the data into it, or allow the folder: `images_root={str(folder)!r}`."
    return DataError(file, f"a file outside the data set ({target}{others})", f"files under {_resolve(root)}", remedy)


def _files(item: Item) -> Iterator[Path]:
    """Yield the files that an item names, and the links inside a folder that it names as its mask."""
    for path in dict.fromkeys((item.image, item.mask, item.instances, *item.more)):
        if path is None:
            continue
        file, _ = split_page(path)
        yield file
        if file != item.image and os.path.isdir(file):
            yield from (Path(entry.path) for entry in os.scandir(file) if entry.is_symlink())


def _cached_resolve() -> Callable[[Path], Path]:
    """Return a function that resolves the links of a path; each folder is resolved once, however many files it has."""
    resolve_folder = lru_cache(maxsize=None)(_resolve)

    def resolve(path: Path) -> Path:
        if path.name in ("", "..") or os.path.islink(path):
            return _resolve(path)
        return resolve_folder(path.parent) / path.name

    return resolve


def _resolve(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a NUL in it: there is no such file
        return path
