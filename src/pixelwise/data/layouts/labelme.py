"""labelme: a JSON file beside each image, with the shapes that were drawn on it.

The format is defined by the source at https://github.com/wkentaro/labelme.

    DATA/
      classes.yaml                             or another list of classes, or none
      train/a.jpg   train/a.json               train/, val/ and test/, or one folder of all, split by hashes
      val/b.jpg     val/b.json

Polygons, rectangles, circles and masks are read; shapes of one label and one group_id are parts of one object. Points
and lines are no regions and left out, with a remark. `imagePath` is relative to the JSON file; where no image is there,
the image beside the JSON file is taken that has that name or the JSON file's stem, else one in another folder of the
data. The copy in `imageData` is not read. Without a list of classes, the classes are background and the labels in
alphabetical order. For `_background_`, `__ignore__` and overlapping objects see `shapes.annotations`. labelme's own
exports include the pixels on the outlines, so their objects are up to a pixel larger.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.core.files import write_text
from pixelwise.data.annotation_files import first_key, format_value, parse_json, shorten
from pixelwise.data.annotation_values import resolve_size
from pixelwise.data.class_list import read_class_list, require_no_ids, write_classes
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.folder_roles import ROLES
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.layouts.labelme_shapes import NO_REGIONS, is_label, kind_of, rings_in, shapes_of
from pixelwise.data.pairing import image_files
from pixelwise.data.problem import Problem
from pixelwise.data.references import FileFinder, is_usable, report_guesses, stem_of, walk
from pixelwise.data.shapes.annotations import Shape, class_map_of_entries, draw_shapes, iter_regions, writable_classes
from pixelwise.data.shapes.rasterize import format_names
from pixelwise.data.splits import SPLITS, group_by_split, infer_splits
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import Piece
from pixelwise.raster.image import image_size

VERSION = "5.5.0"
"""The version of labelme whose files are written."""
NO_LABEL = "__ignore__"
MAX_SIDE = 2**16
"""Largest height or width of an image that is believed of a file."""
EXPECTED = "JSON files with shapes and imagePath, as labelme writes them"
KEYS = ("shapes", "imagePath", "imageData")
OTHER_TOOLS = ("annotations", "categories", "shape_attributes")
"""Keys of COCO's and VIA's files."""
DEPTH = 3
"""Levels of folders in which the files are looked for."""
_WORDS = {name for names in (*SPLITS.values(), *ROLES.values()) for name in names}
"""Names of folders that are no part of an item's name."""


def is_labelme(root: Path) -> bool:
    """Return whether a JSON file in `root`, or in folders below, has a key of labelme's."""
    return next(_files(root), None) is not None


def open_labelme(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the labels and image paths of the JSON files in `root`. A wrong file is an error of its image, raised where
    the image's labels are read.

    Images without a JSON file, beside others that have one, are items without a mask. Raises `DataError` where there is
    no JSON file, where two are of one image, and where some lie in train/ and others in no split's folder. Raises as
    `read_class_list`.
    """
    files = sorted(_files(root))
    if not files:
        raise DataError(root, "no file of labelme's", EXPECTED, OTHER_LAYOUT)
    labels: set[str] = set()
    items: dict[Path, tuple[str | None, Item]] = {}
    contents = [_content_or_nothing(file) for file in files]
    images, remarks = _images(root, files, contents)
    for file, content, image in zip(files, contents, images, strict=True):
        labels.update(
            str(shape["label"])
            for shape in content["shapes"]
            if is_label(shape.get("label")) and kind_of(shape) not in NO_REGIONS
        )
        if image in items:
            both = f"{items[image][1].mask} and {file}"
            raise DataError(image, f"two files for it, {both}", "one for each image", "Move one of them elsewhere.")
        items[image] = _split(root, file), Item(_name(root, file), image, file, file)
    for folder in {image.parent for image in items if image.is_relative_to(root) and os.path.isfile(image)}:
        for image in image_files(folder):
            items.setdefault(image, (_split(root, image), Item(_name(root, image), image)))
    class_list = read_class_list(root)
    if class_list is None:
        classes = class_map_of_entries(({"name": label} for label in sorted(labels)), root)
    else:
        require_no_ids(class_list)
        classes = class_map_of_entries(class_list.classes.to_dict(), class_list.path)
    return Dataset(
        root,
        "labelme",
        classes,
        group_by_split(infer_splits(root, items.values())),
        partial(_read_labels, classes=classes),
        problems=tuple(remarks),
    )


def write_labelme(dataset: Dataset, out: Path) -> None:
    """Write `SPLIT/` with images, copied byte for byte, and a JSON file beside each, and `classes.yaml`.

    An object becomes a polygon along its pixels' edges; several parts become polygons with one group_id, and an object
    with holes, which labelme's polygons cannot have, becomes a mask. Reading gives the same pixels. Pixels without a
    label, inside objects too, become `__ignore__`. Without instance maps the connected regions of each class are the
    objects. An object has one class, that of most of its pixels. The first class becomes background; pixels of other
    classes that no object covers are lost. Raises `DataError` as `writable_classes`, and what `Dataset.read_labels`
    raises.
    """
    classes = writable_classes(dataset)
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            labels = dataset.read_labels(item)
            image = copy_image(item, temporary / split)
            text = as_labelme(iter_regions(labels), classes, image.name, labels.label_map.shape)
            write_text(temporary / split / f"{item.name}.json", text)
        write_classes(temporary / "classes.yaml", classes)


def as_labelme(regions: Iterable[tuple[int, Piece]], classes: ClassMap, image_path: str, size: tuple[int, ...]) -> str:
    """Return the text of a JSON file with these regions (see `iter_regions`).

    image_path: the path of the image, relative to the JSON file. size: its (height, width).
    """
    shapes: list[dict[str, Any]] = []
    for number, (class_index, piece) in enumerate(regions, 1):
        label = NO_LABEL if class_index == IGNORE_INDEX else classes.names[class_index]
        shapes += shapes_of(piece, label, number)
    content: dict[str, Any] = {"version": VERSION, "flags": {}, "shapes": shapes, "imageData": None}
    content |= {"imagePath": image_path, "imageHeight": size[0], "imageWidth": size[1]}
    return json.dumps(content, ensure_ascii=False, indent=1)


def _read_labels(item: Item, classes: ClassMap) -> Labels:
    path = mask_of(item)
    content = _content(path)
    stated = [content.get(key) for key in ("imageHeight", "imageWidth")]
    known = all(type(side) is int and 0 < side <= MAX_SIDE for side in stated)
    size = resolve_size((stated[0], stated[1]), item.image, path) if known else image_size(item.image)
    shapes: list[Shape] = []
    others: list[str] = []
    for number, entry in enumerate(content["shapes"], 1):
        label = entry.get("label")
        name = shorten(f"{number} ({label if isinstance(label, str) else format_value(label)})")
        if kind_of(entry) in NO_REGIONS:
            others.append(name)
            continue
        rings = rings_in(entry, size, f"{path}, object {name}")
        shapes.append(Shape(name, str(entry["label"]), rings, entry.get("group_id")))
    labels = draw_shapes(shapes, classes, size, str(path))
    remarks = list(labels.remarks)
    if others:
        found = f"found points or lines ({format_names(others)})"
        remarks.append(f"{found}; expected polygons, rectangles, circles or masks. Each of them was left out.")
    if content.get("imageData") and not os.path.isfile(item.image):
        found = f"found the image {item.image.name} in imageData alone"
        remarks.append(f"{found}; expected its file beside this one. Save it there: imageData is not read.")
    return Labels(labels.label_map, labels.instance_map, tuple(remarks))


def _files(root: Path) -> Iterator[Path]:
    for folder, names in walk(root, DEPTH):
        for path in (folder / name for name in names if name.lower().endswith(".json")):
            if first_key(path, (*KEYS, *OTHER_TOOLS)) in KEYS:
                yield path


def _content(path: Path) -> dict[str, Any]:
    remedy = "Save it from labelme again, or leave the image out (`train(skip_bad=True)`)."
    try:
        content = parse_json(path)
    except (OSError, ValueError) as error:
        raise MaskError(path, f"a file that cannot be read ({error})", EXPECTED, remedy) from error
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list):
        raise MaskError(path, "no list of shapes", EXPECTED, remedy)
    for number, entry in enumerate(shapes, 1):
        if not isinstance(entry, dict):
            raise MaskError(path, f"{format_value(entry)} in place of shape {number}", EXPECTED, remedy)
    return dict(content)


def _content_or_nothing(path: Path) -> dict[str, Any]:
    try:
        return _content(path)
    except MaskError:  # raised again when the item is read
        return {"shapes": []}


def _images(root: Path, files: list[Path], contents: list[dict[str, Any]]) -> tuple[list[Path], list[Problem]]:
    """Return the image of each file, and a remark on images that lie in other folders.

    An image lies where the file states, or beside the file under that name or the file's stem, or in another folder of
    the data; of an image that is nowhere, the path where it should be is returned.
    """
    finder = FileFinder(root)
    stated = [content.get("imagePath") for content in contents]
    names = [str(name) if is_usable(name) else f"{file.stem}.jpg" for file, name in zip(files, stated, strict=True)]
    images: list[Path] = []
    by_stem: dict[Path, dict[str, Path]] = {}
    for file, name in zip(files, names, strict=True):
        (match,) = finder.find([name], [file.parent], anywhere=False)
        if not match.exists and file.parent not in by_stem:
            by_stem[file.parent] = {stem_of(path): path for path in reversed(image_files(file.parent))}
        images.append(match.path if match.exists else by_stem[file.parent].get(stem_of(file), match.path))
    missing = [place for place, image in enumerate(images) if not os.path.isfile(image)]
    matches = finder.find([names[place] for place in missing], [root])
    for place, match in zip(missing, matches, strict=True):
        images[place] = match.path if match.exists else images[place]
    return images, report_guesses(root, root, [names[place] for place in missing], matches)


def _split(root: Path, path: Path) -> str | None:
    folders = [part.lower() for part in path.relative_to(root).parent.parts]
    return next((split for split, names in SPLITS.items() if set(folders) & set(names)), None)


def _name(root: Path, path: Path) -> str:
    folders = path.relative_to(root).parent.parts
    return "_".join([*(part for part in folders if part.lower() not in _WORDS), path.stem])


LAYOUT = Layout("labelme's JSON files beside images", open_labelme, is_labelme, write_labelme)
