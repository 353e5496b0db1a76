"""labelme: a JSON file beside each image, with the shapes that were drawn on it.

https://github.com/wkentaro/labelme, whose source says what is in them.

    DATA/
      classes.yaml                             or another list of classes, or none
      train/a.jpg   train/a.json               train/, val/ and test/, or one folder of all, split by hashes
      val/b.jpg     val/b.json

Polygons, rectangles, circles and masks are read; shapes of one label and one group_id are parts of one object. Points
and lines are no regions: a remark tells them. `imagePath` counts from the JSON file; where no image is there, one of
that name or of the JSON file's own beside it is taken; the copy in `imageData` is not read. Without a list of classes
background is followed by the labels in alphabetical order. What `_background_` and `__ignore__` mean, and which of
overlapping objects is in front, is told in `drawn`. labelme's own exports fill the outlines too, up to a pixel more.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixelwise.classes import IGNORE_INDEX, ClassMap
from pixelwise.errors import DataError, MaskError
from pixelwise.files import write_text
from pixelwise.formats.classlist import read_class_list, write_classes
from pixelwise.formats.dataset import Dataset, Item, Labels, mask_of
from pixelwise.formats.drawn import Shape, drawn, drawn_classes, regions_of, writable_classes
from pixelwise.formats.layout import ROLES
from pixelwise.formats.layouts.labelme_shapes import NO_REGIONS, kind_of, rings_in, shapes_of
from pixelwise.formats.output import copy_image, new_directory
from pixelwise.formats.painting import listed
from pixelwise.formats.partners import image_files
from pixelwise.formats.splits import SPLITS, assigned, in_splits
from pixelwise.instances.objects import Piece
from pixelwise.raster.image import IMAGE_ENDINGS, image_size

PLACES = ("*.json", "*/*.json", "*/*/*.json")
VERSION = "5.5.0"
"""The version of labelme that writes such files."""
NO_LABEL = "__ignore__"
PEEK = 4096
EXPECTED = "JSON files with shapes and imagePath, as labelme writes them"
_BEGINNING = re.compile(r"\s*\{.*\"(shapes|imagePath|imageData)\"\s*:", re.DOTALL)
_WORDS = {name for names in (*SPLITS.values(), *ROLES.values()) for name in names}
"""Of folders, that are no part of an item's name."""


def is_labelme(root: Path) -> bool:
    """Return whether a JSON file in `root`, or up to two folders below, begins as labelme's do."""
    return next(_files(root), None) is not None


def open_labelme(root: Path) -> Dataset:
    """Read the labels and image paths of the JSON files in `root`; what is wrong in one is told where it is read.

    Images beside others, but without a JSON file, are items without a mask. Raises `DataError` where there is no such
    file, two are of one image, or some lie in train/ and others in no split's folder, and as `read_class_list` does.
    """
    files = sorted(_files(root))
    if not files:
        raise DataError(root, "no such file", EXPECTED, "Check the path.")
    labels: set[str] = set()
    found: dict[Path, tuple[str | None, Item]] = {}
    for file in files:
        content = _content_or_nothing(file)
        labels.update(
            str(own["label"]) for own in content["shapes"] if "label" in own and kind_of(own) not in NO_REGIONS
        )
        image = _image(file, content)
        if image in found:
            both = f"{found[image][1].mask} and {file}"
            raise DataError(image, f"two files for it, {both}", "one for each image", "Move one of them elsewhere.")
        found[image] = _split(root, file), Item(_name(root, file), image, file, file)
    for folder in {image.parent for image in found if image.is_relative_to(root) and image.is_file()}:
        for image in image_files(folder):
            found.setdefault(image, (_split(root, image), Item(_name(root, image), image)))
    listed_classes = read_class_list(root)
    classes = drawn_classes(
        listed_classes.classes.to_dict() if listed_classes else [{"name": label} for label in sorted(labels)]
    )

    def read_labels(item: Item) -> Labels:
        return _labels(item, classes)

    return Dataset(root, "labelme", classes, in_splits(assigned(root, found.values())), read_labels)


def write_labelme(dataset: Dataset, out: Path) -> None:
    """Write `SPLIT/` with images, copied byte for byte, and a JSON file beside each, and `classes.yaml`.

    An object becomes a polygon along its pixels' edges, in several parts as many polygons of one group_id, and a mask
    where it has holes, which labelme's polygons cannot have; reading gives the same pixels. What has no label becomes
    `__ignore__`, in objects too. An object has one class, that of most of its pixels; the first class is taken for
    background, and what no object covers is not kept. Raises `DataError` for data with one class alone or with classes named as what is none, and what `Dataset.read_labels` raises.
    """
    classes = writable_classes(dataset)
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            labels = dataset.read_labels(item)
            image = copy_image(item, temporary / split)
            text = as_labelme(regions_of(labels), classes, image.name, labels.label_map.shape)
            write_text(temporary / split / f"{item.name}.json", text)
        write_classes(temporary / "classes.yaml", classes)


def as_labelme(regions: Iterable[tuple[int, Piece]], classes: ClassMap, image_path: str, size: tuple[int, ...]) -> str:
    """Return the JSON text for an image of `size` (height, width) whose file, counted from the text's, is `image_path`,
    with regions of these class indices (see `regions_of`).
    """
    shapes: list[dict[str, Any]] = []
    for number, (class_index, piece) in enumerate(regions, 1):
        label = NO_LABEL if class_index == IGNORE_INDEX else classes.names[class_index]
        shapes += shapes_of(piece, label, number)
    content: dict[str, Any] = {"version": VERSION, "flags": {}, "shapes": shapes, "imageData": None}
    content |= {"imagePath": image_path, "imageHeight": size[0], "imageWidth": size[1]}
    return json.dumps(content, ensure_ascii=False, indent=1)


def _labels(item: Item, classes: ClassMap) -> Labels:
    path = mask_of(item)
    content = _content(path)
    stated = [content.get(key) for key in ("imageHeight", "imageWidth")]
    sides = [side for side in stated if isinstance(side, int) and side > 0]
    size = (sides[0], sides[1]) if len(sides) == len(stated) else image_size(item.image)
    shapes: list[Shape] = []
    others: list[str] = []
    for number, entry in enumerate(content["shapes"], 1):
        name = f"{number} ({entry.get('label')})"
        if kind_of(entry) in NO_REGIONS:
            others.append(name)
            continue
        rings = rings_in(entry, size, f"{path}, object {name}")
        shapes.append(Shape(name, str(entry["label"]), rings, entry.get("group_id")))
    labels = drawn(shapes, classes, size, str(path))
    remarks = list(labels.remarks)
    if others:
        found = f"found points or lines ({listed(others)})"
        remarks.append(f"{found}; expected polygons, rectangles, circles or masks. Each of them was left out.")
    if content.get("imageData") and not item.image.is_file():
        found = f"found the image {item.image.name} in imageData alone"
        remarks.append(f"{found}; expected its file beside this one. Write it there: imageData is not read.")
    return Labels(labels.label_map, labels.instance_map, tuple(remarks))


def _files(root: Path) -> Iterator[Path]:
    paths = (path for place in PLACES for path in root.glob(place) if not path.name.startswith("."))
    return (path for path in paths if _begins_as_labelme(path))


def _begins_as_labelme(path: Path) -> bool:
    """Tell by the first bytes alone: such files may hold an image."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _BEGINNING.match(file.read(PEEK)) is not None
    except OSError:
        return False


def _content(path: Path) -> dict[str, Any]:
    remedy = "Save it from labelme again, or leave the image out (train --skip-bad)."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MaskError(path, f"a file that cannot be read ({error})", EXPECTED, remedy) from error
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(entry, dict) for entry in shapes):
        raise MaskError(path, "no list of shapes", EXPECTED, remedy)
    return dict(content)


def _content_or_nothing(path: Path) -> dict[str, Any]:
    try:
        return _content(path)
    except MaskError:  # raised again when the item is read
        return {"shapes": []}


def _image(file: Path, content: dict[str, Any]) -> Path:
    """Return the image that a file speaks of, or where it should be."""
    stated = str(content.get("imagePath") or f"{file.stem}.jpg").replace("\\", "/")
    endings = [*IMAGE_ENDINGS, *(ending.upper() for ending in IMAGE_ENDINGS)]
    names = [stated, stated.rsplit("/", 1)[-1], *(f"{file.stem}{ending}" for ending in endings)]
    places = [Path(os.path.normpath(file.parent / name)) for name in names]
    return next((place for place in places if place.is_file()), places[1])


def _split(root: Path, path: Path) -> str | None:
    folders = [part.lower() for part in path.relative_to(root).parent.parts]
    return next((split for split, names in SPLITS.items() if set(folders) & set(names)), None)


def _name(root: Path, path: Path) -> str:
    folders = path.relative_to(root).parent.parts
    return "_".join([*(part for part in folders if part.lower() not in _WORDS), path.stem])
