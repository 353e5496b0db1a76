"""YOLO's text files of outlines, one for each image, as Ultralytics lays them out for segmentation.

Ultralytics, "Instance Segmentation Datasets", docs.ultralytics.com/datasets/segment.

    data.yaml                      path (optional), train, val, test, names: [sky, ...] or {0: sky, ...}, nc (optional)
    images/train/a.jpg             labels/train/a.txt        0 0.25 0.1 0.5 0.1 0.5 0.4

A split is a folder, which is searched to any depth, or a text file that lists images, or several of these. Their paths
are relative to `path`, which is ignored where it does not exist, since it often names a folder of another machine, or
to the folder of the YAML file. The text of an image lies in the folder that results when the last folder `images` in
its path is replaced by `labels`, or else beside the image. Each line is an object: its class, then x and y of each
corner, as fractions of the image's width and height from the top left. Class 0 is background, every pixel outside of
objects; YOLO's classes follow.

An image whose text is missing or empty has no object. A split in which every text is missing is an error; a test set
without texts, or one that is not there, is no split. Boxes (four numbers), keypoints, unknown classes, and coordinates
outside of the image by more than a hundredth of its side, are errors; parts outside of the image are cut. Where objects
overlap see `rasterize`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.core.files import write_text
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.layouts.yolo_config import (
    EXPECTED,
    FILES,
    lines_of,
    read_classes,
    read_items,
    read_yaml,
    report_unlisted_images,
    stray_texts,
    yaml_file,
)
from pixelwise.data.shapes.rasterize import AnnotatedObject, rasterize
from pixelwise.data.shapes.regions import LabelledObjects, number_objects
from pixelwise.data.splits import SPLITS, group_by_split
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.instances.objects import objects_from_maps
from pixelwise.instances.polygons import Ring, trace_outlines
from pixelwise.raster.image import image_size

TOLERANCE = 0.01
"""How far outside the image a corner may lie, as a fraction of the image's side; Ultralytics allows as much."""
BOX = 4
"""Numbers of a line that is a box."""
DECIMALS = 9
"""Decimals of a written fraction. They move a corner by so little that no pixel changes, in images of any size that is
read."""


def is_yolo(root: Path) -> bool:
    """Return whether a YAML file in `root` has the keys of Ultralytics' data sets."""
    return yaml_file(root) is not None


def open_yolo(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the YAML file in `root` and find the images and texts that it names, there or in `images_root`.

    Raises `DataError` where there is none or it makes no sense, for keypoints, for a split without images or texts
    (see the module), and for two images of one name in a split.
    """
    path = yaml_file(root)
    if path is None:
        raise DataError(root, "no such YAML file", EXPECTED, OTHER_LAYOUT)
    content = read_yaml(path)
    classes = read_classes(path, content)
    items = [(split, item) for split in SPLITS for item in read_items(path, content, split, images_root)]
    if not items:
        raise DataError(path, "no split", "train and val, folders of images", "Name the folders there.")

    read_labels = partial(_read_labels, classes=classes)
    strays = stray_texts(item for _, item in items)
    problems = tuple(report_unlisted_images(root, content, [item for _, item in items]))
    return Dataset(root, "yolo", classes, group_by_split(items), read_labels, strays, problems=problems)


def _read_labels(item: Item, classes: ClassMap) -> Labels:
    text, size = mask_of(item), image_size(item.image)
    lines = [] if text == item.image else lines_of(text)
    return rasterize([_parse_line(text, classes, size, *line) for line in lines], size, str(text))


def write_yolo(dataset: Dataset, out: Path) -> None:
    """Write `images/SPLIT/`, `labels/SPLIT/` and `data.yaml`; images are copied byte for byte.

    Each object becomes one line. YOLO has neither holes nor objects of several parts: their outlines are joined by
    bridges of no width. pixelwise reads the same pixels from them; readers that draw the outline, such as Ultralytics,
    draw a line there. The first class becomes background, and so do all pixels that no object covers, labelled or not;
    objects of the first class are left out. An object has one class, that of most of its pixels. Ultralytics needs both
    train and val. Raises `DataError` for data with a single class, and what `Dataset.read_labels` raises.
    """
    names = dict(enumerate(dataset.classes.names[1:]))
    if not names:
        raise DataError(dataset.root, "one class", "background and a class of objects", "Convert to 'folders'.")
    with new_directory(out) as temporary:
        for split, item in dataset.items():
            lines = _format_lines(number_objects(dataset.read_labels(item)))
            copy_image(item, temporary / "images" / split)
            write_text(temporary / "labels" / split / f"{item.name}.txt", "".join(f"{line}\n" for line in lines))
        content = {**{split: f"images/{split}" for split in dataset.splits}, "names": names}
        write_text(temporary / FILES[0], yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def bridge_rings(rings: Sequence[Ring]) -> Ring:
    """Return one ring with the same inside as several: a line to the first corner of each, and back, joins them."""
    line = rings[0]
    for ring in rings[1:]:
        at = int(((line - ring[0]) ** 2).sum(axis=1).argmin())
        line = np.concatenate([line[: at + 1], ring, ring[:1], line[at:]])
    return line


def _format_lines(labels: LabelledObjects) -> Iterator[str]:
    """Yield the line of each object of a class other than the first."""
    objects = objects_from_maps(labels.label_map, labels.instance_map)
    height, width = labels.label_map.shape
    for class_index, piece in zip(objects.class_index.tolist(), objects.pieces(), strict=True):
        if class_index:
            corner = np.array([piece.left, piece.top])
            fractions = (bridge_rings(trace_outlines(piece.mask)) + corner) / (width, height)
            numbers = (f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".") for value in fractions.ravel().tolist())
            yield f"{class_index - 1} {' '.join(numbers)}"


def _parse_line(text: Path, classes: ClassMap, size: tuple[int, int], number: int, line: str) -> AnnotatedObject:
    expected = "a class index, then x and y of three corners or more"
    try:
        class_id, *values = (float(word) for word in line.split())
    except ValueError as error:
        raise MaskError(text, f"what is no number on line {number}", expected, "Correct the line.") from error
    if len(values) == BOX:
        remedy = "This is data for detection: mark the outlines, or export them for segmentation."
        raise MaskError(text, f"a box on line {number}", expected, remedy)
    if len(values) % 2:
        raise MaskError(text, f"{len(values)} coordinates on line {number}", expected, "Correct the line.")
    if class_id not in range(classes.num_classes - 1):
        remedy = "Correct the line or the names."
        expected = f"a class of the names, 0..{classes.num_classes - 2}"
        raise MaskError(text, f"the class {class_id:g} on line {number}", expected, remedy)
    if outside := [value for value in values if not -TOLERANCE <= value <= 1 + TOLERANCE]:
        expected = "fractions of the image's width and height, 0..1"
        remedy = "Divide x by the width and y by the height."
        raise MaskError(text, f"the coordinate {outside[0]:g} on line {number}", expected, remedy)
    height, width = size
    return AnnotatedObject(f"on line {number}", int(class_id) + 1, [np.array(values).reshape(-1, 2) * (width, height)])


LAYOUT = Layout("YOLO segmentation as Ultralytics lays it out", open_yolo, is_yolo, write_yolo)
