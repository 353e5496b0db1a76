"""`check_item`: reads the files of one item, counts their pixels and objects, and names their problems."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError, MaskError, PixelwiseError
from pixelwise.core.lookup import count_values, rows_of
from pixelwise.data.annotation_values import SizeMismatchError
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of, require_sizes, source_of
from pixelwise.data.flat_images import index_colors, is_mask
from pixelwise.data.inverted_masks import Looks, MaskLooks, describe_looks, describe_mask, sample_places
from pixelwise.data.layouts import FALLBACK
from pixelwise.data.masks.missing_objects import ObjectCounts, count_objects
from pixelwise.data.problem import Problem
from pixelwise.instances.objects import objects_from_maps
from pixelwise.raster.axes import count_unread, describe_other_axes
from pixelwise.raster.depth import Depth, depth_of, estimate_range
from pixelwise.raster.image import IMAGE_ENDINGS, is_jpeg
from pixelwise.raster.stack import STACK_ENDINGS, split_page
from pixelwise.raster.tiff import read_page

Values = npt.NDArray[Any]
UInt8 = npt.NDArray[np.uint8]
KINDS = {
    "unreadable": "an image or mask that is damaged, truncated or of an unsupported type",
    "size_mismatch": "a mask of another size than its image",
    "unknown_value": "a mask with a value or colour that is no class",
    "bad_annotation": "an entry of an annotation file that cannot be read or makes no sense",
    "jpeg_mask": "a mask stored as JPEG, which smears class values",
    "missing_mask": "an image without a mask",
    "missing_image": "a mask without an image, or a name in a list without one",
    "duplicate": "an image that is also in another split",
    "resized_mask": "masks with values between classes, left by smoothing or resizing",
    "inverted_mask": "a mask whose foreground and background may be swapped",
    "assumed": "how data that can be read in two ways were read, and how to choose the other reading",
    "mended": "objects that overlap, lie outside the image or have no pixel, soft edges, and what was done about it",
    "passed_over": "files that were not read, and why",
    "missing_objects": "objects in a mask that have no id in an instance map, or no instance map",
    "unlabelled": "an image without a labelled pixel",
    "narrow_range": "an image of more than 8 bits that uses little of the training images' range",
    "pages": "a TIFF or animation of several images, of which only the first is read",
    "no_train": "no image to train on",
    "no_val": "no image for choosing the best weights",
    "empty_class": "a class without a pixel in any split",
    "class_lists": "lists of classes that contradict each other",
    "one_class": "training images that show a single class",
    "class_not_in_train": "a class that occurs only in other splits than train",
    "class_not_in_val": "a class that does not occur in validation",
    "class_not_in_test": "a class that does not occur in the test images",
}
"""The kinds of problems, each with its meaning."""

HARMLESS = (
    *("mended", "assumed", "passed_over", "inverted_mask", "no_val", "narrow_range", "pages", "empty_class"),
    *("class_not_in_val", "class_not_in_test"),
)
"""Kinds that do not harm a training. Any other kind makes `pixelwise check` exit with 1."""

NARROW = 1 / 16
"""An image is reported whose values cover less than this share of the training images' range."""


@dataclass(frozen=True)
class ItemCheck:
    """The contents of one item's files, and their problems.

    size, digest: (height, width) and digest of the stored image; `None` where it cannot be read. class_pixels,
    class_objects: int64 (num_classes,), labelled pixels and objects of each class; zeros where the labels cannot be
    read. object_areas: int64 (objects,), in pixels. depth: `None` for an image of 8 bits. object_counts: `None` unless
    the data set has files of object ids and the mask can be read. mask_looks: `None` unless the mask has two classes
    and can be read. image_is_mask: whether the image is a mask (see `flat_images`); `None` where this cannot be told.
    """

    item: Item
    size: tuple[int, int] | None
    digest: bytes | None
    class_pixels: npt.NDArray[np.int64]
    class_objects: npt.NDArray[np.int64]
    object_areas: npt.NDArray[np.int64]
    problems: tuple[Problem, ...]
    depth: Depth | None = None
    object_counts: ObjectCounts | None = None
    mask_looks: MaskLooks | None = None
    image_is_mask: bool | None = None


@dataclass(frozen=True)
class _ImageFacts:
    """What is known of an image once it is no longer in memory. colors: see `flat_images.index_colors`."""

    size: tuple[int, int]
    digest: bytes
    depth: Depth | None
    looks: Looks | None
    colors: UInt8 | None


def check_item(dataset: Dataset, item: Item) -> ItemCheck:
    """Return what an item's files hold and what is wrong with them. A bad file is reported, not raised."""
    problems: list[Problem] = []
    # This call returns before the labels are read, so that image and labels are not in memory together.
    facts = _read_image_facts(dataset, item, problems)
    size = None if facts is None else facts.size
    labels = _read_labels(dataset, item, size, problems) if item.mask is not None else None
    if item.mask is None and os.path.exists(split_page(item.image)[0]):
        problems.append(_missing_mask_problem(dataset, item))
    class_pixels, class_objects = np.zeros((2, dataset.classes.num_classes), np.int64)
    areas = np.zeros(0, np.int64)
    object_counts: ObjectCounts | None = None
    mask_looks: MaskLooks | None = None
    image_is_mask: bool | None = None
    if labels is not None:
        label_map, instance_map = labels.label_map, labels.instance_map
        if facts is not None and label_map.shape == size:
            image_is_mask = facts.colors is not None and is_mask(facts.colors, label_map)
            if facts.looks is not None:
                mask_looks = describe_mask(mask_of(item), facts.looks, label_map)
        class_pixels += count_values(label_map)[: len(class_pixels)]
        if not class_pixels.any():
            remedy = "Label the image or leave it out (`train(skip_bad=True)`)."
            message = f"found no labelled pixel; expected some. {remedy}"
            problems.append(Problem(item.image, "unlabelled", message))
        if instance_map is not None and instance_map.shape == label_map.shape:
            objects = objects_from_maps(label_map, instance_map)
            class_objects += np.bincount(objects.class_index, minlength=len(class_objects))
            areas = objects.areas()
        if dataset.id_files and (instance_map is None or instance_map.shape == label_map.shape):
            object_counts = count_objects(item, labels, class_pixels, class_objects)
    depth = None if facts is None else facts.depth
    if depth is not None and (narrow := _describe_narrow_range(depth, dataset)):
        problems.append(Problem(item.image, "narrow_range", narrow))
    counts = (class_pixels, class_objects, areas)
    digest = None if facts is None else facts.digest
    return ItemCheck(item, size, digest, *counts, tuple(problems), depth, object_counts, mask_looks, image_is_mask)


def _missing_mask_problem(dataset: Dataset, item: Item) -> Problem:
    if dataset.format == FALLBACK:
        message = "found no mask; expected one with the image's stem. Add the mask or leave the image out."
    else:
        message = "found no labels; expected some for each image. Label the image or leave it out."
    return Problem(item.image, "missing_mask", message)


def _read_image_facts(dataset: Dataset, item: Item, problems: list[Problem]) -> _ImageFacts | None:
    """Return what is to be known of an item's image; `None` where it cannot be read."""
    image = _read_image(dataset, item, problems)
    if image is None:
        return None
    height, width = image.shape[:2]
    depth = None if image.dtype == np.uint8 else depth_of(image)
    return _ImageFacts((height, width), _digest(image), depth, _describe_looks(dataset, image), index_colors(image))


def _describe_looks(dataset: Dataset, image: Values) -> Looks | None:
    """Return what an image looks like; `None` where its mask is no file of two classes, which alone can be inverted."""
    encoding = dataset.mask_encoding
    if encoding is None or encoding.objects or dataset.classes.num_classes != 2:
        return None
    height, width = image.shape[:2]
    rows, columns = sample_places(height, width)

    def pixels(down: int, right: int) -> npt.NDArray[np.uint8]:
        part = image[np.minimum(rows + down, height - 1)[:, None], np.minimum(columns + right, width - 1)]
        if dataset.bands is not None:
            return dataset.bands.scale(part.transpose(2, 0, 1))
        return (dataset.value_range or estimate_range(part.reshape(-1, part.shape[2]))).scale(part)

    return describe_looks(pixels(0, 0), pixels(0, 1), pixels(1, 0), (rows, columns))


def _digest(image: Values) -> bytes:
    """Return a digest that is equal for equal pictures: gray ones may be stored in one channel or in three, and 8 bits
    as they are or, times 257, as 16."""
    strips = list(rows_of(image.shape))
    if image.shape[2] == 3 and all((image[rows] == image[rows, :, :1]).all() for rows in strips):
        image = image[..., :1]
    dtype = image.dtype
    if dtype == np.uint16 and not any((image[rows] % 257).any() for rows in strips):
        dtype = np.dtype(np.uint8)
    digest = hashlib.blake2b(f"{image.shape} {dtype}".encode(), digest_size=16)
    for rows in strips:
        strip = image[rows] if dtype == image.dtype else (image[rows] // 257).astype(dtype)
        digest.update(np.ascontiguousarray(strip).data)
    return digest.digest()


def _describe_narrow_range(depth: Depth, dataset: Dataset) -> str | None:
    """Return a message for an image that uses little of the range of the training images, else `None`."""
    value_range = dataset.value_range
    if value_range is None or depth.high - depth.low >= NARROW * (max(value_range.high) - min(value_range.low)):
        return None
    expected = f"a larger part of {min(value_range.low):,.6g} to {max(value_range.high):,.6g}, which become 0 to 255"
    remedy = "It is shown in few gray levels; save all images with one exposure, or leave it out."
    return f"found values from {depth.low:,.6g} to {depth.high:,.6g}; expected {expected}. {remedy}"


def _read_image(dataset: Dataset, item: Item, problems: list[Problem]) -> Values | None:
    path = item.image
    if not os.path.exists(split_page(path)[0]):
        message = "found no such file; expected the image that a list names. Add the image or correct the list."
        problems.append(Problem(path, "missing_image", message))
        return None
    try:
        stored = dataset.read_stored(item)
    except ImageError as error:
        problems.append(_problem(path, "unreadable", error))
        return None
    problems += _find_unread_pages(path, as_bands=dataset.bands is not None)
    return stored


def _find_unread_pages(path: Path, *, as_bands: bool = False) -> list[Problem]:
    """Return a problem for a file of several images of which only the first is read; none for other files.

    A path that names one page of a stack is no such file. Neither is a TIFF whose pages are read `as_bands`, the bands
    of one image.
    """
    count = 1 + count_unread(path, as_bands=as_bands)
    if count < 2:
        return []
    page = read_page(path) if path.suffix.lower() in STACK_ENDINGS else None
    name = "frames" if page is None else f"pages of {page.size[0]}x{page.size[1]} (height x width)"
    other = None if page is None else describe_other_axes(count, page.size, are_pages=True)
    channels = "" if page is None or as_bands else ", or name the pages as channels with `bands`"
    remedy = f"{'' if other is None else f'{other} '}Save each of them, and its labels, as a file{channels}."
    message = f"found {count} {name}, of which the first alone is read; expected one image a file. {remedy}"
    return [Problem(path, "pages", message)]


def _read_labels(dataset: Dataset, item: Item, size: tuple[int, int] | None, problems: list[Problem]) -> Labels | None:
    try:
        labels = dataset.read_labels(item)
    except ImageError as error:
        problems.append(_problem(Path(error.where), "unreadable", error))
        return None
    except MaskError as error:
        path = Path(error.where)
        kind = "jpeg_mask" if is_jpeg(path) else _kind_of(item)
        kind = "size_mismatch" if isinstance(error, SizeMismatchError) else kind
        problems.append(_problem(path, kind, error))
        return None
    problems += [Problem(source_of(item).path, "mended", remark) for remark in labels.remarks]
    if not item.entry:
        problems += _find_unread_pages(mask_of(item))
    if size is not None:
        try:
            require_sizes(item, labels, size)
        except MaskError as error:
            problems.append(_problem(Path(error.where), "size_mismatch", error))
    return labels


def _kind_of(item: Item) -> str:
    """Return the kind of problem that labels which make no sense are: of a mask, or of an annotation."""
    file, _ = split_page(mask_of(item))
    is_mask = file.suffix.lower() in IMAGE_ENDINGS or os.path.isdir(file)
    return "unknown_value" if is_mask else "bad_annotation"


def _problem(path: Path, kind: str, error: PixelwiseError) -> Problem:
    return Problem(path, kind, f"found {error.found}; expected {error.expected}. {error.remedy}")
