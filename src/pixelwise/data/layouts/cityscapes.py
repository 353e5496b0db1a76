"""Cityscapes: street scenes, with ids of classes and of objects.

Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016, arXiv:1604.01685, and its
public scripts, whose table of labels and evaluation this follows.

    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png
    gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png       8 bits: 0..33
    gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png    16 bits: label id * 1000 + number, or label id
    leftImg8bit/val/ ...    gtFine/val/ ...    leftImg8bit/test/ ...    gtFine/test/ ...

The classes are the 19 that are evaluated. Pixels of every other id, and of 255, have no label, and their objects
(caravan, trailer) are no objects. An instance id below 1000 is no single object, but a class without objects or a group
that could not be told apart, such as parked bicycles: its pixels have their class, as in the official evaluation of
pixels, and belong to no object. Where `_labelIds.png` is missing, `_labelTrainIds.png` (0..18, 255) is read. `gtCoarse`
is read where there is no `gtFine`, with `train_extra` as a part of train. The public ground truth of the test set
labels nothing but borders and the car's own bonnet: a test folder like that has nothing to measure and is no split.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, ImageError, MaskError
from pixelwise.core.text import quantity
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.layout import Layout
from pixelwise.data.masks.encoding import OF_LAYOUT, Int32, MaskEncoding, UInt8, read_instance_map
from pixelwise.data.pairing import image_files
from pixelwise.data.splits import group_by_split
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import objects_from_maps, renumber
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.raster.image import write_png

EVALUATED = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
"""Label id, name and colour of the classes that are evaluated, in the order of their train ids."""
CLASSES = ClassMap(tuple(name for _, name, _ in EVALUATED), tuple(color for *_, color in EVALUATED))
CLASS_OF = {
    **dict.fromkeys(range(34), IGNORE_INDEX),
    **{label_id: index for index, (label_id, *_) in enumerate(EVALUATED)},
}
"""Class index, or `IGNORE_INDEX`, of a label id."""
_ID_OF = {name: label_id for label_id, name, _ in EVALUATED}
ENCODINGS = {
    "labelIds": MaskEncoding(CLASSES, {**CLASS_OF, 255: IGNORE_INDEX}, remedy=OF_LAYOUT),
    "labelTrainIds": MaskEncoding(
        CLASSES, {**{index: index for index in range(CLASSES.num_classes)}, 255: IGNORE_INDEX}, remedy=OF_LAYOUT
    ),
}
"""How masks are read, by the end of their stems; where an image has both kinds, the first is read."""
OBJECTS = 1000
"""Largest number of objects of one class in an image. An instance id of at least this number is that of an object."""
_LABELS = np.array([CLASS_OF[label_id] for label_id in range(34)], np.int16)
_CLASS_OF_INSTANCE = np.concatenate(
    [_LABELS, np.full(OBJECTS - len(_LABELS), -1, np.int16), np.repeat(_LABELS[1:], OBJECTS), np.full(1, -1, np.int16)]
)
"""Class index, or `IGNORE_INDEX`, of each instance id; -1 for an id that names no label. The last entry, -1, stands for
all higher ids."""

IMAGES, FINE, COARSE = "leftImg8bit", "gtFine", "gtCoarse"
FOLDERS = {"train": "train", "train_extra": "train", "val": "val", "test": "test"}
"""The split of each folder of images."""
SAMPLE = 16
"""Masks of a test folder, evenly spread, that are searched for a labelled pixel."""
EXPECTED = f"{IMAGES}/ and {FINE}/ (or {COARSE}/), in both train/, val/ ... with a folder for each city"

_OF_CITY = re.compile(r"([^_]+)_\d+_\d+")


def is_cityscapes(root: Path) -> bool:
    """Return whether `root` holds Cityscapes' folders."""
    return (root / IMAGES).is_dir() and any((root / truth).is_dir() for truth in (FINE, COARSE))


def open_cityscapes(root: Path, images_root: Path | None = None) -> Dataset:
    """Read Cityscapes, or other data in its layout with its ids.

    Raises `DataError` where no image has its label ids, where an image's name does not end in `_leftImg8bit`, and where
    two images have one name.
    """
    if not is_cityscapes(root):
        raise DataError(root, "other files", EXPECTED, f"Pass the directory that holds {IMAGES}/.")
    truth = FINE if (root / FINE).is_dir() else COARSE
    pairs: list[tuple[str, Item]] = []
    strays: list[Path] = []
    for folder, split in FOLDERS.items():
        items, others = _items(root, folder, truth)
        if items and (folder in ("train", "val") or _are_labelled(items)):
            pairs += [(split, item) for item in items]
            strays += others
    if not any(item.mask for _, item in pairs):
        expected = f"NAME_{IMAGES}.png and NAME_{truth}_labelIds.png in folders such as train/aachen/"
        raise DataError(root, "no image with its label ids", expected, "Unpack the archives into one directory.")
    encoding = next(_encoding_of(item.mask) for _, item in pairs if item.mask)
    return Dataset(
        root, "cityscapes", CLASSES, group_by_split(pairs), read_labels, tuple(strays), mask_encoding=encoding
    )


def read_labels(item: Item) -> Labels:
    """Return an item's label map, and its objects, numbered 1..n in the order of their ids.

    A remark counts the pixels whose label id and instance id name different classes. Raises `ImageError` and
    `MaskError` as `MaskEncoding.read` and `read_instance_map` do, and `MaskError` for an instance id of no label.
    """
    mask = mask_of(item)
    label_map = _encoding_of(mask).read(mask)
    if item.instances is None:
        return Labels(label_map)
    ids = read_instance_map(item.instances)
    class_map = _CLASS_OF_INSTANCE[np.minimum(ids, len(_CLASS_OF_INSTANCE) - 1)]
    if (class_map < 0).any():
        values = np.unique(ids[class_map < 0]).tolist()
        found = f"instance id{'s' if len(values) > 1 else ''} {', '.join(map(str, values[:8]))}"
        expected = f"a label id 0..33, or one times {OBJECTS} and an object's number below {OBJECTS}"
        remedy = "Correct the ids, or leave the image out (`train(skip_bad=True)`)."
        raise MaskError(item.instances, found, expected, remedy)
    objects, _ = renumber(np.where((ids >= OBJECTS) & (class_map != IGNORE_INDEX), ids, 0))
    if label_map.shape != ids.shape or not (differ := int((class_map != label_map).sum())):
        return Labels(label_map, objects)
    found = f"found {quantity(differ, 'pixel')} whose class is another in {item.instances.name}"
    return Labels(label_map, objects, (f"{found}; expected the same in both files. The class in {mask.name} counts.",))


def _encoding_of(mask: Path) -> MaskEncoding:
    return ENCODINGS[mask.stem.rpartition("_")[2]]


def write_cityscapes(dataset: Dataset, out: Path) -> None:
    """Write label ids and, where there are objects, instance ids, as `gtFine`; images are copied byte for byte.

    An image named like `aachen_000000_000019` goes to the folder of its city, any other to a folder named after the
    split. Pixels without a label become `unlabeled`. Objects of classes that have no objects in Cityscapes are numbered
    too; its own tools pass over them. Other names and colours of the classes, and objects without a labelled pixel, are
    lost. Raises `DataError` for classes that are none of Cityscapes' and for more than 1000 objects of a class in an
    image, and what `write_folders` raises.
    """
    if others := [name for name in dataset.classes.names if name not in CLASSES.names]:
        found, expected = f"the class{'es' if len(others) > 1 else ''} {', '.join(others)}", ", ".join(CLASSES.names)
        remedy = "Rename them, or convert to the layout 'folders', which holds any classes."
        raise DataError(dataset.root, found, f"only {expected}", remedy)
    label_ids = np.zeros(256, np.uint8)  # 0 is "unlabeled"
    label_ids[: dataset.classes.num_classes] = [_ID_OF[name] for name in dataset.classes.names]
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            labels = dataset.read_labels(item)
            match = _OF_CITY.fullmatch(item.name)
            place = Path(split, match[1] if match else split)
            copy_image(replace(item, name=f"{item.name}_{IMAGES}"), temporary / IMAGES / place)
            truth = temporary / FINE / place / f"{item.name}_{FINE}"
            write_png(truth.with_name(f"{truth.name}_labelIds.png"), label_ids[labels.label_map])
            if labels.instance_map is not None:
                ids = _instance_ids(item, labels.label_map, labels.instance_map, label_ids)
                write_png(truth.with_name(f"{truth.name}_instanceIds.png"), ids)


def _instance_ids(item: Item, label_map: UInt8, instance_map: Int32, label_ids: UInt8) -> npt.NDArray[np.uint16]:
    objects = objects_from_maps(label_map, instance_map)
    object_labels = label_ids[objects.class_index].astype(np.int64)
    numbers = np.zeros(len(object_labels), np.int64)
    for label_id in np.unique(object_labels).tolist():
        numbers[object_labels == label_id] = np.arange((object_labels == label_id).sum())
    if numbers.max(initial=0) >= OBJECTS:
        found, expected = (
            f"{numbers.max() + 1} objects of one class",
            f"{OBJECTS} at most, what instance ids can number",
        )
        raise DataError(item.image, found, expected, "Cut the image into tiles, or convert to 'folders'.")
    table = np.concatenate([[0], object_labels * OBJECTS + numbers]).astype(np.uint16)
    return np.where(objects.instance_map > 0, table[objects.instance_map], label_ids[label_map])


def _items(root: Path, folder: str, truth: str) -> tuple[list[Item], list[Path]]:
    """Return a folder's images, and the masks without an image."""
    truths = {file.stem: file for file in _in_cities(root / truth / folder)}
    items: dict[str, Item] = {}
    for image in _in_cities(root / IMAGES / folder):
        name = image.stem.removesuffix(f"_{IMAGES}")
        if name == image.stem or name in items:
            found = "a name without it" if name == image.stem else f"the same name as {items[name].image}"
            raise DataError(
                image, found, f"a name of its own that ends in _{IMAGES}", "Rename it or move it elsewhere."
            )
        masks = (truths.get(f"{name}_{truth}_{kind}") for kind in ENCODINGS)
        items[name] = Item(name, image, next(filter(None, masks), None), truths.get(f"{name}_{truth}_instanceIds"))
    ends = tuple(f"_{truth}_{kind}" for kind in ENCODINGS)
    strays = [f for stem, f in truths.items() if stem.endswith(ends) and stem.rsplit("_", 2)[0] not in items]
    return list(items.values()), strays


def _in_cities(folder: Path) -> list[Path]:
    """Return the image files of a folder and of the folders in it."""
    if not folder.is_dir():
        return []
    cities = sorted(inner for inner in folder.iterdir() if inner.is_dir())
    return [file for city in (folder, *cities) for file in image_files(city)]


def _are_labelled(items: Sequence[Item]) -> bool:
    masked = [item for item in items if item.mask]
    return any(_has_label(item) for item in masked[:: max(1, len(masked) // SAMPLE)])


def _has_label(item: Item) -> bool:
    """Return whether a pixel has a class; also true for a mask that cannot be read, which `check` reports."""
    try:
        return bool(counted_pixels(read_labels(replace(item, instances=None)).label_map).any())
    except (ImageError, MaskError):
        return True


LAYOUT = Layout(
    "Cityscapes' `leftImg8bit/` with `gtFine/` (or `gtCoarse/`)", open_cityscapes, is_cityscapes, write_cityscapes
)
