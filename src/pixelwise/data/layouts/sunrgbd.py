"""SUN RGB-D: photos with labels of 37 classes, as extracted for semantic segmentation; `sunrgbd13` reads 13 classes.

Song, Lichtenberg, Xiao, "SUN RGB-D: A RGB-D Scene Understanding Benchmark Suite", CVPR 2015; the labels are those of
github.com/ankurhanda/sunrgbd-meta-data. Their numbers count through both sets: `img-000001.png` to `img-005050.png` are
the test set, `img-005051.png` to `img-010335.png` the training set. The photos are numbered from `img-000001.jpg` in
each set, so training photo 1 belongs to label 5051. Value 0 is unlabelled, 1..37 are the classes.

The 13 classes are NYUv2's, grouped and ordered as in class13Mapping.mat of github.com/ankurhanda/nyuv2-meta-data, in
the colours of github.com/ankurhanda/SceneNetv1.0. The 37 have no agreed colours and take those of PASCAL VOC's
palette for their values.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, ImageError
from pixelwise.data.class_list import CLASS_LISTS
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.layout import Layout
from pixelwise.data.layouts.voc_classes import PALETTE
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.splits import group_by_split, hash_fraction
from pixelwise.raster.image import image_size

NAMES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture", "counter"),
    *(
        "blinds",
        "desk",
        "shelves",
        "curtain",
        "dresser",
        "pillow",
        "mirror",
        "floor mat",
        "clothes",
        "ceiling",
        "books",
    ),
    *("fridge", "tv", "paper", "towel", "shower curtain", "box", "whiteboard", "person", "night stand", "toilet"),
    *("sink", "lamp", "bathtub", "bag"),
)


CLASSES = ClassMap.from_dict([{"name": name, "color": PALETTE[i].tolist()} for i, name in enumerate(NAMES, 1)])
CLASSES_13 = ClassMap.from_dict(
    [
        {"name": "bed", "color": [0, 0, 255]},
        {"name": "books", "color": [233, 89, 48]},
        {"name": "ceiling", "color": [0, 218, 0]},
        {"name": "chair", "color": [149, 0, 240]},
        {"name": "floor", "color": [222, 241, 24]},
        {"name": "furniture", "color": [255, 206, 206]},
        {"name": "objects", "color": [0, 224, 229]},
        {"name": "picture", "color": [106, 136, 204]},
        {"name": "sofa", "color": [117, 29, 41]},
        {"name": "table", "color": [240, 35, 235]},
        {"name": "tv", "color": [0, 167, 156]},
        {"name": "wall", "color": [249, 139, 0]},
        {"name": "window", "color": [225, 229, 194]},
    ]
)
_JOINED = {
    "wall": ("door",),
    "floor": ("floor mat",),
    "table": ("desk",),
    "window": ("blinds", "curtain"),
    "furniture": ("cabinet", "bookshelf", "counter", "shelves", "dresser", "fridge", "night stand"),
    "objects": (
        *("pillow", "mirror", "clothes", "paper", "towel", "shower curtain", "box", "whiteboard", "person", "toilet"),
        *("sink", "lamp", "bathtub", "bag"),
    ),
}
"""The classes of the 37 that belong to each of the 13, besides the one of the same name."""

UNLABELLED = 0
TEST_IMAGES = 5050
IMAGES = 10335
VAL_SHARE = 0.1
"""Share of the training set that becomes val, by the hash of each name; the data set has no validation images."""
MISFIT_SHARE = 0.01
"""Largest share of pairs of different sizes that is taken for damaged files. Wrongly numbered files give many more,
since the four cameras have different sizes."""

IMAGE_FOLDERS = ("SUNRGBD-{}_images", "image/{}", "images/{}", "rgb/{}", "{}_images", "{}")
LABEL_FOLDERS = (
    *("sunrgbd_train_test_labels", "sunrgbd_test_train_labels", "label37", "semantic37"),
    *("train_test_labels", "labels", "annotations", ""),
)
"""Where labels lie, all of them in one folder or below it in `train/` and `test/`."""
TELLING_FOLDERS = ("SUNRGBD-train_images", "SUNRGBD-test_images", *LABEL_FOLDERS[:4])

EXPECTED = (
    "SUNRGBD-train_images/ and SUNRGBD-test_images/ with img-000001.jpg ..., sunrgbd_train_test_labels/ with "
    "img-000001.png to img-010335.png"
)
_PHOTO = re.compile(r"img-(\d{6})\.jpe?g")
_LABEL = re.compile(r"(?:img-)?(\d{6,8})\.png")

Numbered = dict[int, Path]
"""Files by the number of their label, 1..10335."""


def is_sunrgbd(root: Path) -> bool:
    """Return whether `root` has a folder that only SUN RGB-D has, or its last label, and no other class list."""
    if any((root / name).is_file() for name in CLASS_LISTS):
        return False
    return any((root / name).is_dir() for name in TELLING_FOLDERS) or any(
        (root / name / f"img-{IMAGES:06d}.png").is_file() for name in LABEL_FOLDERS
    )


def open_sunrgbd(root: Path, images_root: Path | None = None) -> Dataset:
    """Read SUN RGB-D with its 37 classes; a tenth of the training set becomes `val`.

    Items have the names of their labels, `img-005051` for training photo 1. Raises `DataError` where folders are
    missing, and where numbers or sizes show that photos and labels do not belong together.
    """
    values = {index + 1: index for index in range(CLASSES.num_classes)}
    return _open(root, "sunrgbd", MaskEncoding(CLASSES, {UNLABELLED: IGNORE_INDEX, **values}))


def open_sunrgbd13(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the same files with 13 classes; raises as `open_sunrgbd` does."""
    group = {name: name for name in CLASSES_13.names}
    group |= {joined: name for name, others in _JOINED.items() for joined in others}
    values = {i + 1: CLASSES_13.names.index(group[name]) for i, name in enumerate(NAMES)}
    return _open(root, "sunrgbd13", MaskEncoding(CLASSES_13, {UNLABELLED: IGNORE_INDEX, **values}))


def _open(root: Path, name: str, encoding: MaskEncoding) -> Dataset:
    images = {split: _in_set(root, IMAGE_FOLDERS, split, _PHOTO) for split in ("train", "test")}
    if not any(images.values()):
        remedy = "Unpack the photos there, or pass the directory above theirs."
        raise DataError(root, "no photos of SUN RGB-D", EXPECTED, remedy)
    labels = _labels(root)
    if not any(number in labels for photos in images.values() for number in photos):
        remedy = "Unpack sunrgbd_train_test_labels.tar.gz there."
        found = f"labels {min(labels)} to {max(labels)}, none of them of a photo" if labels else "photos without labels"
        raise DataError(root, found, EXPECTED, remedy)
    items = [(split, _item(n, photos[n], labels)) for split, photos in images.items() for n in photos]
    _require_sizes(root, [item for _, item in items])
    strays = [file for n, file in labels.items() if images[_set_of(n)] and n not in images[_set_of(n)]]
    splits = group_by_split((_with_val(split, item), item) for split, item in items)
    return Dataset(
        root,
        name,
        encoding.classes,
        splits,
        labels_from_files(encoding.read),
        tuple(sorted(strays)),
        mask_encoding=encoding,
    )


def _item(number: int, photo: Path, labels: Numbered) -> Item:
    return Item(f"img-{number:06d}", photo, labels.get(number))


def _with_val(split: str, item: Item) -> str:
    return "val" if split == "train" and hash_fraction(item.name) < VAL_SHARE else split


def _set_of(number: int) -> str:
    return "test" if number <= TEST_IMAGES else "train"


def _labels(root: Path) -> Numbered:
    """Return the labels of the first of `LABEL_FOLDERS` that has some."""
    for name in LABEL_FOLDERS:
        labels = _files_by_number(root / name, _LABEL)
        for split in ("train", "test"):
            labels |= _in_set(root / name, ("{}",), split, _LABEL)
        if labels:
            return labels
    return {}


def _in_set(root: Path, folders: tuple[str, ...], split: str, names: re.Pattern[str]) -> Numbered:
    """Return the files in the first of `folders` that has some of the set `split`, by the numbers of their labels."""
    for folder in (root / name.format(split) for name in folders):
        if files := _files_by_number(folder, names):
            offset = _offset(folder, min(files), max(files), split)
            return {number + offset: file for number, file in files.items()}
    return {}


def _offset(folder: Path, first: int, last: int, split: str) -> int:
    """Return what to add to the numbers in a folder to get those of the labels. Some copies of the data number the
    training photos from 5051, as the labels are.

    first, last: the lowest and the highest number. Raises `DataError` for numbers that cannot be those of this set, or
    that fit both ways of counting.
    """
    if split == "test":
        offsets = [0] if last <= TEST_IMAGES else []
        expected = f"the test set's, 1 to {TEST_IMAGES}"
    else:
        offsets = [TEST_IMAGES] if last <= IMAGES - TEST_IMAGES else []
        offsets += [0] if first > TEST_IMAGES and last <= IMAGES else []
        expected = f"the training set's, all of 1 to {IMAGES - TEST_IMAGES} or all of {TEST_IMAGES + 1} to {IMAGES}"
    if len(offsets) != 1:
        found = f"files numbered from {first} to {last}" + (", which fits either way" if offsets else "")
        remedy = "Unpack the archives again, each into a folder of its own, or pass `format='folders'` for other data."
        raise DataError(folder, found, expected, remedy)
    return offsets[0]


def _files_by_number(folder: Path, names: re.Pattern[str]) -> Numbered:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    matches = ((names.fullmatch(file.name), file) for file in files)
    return {int(match[1]): file for match, file in matches if match}


def _require_sizes(root: Path, items: list[Item]) -> None:
    """Raise `DataError` where more than `MISFIT_SHARE` of the photos differ from their labels in size. Only the headers
    of the files are read."""
    pairs = [item for item in items if item.mask is not None]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        misfits = [item for item, fits in zip(pairs, pool.map(_fits, pairs), strict=True) if not fits]
    if len(misfits) > MISFIT_SHARE * len(pairs):
        photo, label = misfits[0].image, misfits[0].mask
        found = f"{len(misfits)} of {len(pairs)} photos of another size than their labels, first {photo} and {label}"
        remedy = "Check the numbers: training photo 1 belongs to label 5051. Unpack the archives without renaming."
        raise DataError(root, found, "photos and labels of the same numbers and sizes", remedy)


def _fits(item: Item) -> bool:
    """Return whether a pair's sizes agree; files that cannot be read are left to `check`."""
    try:
        return item.mask is None or image_size(item.image) == image_size(item.mask)
    except ImageError:
        return True


LAYOUT = Layout("SUN RGB-D, photos and 37-class labels", open_sunrgbd, is_sunrgbd)
LAYOUT_13 = Layout("the files of `sunrgbd`; read only where it is named", open_sunrgbd13)
