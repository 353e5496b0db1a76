"""Mask folders: images and masks with equal stems, in folders whose names say what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError
from pixelwise.core.text import join_first
from pixelwise.data.class_list import ClassList, read_class_list, read_object_classes, write_classes
from pixelwise.data.dataset import Dataset, Int32, Item, Labels, labels_from_files, mask_of
from pixelwise.data.fitting_names import read_fitting_names
from pixelwise.data.folder_roles import EXPECTED, FileGroup, common_folder, find_file_groups
from pixelwise.data.layout import Layout
from pixelwise.data.layouts.folder_split_lists import items_in_lists, names_pairs
from pixelwise.data.layouts.voc_classes import read_label_map
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.instance_maps import IdEncoding, infer_id_encoding
from pixelwise.data.masks.interpretation import infer_encoding
from pixelwise.data.masks.union import attach_masks, read_union, report_united
from pixelwise.data.other_class_lists import find_list_files, read_split_class_list
from pixelwise.data.pairing import group_masks, pair_masks
from pixelwise.data.problem import Problem, display_path
from pixelwise.data.references import stem_of
from pixelwise.data.splits import group_by_split, infer_splits, read_split_lists, unread_split_lists
from pixelwise.data.unrecognised import describe, endings_of_masks, remedy_for
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import MAX_ID, renumber
from pixelwise.raster.image import write_png

Assigned = list[tuple[str | None, Item]]
"""Items with the split that their folder names, if it names one."""


def open_folders(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the mask folders in `root` (see `folder_roles` for the names that are understood).

    Splits come from lists such as `train.txt`, else from folders, else from the hash of each name. Lists of images and
    masks may name files in any folders. A test folder without masks has nothing to measure and is no split. Data with
    instance maps and no masks has the classes background and object. Raises `DataError` where no image has a mask, and
    where it is unclear which mask belongs to an image.
    """
    lists = read_split_lists(root)
    try:
        groups, problems = find_file_groups(root, images_root)
    except DataError:
        if not names_pairs(root, lists):
            raise
        groups, problems = [], []
    has_labels = any(group.masks or group.instances for group in groups)
    if not has_labels and not names_pairs(root, lists):
        raise DataError(root, describe(root), EXPECTED, remedy_for(root))
    home = common_folder(root, groups)
    lists = lists or read_split_lists(home)
    has_masks = not has_labels or any(group.masks for group in groups)
    splits, strays, remarks = _read_splits(root, groups, lists, has_masks=has_masks)
    items = [item for members in splits.values() for item in members]
    masks = sorted({mask for item in items for mask in (item.mask, *item.more) if mask is not None})
    class_list = _find_class_list(root, home)
    maps: Sequence[Path] = ()
    if has_masks:
        class_list = class_list or read_fitting_names((root, home), masks)
        maps = sorted({item.instances for item in items if item.instances is not None})
        images = {item.mask: item.image for item in items if item.mask is not None}
        encoding = _infer_encoding(root, images, masks, class_list, has_objects=bool(maps))
        encoding, ids, read_labels = _combine_encodings(root, encoding, maps, class_list)
    else:  # `_items` made the instance maps the masks
        classes = read_object_classes(root if class_list is None else class_list.path.parent, id_maps=True)
        ids = infer_id_encoding(root, masks, class_list)
        encoding, read_labels = ids.mask_encoding(classes), partial(_read_objects, ids=ids)
    return Dataset(
        root,
        "folders",
        encoding.classes,
        splits,
        read_labels,
        strays,
        mask_encoding=encoding,
        problems=(*problems, *remarks, *report_united(root, items), *encoding.problems, *ids.problems),
        id_files=bool(maps),
    )


def _read_splits(
    root: Path, groups: Sequence[FileGroup], lists: dict[str, list[str]], *, has_masks: bool
) -> tuple[dict[str, tuple[Item, ...]], tuple[Path, ...], list[Problem]]:
    """Return the items of each split, the label files without an image, and remarks.

    Raises `DataError` where no image has a label file, and where two images have the same one.
    """
    assigned: Assigned = []
    label_files: set[Path] = set()
    for group in groups:
        items = _items(group, has_masks=has_masks)
        if group.split in ("train", "val") or not items or any(item.mask for item in items) or lists:
            assigned += [(group.split, item) for item in items]
            label_files.update((*group.masks, *group.instances) if has_masks else group.instances)
    if not any(item.mask for _, item in assigned) and not names_pairs(root, lists):
        raise _pair_error(root, groups)
    if lists:
        listed, remarks = items_in_lists(root, assigned, lists)
        _require_different_masks(root, listed)
        return group_by_split(listed), (), remarks
    _require_different_masks(root, assigned)
    used = {path for _, item in assigned for path in (item.mask, item.instances, *item.more) if path is not None}
    splits = group_by_split(infer_splits(root, assigned))
    return splits, tuple(sorted(label_files - used)), unread_split_lists(root)


def _find_class_list(root: Path, home: Path) -> ClassList | None:
    """Return the class list of the data, in `root` or in `home`, the folder of all files; `None` without one."""
    class_list = read_class_list(root) or read_class_list(home) or read_label_map(root) or read_label_map(home)
    return class_list or read_split_class_list(root)


def _combine_encodings(
    root: Path, encoding: MaskEncoding, maps: Sequence[Path], class_list: ClassList | None
) -> tuple[MaskEncoding, IdEncoding, Callable[[Item], Labels]]:
    """Return the encoding of masks, that of object ids, and the `read_labels` of both.

    The ids lie in `maps`, or in the masks themselves where the encoding says so.
    """
    if encoding.objects:
        ids = IdEncoding(tuple(value for value, label in encoding.values.items() if label == IGNORE_INDEX))
        read_single: Callable[[Item], Labels] = partial(_read_objects, ids=ids)
    else:
        ids = infer_id_encoding(root, maps, class_list)
        encoding = replace(encoding, ignored_ids=ids.void)
        read_single = labels_from_files(encoding.read, ids.read)
    return encoding, ids, partial(_read_labels, encoding=encoding, ids=ids, read_single=read_single)


def _read_labels(item: Item, encoding: MaskEncoding, ids: IdEncoding, read_single: Callable[[Item], Labels]) -> Labels:
    return read_union(item, encoding, ids) if item.more else read_single(item)


def write_folders(dataset: Dataset, out: Path) -> None:
    """Write `train/`, `val/` and `test/` with `images/`, `masks/` (palette PNG), `instances/`, and `classes.yaml`.

    Images are copied byte for byte. Raises `MaskError` or `ImageError` for the first mask that is missing or cannot
    be read, `DataError` for an image with more objects than 16 bits can number, and `OutputError` for a directory that
    is not empty or cannot be written; `out` is then as it was.
    """
    palette = dataset.classes.palette()
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            copy_image(item, temporary / split / "images")
            labels = dataset.read_labels(item)
            write_png(temporary / split / "masks" / f"{item.name}.png", labels.label_map, palette)
            if labels.instance_map is not None:
                ids = _as_16_bits(item, labels.instance_map)
                write_png(temporary / split / "instances" / f"{item.name}.png", ids)
        write_classes(temporary / "classes.yaml", dataset.classes)


def _as_16_bits(item: Item, instance_map: Int32) -> npt.NDArray[np.uint16]:
    """Return an instance map as 16 bits store it; objects with higher ids are numbered anew from 1."""
    if int(instance_map.max(initial=0)) > MAX_ID:
        instance_map, ids = renumber(instance_map)
        if len(ids) > MAX_ID:
            remedy = "Cut the image into tiles, or convert to 'coco'."
            raise DataError(item.image, f"{len(ids):,} objects", f"{MAX_ID:,} at most, which 16 bits number", remedy)
    return instance_map.astype(np.uint16)


def _read_objects(item: Item, ids: IdEncoding) -> Labels:
    """Return the labels of an item that has an instance map and no mask."""
    return Labels(*ids.read_alone(mask_of(item)))


def _items(group: FileGroup, *, has_masks: bool) -> list[Item]:
    instances = pair_masks(group.images, group.instances)
    masks = pair_masks(group.images, group.masks) if has_masks else instances
    names = ["_".join((*group.within, stem_of(image))) for image in group.images]
    pairs = zip(names, group.images, strict=True)
    items = [Item(name, image, masks.get(image), instances.get(image)) for name, image in pairs]
    return attach_masks(items, group_masks(group.images, group.masks, masks)) if has_masks else items


def _infer_encoding(
    root: Path,
    images: Mapping[Path, Path],
    masks: Sequence[Path],
    class_list: ClassList | None,
    *,
    has_objects: bool,
) -> MaskEncoding:
    """Return what the values of the masks stand for. Where that is unclear, the error names the class lists that were
    not read."""
    try:
        return infer_encoding(root, masks, class_list, has_objects=has_objects, images=images)
    except DataError as error:
        others = [] if class_list else [display_path(root, path) for path in find_list_files(root)]
        if not others:
            raise
        hint = f"There are lists of classes in forms that are not read: {', '.join(others[:3])}."
        raise DataError(error.where, error.found, error.expected, f"{hint} {error.remedy}") from error


def _require_different_masks(root: Path, items: Iterable[tuple[str | None, Item]]) -> None:
    """Raise `DataError` where two images have one mask, since they have the same name in different folders."""
    images: dict[Path, Path] = {}
    for _, item in items:
        if item.mask is not None and (other := images.setdefault(item.mask, item.image)) != item.image:
            names = " and ".join(display_path(root, image) for image in (other, item.image))
            expected = "a mask for each image"
            remedy = "Arrange the masks in the same folders as the images, or give the images different names."
            raise DataError(item.mask, f"one mask for {names}", expected, remedy)


def _pair_error(root: Path, groups: Sequence[FileGroup]) -> DataError:
    images = [image for group in groups for image in group.images]
    masks = [mask for group in groups for mask in (*group.masks, *group.instances)]
    names = f"are {masks[0].name} and {images[0].name}" if images else f"is {masks[0].name}, and there is no image"
    found = f"no mask that belongs to an image; the first {names}"
    remedy = "Give each mask its image's stem, or write train.txt and val.txt, each line an image and its mask."
    if suffixes := endings_of_masks(images, masks):
        found += f", and masks have the names of images with {join_first(suffixes, 8)} after them"
        remedy = (
            "Give each image one mask with its stem; unite several masks of an image, such as one for each class, in "
            "one file with one value for each class."
        )
    return DataError(root, found, "masks with their images' stems", remedy)


LAYOUT = Layout("images and masks with equal names, in any of the usual folders", open_folders, write=write_folders)
