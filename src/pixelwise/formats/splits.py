"""Splits: how they are spelled, listed in text files, and made where there are none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pixelwise.errors import DataError
from pixelwise.formats.dataset import Item
from pixelwise.formats.names import distinct_names

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Each split's names in folders and lists; the first is the one that is written."""

LIST_FOLDERS = ("", "splits", "ImageSets/Segmentation")
"""Where lists are looked for; the first folder that has one counts."""


def hashed_split(name: str) -> str:
    """Return the split of an image by the hash of its name: 80 % train, 10 % val, 10 % test.

    Names alone decide, so an image that is added moves no other from one split to another.
    """
    fraction = hashed_fraction(name)
    return "train" if fraction < 0.8 else "val" if fraction < 0.9 else "test"


def hashed_fraction(name: str) -> float:
    """Return a number in 0..1 that depends on the name alone, evenly spread over many names."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def in_splits(items: Iterable[tuple[str, Item]]) -> dict[str, tuple[Item, ...]]:
    """Return the items by split, sorted by name; train comes first and a split without an item is left out.

    Names of one split are made distinct, by case too, since files are written under them: a second `a` becomes `a_2`.
    """
    found: dict[str, list[Item]] = {split: [] for split in SPLITS}
    for split, item in items:
        found[split].append(item)
    for members in found.values():
        members.sort(key=lambda item: (item.name, item.image))
        names = distinct_names([item.name for item in members])
        pairs = zip(members, names, strict=True)
        members[:] = [item if item.name == name else replace(item, name=name) for item, name in pairs]
        members.sort(key=lambda item: item.name)
    return {split: tuple(members) for split, members in found.items() if members}


def assigned(root: Path, found: Iterable[tuple[str | None, Item]]) -> Iterator[tuple[str, Item]]:
    """Yield every item with the split that its folder names; where no folder does, with the one its name hashes to.

    Raises `DataError` where some lie in train and others in no split's folder.
    """
    found = list(found)
    named = {split for split, _ in found if split is not None}
    if any(split is None for split, _ in found) and "train" in named:
        expected = "either split folders or one folder of images"
        raise DataError(root, "images in train and images outside of it", expected, "Move one of them elsewhere.")
    for split, item in found:
        yield split or ("train" if named else hashed_split(item.name)), item


def read_split_lists(root: Path) -> dict[str, list[str]]:
    """Return the lines, stripped, of `train.txt`, `val.txt` and `test.txt` in the first place that has one of them."""
    for folder in LIST_FOLDERS:
        lists: dict[str, list[str]] = {}
        for split, names in SPLITS.items():
            files = [root / folder / f"{name}.txt" for name in names]
            for file in (file for file in files if file.is_file()):
                lists[split] = lines_of(file)
        if lists:
            return lists
    return {}


def lines_of(file: Path) -> list[str]:
    """Return a text's lines, stripped, without empty ones; raise `DataError` where it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        found = f"a file that cannot be read ({error})"
        raise DataError(file, found, "one image's name a line, UTF-8", "Write the list again.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
