"""nnU-Net's raw data, in two dimensions: images of one file each, label maps, and `dataset.json`.

Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation", Nature
Methods 2021, doi:10.1038/s41592-020-01008-z; `documentation/dataset_format.md` of its source.

    DATA/
      dataset.json                labels: {"background": 0, "vessel": 1, "ignore": 2}, or {"0": "background", ...}
      imagesTr/NAME_0000.png      labelsTr/NAME.png
      imagesTs/NAME_0000.png      labelsTs/NAME.png (optional)

Pixels labelled `ignore` have no label. `imagesTr` is split by the hash of each name, into train and val where
`labelsTs` makes a test split, else into all three. Volumes (`.nii.gz`), channels in files of their own and labels of
several values are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.annotation_files import parse_json, shorten
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.pairing import image_files
from pixelwise.data.references import stem_of
from pixelwise.data.splits import group_by_split

FILE = "dataset.json"
IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = "imagesTr", "labelsTr", "imagesTs", "labelsTs"
EXPECTED = f"{FILE} with labels, {IMAGES}/NAME_0000.png and {LABELS}/NAME.png"
IGNORE = "ignore"
_CHANNEL = re.compile(r"_(\d{4})$")


def is_nnunet(root: Path) -> bool:
    """Return whether `root` holds imagesTr/, labelsTr/ and dataset.json."""
    return (root / FILE).is_file() and all((root / folder).is_dir() for folder in (IMAGES, LABELS))


def open_nnunet(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the labels of `dataset.json` and the files in the folders.

    Raises `DataError` for volumes, several channels, labels that make no sense, and folders without a pair.
    """
    if not is_nnunet(root):
        raise DataError(root, "other files", EXPECTED, OTHER_LAYOUT)
    classes, values = _labels(root / FILE)
    training, strays = _items(root, IMAGES, LABELS)
    test, test_strays = _items(root, TEST_IMAGES, TEST_LABELS) if (root / TEST_LABELS).is_dir() else ([], [])
    if not any(item.mask for item in training):
        raise DataError(root, f"no image in {IMAGES}/ with its labels in {LABELS}/", EXPECTED, "Copy the data again.")
    training_split = "train" if test else None
    splits = group_by_split([*((training_split, item) for item in training), *(("test", item) for item in test)])
    remedy = f"Correct the mask, add the value to the labels of {FILE}, or leave the pair out (`train(skip_bad=True)`)."
    encoding = MaskEncoding(classes, values, why=f"the labels of {FILE}", remedy=remedy)
    return Dataset(
        root,
        "nnunet",
        classes,
        splits,
        labels_from_files(encoding.read),
        (*strays, *test_strays),
        mask_encoding=encoding,
    )


def _labels(path: Path) -> tuple[ClassMap, dict[int, int]]:
    expected = 'labels: {"background": 0, "NAME": 1, ...}'
    try:
        content: Any = parse_json(path)
        stated = content.get("labels") if isinstance(content, dict) else None
        if not isinstance(stated, dict) or not stated:
            raise ValueError("no labels")
        first = next(iter(stated.values()))
        pairs = {str(v): int(k) for k, v in stated.items()} if isinstance(first, str) else dict(stated)
        if any(isinstance(value, list) for value in pairs.values()):
            remedy = "Write a label of its own for each value; regions of several values are not read."
            raise DataError(path, "labels of several values (regions)", expected, remedy)
        by_value = {int(value): name for name, value in pairs.items()}
        if len(by_value) < len(stated):
            raise ValueError("two labels of one value or one name")
        if any(abs(value) >= 2**31 for value in by_value):
            raise ValueError("a label beyond 31 bits")
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise DataError(path, f"a file that cannot be read ({shorten(str(error))})", expected, "Correct it.") from error
    names = [by_value[value] for value in sorted(by_value) if by_value[value] != IGNORE]
    indices = {value: names.index(name) if name != IGNORE else IGNORE_INDEX for value, name in by_value.items()}
    try:
        return ClassMap.from_names(names), indices
    except DataError as error:
        raise DataError(path, error.found, error.expected, error.remedy) from error


def _items(root: Path, images: str, labels: str) -> tuple[list[Item], list[Path]]:
    files = image_files(root / images) if (root / images).is_dir() else []
    volumes = next((f for f in sorted((root / images).glob("*")) if f.name.endswith((".nii.gz", ".nii", ".mha"))), None)
    if not files and volumes is not None:
        remedy = "Save the slices as PNG or TIFF, one a file: pixelwise segments images, not volumes."
        raise DataError(volumes, "a volume", "images of two dimensions", remedy)
    masks = {stem_of(file): file for file in image_files(root / labels)}
    items: dict[str, Item] = {}
    for file in files:
        channel = _CHANNEL.search(file.stem)
        name = _CHANNEL.sub("", stem_of(file))
        if channel is not None and channel[1] != "0000":
            remedy = "Merge the channels of each image into one file NAME_0000.tif, and read them with `bands`."
            raise DataError(file, "a second channel in a file of its own", "all channels in one file", remedy)
        items[name] = Item(name, file, masks.get(name))
    return list(items.values()), [mask for name, mask in masks.items() if name not in items]


LAYOUT = Layout("nnU-Net's `imagesTr/`, `labelsTr/` and `dataset.json`, two-dimensional", open_nnunet, is_nnunet)
