"""CVAT for images 1.1: one XML file of labels, images, and the shapes that were drawn on them.

The format is described at https://docs.cvat.ai/docs/other/xml_format.

    DATA/
      annotations.xml         or one each in train/, val/ and test/
      images/a.jpg            images/SUBSET/a.jpg for images of a subset, or beside annotations.xml

Polygons, boxes, ellipses and masks are read; boxes and ellipses may be rotated. A mask is runs of zeros and ones in
turn, row by row within its box. Shapes of one label and one group_id are parts of one object; a box among them only
frames it. Polylines, points, cuboids and skeletons are no regions and left out, with a remark; tags, which label the
whole image, are not read. Of overlapping objects the one with the higher z_order is in front; for equal ones see
`rasterize`. For the labels `background` and `ignore` see `shapes.annotations`; the others are classes, in the order and
the colours of the file. An image's split is that of its subset, its file or its folder, the first that names one, else
it is drawn by the hash of its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.documents import decode_text, read_bytes, read_text, xml_root
from pixelwise.core.errors import DataError, MaskError
from pixelwise.core.files import write_text
from pixelwise.data.annotation_files import format_value, shorten
from pixelwise.data.annotation_values import resolve_size
from pixelwise.data.dataset import Dataset, Item, Labels, Source, source_of
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.layouts.cvat_shapes import REGIONS, mask_attributes, numbers_in, rings_in
from pixelwise.data.problem import Problem
from pixelwise.data.references import FileFinder, is_usable, parts_of, report_guesses
from pixelwise.data.shapes.annotations import Shape, class_map_of_entries, draw_shapes, iter_regions, writable_classes
from pixelwise.data.shapes.rasterize import format_names
from pixelwise.data.splits import SPLITS, group_by_split
from pixelwise.data.writing import copy_image, new_directory

FILE = "annotations.xml"
FOLDERS = ("", *(name for names in SPLITS.values() for name in names))
LABEL_TYPES = ("any", "bbox", "rectangle", *REGIONS)
"""The types of labels that regions may have."""
NO_LABEL = "ignore"
EXPECTED = "annotations.xml as CVAT for images 1.1 writes it"
REMEDY = "Export the annotations again, as CVAT for images 1.1."
_COLOR = re.compile("#[0-9a-fA-F]{6}")


def is_cvat(root: Path) -> bool:
    """Return whether `root`, or a split's folder in it, holds an annotations.xml of CVAT's."""
    return bool(_files(root))


def open_cvat(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the annotation files in `root`. A wrong shape is an error of its image, raised where its labels are read.

    Raises `DataError` where there is no such file, for one that is damaged, has a DOCTYPE, no images (a video's has
    tracks) or no labels, for labels that differ between files, and for images of one name.
    """
    files = _files(root)
    if not files:
        raise DataError(root, "no file of CVAT's", EXPECTED, OTHER_LAYOUT)
    remarks: list[Problem] = []
    contents = {file: _content(file, remarks) for file in files}
    classes = {file: _classes(file, content) for file, content in contents.items()}
    for file, file_classes in classes.items():
        if file_classes != classes[files[0]]:
            expected = f"those of {files[0]}: {', '.join(classes[files[0]].names)}"
            labels = ", ".join(file_classes.names)
            raise DataError(file, f"the labels {labels}", expected, "Export both from one project.")
    elements: dict[Source, ElementTree.Element] = {}
    items: dict[tuple[str | None, str], Item] = {}
    for file, image, place in _find_images(root, contents, remarks):
        split, item = _item(root, file, image, place)
        if (split, item.name) in items:
            remedy = "Remove one of the entries or rename the image."
            raise DataError(file, f"two images called {item.name} in {split or 'one split'}", "different names", remedy)
        items[split, item.name] = item
        elements[source_of(item)] = image

    read_labels = partial(_read_labels, elements=elements, classes=classes[files[0]])
    splits = group_by_split((split, item) for (split, _), item in items.items())
    return Dataset(root, "cvat", classes[files[0]], splits, read_labels, problems=tuple(remarks))


def _find_images(
    root: Path, contents: Mapping[Path, ElementTree.Element], remarks: list[Problem]
) -> Iterator[tuple[Path, ElementTree.Element, Path]]:
    """Yield each image of the files: its file, its element, and where it lies; `remarks` gets those on guesses."""
    finder = FileFinder(root)
    for file, content in contents.items():
        by_subset: dict[str, list[ElementTree.Element]] = {}
        for image in content.iterfind("image"):
            by_subset.setdefault(_path(image, "subset"), []).append(image)
        for subset, members in by_subset.items():
            inner = (f"images/{subset}", "images", subset, "")
            folders = [folder / name for folder in (file.parent, root) for name in inner]
            names = [image.get("name") or "" for image in members]
            matches = finder.find(names, folders)
            remarks += report_guesses(root, file, names, matches)
            yield from ((file, image, match.path) for image, match in zip(members, matches, strict=True))


def write_cvat(dataset: Dataset, out: Path) -> None:
    """Write `annotations.xml` and `images/SPLIT/`; images are copied byte for byte.

    Each object becomes one mask, since CVAT's polygons have neither holes nor several parts; reading gives the same
    pixels, and CVAT's brush can correct them. Pixels without a label, inside objects too, become a mask labelled
    `ignore`. An object has one class, that of most of its pixels. The first class becomes background; pixels of other
    classes that no object covers are lost. Raises `DataError` as `writable_classes`, and what `Dataset.read_labels`
    raises.
    """
    classes = writable_classes(dataset)
    content = ElementTree.Element("annotations")
    ElementTree.SubElement(content, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(content, "meta"), "task")
    labelled = [*zip(classes.names, classes.colors, strict=True), (NO_LABEL, (0, 0, 0))]
    with new_directory(out) as temporary:
        for number, (split, item) in enumerate(dataset.items()):
            labels = dataset.read_labels(item)
            copied = copy_image(item, temporary / "images" / split)
            height, width = map(str, labels.label_map.shape)
            shared = {"id": str(number), "name": copied.name, "subset": split, "width": width, "height": height}
            image = ElementTree.SubElement(content, "image", shared)
            for class_index, piece in iter_regions(labels):
                label = NO_LABEL if class_index == IGNORE_INDEX else classes.names[class_index]
                ElementTree.SubElement(image, "mask", mask_attributes(label, piece))
        _describe(task, len(content.findall("image")), labelled)
        ElementTree.indent(content)
        text = ElementTree.tostring(content, encoding="unicode")
        write_text(temporary / FILE, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')


def _describe(task: ElementTree.Element, size: int, labelled: list[tuple[str, tuple[int, int, int]]]) -> None:
    for key, value in (("name", "pixelwise"), ("size", str(size)), ("mode", "annotation")):
        ElementTree.SubElement(task, key).text = value
    labels = ElementTree.SubElement(task, "labels")
    for name, (red, green, blue) in labelled:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "color").text = f"#{red:02x}{green:02x}{blue:02x}"
        ElementTree.SubElement(label, "type").text = "any"
        ElementTree.SubElement(label, "attributes")


def _files(root: Path) -> list[Path]:
    paths = (root / folder / FILE for folder in FOLDERS)
    return [path for path in paths if os.path.isfile(path) and _is_cvats(path)]


def _is_cvats(path: Path) -> bool:
    try:
        data = read_bytes(path)
    except (OSError, ValueError):
        return False
    try:
        return "<annotations" in decode_text(data)
    except ValueError:
        return b"<annotations" in data


def _content(path: Path, problems: list[Problem]) -> ElementTree.Element:
    """Return what a file holds, without the images that have no usable name; `problems` gets a remark on each."""
    try:
        content = xml_root(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(path, f"a file that cannot be read ({error})", EXPECTED, REMEDY) from error
    if content.find("image") is None:
        found = "tracks through a video" if content.find("track") is not None else "no image"
        raise DataError(path, found, f"{EXPECTED}, with images", REMEDY)
    bad: set[ElementTree.Element] = set()
    for number, image in enumerate(content.iterfind("image"), 1):
        name, subset = image.get("name"), image.get("subset")
        if not is_usable(name) or (subset and not is_usable(subset)):
            found = f"found the name {format_value(name)} and the subset {format_value(subset)} of image {number}"
            message = f"{found}; expected names of files and folders. The image was left out: correct them."
            problems.append(Problem(path, "bad_annotation", message))
            bad.add(image)
    content[:] = [image for image in content if image not in bad]
    if content.find("image") is None:
        raise DataError(path, "images without a name", EXPECTED, REMEDY)
    return content


def _classes(path: Path, content: ElementTree.Element) -> ClassMap:
    """Return the classes: the labels that regions can have, not those of tags and parts of skeletons."""
    entries: dict[str, dict[str, Any]] = {}
    for label in content.iterfind("meta/*/labels/label"):
        name, kind, color = (label.findtext(key) or "" for key in ("name", "type", "color"))
        if name and label.find("parent") is None and (kind or "any") in LABEL_TYPES:
            given = {"color": list(bytes.fromhex(color[1:]))} if _COLOR.fullmatch(color) else {}
            entries.setdefault(name, {"name": name, **given})
    if not entries:
        raise DataError(path, "no labels in <meta>", EXPECTED, REMEDY)
    return class_map_of_entries(entries.values(), path)


def _item(root: Path, file: Path, image: ElementTree.Element, place: Path) -> tuple[str | None, Item]:
    name, subset = _path(image, "name"), _path(image, "subset")
    words = (subset, *file.relative_to(root).parent.parts, *name.split("/")[:-1])
    split = next((split for word in words if (split := _split_of_word(word))), None)
    item_name = name if _split_of_word(subset) or not subset else f"{subset}/{name}"
    stem = str(Path(item_name).with_suffix("")).replace("/", "_")
    entry = "/".join(part for part in (subset, name) if part)
    return split, Item(stem, place, file, file, entry=entry)


def _path(image: ElementTree.Element, key: str) -> str:
    return "/".join(parts_of(image.get(key) or ""))


def _split_of_word(word: str) -> str | None:
    return next((split for split, names in SPLITS.items() if word.lower() in names), None)


def _read_labels(item: Item, elements: Mapping[Source, ElementTree.Element], classes: ClassMap) -> Labels:
    source = source_of(item)
    image, where = elements[source], str(source)
    height, width = (int(numbers_in(image, (key,), where)[0]) for key in ("height", "width"))
    if min(height, width) < 1:
        raise MaskError(where, f"a size of {height}x{width}", "a pixel or more", REMEDY)
    resolve_size((height, width), item.image, source.path)
    shapes: list[tuple[str, Shape]] = []
    others: list[str] = []
    for number, element in enumerate(image, 1):
        name = shorten(f"{number} ({element.get('label')})")
        if element.tag in REGIONS:
            shapes.append((element.tag, _shape(element, name, (height, width), where)))
        elif element.tag != "tag":
            others.append(shorten(f"{number} ({element.tag} {element.get('label')})"))
    grouped = {(shape.label, shape.group_id) for tag, shape in shapes if tag != "box" and shape.group_id is not None}
    regions = [shape for tag, shape in shapes if tag != "box" or (shape.label, shape.group_id) not in grouped]
    labels = draw_shapes(regions, classes, (height, width), where)
    if not others:
        return labels
    found = f"found shapes ({format_names(others)}) that are no regions"
    remark = f"{found}; expected polygons, boxes, ellipses or masks. Each of them was left out."
    return replace(labels, remarks=(*labels.remarks, remark))


def _shape(element: ElementTree.Element, name: str, size: tuple[int, int], where: str) -> Shape:
    where = f"{where}, object {name}"
    group, level = map(int, numbers_in(element, ("group_id", "z_order"), where, "0"))
    return Shape(name, element.get("label", ""), rings_in(element, size, where), group or None, level)


LAYOUT = Layout("CVAT for images 1.1, one XML file", open_cvat, is_cvat, write_cvat)
