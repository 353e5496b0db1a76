"""COCO: JSON files of images, categories and annotated objects.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, arXiv:1405.0312.

The name of a file, or of its folder, tells its split: `annotations/instances_train2017.json`, `val.json`,
`train/_annotations.coco.json`. A single file is split by the hash of its images' names. Files beside
`instances_*.json` are passed over, and so are captions, keypoints and lists of images beside files of objects.

An object has outlines, which lie one in another where it has holes, or runs, plain or compressed. Class 0 is
background: every pixel outside of objects, and a category of that name. The other categories follow in the order of
their ids, which may have gaps and are compared as numbers. Roboflow's empty category above all others is no class.
Where objects overlap see `rasterize`.

`iscrowd: 1` marks a region of many objects, which has no label. CVAT writes it on every mask drawn with the brush: a
class whose annotations all have it is read as objects, unless they have `ignore: 1` too, which always means no label.

Images are found by their paths, else by the ends of these (see `references`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import BACKGROUND, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.core.files import write_text
from pixelwise.data.annotation_files import first_key, keys_in
from pixelwise.data.annotation_values import Id, is_set
from pixelwise.data.dataset import Dataset, Item, Labels, Source, source_of
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.layouts.coco_file import (
    EXPECTED,
    KEYS,
    OTHER_TASKS,
    AnnotationFile,
    ListedImage,
    other_task,
    parse_annotation,
    read_file,
    read_object,
    require_size,
)
from pixelwise.data.problem import Problem
from pixelwise.data.references import FileFinder, flat_name, parts_of, report_guesses
from pixelwise.data.shapes.annotations import is_background
from pixelwise.data.shapes.rasterize import rasterize
from pixelwise.data.shapes.regions import LabelledObjects, number_objects
from pixelwise.data.splits import SPLITS, group_by_split
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import Objects, objects_from_maps
from pixelwise.instances.rle import coco_annotations
from pixelwise.metrics.pixels import counted_pixels

_SPLIT_NAMES = tuple(name for names in SPLITS.values() for name in names)
FOLDERS = ("", "annotations", *_SPLIT_NAMES, *(f"annotations/{name}" for name in _SPLIT_NAMES))
"""Where annotation files are looked for."""
OFFICIAL = "instances"
"""The beginning of the names of the official files of objects."""
OTHER_TOOLS = ("shapes", "imagePath", "imageData", "shape_attributes")
"""Keys of labelme's and VIA's files, of which each image may have one."""
NO_PARENT = ("", "none")
"""Supercategories that mean that a category has none."""
_WORD = re.compile(r"[a-z]+")


def is_coco(root: Path) -> bool:
    """Return whether a JSON file in `root` has the keys of COCO's files and does not list panoptic segments."""
    return any(not keys_in(file, ("segments_info",)) for file in annotation_files(root))


def open_coco(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the annotation files in `root`.

    Raises `DataError` where there is none, for a file that is none of COCO's, and for categories that differ between
    files or share an id. A wrong annotation is an error of its image, raised where the image's labels are read.
    """
    paths = annotation_files(root)
    if not paths:
        raise DataError(root, "no annotation file", f"{EXPECTED}, in it or in annotations/", OTHER_LAYOUT)
    files, remarks = _read(root, paths)
    classes = [_classes(file, files) for file in files]
    for other, file_classes in zip(files[1:], classes[1:], strict=True):
        if file_classes.names != classes[0].names:
            expected = f"those of {files[0].path.name}: {', '.join(classes[0].names[1:])}"
            remedy = "Give both files the same list of categories."
            raise DataError(other.path, f"the categories {', '.join(file_classes.names[1:])}", expected, remedy)
    crowds, crowd_remarks = _crowds(files, classes[0].names)
    finder = FileFinder(root)
    images: dict[Source, _Image] = {}
    pairs: list[tuple[str | None, Item]] = []
    for file in files:
        places, guesses = _places(root, file, finder)
        remarks += guesses
        split = split_of(root, file.path)
        for image, path in zip(file.images, places, strict=True):
            source = Source(file.path, "/".join(parts_of(image.name)))
            pairs.append((split, Item(flat_name(image.name), path, source.file, source.file, entry=source.entry)))
            images[source] = _Image(file, image, classes[0].names, crowds)
    remarks += [*(problem for file in files for problem in file.problems), *crowd_remarks, *_report_roots(files)]
    return Dataset(
        root,
        "coco",
        classes[0],
        group_by_split(pairs),
        partial(_read_labels, images=images),
        problems=tuple(remarks),
    )


def write_coco(dataset: Dataset, out: Path) -> None:
    """Write `annotations/instances_SPLIT.json` and `images/SPLIT/`; images are copied byte for byte.

    Objects become runs, which keep every pixel, and pixels without a label become a crowd to ignore. Without instance
    maps the connected regions of each class are the objects. The first class becomes background; pixels of other
    classes that no object covers are lost. Raises `DataError` for data with a single class, and what
    `Dataset.read_labels` raises.
    """
    categories = [{"id": index, "name": name} for index, name in enumerate(dataset.classes.names) if index]
    if not categories:
        raise DataError(dataset.root, "one class", "background and a class of objects", "Convert to 'folders'.")
    with new_directory(out) as temporary:
        for split, items in dataset.splits.items():
            images: list[dict[str, Any]] = []
            annotations: list[dict[str, Any]] = []
            for number, item in enumerate(items, 1):
                labels = number_objects(dataset.read_labels(item))
                copied = copy_image(item, temporary / "images" / split)
                height, width = labels.label_map.shape
                images.append({"id": number, "file_name": copied.name, "height": height, "width": width})
                for entry in _annotations(labels):
                    annotations.append({"id": len(annotations) + 1, "image_id": number, **entry})
            content = {"images": images, "annotations": annotations, "categories": categories}
            write_text(temporary / "annotations" / f"instances_{split}.json", json.dumps(content))


def _annotations(labels: LabelledObjects) -> Iterator[dict[str, Any]]:
    objects = objects_from_maps(labels.label_map, labels.instance_map)
    yield from (entry for entry in _entries(objects) if entry["category_id"])
    unknown = ~counted_pixels(labels.label_map)
    if unknown.any():
        region = Objects(unknown.astype(np.int32), np.ones(1, np.int32), np.ones(1, np.float32))
        yield from _entries(region, {"iscrowd": 1, "ignore": 1})


def _entries(objects: Objects, flags: dict[str, int] | None = None) -> Iterator[dict[str, Any]]:
    for entry, area in zip(coco_annotations(objects), objects.areas().tolist(), strict=True):
        yield {"iscrowd": 0, **(flags or {}), "area": area, **entry}


def _read_labels(item: Item, images: Mapping[Source, _Image]) -> Labels:
    return images[source_of(item)].labels(item)


@dataclass(frozen=True)
class _Image:
    """One image of an annotation file; `crowds` are the classes whose crowds have no label."""

    file: AnnotationFile
    image: ListedImage
    names: tuple[str, ...]
    crowds: frozenset[str]

    def labels(self, item: Item) -> Labels:
        """Return an item's maps. Raises `MaskError` for the first annotation that makes no sense."""
        where = source_of(item).path
        for found, expected, remedy in self.image.faults:
            raise MaskError(where, found, expected, remedy)
        size = self.image.size(where, item.image)
        objects = []
        for name, category, entry in self.image.annotations:
            label = self.file.categories[category].name
            crowd = is_set(entry.get("ignore")) or (is_set(entry.get("iscrowd")) and label in self.crowds)
            class_index = 0 if is_background(label) else self.names.index(label)
            require_size(where, name, entry, size)
            objects.append(parse_annotation(where, name, class_index, entry, crowd=crowd))
        rings = [ring for region in objects for ring in region.rings]
        if rings and max(size) > 2 and max(float(ring.max(initial=0)) for ring in rings) <= 1:
            remedy = "Multiply fractions by the image's width and height."
            raise MaskError(where, "outlines within the first pixel", "coordinates in pixels", remedy)
        return rasterize(objects, size, str(where))


def annotation_files(root: Path) -> list[Path]:
    """Return the JSON files in `root`, and in the folders where they are looked for, that have keys of COCO's."""
    folders = [root / name for name in FOLDERS if (root / name).is_dir()]
    return [
        file for folder in folders for file in sorted(folder.glob("*.json")) if file.name[0] != "." and _has_keys(file)
    ]


def _has_keys(file: Path) -> bool:
    """Return whether a file has COCO's keys. One of another tool, which may be long, is not searched to its end."""
    if first_key(file, (*KEYS, *OTHER_TOOLS)) not in KEYS or not keys_in(file, KEYS[:1]):
        return False
    return any(keys_in(file, (key,)) for key in KEYS[1:])


def _read(root: Path, paths: list[Path]) -> tuple[list[AnnotationFile], list[Problem]]:
    """Return the files that list objects, and a remark on each of the others."""
    official = [path for path in paths if path.stem.lower().startswith(OFFICIAL)]
    tasks: dict[Path, str] = {}
    for path in (path for path in paths if official and path not in official):
        known = (task for start, task in OTHER_TASKS.items() if path.stem.lower().startswith(start))
        tasks[path] = next(known, "annotations of another kind")
    files: list[AnnotationFile] = []
    keypoints: list[AnnotationFile] = []
    for path in (path for path in paths if path not in tasks):
        content = read_object(path)
        if (task := other_task(content)) is not None:
            tasks[path] = task
            continue
        categories = content.get("categories")
        entries = categories if isinstance(categories, list) else []
        has_keypoints = any(isinstance(entry, dict) and entry.get("keypoints") for entry in entries)
        (keypoints if has_keypoints else files).append(read_file(path, content))
    if files:
        tasks |= {file.path: OTHER_TASKS["person_keypoints"] for file in keypoints}
    else:
        files = keypoints
    if not files:
        found = "; ".join(f"{path.name} ({task})" for path, task in tasks.items())
        raise DataError(root, found, EXPECTED, "Add the file that lists the objects, instances_train2017.json.")
    expected = "expected outlines or runs of objects"
    remarks = [
        Problem(
            path,
            "passed_over",
            f"found {task}; {expected}, which {files[0].path.name} lists. The file was not read; move it elsewhere, "
            "or move the other files elsewhere to have it read.",
        )
        for path, task in tasks.items()
    ]
    return files, remarks


def _classes(file: AnnotationFile, files: Iterable[AnnotationFile]) -> ClassMap:
    roots = _roots(file, files)
    names = [entry.name for category, entry in file.categories.items() if category not in roots]
    background = [name for name in names if is_background(name)]
    try:
        return ClassMap.from_names(
            (*(background or [BACKGROUND])[:1], *(name for name in names if not is_background(name)))
        )
    except DataError as error:
        raise DataError(file.path, f"{error.found} among the categories", error.expected, error.remedy) from error


def _roots(file: AnnotationFile, files: Iterable[AnnotationFile]) -> set[Id]:
    """Return the categories that only group others: no annotation has them, in any file."""
    used_ids = file.used()
    used = {other.categories[category].name for other in files for category in other.used()}
    named = Counter(entry.name for entry in file.categories.values())
    parents = Counter(entry.supercategory for entry in file.categories.values())
    return {
        category
        for category, entry in file.categories.items()
        if entry.supercategory.lower() in NO_PARENT
        and category not in used_ids
        and (entry.name not in used or named[entry.name] > 1)
        and (parents[entry.name] or not entry.name or named[entry.name] > 1)
        and len(file.categories) > 1
    }


def _report_roots(files: list[AnnotationFile]) -> Iterator[Problem]:
    for file in files[:1]:
        for category in _roots(file, files):
            found = f"found the category {file.categories[category].name!r}, which no annotation has"
            remedy = "It is no class here; give an annotation this category to make it one."
            message = f"{found} and other categories are parts of; expected categories of objects. {remedy}"
            yield Problem(file.path, "assumed", message)


def _crowds(files: list[AnnotationFile], names: tuple[str, ...]) -> tuple[frozenset[str], list[Problem]]:
    """Return the classes whose crowds have no label, and remarks on how the crowds of each class are read."""
    totals: Counter[str] = Counter()
    crowds: Counter[str] = Counter()
    ignored: Counter[str] = Counter()
    for file in files:
        for image in file.images:
            for _, category, entry in image.annotations:
                name = file.categories[category].name
                if is_set(entry.get("ignore")):
                    ignored[name] += 1
                    continue
                totals[name] += 1
                crowds[name] += is_set(entry.get("iscrowd"))
    unlabelled: set[str] = set()
    remarks: list[Problem] = []
    for name in (name for name in names if crowds[name]):
        found = f"found iscrowd 1 on {crowds[name]:,} of {totals[name]:,} annotations of {name}"
        if crowds[name] == totals[name]:
            expected = "expected it on regions of many objects alone"
            remedy = "As nothing else is there they are read as objects; add ignore 1 to those that have no label."
        else:
            unlabelled.add(name)
            expected = "expected regions of many objects"
            remedy = "These regions have no label; set iscrowd to 0 where they are objects."
        remarks.append(Problem(files[0].path, "assumed", f"{found}; {expected}. {remedy}"))
    return frozenset(unlabelled), remarks


def _places(root: Path, file: AnnotationFile, finder: FileFinder) -> tuple[list[Path], list[Problem]]:
    """Return where each image lies, and a remark on those that do not lie where their names say."""
    split = split_of(root, file.path) or ""
    stem = file.path.stem.removeprefix("instances_")
    inner = ("", "images", split, f"images/{split}", stem, f"images/{stem}", f"{stem}/images", f"{split}/images")
    folders = list(dict.fromkeys([file.path.parent, *(root / folder for folder in inner)]))
    names = [image.name for image in file.images]
    matches = finder.find(names, folders)
    remarks = report_guesses(root, file.path, names, matches)
    return [match.path for match in matches], remarks


def split_of(root: Path, path: Path) -> str | None:
    """Return the split that a file's name or one of its folders names, `None` where none does."""
    words = set(_WORD.findall(f"{path.relative_to(root).parent} {path.stem}".lower()))
    return next((split for split, names in SPLITS.items() if words & set(names)), None)


LAYOUT = Layout("COCO's JSON files, one a split", open_coco, is_coco, write_coco)
