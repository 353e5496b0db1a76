"""Names of files as annotation files and lists give them, and the files that they mean.

Names come from other machines: with back-slashes, a drive, folders that are not here, or in another form of Unicode
(macOS stores "é" as two characters, most tools write one). Two names are the same where they look the same (NFC).
Where a name may lead is for `allowed_paths` to say.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from pixelwise.core.errors import DataError
from pixelwise.data.problem import Problem

MAX_PART, MAX_PATH = 255, 2000
"""The longest name of a file, in bytes, and the longest path that is looked for."""
MAX_LEVELS = 32
"""The most folders in a path that are compared one by one."""
MOST_LINKED = 50_000
"""Folders outside of a data set that links in it may lead to."""


def nfc(text: str) -> str:
    """Return the text in Unicode's composed form, in which equal looks are equal strings."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def stem_of(path: Path) -> str:
    """Return a file's stem, composed: what tells which mask belongs to which image."""
    return nfc(path.stem)


def parts_of(name: str) -> list[str]:
    """Return the folders and the file of a path of any system, without drive, root, `.` and `..`."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return parts[1:] if len(parts) > 1 and len(parts[0]) == 2 and parts[0][1] == ":" else parts


def is_usable(name: object) -> bool:
    """Return whether a value can be the name of a file: text that a file system takes."""
    if not isinstance(name, str) or "\0" in name:
        return False
    try:
        lengths = [len(part.encode()) for part in parts_of(name)]
    except UnicodeEncodeError:
        return False
    return 0 < sum(lengths) + len(lengths) <= MAX_PATH and 0 < max(lengths, default=0) <= MAX_PART


def last_levels(parts: Sequence[str]) -> range:
    """Return the places in a path from which its ends are looked for: at most `MAX_LEVELS` folders deep."""
    return range(max(0, len(parts) - MAX_LEVELS), len(parts))


def flat_name(name: str) -> str:
    """Return a path without its ending as one word: `a/b.png` becomes `a_b`."""
    parts = parts_of(name)
    return "_".join([*parts[:-1], Path(parts[-1]).stem]) if parts else "_"


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return the names with a number (`a_2`) where one equals an earlier one, by its looks and whatever the case."""
    taken = Counter(_fold(name) for name in names)
    used: set[str] = set()
    result: list[str] = []
    for name in names:
        distinct, number = name, 1
        while _fold(distinct) in used or (number > 1 and _fold(distinct) in taken):
            number += 1
            distinct = f"{name}_{number}"
        used.add(_fold(distinct))
        result.append(distinct)
    return result


def walk(root: Path, depth: int = 99) -> Iterator[tuple[Path, list[str]]]:
    """Yield every folder in `root`, itself first, with the names of its files, sorted; hidden ones are left out.

    Links to folders are followed, each folder once, but not one to a folder that holds the root: it would lead through
    the whole machine. `depth` counts the levels, 1 = the root alone. Raises `DataError` where links lead to more than
    `MOST_LINKED` folders outside of the root.
    """
    home = os.path.realpath(root)
    visited: set[str] = set()
    pending = [(str(root), home, 1)]
    outside = 0
    while pending:
        here, real, level = pending.pop()
        if real in visited or (real != home and contains(real, home)):
            continue
        outside += not contains(home, real)
        if outside > MOST_LINKED:
            found = f"links to more than {MOST_LINKED:,} folders outside of it, such as {real}"
            raise DataError(root, found, "the folders of one data set", "Remove the link, or pass the folder itself.")
        visited.add(real)
        folders, files = _entries(here)
        if level < depth:
            pending += [
                (
                    os.path.join(here, name),
                    os.path.realpath(os.path.join(real, name)) if is_link else os.path.join(real, name),
                    level + 1,
                )
                for name, is_link in reversed(folders)
                if name != "__MACOSX"
            ]
        yield Path(here), files


def _entries(folder: str) -> tuple[list[tuple[str, bool]], list[str]]:
    """Return the folders in a folder, each with whether it is a link, and its files, both sorted and without hidden
    ones. A folder that cannot be listed is an empty one."""
    folders: list[tuple[str, bool]] = []
    files: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                continue
            if _is_folder(entry):
                folders.append((entry.name, entry.is_symlink()))
            else:
                files.append(entry.name)
    return sorted(folders), sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def contains(folder: str, inner: str) -> bool:
    """Return whether a folder is another, or holds it, both without links."""
    return inner == folder or inner.startswith(folder.rstrip(os.sep) + os.sep)


@dataclass(frozen=True)
class Match:
    """The file that a name means, or where it should be, and whether it lies just where the name says."""

    path: Path
    exact: bool
    exists: bool


class FileFinder:
    """Finds the files in `root` that names mean."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._index: dict[str, Path] | None = None
        self._by_last: dict[str, list[Path]] = {}

    def find(self, names: Sequence[str], folders: Sequence[Path], *, anywhere: bool = True) -> list[Match]:
        """Return what each name means, counted from one of the folders, of which the first that has it counts.

        A name that leads nowhere is looked for by its end, folder by folder, from the folders and then, if `anywhere`,
        in the whole root, and counts where one file alone fits and no other name means it. Of a name that nothing in
        the root fits, a file elsewhere is returned where it leads to one (see `allowed_paths.require_inside`).
        """
        exact = [
            next((place for place in self._places(name, folders) if os.path.isfile(place)), None) for name in names
        ]
        claimed = {path for path in exact if path is not None}
        guesses = [
            self._by_end(name, folders, claimed, anywhere=anywhere) if path is None else path
            for name, path in zip(names, exact, strict=True)
        ]
        for i, name in enumerate(names):
            if guesses[i] is None:
                exact[i] = guesses[i] = self._outside(name, folders)
        meant = Counter(guess for guess in guesses if guess is not None)
        matches: list[Match] = []
        for name, path, guess in zip(names, exact, guesses, strict=True):
            if path is not None:
                matches.append(Match(path, exact=True, exists=True))
            elif guess is not None and meant[guess] == 1:
                matches.append(Match(guess, exact=False, exists=True))
            else:
                last = (parts_of(name) or ["_"])[-1]
                matches.append(Match(next(self._places(name, folders), folders[0] / last), exact=False, exists=False))
        return matches

    def _places(self, name: str, folders: Sequence[Path]) -> Iterator[Path]:
        """Yield where the name, as it is, leads from each folder, without what lies outside of the root."""
        root = os.path.abspath(self._root)
        for folder in folders:
            place = os.path.normpath(os.path.join(os.path.abspath(folder), name))
            if place.startswith(root + os.sep) and os.path.basename(name) not in ("", ".", ".."):
                inner = os.path.relpath(place, root)
                yield self._root / inner

    def _outside(self, name: str, folders: Sequence[Path]) -> Path | None:
        """Return the file outside of the root that the name leads to: whether it may be read is for others to say."""
        places = (Path(os.path.normpath(os.path.join(os.path.abspath(folder), name))) for folder in folders)
        return next((place for place in places if os.path.isfile(place)), None)

    def _by_end(self, name: str, folders: Sequence[Path], claimed: set[Path], *, anywhere: bool) -> Path | None:
        index = self._files()
        for spelling in dict.fromkeys((name, unquote(name))):
            parts = [nfc(part) for part in parts_of(spelling)]
            for first in last_levels(parts):
                for folder in folders:
                    if not folder.is_relative_to(self._root):
                        continue
                    inner = folder.relative_to(self._root).as_posix()
                    key = "/".join(parts[first:]) if inner == "." else f"{nfc(inner)}/{'/'.join(parts[first:])}"
                    if (path := index.get(key)) is not None and path not in claimed:
                        return path
            if not (parts and anywhere):
                continue
            same = [path for path in self._by_last.get(_fold(parts[-1]), ()) if path not in claimed]
            shared = [_shared_end(parts, path) for path in same]
            best = [path for path, length in zip(same, shared, strict=True) if length == max(shared)]
            if len(best) == 1:
                return best[0]
        return None

    def _files(self) -> dict[str, Path]:
        if self._index is None:
            self._index = {}
            for folder, files in walk(self._root):
                inner = folder.relative_to(self._root).as_posix()
                for file in files:
                    path = folder / file
                    self._index[nfc(file if inner == "." else f"{inner}/{file}")] = path
                    self._by_last.setdefault(_fold(file), []).append(path)
        return self._index


def report_guesses(root: Path, where: Path, names: Sequence[str], matches: Sequence[Match]) -> list[Problem]:
    """Return a remark, about the file `where`, on names that lead nowhere and whose files were found by their ends."""
    pairs = [
        (name, match.path)
        for name, match in zip(names, matches, strict=True)
        if match.exists and not match.exact and nfc("/".join(parts_of(name))) not in nfc(match.path.as_posix())
    ]
    if not pairs:
        return []
    name, path = pairs[0]
    found = f"found {len(pairs):,} of {len(matches):,} file names that lead nowhere here, such as {name}"
    remedy = f"The images were found by the ends of these paths: this one is {path.relative_to(root)}."
    return [Problem(where, "assumed", f"{found}; expected paths in the data set. {remedy}")]


def _shared_end(parts: Sequence[str], path: Path) -> int:
    """Return how many parts at the end are the same, whatever the case."""
    pairs = zip(reversed(parts), reversed(path.parts), strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if _fold(a) != _fold(b)), min(len(parts), 99))


def _fold(text: str) -> str:
    return nfc(nfc(text).casefold())
