"""Finding the files that annotation files and lists name.

The names may come from another machine, with back-slashes, a drive, folders that do not exist here, or another form of
Unicode (macOS stores "é" as two characters, most tools write one). Names that look the same are the same (NFC).
`allowed_paths` decides which of the files may be read.
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
"""Bytes of the longest name of a file, and of the longest path, that are looked for."""
MAX_LEVELS = 32
"""The ends of a path that are looked for have at most this many parts."""
MOST_LINKED = 50_000
"""Folders outside of a data set to which links in it may lead, at most."""


def nfc(text: str) -> str:
    """Return the text in Unicode's composed form, in which texts that look the same are equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def stem_of(path: Path) -> str:
    """Return a file's stem in composed form, by which masks and images are paired."""
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
    """Return the positions in a path at which the ends that are looked for begin, the longest end first."""
    return range(max(0, len(parts) - MAX_LEVELS), len(parts))


def flat_name(name: str) -> str:
    """Return a path without its ending as one word: `a/b.png` becomes `a_b`."""
    parts = parts_of(name)
    return "_".join([*parts[:-1], Path(parts[-1]).stem]) if parts else "_"


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return the names, with a number (`a_2`) on each that looks like an earlier one, whatever the case."""
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
    """The file that a name means.

    path: the file, or where it should be. exact: whether the name, as it is, leads there. exists: whether it is there.
    """

    path: Path
    exact: bool
    exists: bool


class FileFinder:
    """Finds the files in `root` that names mean. The files are listed once, when the first name has to be searched."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._index: dict[str, Path] | None = None
        self._by_tail: dict[tuple[str, ...], list[Path]] = {}  # by the name alone, and by the folder and the name

    def find(self, names: Sequence[str], folders: Sequence[Path], *, anywhere: bool = True) -> list[Match]:
        """Return the file that each name means. The first of these rules that gives a name a file counts:

        1. The name leads to a file in the root from one of the folders; the first of these folders counts.
        2. An end of the name, the longest first, leads to a file from one of the folders.
        3. If `anywhere`: of the files in the whole root with the name's last part, exactly one shares the longest end.
        4. The name leads to a file outside of the root (see `allowed_paths.require_inside`).

        Rules 2 and 3 do not give a name a file that another name means.
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
        """Yield the path in the root to which the name, as it is, leads from each folder."""
        root = os.path.abspath(self._root)
        for folder in folders:
            place = os.path.normpath(os.path.join(os.path.abspath(folder), name))
            if place.startswith(root + os.sep) and os.path.basename(name) not in ("", ".", ".."):
                inner = os.path.relpath(place, root)
                yield self._root / inner

    def _outside(self, name: str, folders: Sequence[Path]) -> Path | None:
        """Return the file outside of the root to which the name leads from one of the folders."""
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
            tail = tuple(map(_fold, parts[-2:]))  # many folders may hold files of one name
            candidates = self._unclaimed(tail, claimed) or self._unclaimed(tail[-1:], claimed)
            lengths = [_shared_end(parts, path) for path in candidates]
            longest = max(lengths, default=0)
            if lengths.count(longest) == 1:
                return candidates[lengths.index(longest)]
        return None

    def _unclaimed(self, tail: tuple[str, ...], claimed: set[Path]) -> list[Path]:
        """Return the files whose paths end in these parts, without those that are claimed."""
        return [path for path in self._by_tail.get(tail, ()) if path not in claimed]

    def _files(self) -> dict[str, Path]:
        if self._index is None:
            self._index = {}
            for folder, files in walk(self._root):
                inner = folder.relative_to(self._root).as_posix()
                for file in files:
                    path = folder / file
                    self._index[nfc(file if inner == "." else f"{inner}/{file}")] = path
                    for tail in ((_fold(file),), (_fold(folder.name), _fold(file))):
                        self._by_tail.setdefault(tail, []).append(path)
        return self._index


def report_guesses(root: Path, where: Path, names: Sequence[str], matches: Sequence[Match]) -> list[Problem]:
    """Return a remark, about the file `where`, on names that lead nowhere and whose files were found by their ends;
    none without such names."""
    pairs = [
        (name, match.path)
        for name, match in zip(names, matches, strict=True)
        if match.exists and not match.exact and nfc("/".join(parts_of(name))) not in nfc(match.path.as_posix())
    ]
    if not pairs:
        return []
    name, path = pairs[0]
    found = f"found {len(pairs):,} of {len(matches):,} file names that lead nowhere here, such as {name}"
    assumed = f"The images were found by the ends of these paths: this one is {path.relative_to(root)}."
    return [Problem(where, "assumed", f"{found}; expected paths in the data set. {assumed}")]


def _shared_end(parts: Sequence[str], path: Path) -> int:
    """Return how many parts at the ends of two paths are the same, whatever the case."""
    pairs = zip(reversed(parts), reversed(path.parts), strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if _fold(a) != _fold(b)), min(len(parts), 99))


def _fold(text: str) -> str:
    return nfc(nfc(text).casefold())
