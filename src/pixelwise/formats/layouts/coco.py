"""COCO: JSON files of images, categories and annotated objects.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, arXiv:1405.0312. A file is called by its split, as
`annotations/instances_train2017.json`, `val.json` or `train/_annotations.coco.json`; one file alone is split by the
hash of its images' names. Outlines of an object lie one in another where it has holes, or it comes as runs, plain or
compressed. What is no object is background, class 0, and so is a category of that name; the others follow in the order
of their ids, which may have gaps. Where objects overlap see `painting`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.errors import DataError
from pixelwise.files import write_text
from pixelwise.formats.dataset import Dataset, Item, Labels, mask_of
from pixelwise.formats.drawn import BACKGROUND, is_background
from pixelwise.formats.output import copy_image, new_directory
from pixelwise.formats.painting import Marked, painted
from pixelwise.formats.splits import SPLITS, in_splits
from pixelwise.instances.objects import Objects, objects_of
from pixelwise.instances.rle import as_coco
from pixelwise.metrics.pixels import counted_pixels

FOLDERS = ("", "annotations", *(name for names in SPLITS.values() for name in names))
"""Where annotation files are looked for."""
KEYS = ("images", "annotations", "categories")
PEEK = 4096
EXPECTED = "a JSON object with lists of images, annotations and categories"
_WORD = re.compile(r"[a-z]+")


def is_coco(root: Path) -> bool:
    """Return whether a JSON file in `root` begins as one of COCO's."""
    return bool(_annotation_files(root))


def open_coco(root: Path) -> Dataset:
    """Read the annotation files in `root`.

    Raises `DataError` where there is none, for one that is none of COCO's, for categories that differ between files or
    ids that occur twice, and for an annotation of an image or a category that is not listed.
    """
    files = _annotation_files(root)
    if not files:
        raise DataError(root, "no annotation file", f"{EXPECTED}, in it or in annotations/", "Check the path.")
    found = [_AnnotationFile(root, file) for file in files]
    for other in found[1:]:
        if other.classes != found[0].classes:
            expected = f"those of {found[0].path.name}: {', '.join(found[0].classes.names[1:])}"
            remedy = "Give both files the same list of categories."
            raise DataError(other.path, f"the categories {', '.join(other.classes.names[1:])}", expected, remedy)
    by_mask = {item.mask: source for source in found for _, item in source.items}
    splits = in_splits(pair for source in found for pair in source.items)

    def read_labels(item: Item) -> Labels:
        return by_mask[mask_of(item)].labels(item)

    return Dataset(root, "coco", found[0].classes, splits, read_labels)


def write_coco(dataset: Dataset, out: Path) -> None:
    """Write `annotations/instances_SPLIT.json` and `images/SPLIT/`; images are copied byte for byte.

    Objects become runs, which keep every pixel, and what has no label a crowd. The first class is taken for background
    and what no object covers is not kept. Raises `DataError` for data without instance maps or with one class alone,
    and what `Dataset.read_labels` raises.
    """
    categories = [{"id": index, "name": name} for index, name in enumerate(dataset.classes.names) if index]
    if not categories:
        raise DataError(dataset.root, "one class", "background and a class of objects", "Convert to 'folders'.")
    with new_directory(out) as temporary:
        for split, items in dataset.splits.items():
            images: list[dict[str, Any]] = []
            annotations: list[dict[str, Any]] = []
            for number, item in enumerate(items, 1):
                labels = dataset.read_labels(item)
                copied = copy_image(item, temporary / "images" / split)
                height, width = labels.label_map.shape
                images.append({"id": number, "file_name": copied.name, "height": height, "width": width})
                for entry in _annotations(item, labels):
                    annotations.append({"id": len(annotations) + 1, "image_id": number, **entry})
            content = {"images": images, "annotations": annotations, "categories": categories}
            write_text(temporary / "annotations" / f"instances_{split}.json", json.dumps(content))


def _annotations(item: Item, labels: Labels) -> Iterator[dict[str, Any]]:
    if labels.instance_map is None:
        remedy = "Convert to 'folders', which holds masks alone."
        raise DataError(item.image, "no instance map", "objects, which COCO's files list", remedy)
    objects = objects_of(labels.label_map, labels.instance_map)
    yield from (entry for entry in _entries(objects) if entry["category_id"])
    unknown = ~counted_pixels(labels.label_map)
    if unknown.any():
        yield from _entries(Objects(unknown.astype(np.int32), np.ones(1, np.int32), np.ones(1, np.float32)), iscrowd=1)


def _entries(objects: Objects, iscrowd: int = 0) -> Iterator[dict[str, Any]]:
    for entry, area in zip(as_coco(objects), objects.areas().tolist(), strict=True):
        yield {"iscrowd": iscrowd, "area": area, **entry}


class _AnnotationFile:
    """One file's images, as items with their splits, and the objects on them."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path
        content = _content(path)
        names = [str(entry.get("id", number)) for number, entry in enumerate(content["annotations"], 1)]
        ids = {kind: [entry["id"] for entry in content[kind]] for kind in ("categories", "images")}
        for kind, own in (ids | {"annotations": names}).items():
            if twice := _twice(own):
                raise DataError(path, f"the id {twice[0]} twice among {kind}", "different ids", "Number them anew.")
        listed = sorted(content["categories"], key=itemgetter("id"))
        categories = {entry["id"]: str(entry["name"]) for entry in listed}
        background = [category for category, name in categories.items() if is_background(name)]
        others = [category for category in categories if category not in background]
        named = categories[background[0]] if background else BACKGROUND
        self.classes = ClassMap.named((named, *(categories[category] for category in others)))
        class_of = dict.fromkeys(background, 0) | {category: index for index, category in enumerate(others, 1)}
        images = {entry["id"]: entry for entry in content["images"]}
        marked: dict[Any, list[Marked]] = {image: [] for image in images}
        for name, entry in zip(names, content["annotations"], strict=True):
            for key, known in (("image_id", images), ("category_id", categories)):
                if entry.get(key) not in known:
                    found = f"the {key} {entry.get(key)!r} in annotation {name}"
                    raise DataError(path, found, "an id that is listed", "Correct the annotation or delete it.")
            marked[entry["image_id"]].append(_marked(path, name, class_of[entry["category_id"]], entry))
        if twice := _twice([str(entry["file_name"]) for entry in images.values()]):
            raise DataError(path, f"the image {twice[0]} twice", "each image once", "Remove one of the entries.")
        self._split = _split(root, path)
        self._images = {path / str(entry["file_name"]): (entry, marked[key]) for key, entry in images.items()}
        folders = ("", "images", self._split or "", f"images/{self._split or ''}")
        stem = path.stem.removeprefix("instances_")
        self._folders = [path.parent, *(root / folder for folder in (*folders, stem, f"images/{stem}"))]
        self.items = list(self._found_items())

    def _found_items(self) -> Iterator[tuple[str | None, Item]]:
        for mask, (entry, _) in self._images.items():
            name = str(entry["file_name"])
            places = [folder / name for folder in self._folders]
            image = next((place for place in places if place.is_file()), places[0])
            stem = str(Path(name).with_suffix("")).replace("/", "_")
            yield self._split, Item(stem, image, mask, mask)

    def labels(self, item: Item) -> Labels:
        """Return an item's maps. Raises `MaskError` for objects that make no sense and an image of another size."""
        entry, marked = self._images[mask_of(item)]
        return painted(marked, (int(entry["height"]), int(entry["width"])), str(item.mask))


def _marked(path: Path, name: str, class_index: int, entry: dict[str, Any]) -> Marked:
    shape, crowd = entry.get("segmentation"), bool(entry.get("iscrowd", 0))
    if isinstance(shape, dict) and isinstance(shape.get("counts"), str | list):
        return Marked(name, class_index, runs=shape["counts"], crowd=crowd)
    try:
        rings = [np.array(ring, np.float64).reshape(-1, 2) for ring in shape or ()]
    except (TypeError, ValueError) as error:
        expected = "lists of x, y, x, y ... or runs with counts"
        found = f"a segmentation in annotation {name} that cannot be read"
        raise DataError(path, found, expected, "Correct the annotation or delete it.") from error
    return Marked(name, class_index, rings, crowd=crowd)


def _annotation_files(root: Path) -> list[Path]:
    folders = [root / name for name in FOLDERS if (root / name).is_dir()]
    return [file for folder in folders for file in sorted(folder.glob("*.json")) if _begins_as_coco(file)]


def _begins_as_coco(path: Path) -> bool:
    """Tell by the first bytes alone: such files may be large."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            start = file.read(PEEK)
    except OSError:
        return False
    return bool(re.match(r"\s*\{\s*\"(info|licenses|images|annotations|categories|type)\"", start))


def _content(path: Path) -> dict[str, Any]:
    remedy = "Export the annotations again."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(path, f"a file that cannot be read ({error})", EXPECTED, remedy) from error
    if not isinstance(content, dict):
        raise DataError(path, "something else", EXPECTED, remedy)
    for key, needed in zip(KEYS, (("id", "file_name", "height", "width"), (), ("id", "name")), strict=True):
        entries = content.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(path, f"no list of {key}", EXPECTED, remedy)
        for entry, wanted in ((entry, wanted) for entry in entries for wanted in needed):
            if wanted not in entry:
                raise DataError(path, f"an entry in {key} without {wanted!r}", f"{', '.join(needed)}", remedy)
    return content


def _split(root: Path, path: Path) -> str | None:
    words = set(_WORD.findall(f"{path.relative_to(root).parent} {path.stem}".lower()))
    return next((split for split, names in SPLITS.items() if words & set(names)), None)


def _twice(values: Sequence[Any]) -> list[Any]:
    """Return the values that occur more than once."""
    return [value for value, count in Counter(values).items() if count > 1]
