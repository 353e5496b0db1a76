"""COCO's panoptic segments: a PNG for each image, whose colours are ids, and a JSON file that names their classes.

Kirillov et al., "Panoptic Segmentation", CVPR 2019, arXiv:1801.00868; https://cocodataset.org/#format-data.

    DATA/
      annotations/panoptic_train2017.json      annotations/panoptic_train2017/000000000139.png      train2017/ ...

An id is red + 256 * green + 65536 * blue. Pixels of id 0, and of segments with `iscrowd: 1`, have no label. The classes
are all categories, in the order of their ids. Segments of things (`isthing: 1`) are objects, other segments are not.
The PNGs lie in a folder with the JSON file's name, beside that file or in DATA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.annotation_files import format_value, keys_in
from pixelwise.data.annotation_values import Id, as_id, is_set
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.layouts.coco import annotation_files, split_of
from pixelwise.data.layouts.coco_file import read_categories, read_object
from pixelwise.data.masks.encoding import pack_rgb
from pixelwise.data.problem import Problem
from pixelwise.data.references import FileFinder, flat_name, is_usable, report_guesses
from pixelwise.data.splits import group_by_split
from pixelwise.raster.image import read_values

EXPECTED = "annotations/panoptic_train2017.json with segments_info, and the folder of its PNGs"
CORRECT = "Correct the entry, or leave the image out (`train(skip_bad=True)`)."


@dataclass(frozen=True)
class _Source:
    """What a JSON file says about one PNG.

    path: the JSON file. segments: those of the PNG. classes: for each category its class index, and whether it is a
    thing.
    """

    path: Path
    segments: list[Any]
    classes: dict[Id, tuple[int, bool]]


def is_panoptic(root: Path) -> bool:
    """Return whether the annotation files of `root` list panoptic segments, and none of them objects."""
    files = annotation_files(root)
    return bool(files) and all(keys_in(file, ("segments_info",)) for file in files)


def open_panoptic(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the files with segments_info; raise `DataError` where there is none or one makes no sense."""
    files = [file for file in annotation_files(root) if keys_in(file, ("segments_info",))]
    if not files:
        raise DataError(root, "no file of panoptic segments", EXPECTED, OTHER_LAYOUT)
    classes: ClassMap | None = None
    sources: dict[Path, _Source] = {}
    pairs: list[tuple[str | None, Item]] = []
    problems: list[Problem] = []
    finder = FileFinder(root)
    for file in files:
        content = read_object(file)
        file_classes, table = _classes(file, content)
        if classes is not None and file_classes.names != classes.names:
            expected = f"those of {files[0].name}"
            raise DataError(file, "other categories", expected, "Give both files the same list of categories.")
        classes = file_classes
        entries = _entries(file, content, problems)
        split = split_of(root, file)
        stem = file.stem.removeprefix("panoptic_")
        names = [name for name, _, _ in entries]
        folders = [root / f for f in (stem, f"images/{stem}", f"images/{split}", "images", str(split), "")]
        matches = finder.find(names, [file.parent, *folders])
        problems += report_guesses(root, file, names, matches)
        masks = finder.find([png for _, png, _ in entries], [file.with_suffix(""), root / file.stem, file.parent])
        for (name, _, segments), match, mask in zip(entries, matches, masks, strict=True):
            item_name = flat_name(name)
            pairs.append((split, Item(item_name, match.path, mask.path, mask.path)))
            sources[mask.path] = _Source(file, segments, table)
    if classes is None or not pairs:
        raise DataError(root, "no image", EXPECTED, "Check the path.")
    return Dataset(
        root,
        "panoptic",
        classes,
        group_by_split(pairs),
        partial(_read_labels, sources=sources),
        problems=tuple(problems),
    )


def _classes(file: Path, content: dict[str, Any]) -> tuple[ClassMap, dict[Id, tuple[int, bool]]]:
    entries = content.get("categories")
    if not isinstance(entries, list):
        raise DataError(file, "no list of categories", EXPECTED, "Export the annotations again.")
    things = {
        as_id(entry["id"]): is_set(entry.get("isthing", 1))
        for entry in entries
        if isinstance(entry, dict) and "id" in entry
    }
    categories = read_categories(file, entries)
    try:
        classes = ClassMap.from_names([category.name for category in categories.values()])
    except DataError as error:
        raise DataError(file, f"{error.found} among the categories", error.expected, error.remedy) from error
    return classes, {category: (index, things.get(category, True)) for index, category in enumerate(categories)}


def _entries(file: Path, content: dict[str, Any], problems: list[Problem]) -> list[tuple[str, str, list[Any]]]:
    """Return for each annotation the name of its image, that of its PNG, and its segments; `problems` gets a remark on
    each annotation that lacks one of them."""
    images: dict[Id, str] = {}
    listed = content.get("images")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and is_usable(entry.get("file_name")):
            image_id = as_id(entry.get("id"))
            if image_id is not None:
                images[image_id] = str(entry["file_name"])
    entries: list[tuple[str, str, list[Any]]] = []
    annotations = content.get("annotations")
    for number, entry in enumerate(annotations if isinstance(annotations, list) else [], 1):
        fields = entry if isinstance(entry, dict) else {}
        image_id = as_id(fields.get("image_id"))
        name = None if image_id is None else images.get(image_id)
        png, segments = fields.get("file_name"), fields.get("segments_info")
        if name is None or not is_usable(png) or not isinstance(segments, list):
            expected = "an image_id that is listed, file_name and segments_info"
            message = (
                f"found annotation {number}: {format_value(entry)}; expected {expected}. It was left out: correct it."
            )
            problems.append(Problem(file, "bad_annotation", message))
            continue
        entries.append((name, str(png), segments))
    return entries


def _read_labels(item: Item, sources: Mapping[Path, _Source]) -> Labels:
    path = mask_of(item)
    source = sources[path]
    values = read_values(path)
    if values.ndim != 3:
        raise MaskError(path, "a mask without colours", "ids as colours", "Copy the file again.")
    ids, places = np.unique(pack_rgb(values[..., ::-1]), return_inverse=True)
    label_of = np.full(len(ids), IGNORE_INDEX, np.uint8)
    object_of = np.zeros(len(ids), np.int32)
    place_of = {color_id: place for place, color_id in enumerate(ids.tolist())}
    unknown = place_of.keys() - {0}
    for number, segment in enumerate(source.segments, 1):
        fields = segment if isinstance(segment, dict) else {}
        segment_id, category = as_id(fields.get("id")), as_id(fields.get("category_id"))
        if not isinstance(segment_id, int) or category is None or category not in source.classes:
            found = f"the segment {format_value(segment)}"
            raise MaskError(path, found, f"an id and a category_id that {source.path.name} lists", CORRECT)
        unknown.discard(segment_id)
        if is_set(fields.get("iscrowd")) or segment_id not in place_of:
            continue
        class_index, is_thing = source.classes[category]
        label_of[place_of[segment_id]] = class_index
        if is_thing:
            object_of[place_of[segment_id]] = number
    if unknown:
        found = f"the ids {', '.join(map(str, sorted(unknown)[:5]))} in the PNG"
        raise MaskError(path, found, f"ids that {source.path.name} lists for it", CORRECT)
    places = places.reshape(values.shape[:2])
    return Labels(label_of[places], object_of[places])


LAYOUT = Layout("COCO's `panoptic_*.json` with their PNGs", open_panoptic, is_panoptic)
