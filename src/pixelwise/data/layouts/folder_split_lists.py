"""Split lists beside mask folders: the items that they name, and remarks on the others (see `folders`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.text import quantity
from pixelwise.data.dataset import Item
from pixelwise.data.pairing import image_files, separate_masks
from pixelwise.data.problem import Problem
from pixelwise.data.references import FileFinder
from pixelwise.data.split_lists import follow_lists, names_of, parse_line, report_unlisted

SAMPLE = 100
"""Lines of each list in which pairs of files are looked for."""


def names_pairs(root: Path, lists: dict[str, list[str]]) -> bool:
    """Return whether a line of the lists names an image and a mask that are both there."""
    lines = [parse_line(split, line, lambda _: None) for split, texts in lists.items() for line in texts[:SAMPLE]]
    texts = [text for line in lines if line.mask is not None for text in (line.image, line.mask)]
    matches = FileFinder(root).find(texts, [root]) if texts else []
    pairs = zip(matches[::2], matches[1::2], strict=True)
    return any(image.exists and mask.exists and image.path != mask.path for image, mask in pairs)


def items_in_lists(
    root: Path, items: Sequence[tuple[str | None, Item]], lists: dict[str, list[str]]
) -> tuple[list[tuple[str, Item]], list[Problem]]:
    """Return the items that the lists name, each with its split, and remarks.

    items: those in the folders, with the split that these name. A listed image that is not there becomes an item whose
    files are missing. A test list whose images have no mask is no split. Raises `DataError` for lists that name no
    image here, and as `follow_lists`.
    """
    by_name = {item.name: item for _, item in items}
    by_place = {(split, item.name): item for split, item in items}

    def item_of(split: str, text: str) -> Item | None:
        known = (by_place.get((split, name)) or by_name.get(name) for name in names_of(text))
        return next((item for item in known if item), None)

    folders: dict[str | None, Path] = {}
    for split, item in items:
        folders.setdefault(split, item.image.parent)
    first_folder = next(iter(folders.values()), root)

    def folder_of(split: str) -> Path:
        return folders.get(split, first_folder)

    lines = [parse_line(split, line, partial(item_of, split)) for split, texts in lists.items() for line in texts]
    listed, remarks = follow_lists(root, lines, folder_of)
    images = {item.image: item.mask is not None for _, item in items}
    if not any(item.image in images or item.mask is not None for _, item in listed):
        first = next((line.text for line in lines), "nothing")
        expected = f"stems of images, such as {items[0][1].name!r}" if items else "stems of images"
        lacking = f"{', '.join(lists)} lists that name no image here, such as {first!r}"
        raise DataError(root, lacking, expected, "Correct them.")
    remarks += report_unlisted(root, images or _beside(listed), (item.image for _, item in listed))
    unlabelled = [item for split, item in listed if split == "test"]
    if any(os.path.isfile(item.image) for item in unlabelled) and not any(item.mask for item in unlabelled):
        message = (
            f"found {quantity(len(unlabelled), 'image')} in the list of test and no mask of them; expected masks to "
            "measure by. The list was not read; add the masks to have it read."
        )
        remarks.append(Problem(root, "passed_over", message))
        listed = [(split, item) for split, item in listed if split != "test"]
    return listed, remarks


def _beside(listed: Sequence[tuple[str, Item]]) -> dict[Path, bool]:
    """Return the images in the folders of listed images, each as one without a mask, for data whose folders do not tell
    by their names what they hold."""
    masks = {item.mask for _, item in listed}
    folders = sorted({item.image.parent for _, item in listed if os.path.isfile(item.image)})
    separated = (separate_masks([file for file in image_files(folder) if file not in masks]) for folder in folders)
    return {image: False for images, _ in separated for image in images}
