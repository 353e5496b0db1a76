"""Object ids in masks: values that number the objects of each image anew, instead of classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import PixelwiseError
from pixelwise.data.masks.boundary_value import find_boundary_value, remove_value
from pixelwise.data.masks.statistics import MaskHistogram, masks_per_value
from pixelwise.instances.objects import MAX_ID
from pixelwise.raster.image import read_image, read_values

OF_OBJECTS = re.compile(r"(_cp_masks?|[_ -]Object[ _]Identities)$", re.IGNORECASE)
"""Endings of a mask's stem in tools that write object ids: Cellpose, ilastik."""
SAMPLE = 24
"""Masks whose pixels are read."""
_CONNECTED = 0.85
"""Least share of values in one piece among object ids."""
_ENOUGH = 12
"""From this many values on, most of them in several pieces, they are classes and no further masks are read."""
_ALONE = 0.9
"""Least share of a value's pixels in its largest piece for it to count as one piece."""
_SEVERAL = 3
"""Least mean number of values of an image; fewer are classes."""
_MANY = 5
"""Least mean number of values of an image at which their places and sizes tell ids from classes. In files of more than
8 bits, which rarely hold classes, fewer suffice."""
_UNLIKE = 0.6
"""Values make no difference where the variance within values is more than this share of the overall variance."""
_OF_ONE_COLOR = 0.4
"""Each value has a colour of its own where, in a channel, the same share is smaller than this."""
_RECURRING = 24
"""Least number of regions whose value occurs in an earlier image, for colours to be evidence."""
_ALIKE = 0.01
"""Least variance of places, or of the logarithms of areas, that is evidence."""


@dataclass(frozen=True)
class ValueRegion:
    """The pixels of one value in one mask.

    column: the mean column, as a fraction of the width. log_area: the logarithm of the share of the image's pixels.
    connected: whether they are in one piece. color: the mean colour of the image there, red, green and blue in 0..1;
    `None` where the image is not known.
    """

    value: int
    column: float
    log_area: float
    connected: bool
    color: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ObjectIdEvidence:
    """Why masks hold object ids.

    reason: a clause that follows "they". sure: whether they do, or only may. boundary: the value along object borders,
    which has no label.
    """

    reason: str
    sure: bool = True
    boundary: int | None = None


def detect_object_ids(
    masks: Sequence[MaskHistogram], images: Mapping[Path, Path] | None = None
) -> ObjectIdEvidence | None:
    """Return the evidence that masks hold object ids; `None` where they hold classes. images: the image of each mask.

    The pixels of an object id are in one piece. Ids run from 1 to the number of objects in every image, or differ from
    image to image. Objects of one id in two images are no more alike than any two objects. A value along object
    borders, such as 255, is no id. Values that differ from image to image, but have the same colour wherever they
    recur, may be many classes of which each image shows a few; then the evidence is not sure.
    """
    boundary = find_boundary_value(masks)
    if boundary is not None and boundary.sure:
        evidence = _weigh_evidence(remove_value(masks, boundary.value), images or {})
        return evidence and replace(evidence, boundary=boundary.value)
    return _weigh_evidence(masks, images or {})


def _weigh_evidence(masks: Sequence[MaskHistogram], images: Mapping[Path, Path]) -> ObjectIdEvidence | None:
    masks = [mask for mask in masks if any(value > 0 for value in mask.pixels)]
    highest = max((max(mask.pixels) for mask in masks), default=0)
    if not masks or highest < _SEVERAL or highest > MAX_ID or min(min(mask.pixels) for mask in masks) < 0:
        return None
    counts = [sum(value > 0 for value in mask.pixels) for mask in masks]
    named = all(OF_OBJECTS.search(mask.path.stem) for mask in masks)
    if np.mean(counts) < _SEVERAL and not named:
        return None
    regions: list[list[ValueRegion]] = []
    for mask in masks[:: -(-len(masks) // SAMPLE)]:
        regions.append(measure_regions(mask, images.get(mask.path)))
        connected = [region.connected for image in regions for region in image]
        if len(connected) >= _ENOUGH and np.mean(connected) < _CONNECTED / 2:
            return None  # these are classes, whatever the other masks hold
    if np.mean(connected) < _CONNECTED:
        return None
    if named:
        return ObjectIdEvidence(
            "are named as Cellpose or ilastik name masks of objects, and each value is in one piece"
        )
    if _is_numbered_per_image(masks, counts):
        return ObjectIdEvidence("number from 1 in each image, as many as it has objects, each in one piece")
    have_own_colors = _have_own_colors(regions)
    if _differs_per_image(masks) and have_own_colors:
        reason = "are other numbers in each image, each in one piece, though each number has a colour of its own there"
        return ObjectIdEvidence(reason, sure=False)
    if _differs_per_image(masks):
        return ObjectIdEvidence("are other numbers in each image, each in one piece")
    many = bool(np.mean(counts) >= 2 * _MANY)
    on_background = all(0 in mask.pixels for mask in masks)
    if on_background and (many or _has_no_gaps(masks, counts)) and _is_unlike_classes(regions):
        enough = bool(np.mean(counts) >= _MANY) or all(mask.deep for mask in masks)
        sure = enough and not _is_in_one_column(regions) and not have_own_colors
        return ObjectIdEvidence(
            "are in one piece each, and the piece of a number has another place and size in every image", sure
        )
    return None


def measure_regions(mask: MaskHistogram, image: Path | None = None) -> list[ValueRegion]:
    """Return the regions of a mask's values other than 0; of many values about a hundred, evenly spread."""
    from scipy import ndimage  # imported here: it takes 0.1 s, which most data sets do not need

    stored = read_values(mask.path)
    values = stored[..., 0] if stored.ndim == 3 else stored
    pixels = None if image is None else _read_colors(image, values.shape)
    regions: list[ValueRegion] = []
    boxes = ndimage.find_objects(values.astype(np.int32))
    present = [value for value in sorted(mask.pixels) if value > 0]
    for value in present[:: -(-len(present) // 100)]:
        box = boxes[value - 1]
        if box is None:
            continue
        is_value = values[box] == value
        pieces, _ = ndimage.label(is_value, np.ones((3, 3)))
        area = np.count_nonzero(is_value)
        largest = int(np.bincount(pieces[is_value]).max())
        column = box[1].start + float(np.nonzero(is_value)[1].mean())
        log_area = float(np.log(area / values.size))
        color = None if pixels is None else tuple((pixels[box][is_value].mean(axis=0) / 255).tolist())
        regions.append(ValueRegion(value, column / values.shape[1], log_area, bool(largest >= _ALONE * area), color))
    return regions


def _read_colors(image: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8] | None:
    """Return the colours of an image; `None` where its (height, width) is not that of `shape`, or it cannot be read."""
    try:
        pixels = read_image(image)
    except PixelwiseError:  # which `check` reports
        return None
    return pixels if pixels.shape[:2] == shape else None


def _is_numbered_per_image(masks: Sequence[MaskHistogram], counts: Sequence[int]) -> bool:
    """Return whether nearly every mask holds 1, 2 ... to the number of its objects, and these numbers vary."""
    differ = max(counts) - min(counts) >= max(2, 0.2 * float(np.mean(counts)))
    return differ and len(set(counts)) >= 3 and _has_no_gaps(masks, counts)


def _has_no_gaps(masks: Sequence[MaskHistogram], counts: Sequence[int]) -> bool:
    """Return whether in nearly every mask the highest value is the number of values."""
    return float(np.mean([max(mask.pixels) <= 1.1 * n for mask, n in zip(masks, counts, strict=True)])) >= 0.9


def _differs_per_image(masks: Sequence[MaskHistogram]) -> bool:
    """Return whether there are many values, most of which occur in few of the masks."""
    shares = [count / len(masks) for value, count in masks_per_value(masks).items() if value > 0]
    return len(masks) >= 3 and len(shares) >= 30 and float(np.median(shares)) <= 0.5


def _is_unlike_classes(regions: Sequence[Sequence[ValueRegion]]) -> bool:
    """Return whether regions of one value are no more alike, over the images, than any two regions."""
    members: defaultdict[int, list[ValueRegion]] = defaultdict(list)
    for region in (region for image in regions for region in image):
        members[region.value].append(region)
    repeated = [group for group in members.values() if len(group) > 1]
    if len(repeated) < _SEVERAL or sum(map(len, repeated)) < 4 * _SEVERAL:
        # Too few images to compare: many values, all in one piece, are regions.
        return float(np.mean([len(image) for image in regions])) >= 2 * _MANY
    return all(
        _variance_ratio([[getattr(region, measure) for region in group] for group in repeated]) > _UNLIKE
        for measure in ("column", "log_area")
    )


def _have_own_colors(regions: Sequence[Sequence[ValueRegion]]) -> bool:
    """Return whether regions of one value have nearly one colour over the images, while their places differ like those
    of any two regions.

    That is so for things of a class, and not for numbers of objects. An object that is followed over images has one
    colour, but also one place.
    """
    members: defaultdict[int, list[tuple[float, ...]]] = defaultdict(list)
    for region in (region for image in regions for region in image if region.color is not None):
        members[region.value].append((region.column, *(region.color or ())))
    groups = [np.array(group) for group in members.values() if len(group) > 1]
    if sum(len(group) - 1 for group in groups) < _RECURRING:
        return False
    column, *colors = ([group[:, measure].tolist() for group in groups] for measure in range(groups[0].shape[1]))
    return _variance_ratio(column) > _UNLIKE and min(map(_variance_ratio, colors)) < _OF_ONE_COLOR


def _is_in_one_column(regions: Sequence[Sequence[ValueRegion]]) -> bool:
    """Return whether all regions lie in one column, as layers across the image do. Then places are no evidence."""
    return float(np.var([region.column for image in regions for region in image])) <= _ALIKE


def _variance_ratio(groups: Sequence[Sequence[float]]) -> float:
    """Return the variance within groups over the overall variance: about 1 where groups make no difference."""
    every = np.concatenate([np.asarray(group, float) for group in groups])
    within = sum(float(((np.asarray(group) - np.mean(group)) ** 2).sum()) for group in groups)
    overall = float(every.var(ddof=1))
    return within / (len(every) - len(groups)) / overall if overall > _ALIKE else 1.0
