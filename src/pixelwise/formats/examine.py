"""One item of a data set under the glass: its files read, counted, and every problem named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.errors import ImageError, MaskError, PixelwiseError
from pixelwise.formats.dataset import Dataset, Item, Labels, UInt8, mask_of, require_sizes
from pixelwise.instances.objects import objects_of
from pixelwise.raster.image import is_jpeg
from pixelwise.raster.stack import located

KINDS = {
    "unreadable": "an image or mask that is damaged, truncated or of a kind that is not read",
    "size_mismatch": "a mask of another size than its image",
    "unknown_value": "a mask with a value or colour that is no class",
    "jpeg_mask": "a mask stored as JPEG, which smears class values",
    "missing_mask": "an image without a mask",
    "missing_image": "a mask without an image, or a name in a list without one",
    "duplicate": "an image that is in another split too",
    "mended": "objects that overlap, lie outside the image or have no pixel, and what was done about it",
    "unlabelled": "an image without one labelled pixel",
    "no_train": "no image to train on",
    "no_val": "no image to choose the best weights by",
    "empty_class": "a class without a pixel in any split",
    "one_class": "training images that show a single class",
    "class_not_in_train": "a class that occurs in other splits alone",
    "class_not_in_val": "a class of which validation shows nothing",
}
"""What can be wrong with a data set."""

HARMLESS = ("mended", "no_val", "empty_class", "class_not_in_val")
"""The kinds that training can live with; any other makes `pixelwise check` exit with 1."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: with which file, of which of `KINDS`, and what to do about it."""

    file: Path
    kind: str
    message: str


@dataclass(frozen=True)
class Examined:
    """What one item's files hold.

    size: (height, width) and digest: of the decoded image, `None` where it cannot be read. class_pixels and
    class_objects: int64 (num_classes,), labelled pixels and objects by class, zeros where the labels cannot be read.
    object_areas: int64 (objects,), in pixels.
    """

    item: Item
    size: tuple[int, int] | None
    digest: bytes | None
    class_pixels: npt.NDArray[np.int64]
    class_objects: npt.NDArray[np.int64]
    object_areas: npt.NDArray[np.int64]
    problems: tuple[Problem, ...]


def examine(dataset: Dataset, item: Item) -> Examined:
    """Read an item's files and name their problems; raises none of them."""
    problems: list[Problem] = []
    image = _read_image(dataset, item, problems)
    labels: Labels | None = None
    if item.mask is not None:
        labels = _read_labels(dataset, item, image, problems)
    elif located(item.image)[0].exists():
        message = "found no mask; expected one with the image's stem. Add the mask or leave the image out."
        problems.append(Problem(item.image, "missing_mask", message))
    class_pixels, class_objects = np.zeros((2, dataset.classes.num_classes), np.int64)
    areas = np.zeros(0, np.int64)
    if labels is not None:
        class_pixels += np.bincount(labels.label_map.ravel(), minlength=256)[: len(class_pixels)]
        if not class_pixels.any():
            message = "found no labelled pixel; expected some. Label the image or leave it out (train --skip-bad)."
            problems.append(Problem(item.image, "unlabelled", message))
        if labels.instance_map is not None and labels.instance_map.shape == labels.label_map.shape:
            found = objects_of(labels.label_map, labels.instance_map)
            class_objects += np.bincount(found.class_index, minlength=len(class_objects))
            areas = found.areas()
    if image is None:
        return Examined(item, None, None, class_pixels, class_objects, areas, tuple(problems))
    height, width = image.shape[:2]
    digest = hashlib.blake2b(f"{height}x{width}".encode(), digest_size=16)
    digest.update(image.data)
    return Examined(item, (height, width), digest.digest(), class_pixels, class_objects, areas, tuple(problems))


def _read_image(dataset: Dataset, item: Item, problems: list[Problem]) -> UInt8 | None:
    path = item.image
    if not located(path)[0].exists():
        message = "found no such file; expected the image that a list names. Add the image or correct the list."
        problems.append(Problem(path, "missing_image", message))
        return None
    try:
        return dataset.read_image(item)
    except ImageError as error:
        problems.append(_problem(path, "unreadable", error))
        return None


def _read_labels(dataset: Dataset, item: Item, image: UInt8 | None, problems: list[Problem]) -> Labels | None:
    try:
        labels = dataset.read_labels(item)
    except ImageError as error:
        problems.append(_problem(Path(error.where), "unreadable", error))
        return None
    except MaskError as error:
        path = Path(error.where)
        problems.append(_problem(path, "jpeg_mask" if is_jpeg(path) else "unknown_value", error))
        return None
    problems += [Problem(mask_of(item), "mended", remark) for remark in labels.remarks]
    if image is not None:
        try:
            require_sizes(item, labels, image.shape[:2])
        except MaskError as error:
            problems.append(_problem(Path(error.where), "size_mismatch", error))
    return labels


def _problem(path: Path, kind: str, error: PixelwiseError) -> Problem:
    return Problem(path, kind, f"found {error.found}; expected {error.expected}. {error.remedy}")
