"""VIA, the VGG Image Annotator: a JSON file of regions beside the images, one a folder.

Dutta and Zisserman, "The VIA Annotation Software for Images, Audio and Video", ACM Multimedia 2019,
doi:10.1145/3343031.3350535; a project of version 2 and its JSON export are read.

    DATA/
      train/via_region_data.json   train/a.jpg         (any name)
      val/via_region_data.json     val/b.jpg           or one folder of all, split by the hash of each name

Polygons, rectangles, circles and ellipses are objects; points and lines are no regions and left out, with a remark. The
class of a region is the value of the attribute that most regions have; of equally frequent attributes one called class,
label, name or type counts. Without attributes there is one class, object. The classes are background and the others in
alphabetical order. For `background` and `ignore` see `shapes.annotations`; for how images are found see `references`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import ClassMap, is_class_name
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.annotation_files import format_value, keys_in, parse_json
from pixelwise.data.annotation_values import array_of, finite_numbers
from pixelwise.data.dataset import Dataset, Item, Labels, Source, source_of
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.problem import Problem
from pixelwise.data.references import FileFinder, flat_name, is_usable, parts_of, report_guesses, walk
from pixelwise.data.shapes.annotations import Shape, box, class_map_of_entries, draw_shapes, ellipse
from pixelwise.data.shapes.rasterize import format_names
from pixelwise.data.splits import SPLITS, group_by_split, infer_splits
from pixelwise.instances.polygons import Ring
from pixelwise.raster.image import image_size

DEPTH = 2
"""Levels of folders in which the files are looked for."""
KEYS = ("filename", "regions", "shape_attributes")
NO_REGIONS = ("point", "polyline")
CLASS_ATTRIBUTES = ("class", "label", "name", "type", "category")
ONE_CLASS = "object"
EXPECTED = "a JSON file of VIA's, with filename and regions of each image"
REDO = "Correct the region in VIA or delete it, or leave the image out (`train(skip_bad=True)`)."


@dataclass(frozen=True)
class _Image:
    """The regions of an image, and the attribute that names their classes, if any."""

    regions: list[Any]
    attribute: str | None


def is_via(root: Path) -> bool:
    """Return whether a JSON file in `root`, or in a folder in it, has the keys of VIA's files."""
    return next(_files(root), None) is not None


def open_via(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the JSON files. Raises `DataError` where there is none, for one that is damaged, and for an image twice."""
    files = list(_files(root))
    if not files:
        raise DataError(root, "no file of VIA's", EXPECTED, OTHER_LAYOUT)
    problems: list[Problem] = []
    contents = {file: _entries(file, problems) for file in files}
    attribute, remarks = _attribute(root, contents)
    problems += remarks
    finder = FileFinder(root)
    images: dict[Source, _Image] = {}
    pairs: list[tuple[str | None, Item]] = []
    for file, entries in contents.items():
        names = [name for name, _ in entries]
        matches = finder.find(names, [file.parent, file.parent / "images", root, root / "images"])
        problems += report_guesses(root, file, names, matches)
        split = next((split for split, names in SPLITS.items() if file.parent.name.lower() in names), None)
        for (name, regions), match in zip(entries, matches, strict=True):
            source = Source(file, "/".join(parts_of(name)))
            if source in images:
                raise DataError(file, f"the image {name} twice", "each image once", "Remove one of the entries.")
            images[source] = _Image(regions, attribute)
            pairs.append((split, Item(flat_name(name), match.path, file, file, entry=source.entry)))
    shapes = [region for image in images.values() for region in image.regions if _kind(region) not in NO_REGIONS]
    names = sorted({label for region in shapes if (label := _label(region, attribute)) is not None})
    classes = class_map_of_entries(({"name": name} for name in names), root)

    read_labels = partial(_read_labels, images=images, classes=classes)
    return Dataset(
        root, "via", classes, group_by_split(infer_splits(root, pairs)), read_labels, problems=tuple(problems)
    )


def _read_labels(item: Item, images: Mapping[Source, _Image], classes: ClassMap) -> Labels:
    source = source_of(item)
    image = images[source]
    size = image_size(item.image)
    others = [str(number) for number, entry in enumerate(image.regions, 1) if _kind(entry) in NO_REGIONS]
    drawn_shapes = [
        _shape(str(number), entry, image.attribute, f"{source}, region {number}")
        for number, entry in enumerate(image.regions, 1)
        if str(number) not in others
    ]
    labels = draw_shapes(drawn_shapes, classes, size, str(source))
    if not others:
        return labels
    found = f"found points or lines ({format_names(others)}); expected polygons, rectangles, circles or ellipses. "
    return Labels(labels.label_map, labels.instance_map, (*labels.remarks, f"{found}Each of them was left out."))


def _files(root: Path) -> Iterator[Path]:
    for folder, names in walk(root, DEPTH):
        for file in (folder / name for name in names if name.lower().endswith(".json")):
            if keys_in(file, KEYS) == set(KEYS):
                yield file


def _entries(file: Path, problems: list[Problem]) -> list[tuple[str, list[Any]]]:
    """Return the images of a file with their regions; `problems` gets a remark on each entry that makes no sense."""
    remedy = "Export the annotations again, as JSON."
    try:
        content = parse_json(file)
    except (OSError, ValueError) as error:
        raise DataError(file, f"a file that cannot be read ({error})", EXPECTED, remedy) from error
    if isinstance(content, dict) and isinstance(content.get("_via_img_metadata"), dict):
        content = content["_via_img_metadata"]
    entries = content if isinstance(content, dict) else {}
    images: list[tuple[str, list[Any]]] = []
    faults: list[DataError] = []
    for key, entry in entries.items():
        regions = entry.get("regions") if isinstance(entry, dict) else None
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        if not isinstance(regions, list) or not is_usable(entry.get("filename")):
            faults.append(
                DataError(file, f"the entry {format_value(key)}: {format_value(entry)}", "filename and regions", remedy)
            )
            continue
        images.append((str(entry["filename"]), regions))
    if not images:
        raise faults[0] if faults else DataError(file, "no image", EXPECTED, remedy)
    problems += [
        Problem(file, "bad_annotation", f"found {fault.found}; expected {fault.expected}. {fault.remedy}")
        for fault in faults
    ]
    return images


def _attribute(root: Path, contents: dict[Path, list[tuple[str, list[Any]]]]) -> tuple[str | None, list[Problem]]:
    """Return the attribute that tells a region's class, and a remark where several could."""
    counts: Counter[str] = Counter()
    for regions in (regions for entries in contents.values() for _, regions in entries):
        for region in regions:
            counts.update(
                key for key, value in _attributes(region).items() if _word(value) is not None and is_class_name(key)
            )
    if not counts:
        return None, []
    order = {name: place for place, name in enumerate(CLASS_ATTRIBUTES)}
    best = min(counts, key=lambda key: (-counts[key], order.get(key.lower(), len(order)), key))
    others = [key for key in counts if key != best]
    if not others:
        return best, []
    message = (
        f"found the attributes {', '.join([best, *others])} of regions; expected one, which tells the class. {best}, "
        "which most regions have, was taken; delete it in VIA to have another one taken."
    )
    return best, [Problem(root, "assumed", message)]


def _word(value: Any) -> str | None:
    """Return an attribute's value as a word: a text, or the one option that is chosen."""
    if isinstance(value, dict):
        chosen = [str(key) for key, is_chosen in value.items() if is_chosen]
        value = chosen[0] if len(chosen) == 1 else None
    return value if value and isinstance(value, str) and is_class_name(value) else None


def _kind(region: Any) -> str:
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    name = shape.get("name") if isinstance(shape, dict) else ""
    return name if isinstance(name, str) else format_value(name)


def _label(region: Any, attribute: str | None) -> str | None:
    if attribute is None:
        return ONE_CLASS
    return _word(_attributes(region).get(attribute))


def _attributes(region: Any) -> dict[str, Any]:
    attributes = region.get("region_attributes") if isinstance(region, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def _shape(name: str, region: Any, attribute: str | None, where: str) -> Shape:
    label = _label(region, attribute)
    if label is None:
        raise MaskError(where, f"no {attribute!r}, which tells the class", "a value of it", REDO)
    return Shape(f"{name} ({label})", label, [_ring(region, where)])


def _ring(region: dict[str, Any], where: str) -> Ring:
    kind = _kind(region)
    shape: dict[str, Any] = region["shape_attributes"] if kind else {}

    def numbers(*keys: str) -> list[float]:
        if missing := [key for key in keys if shape.get(key) is None]:
            raise MaskError(where, f"a {kind} without {', '.join(missing)}", f"numbers for {', '.join(keys)}", REDO)
        values = finite_numbers([shape[key] for key in keys])
        if values is None:
            shown = ", ".join(f"{key} {format_value(shape[key])}" for key in keys)
            raise MaskError(where, f"a {kind} with {shown}", "finite numbers", REDO)
        return values

    if kind == "polygon":
        expected = "as many numbers in all_points_x as in all_points_y"
        keys = ("all_points_x", "all_points_y")
        columns, rows = (array_of(shape.get(key), where, expected, REDO) for key in keys)
        if columns.ndim != 1 or columns.shape != rows.shape:
            raise MaskError(where, "points that cannot be read", expected, REDO)
        return np.stack([columns, rows], axis=1)
    if kind == "rect":
        left, top, width, height = numbers("x", "y", "width", "height")
        return box(left, top, left + width, top + height)
    if kind == "circle":
        column, row, radius = numbers("cx", "cy", "r")
        return ellipse((column, row), (radius, radius))
    if kind == "ellipse":
        column, row, across, down = numbers("cx", "cy", "rx", "ry")
        (theta,) = numbers("theta") if "theta" in shape else [0.0]
        ring = ellipse((0.0, 0.0), (across, down))
        cos, sin = np.cos(theta), np.sin(theta)
        turned: Ring = ring @ np.array([[cos, sin], [-sin, cos]]) + (column, row)
        return turned
    raise MaskError(where, f"the shape {format_value(kind)}", "polygon, rect, circle or ellipse", REDO)


LAYOUT = Layout("VIA's JSON files beside images", open_via, is_via)
