"""Mask folders: images and masks with equal stems, in folders whose names say what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.classes import IGNORE_INDEX
from pixelwise.errors import DataError
from pixelwise.formats.classlist import read_class_list, read_object_classes, write_classes
from pixelwise.formats.dataset import Dataset, Item, Labels, files_of, mask_of
from pixelwise.formats.instance_maps import IdReading, decide_ids
from pixelwise.formats.layout import EXPECTED, Place, find_places, home_of
from pixelwise.formats.layouts.vocclasses import read_label_map
from pixelwise.formats.mask_values import decide
from pixelwise.formats.names import nfc, parts_of, stem_of
from pixelwise.formats.output import copy_image, new_directory
from pixelwise.formats.partners import partners
from pixelwise.formats.refusal import describe, remedy_for, unread_class_lists
from pixelwise.formats.splits import assigned, in_splits, read_split_lists
from pixelwise.raster.image import IMAGE_ENDINGS, write_png

Assigned = list[tuple[str | None, Item]]
"""Items with the split that their folder names, if it names one."""


def open_folders(root: Path) -> Dataset:
    """Read the mask folders in `root` (see `layout` for the names that are understood).

    Splits come from lists such as `train.txt`, else from folders, else from the hash of each name. A test folder
    without masks has nothing to measure and is no split. Data with instance maps and no masks has the classes
    background and object. Raises `DataError` where no images with masks are found or their partners are ambiguous.
    """
    places, passed_over = find_places(root)
    if not any(place.masks or place.instances for place in places):
        raise DataError(root, describe(root), EXPECTED, remedy_for(root))
    home = home_of(root, places)
    has_masks = any(place.masks for place in places)
    found: Assigned = []
    labelling: set[Path] = set()
    for place in places:
        items = _items(place, has_masks)
        if place.split in ("train", "val") or not items or any(item.mask for item in items):
            found += [(place.split, item) for item in items]
            labelling.update((*place.masks, *place.instances) if has_masks else place.instances)
    used = {path for _, item in found for path in (item.mask, item.instances) if path is not None}
    if not any(item.mask for _, item in found):
        raise _no_pair(root, places)
    strays = tuple(sorted(labelling - used))
    _require_own(root, found)
    if lists := read_split_lists(root) or read_split_lists(home):
        splits, strays = in_splits(_listed(root, found, lists)), ()
    else:
        splits = in_splits(assigned(root, found))
    masks = sorted({item.mask for items in splits.values() for item in items if item.mask is not None})
    class_list = read_class_list(root) or read_class_list(home) or read_label_map(root) or read_label_map(home)
    passed_over += [] if class_list else unread_class_lists(root)
    home_of_list = root if class_list is None else class_list.path.parent
    maps = (
        masks
        if not has_masks
        else sorted({item.instances for items in splits.values() for item in items if item.instances is not None})
    )
    if not has_masks:
        classes = read_object_classes(home_of_list, id_maps=True)
        ids = decide_ids(root, maps, class_list)
        read_objects = partial(_read_objects, ids=ids)
        coding = ids.coding(classes)
        problems = (*passed_over, *ids.problems)
        return Dataset(root, "folders", classes, splits, read_objects, strays, coding=coding, problems=problems)
    coding = decide(root, masks, class_list, bool(maps))
    if coding.objects:
        void = tuple(value for value, label in coding.values.items() if label == IGNORE_INDEX)
        ids = IdReading(void)
        read_labels: Callable[[Item], Labels] = partial(_read_objects, ids=ids)
    else:
        ids = decide_ids(root, maps, class_list)
        coding = replace(coding, ignored_ids=ids.void)
        read_labels = files_of(coding.read, ids.read)
    problems = (*passed_over, *coding.problems, *ids.problems)
    return Dataset(
        root,
        "folders",
        coding.classes,
        splits,
        read_labels,
        strays,
        coding=coding,
        problems=problems,
        id_files=bool(maps),
    )


def write_folders(dataset: Dataset, out: Path) -> None:
    """Write `train/`, `val/` and `test/` with `images/`, `masks/` (palette PNG), `instances/`, and `classes.yaml`.

    Images are copied byte for byte. Raises `MaskError` or `ImageError` for the first mask that is missing or cannot
    be read and `OutputError` for a directory that is not empty or cannot be written; `out` is then as it was.
    """
    palette = dataset.classes.palette()
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            copy_image(item, temporary / split / "images")
            labels = dataset.read_labels(item)
            write_png(temporary / split / "masks" / f"{item.name}.png", labels.label_map, palette)
            if labels.instance_map is not None:
                ids = labels.instance_map.astype(np.uint16)
                write_png(temporary / split / "instances" / f"{item.name}.png", ids)
        write_classes(temporary / "classes.yaml", dataset.classes)


def _read_objects(item: Item, ids: IdReading) -> Labels:
    """Return the labels of an item whose instance map is all there is."""
    return Labels(*ids.read_alone(mask_of(item)))


def _items(place: Place, has_masks: bool) -> list[Item]:
    instances = partners(place.images, place.instances)
    masks = partners(place.images, place.masks) if has_masks else instances
    names = ["_".join((*place.within, stem_of(image))) for image in place.images]
    pairs = zip(names, place.images, strict=True)
    return [Item(name, image, masks.get(image), instances.get(image)) for name, image in pairs]


def _require_own(root: Path, found: Assigned) -> None:
    """Raise `DataError` where two images have one mask: their names are equal in folders that differ."""
    images: dict[Path, Path] = {}
    for _, item in found:
        if item.mask is not None and (other := images.setdefault(item.mask, item.image)) != item.image:
            names = " and ".join(str(image.relative_to(root)) for image in (other, item.image))
            expected = "a mask for each image"
            remedy = "Arrange the masks in the same folders as the images, or give the images different names."
            raise DataError(item.mask, f"one mask for {names}", expected, remedy)


def _no_pair(root: Path, places: list[Place]) -> DataError:
    mask = next(mask for place in places for mask in (*place.masks, *place.instances))
    image = next((image for place in places for image in place.images), None)
    first = (
        f"the first are {mask.name} and {image.name}" if image else f"the first is {mask.name}, and there is no image"
    )
    found = f"no mask that belongs to an image; {first}"
    return DataError(root, found, "masks with their images' stems", "Give each mask its image's stem.")


def _listed(root: Path, found: Assigned, lists: dict[str, list[str]]) -> Iterator[tuple[str, Item]]:
    """Yield the items that the lists name; one that is not there is an item whose files are missing."""
    by_name = {item.name: item for _, item in found}
    by_place = {(split, item.name): item for split, item in found}
    if not any(name in by_name for lines in lists.values() for line in lines for name in _names(line)):
        raise DataError(root, f"{', '.join(lists)} lists that name no image here", "stems of images", "Correct them.")
    for split, lines in lists.items():
        folder = next((item.image.parent for place, item in found if place == split), found[0][1].image.parent)
        members: dict[str, Item] = {}
        for line in lines:
            names = _names(line)
            known = (by_place.get((split, name)) or by_name.get(name) for name in names)
            item = next((item for item in known if item), Item(names[-1], folder / names[-2]))
            members[item.name] = item
        yield from ((split, item) for item in members.values())


def _names(line: str) -> list[str]:
    """Return what a line's image may be called: the whole line or its first word, with and without the folders before
    it, as it is and as a file's stem."""
    names: list[str] = []
    for path in (line, line.split()[0]):
        *folders, file = map(nfc, parts_of(path) or [path])
        stem = Path(file).stem if Path(file).suffix.lower() in IMAGE_ENDINGS else file
        names += ["_".join((*folders[first:], stem)) for first in range(len(folders))]
    for path in (line, line.split()[0]):
        name = path.replace("\\", "/").rsplit("/", 1)[-1]
        names += [nfc(name), nfc(Path(name).stem) if Path(name).suffix.lower() in IMAGE_ENDINGS else nfc(name)]
    return names
