"""One annotation file of COCO's: its images, categories and annotations.

A fault of the file as a whole, or of its categories, is a `DataError`. A fault of an annotation is a `MaskError`, which
is raised when the labels of its image are read. A fault that concerns no image is a `Problem` of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixelwise.core.classes import is_class_name
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.annotation_files import format_value, parse_json, shorten
from pixelwise.data.annotation_values import Id, array_of, as_id, resolve_size
from pixelwise.data.problem import Problem
from pixelwise.data.references import is_usable, parts_of
from pixelwise.data.shapes.rasterize import AnnotatedObject, format_names

KEYS = ("images", "annotations", "categories")
EXPECTED = "a JSON object with lists of images, annotations and categories"
CORRECT = "Correct the annotation or delete it, or leave the image out (`train(skip_bad=True)`)."

OTHER_TASKS = {
    "captions": "captions of images",
    "person_keypoints": "keypoints",
    "image_info": "images without annotations",
    "panoptic": "panoptic segments; `format='panoptic'` reads them",
    "stuff": "stuff categories",
}
"""What the official files other than `instances_*.json` hold, by the beginning of their names."""


@dataclass(frozen=True)
class Category:
    """A category of a file; `supercategory` is empty where it has none."""

    name: str
    supercategory: str


@dataclass
class ListedImage:
    """An image of the file.

    annotations: for each its name in messages, the id of its category, and its fields. faults: for each what was found,
    what was expected, and the remedy.
    """

    name: str
    height: Any
    width: Any
    annotations: list[tuple[str, Id, dict[str, Any]]] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)

    def size(self, path: Path, image: Path) -> tuple[int, int]:
        """Return (height, width) as the file states them, or the image's where it states none.

        Raises as `resolve_size`.
        """
        return resolve_size((self.height, self.width), image, path)


@dataclass
class AnnotationFile:
    """What a file holds: images and categories by their ids, and the problems that belong to no image."""

    path: Path
    categories: dict[Id, Category]
    images: list[ListedImage]
    problems: list[Problem]

    def used(self) -> set[Id]:
        """Return the ids of the categories that annotations have."""
        return {category for image in self.images for _, category, _ in image.annotations}


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; raise `DataError` where there is none."""
    remedy = "Export the annotations again."
    try:
        content = parse_json(path)
    except (OSError, ValueError) as error:
        raise DataError(path, f"a file that cannot be read ({error})", EXPECTED, remedy) from error
    if not isinstance(content, dict):
        raise DataError(path, "JSON that is no object", EXPECTED, remedy)
    return content


def other_task(content: dict[str, Any]) -> str | None:
    """Return what a file that lists no objects holds instead, by its content; `None` for one that lists objects."""
    annotations = content.get("annotations")
    some = [entry for entry in annotations if isinstance(entry, dict)] if isinstance(annotations, list) else []
    if some and all("segments_info" in entry for entry in some):
        return OTHER_TASKS["panoptic"]
    if some and all("caption" in entry for entry in some):
        return OTHER_TASKS["captions"]
    if "annotations" not in content:
        return OTHER_TASKS["image_info"]
    return None


def read_file(path: Path, content: dict[str, Any]) -> AnnotationFile:
    """Return the images, categories and annotations in a file's content; raise `DataError` for lists that are missing
    and categories that make no sense."""
    for key in KEYS:
        if not isinstance(content.get(key), list):
            raise DataError(path, f"no list of {key}", EXPECTED, "Export the annotations again.")
    categories = read_categories(path, content["categories"])
    problems: list[Problem] = []
    images, by_id = _images(path, content["images"], problems)
    _add_annotations(path, content["annotations"], categories, by_id, problems)
    return AnnotationFile(path, categories, images, problems)


def parse_annotation(path: Path, name: str, class_index: int, entry: dict[str, Any], *, crowd: bool) -> AnnotatedObject:
    """Return an annotation as an object to rasterize; raise `MaskError` for one without an outline that makes sense."""
    shape = entry.get("segmentation")
    if isinstance(shape, dict) and isinstance(shape.get("counts"), str | list):
        return AnnotatedObject(name, class_index, runs=shape["counts"], crowd=crowd)
    where = f"{path}, object {name}"
    if not shape and entry.get("bbox"):
        remedy = "This is data for detection: mark the outlines, or export them for segmentation."
        raise MaskError(where, "a box and no outline", "an outline or runs", remedy)
    expected = "lists of x, y, x, y ... or runs with counts"
    unreadable = MaskError(where, "a segmentation that cannot be read", expected, CORRECT)
    if shape and not isinstance(shape, list):
        raise unreadable
    rings = []
    for ring in shape or ():
        numbers = array_of(ring, where, expected, CORRECT, "a segmentation")
        if not numbers.ndim or numbers.size % 2:
            raise unreadable
        rings.append(numbers.reshape(-1, 2))
    return AnnotatedObject(name, class_index, rings, crowd=crowd)


def require_size(path: Path, name: str, entry: dict[str, Any], size: tuple[int, int]) -> None:
    """Raise `MaskError` for runs of another (height, width) than the image's."""
    shape = entry.get("segmentation")
    stated = shape.get("size") if isinstance(shape, dict) else None
    if stated is not None and stated != list(size):
        found, expected = (
            f"runs of the size {format_value(stated)}",
            f"[{size[0]}, {size[1]}], the image's height and width",
        )
        raise MaskError(f"{path}, object {name}", found, expected, CORRECT)


def read_categories(path: Path, entries: list[Any]) -> dict[Id, Category]:
    """Return the categories in the order of their ids; raise `DataError` for an entry that makes no sense."""
    categories: dict[Id, Category] = {}
    for number, entry in enumerate(entries, 1):
        fields = entry if isinstance(entry, dict) else {}
        category, name = as_id(fields.get("id")), fields.get("name")
        if category is None or not _is_name(name):
            key = "id" if category is None else "name"
            where = f"in entry {number} of categories"
            missing = f"the {key} {format_value(fields[key])} {where}" if key in fields else None
            what = missing or f"an entry in categories without {key!r}"
            raise DataError(path, what, "id and name, a number and a text", "Correct the entry.")
        if category in categories:
            found_id = f"the id {format_value(category)} twice among categories"
            raise DataError(path, found_id, "different ids", "Number them anew.")
        parent = fields.get("supercategory")
        categories[category] = Category(str(name), parent if isinstance(parent, str) else "")
    order = sorted(categories, key=lambda category: (isinstance(category, str), category))
    return {category: categories[category] for category in order}


def _is_name(value: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) < 1e15
    return is_class_name(value)


def _images(
    path: Path, entries: list[Any], problems: list[Problem]
) -> tuple[list[ListedImage], dict[Id, list[ListedImage]]]:
    by_name: dict[tuple[str, ...], ListedImage] = {}
    by_id: dict[Id, list[ListedImage]] = {}
    for number, entry in enumerate(entries, 1):
        fields = entry if isinstance(entry, dict) else {}
        name, image_id = fields.get("file_name"), as_id(fields.get("id"))
        if not is_usable(name) or image_id is None:
            pair = f"the id {format_value(fields.get('id'))} and the file_name {format_value(name)}"
            found = f"{pair} in entry {number} of images"
            problems.append(_problem(path, "bad_annotation", found, "a number and a path", "Correct the entry."))
            continue
        image = ListedImage(str(name), fields.get("height"), fields.get("width"))
        other = by_name.setdefault(tuple(parts_of(image.name)), image)
        if other is not image:
            other.faults.append(("two entries in images for it", "one", "Remove one of the entries."))
        by_id.setdefault(image_id, []).append(other)
    for image_id, images in by_id.items():
        names = list(dict.fromkeys(image.name for image in images))
        if len(names) > 1:
            shared = f"the id {format_value(image_id)}, which {format_names(names)} share"
            fault = (shared, "an id of its own", "Number the images anew.")
            for image in images:
                image.faults.append(fault)
    return list(by_name.values()), by_id


def _add_annotations(
    path: Path,
    entries: list[Any],
    categories: dict[Id, Category],
    images: dict[Id, list[ListedImage]],
    problems: list[Problem],
) -> None:
    """Add the annotations, and the faults of those that make no sense, to their images; `problems` gets remarks on
    annotations without an image, and on ids that occur more than once."""
    without_image: list[str] = []
    repeated = dict.fromkeys(_repeated_ids(entries))
    for number, entry in enumerate(entries, 1):
        fields = entry if isinstance(entry, dict) else {}
        annotation_id = as_id(fields.get("id"))
        name = str(number) if annotation_id is None or annotation_id in repeated else shorten(str(annotation_id))
        image_id, category = as_id(fields.get("image_id")), as_id(fields.get("category_id"))
        if image_id is None or image_id not in images:
            image_text = format_value(fields.get("image_id"))
            without_image.append(f"{name} (image_id {image_text})" if fields else f"entry {number}")
            continue
        for image in images[image_id]:
            if category is None or category not in categories:
                found = f"the category_id {format_value(fields.get('category_id'))} in annotation {name}"
                image.faults.append((found, "an id that is listed", CORRECT))
            else:
                image.annotations.append((name, category, fields))
    if without_image:
        found = f"{len(without_image):,} annotations ({format_names(without_image)}) of images that are not listed"
        remedy = "They were left out: correct their image_id, or delete them."
        problems.append(_problem(path, "missing_image", found, "an image_id that is listed", remedy))
    if repeated:
        ids = format_names([shorten(str(annotation_id)) for annotation_id in repeated])
        found = f"annotation ids that occur more than once ({ids})"
        remedy = "All annotations were read; messages call these by their places in the list, from 1."
        problems.append(_problem(path, "assumed", found, "different ids", remedy))


def _repeated_ids(entries: list[Any]) -> Iterator[Id]:
    """Yield the ids that several annotations have, each once."""
    ids = Counter(as_id(entry.get("id")) for entry in entries if isinstance(entry, dict))
    return (id_value for id_value, count in ids.items() if id_value is not None and count > 1)


def _problem(path: Path, kind: str, found: str, expected: str, remedy: str) -> Problem:
    return Problem(path, kind, f"found {found}; expected {expected}. {remedy}")
