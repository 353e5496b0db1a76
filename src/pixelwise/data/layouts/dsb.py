"""One mask file per object, as in Kaggle's Data Science Bowl 2018: nuclei in microscope images.

Caicedo et al., "Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl", Nature Methods 2019,
doi:10.1038/s41592-019-0612-7.

    stage1_train/ID/images/ID.png      one image
    stage1_train/ID/masks/ANY.png      one object each, of the image's size: 0, and 255 (or 1) on the object

The ID folders may also lie in `train/`, `val/` and `test/`, or directly in the root. If all of them lie in
`stage1_train`, or all in the root, they are split by the hash of each ID. A test folder without masks, such as
Kaggle's, is no split. An image without a masks folder is not labelled; one with an empty masks folder has no object.
Pixels in no mask are background. Where objects overlap, or a mask has no pixel, see `rasterize`. Soft edges between
0 and 255 are divided in the middle, with a remark; masks of another size, in colours or with other values are errors.
`stage1_train_labels.csv` and the like are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.errors import DataError, MaskError
from pixelwise.core.text import join_first, quantity
from pixelwise.data.class_list import read_object_classes, write_classes
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.exif_orientation import annotation_size
from pixelwise.data.layout import Layout
from pixelwise.data.masks.antialiasing import find_soft_binary
from pixelwise.data.masks.encoding import Int32, is_gray
from pixelwise.data.masks.statistics import collect_statistics
from pixelwise.data.pairing import image_files
from pixelwise.data.shapes.rasterize import AnnotatedObject, format_names, rasterize
from pixelwise.data.splits import SPLITS, group_by_split
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import Piece, renumber
from pixelwise.raster.image import image_size, read_values, write_png

IMAGES, MASKS = "images", "masks"
KAGGLE_FOLDERS = {"stage1_train": "train", "stage1_test": "test"}
PLACES: dict[str, str | None] = {
    "": None,
    **KAGGLE_FOLDERS,
    **{name: split for split, names in SPLITS.items() for name in names},
}
"""The folders in which ID folders may lie, each with the split that it names."""
HASHED = {"", "stage1_train"}
"""Places that are split by the hash of IDs where they are the only one."""
SET = (1, 255)
"""The values that the pixels of an object may have."""
HALF = 128
"""In a mask with soft edges, the pixels of the object have at least this value."""
EXPECTED = (
    f"ID/{IMAGES}/ID.png with masks, one an object, in ID/{MASKS}/; in it, in stage1_train/, or in train/, val/ ..."
)


def is_dsb(root: Path) -> bool:
    """Return whether `root` holds a folder with one image of the folder's name and a folder of masks."""
    return any(_is_id_folder(folder) for place in PLACES for folder in _folders(root / place))


def open_dsb(root: Path, images_root: Path | None = None) -> Dataset:
    """Read images with a mask file an object. Classes are background and object, or the two of a list in `root`.

    Raises `DataError` where no image has a masks folder, a folder has several images, two places hold one split, or a
    class list has another number of classes than two.
    """
    items_by_place: dict[str, list[Item]] = {}
    strays: list[Path] = []
    for place, split in PLACES.items():
        folders = [(folder, _image(folder)) for folder in _folders(root / place)]
        items = [_item(folder, image) for folder, image in folders if image]
        if items and (split != "test" or any(item.mask and image_files(item.mask) for item in items)):
            items_by_place[place] = items
            strays += [folder / MASKS for folder, image in folders if not image]
    if not any(item.mask for items in items_by_place.values() for item in items):
        raise DataError(root, f"no image with a folder {MASKS}/ of its own", EXPECTED, "Pass the directory above.")
    return Dataset(
        root,
        "dsb",
        read_object_classes(root),
        group_by_split(_assign_splits(root, items_by_place)),
        read_labels,
        tuple(strays),
    )


def read_labels(item: Item) -> Labels:
    """Return an item's label map and its objects, numbered in the order of their files' names.

    Raises `ImageError` for a file that cannot be read and `MaskError` for a mask of another size than the image, in
    colours, or of other values than 0 and one of `SET`.
    """
    folder = mask_of(item)
    files = image_files(folder)
    size = annotation_size(item.image, files[0]) if files else image_size(item.image)
    soft: dict[str, int] = {}
    labels = rasterize([_read_object(file, size, soft) for file in files], size, str(folder))
    if not soft:
        return labels
    found = f"found soft edges: {sum(soft.values()):,} pixels between 0 and 255 ({format_names(list(soft))})"
    remark = f"{found}; expected 0 and 255 alone. Values from {HALF} on are read as the object."
    return replace(labels, remarks=(*labels.remarks, remark))


def write_dsb(dataset: Dataset, out: Path) -> None:
    """Write `SPLIT/NAME/images/` and `SPLIT/NAME/masks/00001.png ...`, 0 and 255, with `classes.yaml`.

    Images are copied byte for byte. Masks of this layout can say only which pixels are objects. Raises `DataError` for
    more or fewer than two classes, for data without instance maps, and for an image with pixels that have no label, the
    second class outside of objects, or the first class inside an object. Raises what `write_folders` raises.
    """
    if dataset.classes.num_classes != 2:
        found = f"{dataset.classes.num_classes} classes"
        raise DataError(dataset.root, found, "background and one class of objects", "Convert to 'coco' or 'folders'.")
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            objects = _objects(item, dataset.read_labels(item))
            folder = temporary / split / item.name
            copy_image(item, folder / IMAGES)
            (folder / MASKS).mkdir()
            for number in range(1, int(objects.max()) + 1):
                mask = np.where(objects == number, np.uint8(255), np.uint8(0))
                write_png(folder / MASKS / f"{number:05d}.png", mask)
        write_classes(temporary / "classes.yaml", dataset.classes)


def _objects(item: Item, labels: Labels) -> Int32:
    """Return the item's objects, numbered from 1 without gaps; raise `DataError` unless they are exactly the pixels of
    the second class."""
    if labels.instance_map is None:
        remedy = "Convert to 'folders', which can hold masks without objects."
        raise DataError(item.image, "no instance map", "objects, each of which gets a mask", remedy)
    if pixels := int((labels.label_map != (labels.instance_map > 0)).sum()):
        found = f"{quantity(pixels, 'pixel')} without a label, or whose class and object contradict"
        expected = "the second class on objects and the first elsewhere, which is all that masks of objects say"
        raise DataError(item.image, found, expected, "Convert to 'folders', which holds labels and objects apart.")
    return renumber(labels.instance_map)[0]


def _read_object(file: Path, size: tuple[int, int], soft: dict[str, int]) -> AnnotatedObject:
    """Return the object of a mask file, cut out of it; `soft` gets the number of pixels in soft edges."""
    values = read_values(file)
    if values.shape[:2] != size:
        stored, expected = ("{}x{}".format(*shape[:2]) for shape in (values.shape, size))
        remedy = "Export the mask again at the image's size, or leave the image out (`train(skip_bad=True)`)."
        raise MaskError(file, f"a mask of {stored} (height x width)", f"{expected}, its image's size", remedy)
    if values.ndim == 3:
        if not is_gray(values):
            raise MaskError(file, "a mask in colours", "gray, 0 and 255", "Save it like the other masks.")
        values = values[..., 0]
    if not values.any():
        return AnnotatedObject(file.name, 1, piece=Piece(0, 0, np.zeros((0, 0), bool)))
    piece = Piece.from_mask(values != 0)
    different = np.unique(values[piece.place][piece.mask]).tolist()
    if (
        different[-1] == 255
        and len(different) > 2
        and find_soft_binary(collect_statistics([file]).gray_masks) == (0, 255)
    ):
        soft[file.name] = int(((values > 0) & (values < 255)).sum())
        return AnnotatedObject(file.name, 1, piece=Piece.from_mask(values >= HALF))
    if len(different) > 1 or different[0] not in SET:
        found = f"the values {join_first(list(map(str, different)), 8)} beside 0"
        remedy = "Save the mask with two values, as PNG, or leave the image out (`train(skip_bad=True)`)."
        raise MaskError(file, found, "255 alone, or 1 alone, on the one object of the file", remedy)
    return AnnotatedObject(file.name, 1, piece=piece)


def _folders(place: Path) -> list[Path]:
    """Return the folders in `place` that hold images or masks, without those whose names are in `PLACES`."""
    if not place.is_dir():
        return []
    inner = (folder for folder in place.iterdir() if folder.name.lower() not in PLACES)
    return sorted(folder for folder in inner if any((folder / kind).is_dir() for kind in (IMAGES, MASKS)))


def _is_id_folder(folder: Path) -> bool:
    files = image_files(folder / IMAGES) if (folder / IMAGES).is_dir() and (folder / MASKS).is_dir() else []
    return [file.stem for file in files] == [folder.name]


def _image(folder: Path) -> Path | None:
    files = image_files(folder / IMAGES) if (folder / IMAGES).is_dir() else []
    if len(files) > 1:
        found = f"{len(files)} images, such as {files[0].name} and {files[1].name}"
        raise DataError(folder / IMAGES, found, f"one, with its masks in {MASKS}/", "Give each image its own folder.")
    return files[0] if files else None


def _item(folder: Path, image: Path) -> Item:
    masks = folder / MASKS if (folder / MASKS).is_dir() else None
    return Item(folder.name, image, masks, masks)


def _assign_splits(root: Path, items_by_place: dict[str, list[Item]]) -> Iterator[tuple[str | None, Item]]:
    """Yield every item with the split of its place, or `None` where its hash is to decide."""
    splits = [PLACES[place] for place in items_by_place]
    if len(set(splits)) < len(splits) or (None in splits and len(splits) > 1):
        named = " and in ".join(f"{place}/" if place else "the directory itself" for place in items_by_place)
        expected = "one folder for each split, or none"
        raise DataError(root, f"images in {named}", expected, "Move one of them elsewhere.")
    hashed = len(items_by_place) == 1 and items_by_place.keys() <= HASHED
    for place, items in items_by_place.items():
        for item in items:
            yield None if hashed else PLACES[place], item


LAYOUT = Layout("one mask file an object, as in Kaggle's Data Science Bowl 2018", open_dsb, is_dsb, write_dsb)
