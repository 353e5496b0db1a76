"""Pascal VOC: classes and objects as palette PNGs beside the photos, and lists of the images in each split.

Everingham et al., "The Pascal Visual Object Classes Challenge: A Retrospective", IJCV 2015,
doi:10.1007/s11263-014-0733-5.

    JPEGImages/2007_000032.jpg     SegmentationClass/2007_000032.png     SegmentationObject/2007_000032.png
    ImageSets/Segmentation/train.txt   val.txt   trainval.txt   test.txt

These lie in the directory, in `VOC2012/` or in `VOCdevkit/VOC2012/`. The images may lie in another folder whose name
says so, such as `images/`, or in `images_root`. Class masks hold 0 = background, the classes, and
255 = void, which borders objects and has no label. Object masks hold ids from 1; 0 and 255 are no object. Both may be
RGB instead, in VOC's colours or those of the class list. An image without an object mask has no instance map.

Images that no list names are not read; without lists all images are read, split by the hash of their names. Where one
of `train.txt` and `val.txt` is missing, that split consists of the images in `trainval.txt` (or CVAT's `default.txt`)
that no other list names; where both are missing, both are drawn from these. A test set without masks is no split. An
object over several classes has the class of most of its pixels, with a remark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError, MaskError
from pixelwise.core.files import write_text
from pixelwise.data.class_list import write_classes
from pixelwise.data.dataset import Dataset, Int32, Item, Labels, UInt8, mask_of
from pixelwise.data.folder_roles import holds_images
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.layouts.voc_classes import CLASSES, PALETTE, indices_of_colors, read_encoding
from pixelwise.data.masks.encoding import MaskEncoding, read_instance_map
from pixelwise.data.pairing import image_files, pair_masks
from pixelwise.data.problem import Problem
from pixelwise.data.references import stem_of
from pixelwise.data.shapes.rasterize import object_remark
from pixelwise.data.split_lists import Line, follow_lists, names_of, parse_line, report_unlisted
from pixelwise.data.splits import group_by_split, lines_of, read_split_lists
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import renumber
from pixelwise.raster.image import IMAGE_ENDINGS, write_png

IMAGES, CLASS_MASKS, OBJECT_MASKS = "JPEGImages", "SegmentationClass", "SegmentationObject"
LISTS = "ImageSets/Segmentation"
WHOLE_LISTS = ("trainval.txt", "default.txt")
PLACES = ("VOC[0-9]*", "VOCdevkit/VOC[0-9]*")
"""Directories below the root in which the folders may lie."""
EXPECTED = f"{IMAGES}/ and {CLASS_MASKS}/, with {OBJECT_MASKS}/ or {LISTS}/"
MAX_OBJECTS = 254
VOID = 255
"""The value of pixels without a label, in both kinds of masks."""
_COLORS_OF_IDS = {color: index % VOID for color, index in indices_of_colors(range(VOID + 1)).items()}
_IDS = MaskEncoding(CLASSES, {**{i: i for i in range(VOID)}, VOID: 0}, _COLORS_OF_IDS, _COLORS_OF_IDS)


def is_voc(root: Path) -> bool:
    """Return whether VOC's class masks lie in `root` or below it, and its objects or lists beside them."""
    return any((home / name).is_dir() for home in _homes(root) for name in (OBJECT_MASKS, LISTS))


def open_voc(root: Path, images_root: Path | None = None) -> Dataset:
    """Read VOC, or other data laid out like it; for the classes see `voc_classes.read_encoding`.

    Raises `DataError` where the folders or all masks are missing, for several years of VOC side by side, for lists that
    name no image here, and for class lists that make no sense.
    """
    homes = _homes(root)
    if not homes:
        raise DataError(root, "other files", EXPECTED, OTHER_LAYOUT)
    if len(homes) > 1:
        found = " and ".join(f"{home.relative_to(root)}/" for home in homes)
        raise DataError(root, found, "the folders of one year of VOC", "Pass the directory of one of them.")
    (home,) = homes
    folder = _image_folder(home, images_root)
    items, strays = _items(home, folder)
    pairs, remarks = _assign_splits(home, folder, items)
    splits = group_by_split(pairs)
    if not any(item.mask for item in splits.get("test", ())):
        splits.pop("test", None)
    images = {item.mask: item.image for members in splits.values() for item in members if item.mask is not None}
    if not images:
        raise DataError(home / CLASS_MASKS, "no mask of an image", "masks with their images' names", "Copy them there.")
    stems = [item.name for members in splits.values() for item in members]
    id_files = any(item.instances for members in splits.values() for item in members)
    encoding = read_encoding((home, root), images, stems, has_objects=id_files)

    read_labels = partial(_read_labels, encoding=encoding)
    return Dataset(
        root,
        "voc",
        encoding.classes,
        splits,
        read_labels,
        strays,
        mask_encoding=encoding,
        problems=(*remarks, *encoding.problems),
        id_files=id_files,
    )


def _read_labels(item: Item, encoding: MaskEncoding) -> Labels:
    label_map = encoding.read(mask_of(item))
    if item.instances is None:
        ids = np.where(label_map == VOID, 0, read_instance_map(mask_of(item))) if encoding.objects else None
        return Labels(label_map, ids)
    instance_map = _read_objects(item.instances)
    return Labels(label_map, instance_map, _remarks(label_map, instance_map))


def write_voc(dataset: Dataset, out: Path) -> None:
    """Write the folders and lists of VOC, and `classes.yaml`; images are copied byte for byte.

    VOC's own code finds only images in .jpg files, and takes the first class for background. Objects are numbered anew
    from 1. Pixels without a label are void, in object masks too where no object is. All splits share one folder; where
    two splits have an image of the same name, the name of its split is put before every name. Raises `DataError` for
    more than 254 objects in an image, which VOC's 8 bits cannot number, and what `Dataset.read_labels` raises.
    """
    names = Counter(item.name.casefold() for _, item in dataset.items())
    shared = any(count > 1 for count in names.values())
    palette = dataset.classes.palette()
    palette[VOID] = PALETTE[VOID]
    lists: dict[str, list[str]] = {split: [] for split in dataset.splits}
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            name = f"{split}_{item.name}" if shared else item.name
            lists[split].append(name)
            labels = dataset.read_labels(item)
            copy_image(replace(item, name=name), temporary / IMAGES)
            write_png(temporary / CLASS_MASKS / f"{name}.png", labels.label_map, palette)
            if labels.instance_map is not None:
                write_png(temporary / OBJECT_MASKS / f"{name}.png", _ids(item, labels, labels.instance_map), PALETTE)
        if {"train", "val"} <= lists.keys():
            lists["trainval"] = sorted(lists["train"] + lists["val"])
        for split, members in lists.items():
            write_text(temporary / LISTS / f"{split}.txt", "".join(f"{name}\n" for name in members))
        write_classes(temporary / "classes.yaml", dataset.classes)


def _ids(item: Item, labels: Labels, instance_map: Int32) -> UInt8:
    ids_map, ids = renumber(instance_map)
    if len(ids) > MAX_OBJECTS:
        expected = f"{MAX_OBJECTS} at most, which VOC's 8 bits can number"
        remedy = "Convert to 'folders', whose ids have 16 bits, or cut the image into tiles."
        raise DataError(item.image, f"{len(ids)} objects", expected, remedy)
    ids_map[(ids_map == 0) & (labels.label_map == IGNORE_INDEX)] = VOID
    return ids_map.astype(np.uint8)


def _read_objects(path: Path) -> Int32:
    try:
        return _IDS.read(path).astype(np.int32)
    except MaskError as error:
        expected = f"object ids 0..{MAX_OBJECTS}, {VOID} = void, or VOC's colours of these"
        remedy = f"Export the mask again as 8-bit PNG, or move {OBJECT_MASKS}/ elsewhere to read classes alone."
        raise MaskError(path, error.found, expected, remedy) from error


def _remarks(label_map: UInt8, instance_map: Int32) -> tuple[str, ...]:
    """Return remarks on objects over several classes or without a label; none for maps of different sizes, which are an
    error where the item is read."""
    if label_map.shape != instance_map.shape:
        return ()
    pixels = np.bincount((instance_map * 256 + label_map).ravel(), minlength=256 * 256).reshape(256, 256)[1:]
    classes = (pixels[:, :IGNORE_INDEX] > 0).sum(axis=1)
    has_several, has_none = classes > 1, (classes == 0) & pixels.any(axis=1)
    cases = (
        (has_several, "lie on several classes", "has the class of most of its pixels"),
        (has_none, "have no pixel with a label", "has no class"),
    )
    remarks = (object_remark(_ids_where(chosen), found, "one class an object", done) for chosen, found, done in cases)
    return tuple(filter(None, remarks))


def _ids_where(chosen: npt.NDArray[np.bool_]) -> list[str]:
    """Return the ids of the chosen objects, boolean (255,), as texts; ids count from 1."""
    return [str(number + 1) for number in np.flatnonzero(chosen)]


def _homes(root: Path) -> list[Path]:
    """Return the directories that hold VOC's folders: `root`, else those of `PLACES`."""
    below = [place for pattern in PLACES for place in sorted(root.glob(pattern))]
    homes = [home for home in (root, *below) if (home / CLASS_MASKS).is_dir()]
    return homes[:1] if root in homes else homes


def _image_folder(home: Path, images_root: Path | None) -> Path:
    """Return the folder of the images: `JPEGImages`, else one whose name says so, else `images_root`. Raises
    `DataError` where there is none, as in CVAT's export without images, or several."""
    if (home / IMAGES).is_dir():
        return home / IMAGES
    folders = sorted(folder for folder in home.iterdir() if folder.is_dir() and holds_images(folder))
    if not folders and images_root is not None:
        return images_root
    if len(folders) != 1:
        names = " and ".join(f"{folder.name}/" for folder in folders)
        found = f"masks in {CLASS_MASKS}/ and {f'images in {names}' if folders else 'no images'}"
        remedy = f"Copy the images to {home / IMAGES}, or name their folder with `images_root`."
        raise DataError(home, found, f"the images of these masks in {IMAGES}/", remedy)
    return folders[0]


def _items(home: Path, folder: Path) -> tuple[dict[str, Item], tuple[Path, ...]]:
    """Return the images by their names, with their masks, and the masks that belong to none."""
    images = image_files(folder)
    masks, objects = (image_files(f) if f.is_dir() else [] for f in (home / CLASS_MASKS, home / OBJECT_MASKS))
    by_image, objects_by_image = pair_masks(images, masks), pair_masks(images, objects)
    items = {
        stem_of(image): Item(stem_of(image), image, by_image.get(image), objects_by_image.get(image))
        for image in images
    }
    used = {*by_image.values(), *objects_by_image.values()}
    return items, tuple(mask for mask in (*masks, *objects) if mask not in used)


def _assign_splits(
    home: Path, folder: Path, items: dict[str, Item]
) -> tuple[list[tuple[str | None, Item]], list[Problem]]:
    """Return the listed images, each once in a split, and remarks. A listed image that is not there becomes an item
    whose files are missing."""

    def listed(split: str, texts: list[str]) -> list[Line]:
        return [parse_line(split, text, lambda name: _item_of(name, items)) for text in texts]

    lists = read_split_lists(home)
    lines = [line for split, texts in lists.items() for line in listed(split, texts)]
    named, remarks = follow_lists(home, lines, lambda _: folder)
    pairs: list[tuple[str | None, Item]] = [*named]
    whole = next((home / LISTS / name for name in WHOLE_LISTS if (home / LISTS / name).is_file()), None)
    if whole is not None and not {"train", "val"} <= lists.keys():
        others, list_remarks = follow_lists(home, listed("", lines_of(whole)), lambda _: folder)
        known = {item.name for _, item in pairs}
        pairs += [(_split(lists.keys()), item) for _, item in others if item.name not in known]
        remarks += list_remarks
    elif not lists:
        return [(None, item) for item in items.values()], []
    if not any(item.name in items for _, item in pairs):
        raise DataError(
            home / LISTS, "lists that name no image here", f"names of files in {folder.name}/", "Correct them."
        )
    masked = {item.image: item.mask is not None for item in items.values()}
    remarks += report_unlisted(home, masked, (item.image for _, item in pairs))
    return [(split, _with_ending(item)) for split, item in pairs], remarks


def _split(lists: Collection[str]) -> str | None:
    """Return the split of the images that only a list of the whole data names, given the names of the other lists.

    It is the one of train and val that has no list; where both have none, train beside a list of test, of which val is
    drawn, else none.
    """
    missing = [split for split in ("train", "val") if split not in lists]
    if len(missing) == 1:
        return missing[0]
    return "train" if "test" in lists else None


def _item_of(text: str, items: dict[str, Item]) -> Item | None:
    return next((items[name] for name in names_of(text) if name in items), None)


def _with_ending(item: Item) -> Item:
    """Return an item whose missing image, listed by its stem, has the file name of VOC's images."""
    has_ending = item.image.suffix.lower() in IMAGE_ENDINGS
    return item if has_ending else replace(item, image=item.image.with_name(f"{item.image.name}.jpg"))


LAYOUT = Layout("Pascal VOC, or data laid out like it", open_voc, is_voc, write_voc)
