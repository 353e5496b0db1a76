"""Photographs of the retina with vessels marked by hand: DRIVE and CHASE_DB1 as they are published.

Staal et al., "Ridge-based vessel segmentation in color images of the retina", IEEE TMI 2004,
doi:10.1109/TMI.2004.825627 (DRIVE); Fraz et al., "An ensemble classification-based approach applied to retinal blood
vessel segmentation", IEEE TBME 2012, doi:10.1109/TBME.2012.2205687 (CHASE_DB1).

    training/images/21_training.tif    training/1st_manual/21_manual1.gif    training/mask/21_training_mask.gif
    test/images/01_test.tif            test/1st_manual/01_manual1.gif        test/mask/01_test_mask.gif

    Image_01L.jpg    Image_01L_1stHO.png    Image_01L_2ndHO.png

The first observer's labels are read; the second's are passed over. Pixels outside of DRIVE's `mask/`, the field of
view, have no label. DRIVE's training images are split by the hash of their names, into train and val where the labels
of `test/` make a test split, else into all three. CHASE_DB1 is split by the hash of the child's number, so that both
eyes of a child lie in one split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.layout import Layout
from pixelwise.data.masks.encoding import UInt8
from pixelwise.data.pairing import image_files
from pixelwise.data.problem import Problem
from pixelwise.data.splits import group_by_split, split_by_hash
from pixelwise.raster.image import read_values

CLASSES = ClassMap(("background", "vessel"), ((0, 0, 0), (204, 51, 63)))
FOLDERS = {"training": "train", "test": "test"}
MANUAL, FIELD = "1st_manual", "mask"
EXPECTED = "training/images/ with training/1st_manual/, or Image_01L.jpg with Image_01L_1stHO.png"
_NUMBER = re.compile(r"(\d+)")
_CHASE = re.compile(r"(Image_(\d+)[LR])_1stHO", re.IGNORECASE)


def is_retina(root: Path) -> bool:
    """Return whether `root` holds DRIVE's 1st_manual/ or images of CHASE_DB1 with the first observer's labels."""
    return any((root / folder / MANUAL).is_dir() for folder in FOLDERS) or bool(_chase_labels(root))


def open_retina(root: Path, images_root: Path | None = None) -> Dataset:
    """Read DRIVE or CHASE_DB1; raise `DataError` where no image has labels."""
    fields: dict[Path, Path] = {}
    drive = list(_drive_items(root, fields))
    pairs = drive or list(_chase_items(root))
    if not any(item.mask for _, item in pairs):
        raise DataError(root, "no image with the first observer's labels", EXPECTED, "Check the path.")
    return Dataset(
        root,
        "retina",
        CLASSES,
        group_by_split(pairs, draw_val=bool(drive)),  # CHASE_DB1 is split by child already
        partial(_read_labels, fields=fields),
        problems=tuple(_passed_over(root)),
    )


def _drive_items(root: Path, fields: dict[Path, Path]) -> Iterator[tuple[str | None, Item]]:
    """Yield DRIVE's items with their splits; `fields` gets the field of view of each image."""
    has_test = (root / "test" / MANUAL).is_dir()
    for folder, split in FOLDERS.items():
        images = _by_number(root / folder / "images")
        masks, views = _by_number(root / folder / MANUAL), _by_number(root / folder / FIELD)
        if split == "test" and not masks:
            continue
        for number, image in images.items():
            if number in views:
                fields[image] = views[number]
            yield split if split == "test" or has_test else None, Item(image.stem, image, masks.get(number))


def _by_number(folder: Path) -> dict[str, Path]:
    files = image_files(folder) if folder.is_dir() else []
    return {number[1]: file for file in files if (number := _NUMBER.match(file.stem))}


def _chase_labels(root: Path) -> dict[str, Path]:
    """Return the first observer's labels by the stems of their images, in lower case."""
    return {match[1].lower(): file for file in image_files(root) if (match := _CHASE.fullmatch(file.stem))}


def _chase_items(root: Path) -> Iterator[tuple[str, Item]]:
    labels = _chase_labels(root)
    for image in image_files(root):
        if (mask := labels.get(image.stem.lower())) is not None and (number := _CHASE.fullmatch(mask.stem)):
            yield split_by_hash(number[2]), Item(image.stem, image, mask)


def _passed_over(root: Path) -> Iterator[Problem]:
    second = [root / folder / "2nd_manual" for folder in FOLDERS if (root / folder / "2nd_manual").is_dir()]
    second += [file for file in image_files(root) if file.stem.lower().endswith("_2ndho")][:1]
    for path in second:
        message = (
            "found labels of the second observer; expected one label an image. They were not read. Put them in place "
            "of the first observer's to have them read."
        )
        yield Problem(path, "passed_over", message)


def _read_labels(item: Item, fields: Mapping[Path, Path]) -> Labels:
    field = fields.get(item.image)
    vessels = _is_set(mask_of(item))
    label_map: UInt8 = vessels.astype(np.uint8)
    if field is None:
        return Labels(label_map)
    inside = _is_set(field)
    if inside.shape != vessels.shape:
        found = f"a field of view of {inside.shape[0]}x{inside.shape[1]} pixels"
        raise MaskError(field, found, f"{vessels.shape[0]}x{vessels.shape[1]}, as the labels have", "Copy it again.")
    return Labels(np.where(inside, label_map, np.uint8(IGNORE_INDEX)))


def _is_set(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return where a file is not 0, boolean (height, width); raise `MaskError` for one of more than two values."""
    values = read_values(path)
    values = values[..., 0] if values.ndim == 3 else values
    different = np.unique(values).tolist()
    if len(different) > 2:
        found = f"{len(different)} values from {different[0]} to {different[-1]}"
        raise MaskError(path, found, "two values, 0 and 255", "Copy it again, or leave the image out.")
    return values > 0


LAYOUT = Layout("DRIVE and CHASE_DB1 as published", open_retina, is_retina)
