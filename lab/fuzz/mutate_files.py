"""Changes of which files there are, and of what kind and name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePosixPath
from random import Random

from lab.fuzz import hostile
from lab.fuzz.pictures import photo_file
from lab.fuzz.tree import Entry, Folder, Link, Pipe, Tree

ENDINGS = (
    ".png",
    ".jpg",
    ".tif",
    ".gif",
    ".bmp",
    ".txt",
    ".json",
    ".yaml",
    ".xml",
    ".csv",
    "",
    ".PNG",
    ".onnx",
    ".zip",
)
JUNK: tuple[tuple[str, Entry], ...] = (
    *(
        (".DS_Store", b"\0\0\0\1Bud1"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0"),
        ("._a.png", b"\0\5\x16\7"),
        ("empty.png", b""),
    ),
    *(("a.json", b"{}"), ("b.json", b"[]"), ("a.xml", b"<a/>"), ("data.yaml", b"names: [a]\ntrain: .\nval: .\n")),
    *(("classes.txt", b"a\nb\n"), ("classes.yaml", b"classes: [a, b]"), ("label_colors.txt", b"0 0 0 a\n1 1 1 b\n")),
    *(("train.txt", b"a\n"), ("labelmap.txt", b"background:0,0,0::\n"), ("dataset.json", b'{"labels": {}}')),
    *(
        ("loop", Link(".")),
        ("up", Link("..")),
        ("self", Link("self")),
        ("usr", Link("/usr")),
        ("etc.png", Link("/etc/passwd")),
    ),
    *(
        ("pipe.png", Pipe()),
        ("pipe.json", Pipe()),
        ("pipe.yaml", Pipe()),
        ("pipe.xml", Pipe()),
        ("zero.png", Link("/dev/zero")),
    ),
    *(
        ("folder.png", Folder()),
        ("folder.json", Folder()),
        ("images", Folder()),
        ("masks", Folder()),
        ("train", Folder()),
    ),
    *(("archive.zip", b"PK\3\4"), ("notes.md", b"# x"), ("a.nii.gz", b"\x1f\x8b")),
)
LONG = "n" * 250
MOST_COPIES, MOST_BYTES = 60, 2**28
"""Copies of a file, and their bytes together: writing more takes the time that the command is given."""


def changed_files(tree: Tree, rng: Random) -> str:
    """Change one thing about the files of a tree; return what, in a word."""
    change = rng.choice(_CHANGES)
    name = rng.choice(sorted(tree)) if tree else ""
    if name or change is _add:
        change(tree, name, rng)
    return change.__name__.strip("_")


def _rename(tree: Tree, name: str, rng: Random) -> None:
    path = PurePosixPath(name)
    entry = tree.pop(name)
    longest = LONG[: 255 - len(path.suffix)] + path.suffix
    odd = os.fsdecode(b"\xff\xe9" + rng.randbytes(1).replace(b"/", b"x").replace(b"\0", b"x")) + path.suffix
    new = rng.choice(
        (path.stem + rng.choice(ENDINGS), LONG + path.suffix, longest, odd, path.name.swapcase(), "é" + path.suffix)
    )
    if rng.random() < 0.2:
        new = hostile.text(rng).replace("/", "_").replace("\0", "_")[:200] + path.suffix
    tree[str(path.with_name(new)) if new not in ("", ".", "..") else name] = entry


def _rename_stem(tree: Tree, name: str, rng: Random) -> None:
    """Give all files of one stem another name, so that partners stay partners."""
    stem = PurePosixPath(name).stem
    odd = os.fsdecode(b"caf\xe9")
    new = rng.choice(
        (LONG, odd, "\x1b[31mred", "a b", "é", "e\u0301", "=cmd", "[bold]x[", "a\nb", "%s", "x" * 200, ".hidden", "-")
    )
    for other in [other for other in tree if PurePosixPath(other).name.startswith(f"{stem}.")]:
        path = PurePosixPath(other)
        tree[str(path.with_name(new + path.name[len(stem) :]))] = tree.pop(other)


def _remove(tree: Tree, name: str, rng: Random) -> None:
    del tree[name]


def _remove_folder(tree: Tree, name: str, rng: Random) -> None:
    folder = os.path.dirname(name)
    for other in [other for other in tree if os.path.dirname(other) == folder]:
        del tree[other]
    if folder and rng.random() < 0.5:
        tree[folder] = Folder()


def _empty(tree: Tree, name: str, rng: Random) -> None:
    tree[name] = b""


def _other_kind(tree: Tree, name: str, rng: Random) -> None:
    same = PurePosixPath(name).name
    tree[name] = rng.choice(
        (Pipe(), Folder(), Link(same), Link("missing"), Link("/etc/passwd"), Link("/dev/zero"), Link("/usr"))
    )


def _add(tree: Tree, name: str, rng: Random) -> None:
    junk, entry = rng.choice(JUNK)
    tree[os.path.join(rng.choice(("", os.path.dirname(name), name.partition("/")[0])), junk)] = entry


def _copy(tree: Tree, name: str, rng: Random) -> None:
    other = rng.choice(sorted(tree))
    path = PurePosixPath(name)
    tree[rng.choice((f"{path}.bak{path.suffix}", other, str(path.with_suffix(".tif")), f"x/{name}", path.name))] = tree[
        name
    ]


def _swap(tree: Tree, name: str, rng: Random) -> None:
    other = rng.choice(sorted(tree))
    tree[name], tree[other] = tree[other], tree[name]


def _move_folder(tree: Tree, name: str, rng: Random) -> None:
    first = name.partition("/")[0]
    new = rng.choice((f"x/{first}", "images", "masks", "train", "val", f"{first}/{first}", first.upper(), LONG, "a b"))
    for other in [other for other in tree if other.startswith(f"{first}/")]:
        tree[new + other[len(first) :]] = tree.pop(other)


def _many(tree: Tree, name: str, rng: Random) -> None:
    path = PurePosixPath(name)
    entry = tree[name]
    size = len(entry) if isinstance(entry, bytes) else 0
    for i in range(min(MOST_COPIES, MOST_BYTES // max(1, size))):
        tree[str(path.with_name(f"{path.stem}{i}{path.suffix}"))] = photo_file(i) if path.suffix == ".png" else entry


_CHANGES: tuple[Callable[[Tree, str, Random], None], ...] = (
    *(_rename, _rename, _rename_stem, _remove, _remove_folder, _empty, _other_kind, _other_kind, _add, _add, _copy),
    *(_swap, _move_folder, _many),
)
