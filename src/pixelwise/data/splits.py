"""Splits: their names, the text files that list them, and how they are drawn where the data name none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pixelwise.core.documents import read_text
from pixelwise.core.errors import DataError
from pixelwise.core.text import join_first
from pixelwise.data.dataset import Item
from pixelwise.data.problem import Problem
from pixelwise.data.references import distinct_names

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Each split's names in folders and lists; the first is the one that is written."""

LIST_FOLDERS = ("", "splits", "ImageSets/Segmentation", "ImageSets/SegmentationContext", "ImageSets", "lists")
"""The folders of lists; the first that has one counts."""

LIST_NAMES = ("{}.txt", "{}_list.txt", "{}.lst")
"""The file names of a split's list; `_list` is Paddle's, `.lst` HRNet's."""
LIST_ENDINGS = (".csv", ".tsv", ".json", ".lst", ".list", ".txt", ".yaml", ".yml")
"""Endings of files that may be lists of splits."""

MAX_LINE = 8000
"""Characters of a line in a list at most: room for two of the longest paths."""

SMALL = 100
"""A set of fewer images is small: val and test have fixed sizes, and its classes are spread over the splits."""

LEAST = 5
"""Val and test have at least this many images, or a fifth of the set if that is less."""

LEAST_FOR_TEST = 10
"""A set of fewer images without named splits is drawn into train and val alone."""


def part_size(count: int) -> int:
    """Return the size of val, or of test, for a set of `count` images: a tenth, but at least 5 images or a fifth,
    whichever is less; 0 for fewer than 5 images."""
    return max(round(0.1 * count), min(LEAST, round(0.2 * count))) if count >= LEAST else 0


def part_sizes(count: int, *, test: bool) -> dict[str, int]:
    """Return the size of each split for a set of `count` images. test: whether a test split is drawn too, since the
    data name no split at all."""
    sizes = {"val": part_size(count), "test": part_size(count) if test and count >= LEAST_FOR_TEST else 0}
    return {"train": count - sum(sizes.values()), **sizes}


def split_by_hash(name: str) -> str:
    """Return the split of an image by the hash of its name: 80 % train, 10 % val, 10 % test.

    Only the name decides, so adding an image never moves another one to a different split.
    """
    fraction = hash_fraction(name)
    return "train" if fraction < 0.8 else "val" if fraction < 0.9 else "test"


def hash_fraction(name: str) -> float:
    """Return a number in 0..1 that depends on the name alone, evenly spread over many names."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def group_by_split(items: Iterable[tuple[str | None, Item]], *, draw_val: bool = True) -> dict[str, tuple[Item, ...]]:
    """Return the items by split, sorted by name; train comes first and a split without an item is left out.

    Names within a split are made distinct, whatever their case, since files are written under them: a second `a`
    becomes `a_2`.

    Parameters
    ----------
    items
        Each item with `"train"`, `"val"` or `"test"`, or `None` where the data name no split. Items without a split are
        drawn into the three by the hash of their names, and marked as `auto_split`.
    draw_val
        Whether a part of train becomes val where no item is in val. `False` keeps the splits as they are named.

    Returns
    -------
    dict
        The items of each split, as `Dataset` takes them.

    Examples
    --------
    >>> from pathlib import Path
    >>> names = [("train", "b"), ("val", "c"), ("train", "a")]
    >>> items = [(split, Item(name, Path(f"{name}.jpg"), Path(f"{name}.png"))) for split, name in names]
    >>> {split: [item.name for item in members] for split, members in group_by_split(items).items()}
    {'train': ['a', 'b'], 'val': ['c']}
    """
    given = list(items)
    unnamed = _distinct(item for split, item in given if split is None)
    splits = {split: [item for item_split, item in given if item_split == split] for split in SPLITS}
    if unnamed:
        for split, members in draw_splits(unnamed, part_sizes(len(unnamed), test=True)).items():
            splits[split] += members
    elif draw_val and not splits["val"] and part_size(len(splits["train"])):
        splits |= draw_splits(_distinct(splits["train"]), part_sizes(len(splits["train"]), test=False))
    return {split: tuple(_distinct(members)) for split, members in splits.items() if members}


def _distinct(items: Iterable[Item]) -> list[Item]:
    """Return the items under distinct names, sorted by them."""
    members = sorted(items, key=lambda item: (item.name, item.image))
    names = distinct_names([item.name for item in members])
    pairs = zip(members, names, strict=True)
    named = (item if item.name == name else replace(item, name=name) for item, name in pairs)
    return sorted(named, key=lambda item: item.name)


def draw_splits(items: Sequence[Item], sizes: Mapping[str, int]) -> dict[str, list[Item]]:
    """Return the items by split, marked as drawn.

    They are ordered by the hash of their names: the highest make test, the next val, the others train. A split of a
    small set has its size in `sizes`; one of a larger set has as many items as lie in its tenth of the hashes, but at
    least `LEAST`.
    """
    ordered = sorted(items, key=lambda item: (-hash_fraction(item.name), item.name))
    parts = [split for split in ("test", "val") if sizes.get(split)]
    limits = dict(zip(parts, (1.0, 0.9), strict=False))
    chosen: dict[str, list[Item]] = {}
    for split in parts:
        count = sizes[split]
        if len(items) >= SMALL:
            in_tenth = sum(limits[split] - 0.1 <= hash_fraction(item.name) < limits[split] for item in items)
            count = max(in_tenth, LEAST)
        chosen[split], ordered = ordered[:count], ordered[count:]
    chosen["train"] = ordered
    return {split: [replace(item, auto_split=True) for item in chosen[split]] for split in SPLITS if split in chosen}


def infer_splits(root: Path, items: Iterable[tuple[str | None, Item]]) -> Iterator[tuple[str | None, Item]]:
    """Yield every item with its split. items: with the split that their folders name, or `None`.

    Items without a named split are train where folders name val or test, and have none where no folder names any.
    Raises `DataError` where some items lie in train and others in no split's folder.
    """
    items = list(items)
    named = {split for split, _ in items if split is not None}
    if any(split is None for split, _ in items) and "train" in named:
        expected = "either split folders or one folder of images"
        raise DataError(root, "images in train and images outside of it", expected, "Move one of them elsewhere.")
    for split, item in items:
        yield split or ("train" if named else None), item


def read_split_lists(root: Path) -> dict[str, list[str]]:
    """Return the lines, stripped, of the lists of each split, such as `train.txt`, in the first folder that has one.

    Raises `DataError` for lists that cannot be read, and for two lists of one split that differ.
    """
    for folder in LIST_FOLDERS:
        lists: dict[str, list[str]] = {}
        for split, names in SPLITS.items():
            named = (root / folder / form.format(name) for form in LIST_NAMES for name in names)
            files = [file for file in named if file.is_file()]
            for file in files:
                lines = lines_of(file)
                if lists.setdefault(split, lines) != lines:
                    found = f"another list of {split} than {files[0].name} beside it"
                    raise DataError(file, found, "one list of a split", "Move one of them elsewhere.")
        if lists:
            return lists
    return {}


def unread_split_lists(root: Path) -> list[Problem]:
    """Return a remark on files that may be lists of splits in a form that is not read; none where there are none."""
    names = "|".join(name for spellings in SPLITS.values() for name in spellings)
    pattern = re.compile(rf"(({names})([_-]?(list|files|images|ids|names|split|set))?|splits?|folds?)", re.IGNORECASE)
    folders = [root / folder for folder in LIST_FOLDERS if (root / folder).is_dir()]
    files = sorted(file for folder in folders for file in folder.iterdir() if file.suffix.lower() in LIST_ENDINGS)
    lists = [file for file in files if pattern.fullmatch(file.stem) and file.is_file()]
    if not lists:
        return []
    shown = join_first([file.relative_to(root).as_posix() for file in lists], 4)
    message = (
        f"found what may be lists of the splits ({shown}); expected train.txt, val.txt and test.txt, an image a line. "
        "They were not read: if they are lists of splits, write them in that form."
    )
    return [Problem(root, "passed_over", message)]


def lines_of(file: Path) -> list[str]:
    """Return a text's lines, stripped, without empty ones; raise `DataError` where it cannot be read."""
    try:
        text = read_text(file)
        if "\0" in text:
            raise ValueError("a NUL, so it is no text")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if (longest := max(map(len, lines), default=0)) > MAX_LINE:
            raise ValueError(f"a line of {longest:,} characters")
    except (OSError, ValueError) as error:
        found = f"a file that cannot be read ({error})"
        raise DataError(file, found, "one image's name a line, UTF-8", "Write the list again.") from error
    return lines
