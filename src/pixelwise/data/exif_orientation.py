"""Labels that were drawn on a photo as it is stored, although its EXIF orientation has viewers rotate it.

Cameras store photos as the sensor reads them and record how to rotate them. Tools that ignore this record draw labels
on the stored photo. If a photo that is not square is rotated by a quarter turn, the size of its labels tells whether
they were drawn before or after the rotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.core.errors import ImageError
from pixelwise.core.text import join_first, quantity
from pixelwise.data.dataset import Dataset, Item, Labels, source_of
from pixelwise.data.problem import Problem
from pixelwise.raster.image import image_size, orientation_of
from pixelwise.raster.reader import TURNS, apply_turn


def orient_labels(read_labels: Callable[[Item], Labels]) -> Callable[[Item], Labels]:
    """Return a `read_labels` that rotates labels which fit only the image as it is stored, and adds a remark on it."""
    return partial(_read_and_orient, read_labels=read_labels)


def _read_and_orient(item: Item, read_labels: Callable[[Item], Labels]) -> Labels:
    labels = read_labels(item)
    size = labels.label_map.shape
    orientation = _quarter_turn(item.image, size)
    if orientation is None:
        return labels
    turn = TURNS[orientation]
    label_map = np.ascontiguousarray(apply_turn(labels.label_map, turn))
    instance_map = labels.instance_map
    if instance_map is not None and instance_map.shape == size:
        instance_map = np.ascontiguousarray(apply_turn(instance_map, turn))
    name = source_of(item).path.name
    found = f"found labels of {size[0]}x{size[1]} (height x width) in {name}, as the image is stored"
    remark = (
        f"{found}; expected {size[1]}x{size[0]}, as it is shown by its EXIF orientation ({orientation}). They were "
        "turned as the image is. Save the image turned, without an orientation, to have both agree in all tools."
    )
    return replace(labels, label_map=label_map, instance_map=instance_map, remarks=(*labels.remarks, remark))


def annotation_size(image: Path, mask: Path) -> tuple[int, int]:
    """Return the (height, width) of the image on which a mask was drawn: as the image is stored, where the mask fits
    only that, else as it is shown. Raises `ImageError` as `image_size`."""
    size = image_size(mask)
    return image_size(image) if _quarter_turn(image, size) is None else size


def _quarter_turn(image: Path, size: tuple[int, ...]) -> int | None:
    """Return the EXIF orientation of an image, if labels of this size fit the image as it is stored and not as it is
    shown; else `None`."""
    try:
        shown = image_size(image)
        if size == shown or size != shown[::-1]:
            return None
        orientation = orientation_of(image)
    except ImageError:  # raised again where the image is read
        return None
    return orientation if TURNS[orientation][0] else None


def report_ambiguous_orientation(dataset: Dataset) -> list[Problem]:
    """Return a remark on images whose EXIF orientation turns or mirrors them without a change of size, so that the size
    of a mask does not tell whether it was drawn before or after; none without such images."""
    if dataset.mask_encoding is None:
        return []
    doubtful = [item for _, item in dataset.items() if item.mask is not None and _may_be_turned(item.image, item.mask)]
    if not doubtful:
        return []
    names = join_first([item.image.name for item in doubtful], 3)
    message = (
        f"found {quantity(len(doubtful), 'image')} ({names}) whose EXIF orientation turns or mirrors them and leaves "
        "their size; expected masks of the image as it is shown, and they are read so. Their size does not tell "
        "whether they were drawn on the image as it is stored: look at an overlay, and save the images turned, without "
        "an orientation."
    )
    return [Problem(dataset.root, "assumed", message)]


def _may_be_turned(image: Path, mask: Path) -> bool:
    try:
        orientation = orientation_of(image)
        if orientation == 1 or orientation_of(mask) != 1:
            return False
        height, width = image_size(image)
    except ImageError:
        return False
    return not TURNS[orientation][0] or height == width
