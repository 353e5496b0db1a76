"""Where a data set keeps its images, masks and instance maps, told by the names of its folders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixelwise.errors import DataError
from pixelwise.formats.partners import image_files, told_apart
from pixelwise.formats.problem import Problem
from pixelwise.formats.splits import SPLITS

ROLES = {
    "images": ("images", "image", "imgs", "img", "photos", "photo", "jpegimages"),
    "masks": (
        *("masks", "mask", "labels", "label", "annotations", "annotation", "annot"),
        *("gt", "segmentations", "segmentation", "segmentationclass"),
        *("1st_manual", "manual1", "manual", "2nd_manual", "manual2"),
    ),
    "instances": ("instances", "instance"),
}
"""What a folder holds, by its name in lower case; the first name is the one that is written."""

BY_HAND = ("1st_manual", "manual1", "manual")
"""Folders of labels that are read, the first of them, although others lie beside them:"""
BESIDE_BY_HAND = ("2nd_manual", "manual2", "mask", "masks")
"""a second observer's, and the field of view of the camera."""

EXPECTED = (
    "images/ beside masks/ (or labels/, annotations/ ...) or instances/, with or without train/, val/ and test/ above "
    "or below them, or images and masks in one folder told apart by a suffix such as _mask"
)


@dataclass(frozen=True)
class Place:
    """The files of one split (`None`: not told by folders): images, masks and instance maps, not yet matched."""

    split: str | None
    folder: Path
    images: list[Path]
    masks: list[Path]
    instances: list[Path]
    unread: tuple[Path, ...] = ()
    """Folders that could hold the masks too."""


def find_places(root: Path) -> list[Place]:
    """Return what the folders in `root`, two levels deep, hold; `train/images`, `images/train`, `train` and
    `train_masks` are all understood, and so is one folder of masks for several splits.

    Raises `DataError` where two folders could hold the same.
    """
    found: defaultdict[tuple[str | None, str | None], list[tuple[Path, list[Path]]]] = defaultdict(list)
    known = [(folder, split, role) for folder, split, role in _known_folders(root) if image_files(folder)]
    names = {folder.name.lower() for folder, *_ in known}
    by_hand = next((name for name in BY_HAND if name in names), None)
    unread: list[Path] = []
    for folder, split, role in known:
        if by_hand and folder.name.lower() in BESIDE_BY_HAND + BY_HAND and folder.name.lower() != by_hand:
            unread.append(folder)
        else:
            found[split, role].append((folder, image_files(folder)))

    def only(split: str | None, role: str | None) -> tuple[Path, list[Path]] | None:
        folders = found.get((split, role), [])
        if len(folders) > 1:
            names = " and ".join(f"{folder.relative_to(root)}/" for folder, _ in folders)
            remedy = "Move all but one of them elsewhere."
            raise DataError(root, f"{role} of {split or 'all splits'} in {names}", "one of these folders", remedy)
        return folders[0] if folders else None

    places: list[Place] = []
    for split in (None, *SPLITS):
        images = only(split, "images") or only(split, None)
        if images is None:
            continue
        masks = only(split, "masks") or only(None, "masks") or (root, [])
        instances = only(split, "instances") or only(None, "instances") or (root, [])
        folder, files = images
        if masks[1] or instances[1]:
            places.append(Place(split, folder, files, masks[1], instances[1], tuple(unread)))
        else:
            places.append(Place(split, folder, *told_apart(files), []))
    return places


def unread_folders(root: Path, places: list[Place]) -> tuple[Problem, ...]:
    """Return what to say of folders that could hold the masks and are not read."""
    unread = sorted({folder for place in places for folder in place.unread})
    if not unread:
        return ()
    read = sorted({place.masks[0].parent for place in places if place.masks})
    chosen = _folders(root, read)
    message = (
        f"found masks in {chosen}, which are read, and images in {_folders(root, unread)}, which are not, because they "
        "hold a field of view or labels of another observer; expected one folder of masks. To read another, move "
        f"{chosen} elsewhere."
    )
    return (Problem(root, "assumed", message),)


def _folders(root: Path, folders: list[Path]) -> str:
    return ", ".join(f"{folder.relative_to(root).as_posix()}/" for folder in folders)


def describe(root: Path, places: list[Place]) -> str:
    """Return what stands in `root`, for the message that no image there has a mask."""
    if places:
        folder = places[0].folder
        where = "it" if folder == root else f"{folder.relative_to(root)}/"
        return f"images in {where} (such as {places[0].images[0].name}) and no masks for them"
    folders = sorted(f"{f.name}/" for f in _subfolders(root) if not f.name.startswith("."))
    if folders:
        return f"the folders {', '.join(folders[:8])}{' ...' if len(folders) > 8 else ''} and no images with masks"
    return "no images" if any(root.iterdir()) else "an empty directory"


def _known_folders(root: Path) -> Iterator[tuple[Path, str | None, str | None]]:
    """Yield (folder, split, role) for `root` and the folders in it whose names say one of them."""
    yield root, None, None
    for outer in _subfolders(root):
        if (outer_says := _parsed(outer.name)) is None:
            continue
        yield outer, *outer_says
        for inner in _subfolders(outer):
            inner_says = _parsed(inner.name)
            if inner_says is None or any(a and b for a, b in zip(outer_says, inner_says, strict=True)):
                continue
            yield inner, outer_says[0] or inner_says[0], outer_says[1] or inner_says[1]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir())


def _one_of(group: str, names: dict[str, tuple[str, ...]]) -> str:
    return f"(?P<{group}>{'|'.join(name for spellings in names.values() for name in spellings)})"


_NAMES = [
    re.compile(rf"{_one_of('split', SPLITS)}(?:[_-]?{_one_of('role', ROLES)})?"),
    re.compile(rf"{_one_of('role', ROLES)}(?:[_-]?{_one_of('split', SPLITS)})?"),
]


def _parsed(name: str) -> tuple[str | None, str | None] | None:
    """Return (split, role) of a folder's name such as `train`, `images` or `train_masks`; `None` if it says neither."""
    for pattern in _NAMES:
        if match := pattern.fullmatch(name.lower()):
            return _meaning(match["split"], SPLITS), _meaning(match["role"], ROLES)
    return None


def _meaning(word: str | None, names: dict[str, tuple[str, ...]]) -> str | None:
    return next((meaning for meaning, spellings in names.items() if word in spellings), None)
