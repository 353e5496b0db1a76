"""CamVid as SegNet's authors distribute it.

Badrinarayanan, Kendall, Cipolla: SegNet, PAMI 2017, arXiv:1511.00561; data of Brostow et al., Pattern Recognition
Letters 2009. `train/`, `val/` and `test/` hold PNGs of 480x360 pixels (width x height), `trainannot/` ... their masks:
0..10, and 11 = void. Each line of `train.txt` ... names an image and its mask; the last two parts of each path count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.core.files import write_text
from pixelwise.data.annotation_files import format_value
from pixelwise.data.class_list import CLASS_LISTS
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.layout import Layout
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.pairing import image_files, pair_masks
from pixelwise.data.references import parts_of
from pixelwise.data.split_lists import divisions, report_unlisted
from pixelwise.data.splits import SPLITS, group_by_split, read_split_lists
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.raster.image import write_png

CLASSES = ClassMap.from_dict(
    [
        {"name": "sky", "color": [128, 128, 128]},
        {"name": "building", "color": [128, 0, 0]},
        {"name": "pole", "color": [192, 192, 128]},
        {"name": "road", "color": [128, 64, 128]},
        {"name": "pavement", "color": [60, 40, 222]},
        {"name": "tree", "color": [128, 128, 0]},
        {"name": "sign", "color": [192, 128, 128]},
        {"name": "fence", "color": [64, 64, 128]},
        {"name": "car", "color": [64, 0, 128]},
        {"name": "pedestrian", "color": [64, 64, 0]},
        {"name": "bicyclist", "color": [0, 128, 192]},
    ]
)
VOID = 11
"""The mask value of pixels that belong to no class."""

EXPECTED = "train/ with trainannot/ (and val/, valannot/, test/, testannot/), no class list beside them"


def is_camvid(root: Path) -> bool:
    """Return whether `root` holds CamVid's folders and no class list, which would say that it is something else."""
    has_list = any((root / name).is_file() for name in CLASS_LISTS)
    return not has_list and any((root / split).is_dir() and (root / f"{split}annot").is_dir() for split in SPLITS)


def open_camvid(root: Path, images_root: Path | None = None) -> Dataset:
    """Read CamVid; raise `DataError` where its folders or the files in them are missing."""
    if not is_camvid(root):
        raise DataError(root, "other files", EXPECTED, "Pass the directory that holds train/, or leave `format` out.")
    lists = read_split_lists(root)
    items = list(_items_in_lists(root, lists) if lists else _items_in_folders(root))
    if not items:
        raise DataError(root, "no image in its folders", "PNG files in train/ and trainannot/", "Copy the data again.")
    used = {item.mask for _, item in items}
    folders = [] if lists else [root / f"{split}annot" for split in SPLITS]
    strays = tuple(f for folder in folders if folder.is_dir() for f in image_files(folder) if f not in used)
    has_mask = _images_with_masks(root) if lists else {}
    problems = tuple(report_unlisted(root, has_mask, (item.image for _, item in items)))
    values = {**{i: i for i in range(CLASSES.num_classes)}, VOID: IGNORE_INDEX}
    encoding = MaskEncoding(CLASSES, values, why="the classes of CamVid", why_no_label="void of CamVid")
    read_labels = labels_from_files(encoding.read)
    return Dataset(
        root, "camvid", CLASSES, group_by_split(items), read_labels, strays, mask_encoding=encoding, problems=problems
    )


def write_camvid(dataset: Dataset, out: Path) -> None:
    """Write a data set whose classes are CamVid's, or some of them, as CamVid; images are copied byte for byte.

    Raises `DataError` for any other class, and what `write_folders` raises.
    """
    others = [name for name in dataset.classes.names if name not in CLASSES.names]
    if others:
        found, expected = f"the class {others[0]!r}", f"only {', '.join(CLASSES.names)}"
        raise DataError(dataset.root, found, expected, "Convert to the layout 'folders', which holds any classes.")
    values = np.full(256, VOID, np.uint8)
    values[: dataset.classes.num_classes] = [CLASSES.names.index(name) for name in dataset.classes.names]
    with new_directory(out) as temporary:
        for split, items in dataset.splits.items():
            lines: list[str] = []
            for item in items:
                image = copy_image(item, temporary / split)
                mask = temporary / f"{split}annot" / f"{item.name}.png"
                write_png(mask, values[dataset.read_labels(item).label_map])
                lines.append(f"{split}/{image.name} {split}annot/{mask.name}\n")
            write_text(temporary / f"{split}.txt", "".join(lines))


def _items_in_lists(root: Path, lists: dict[str, list[str]]) -> Iterator[tuple[str, Item]]:
    for split, lines in lists.items():
        for line in lines:
            pairs = [(_place(root, left), _place(root, right)) for left, right in divisions(line)]
            existing = [(image, mask) for image, mask in pairs if os.path.isfile(image) and os.path.isfile(mask)]
            if not pairs or (len(pairs) > 1 and not existing):
                found = f"the line {format_value(line)} for {split}"
                found += ", no part of which is an image that is there" if pairs else ""
                remedy = "Correct the list, or pass `format='folders'`."
                raise DataError(root, found, "an image's path and its mask's", remedy)
            image, mask = (existing or pairs)[0]
            yield split, Item(image.stem, image, mask if os.path.isfile(mask) else None)


def _place(root: Path, path: str) -> Path:
    return root.joinpath(*(parts_of(path)[-2:] or ["_"]))


def _images_with_masks(root: Path) -> dict[Path, bool]:
    """Return the images of all splits, each with whether it has a mask."""
    folders = [root / split for split in SPLITS if (root / split).is_dir()]
    images = (image for folder in folders for image in image_files(folder))
    return {image: (root / f"{image.parent.name}annot" / f"{image.stem}.png").is_file() for image in images}


def _items_in_folders(root: Path) -> Iterator[tuple[str, Item]]:
    for split in SPLITS:
        images, masks = (image_files(f) if f.is_dir() else [] for f in (root / split, root / f"{split}annot"))
        pairs = pair_masks(images, masks)
        yield from ((split, Item(image.stem, image, pairs.get(image))) for image in images)


LAYOUT = Layout("CamVid as SegNet's authors distribute it", open_camvid, is_camvid, write_camvid)
