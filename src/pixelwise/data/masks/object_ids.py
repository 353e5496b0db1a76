"""Object ids in masks: values that number the objects of each image anew, instead of classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pixelwise.data.masks.boundary_value import find_boundary_value, remove_value
from pixelwise.data.masks.statistics import MaskHistogram, masks_per_value
from pixelwise.instances.objects import MAX_ID
from pixelwise.raster.image import read_values

OF_OBJECTS = re.compile(r"(_cp_masks?|[_ -]Object[ _]Identities)$", re.IGNORECASE)
"""What a mask's stem ends in where a tool writes object ids: Cellpose, ilastik."""
SAMPLE = 24
"""Masks that are looked at."""
_CONNECTED = 0.85
"""Share of the objects that are in one piece, or more."""
_ENOUGH = 12
"""So many objects, mostly in pieces, settle it."""
_ALONE = 0.9
"""Share of an object's pixels in its largest piece, or more, that makes it one piece."""
_SEVERAL = 3
"""Fewer values an image are taken for classes."""
_MANY = 5
"""So many values in each image, or more, are told from classes by their places and sizes alone; and fewer in files of
more than 8 bits, in which classes are rarely stored."""
_ALIKE = 0.01
"""A variance of places, or of areas' logarithms, that is as small says nothing."""


@dataclass(frozen=True)
class ValueRegion:
    """One value in one mask: where its pixels lie, as fractions of the image, their share, and whether in one piece."""

    value: int
    column: float
    log_area: float
    connected: bool


@dataclass(frozen=True)
class ObjectIdEvidence:
    """Why masks are taken for object ids, a clause that follows "they"; or, where not `sure`, why they may be. rim: the
    value along their borders that has no label."""

    reason: str
    sure: bool = True
    rim: int | None = None


def detect_object_ids(looks: Sequence[MaskHistogram]) -> ObjectIdEvidence | None:
    """Return why the masks hold object ids, or may do so; `None` where they hold classes.

    Ids are in one piece each, start from 1 and end at the number of objects in every image, or are new in each; the
    object that has a number in one image is as unlike that of the same number in another as any other. A value along
    their borders, such as 255, is no id.
    """
    rim = find_boundary_value(looks)
    if rim is not None and rim.sure:
        verdict = _verdict(remove_value(looks, rim.value))
        return verdict and replace(verdict, rim=rim.value)
    return _verdict(looks)


def _verdict(looks: Sequence[MaskHistogram]) -> ObjectIdEvidence | None:
    looks = [look for look in looks if any(value > 0 for value in look.pixels)]
    highest = max((max(look.pixels) for look in looks), default=0)
    if not looks or highest < _SEVERAL or highest > MAX_ID or min(min(look.pixels) for look in looks) < 0:
        return None
    counts = [sum(value > 0 for value in look.pixels) for look in looks]
    named = all(OF_OBJECTS.search(look.path.stem) for look in looks)
    if np.mean(counts) < _SEVERAL and not named:
        return None
    objects: list[list[ValueRegion]] = []
    for look in looks[:: -(-len(looks) // SAMPLE)]:
        objects.append(measure_regions(look))
        connected = [single.connected for image in objects for single in image]
        if len(connected) >= _ENOUGH and np.mean(connected) < _CONNECTED / 2:
            return None  # so many in pieces are classes, whatever the other masks hold
    if np.mean(connected) < _CONNECTED:
        return None
    if named:
        return ObjectIdEvidence(
            "are named as Cellpose or ilastik name masks of objects, and each value is in one piece"
        )
    if _numbered_anew(looks, counts):
        return ObjectIdEvidence("number from 1 in each image, as many as it has objects, each in one piece")
    if _new_in_each(looks):
        return ObjectIdEvidence("are other numbers in each image, each in one piece")
    many = bool(np.mean(counts) >= 2 * _MANY)
    on_background = all(0 in look.pixels for look in looks)
    if on_background and (many or _without_gaps(looks, counts)) and _unlike_classes(objects):
        enough = bool(np.mean(counts) >= _MANY) or all(look.deep for look in looks)
        sure = enough and not _in_one_column(objects)
        return ObjectIdEvidence(
            "are in one piece each, and the piece of a number has another place and size in every image", sure
        )
    return None


def measure_regions(look: MaskHistogram) -> list[ValueRegion]:
    """Return the values of a mask but 0, or a hundred of them, with their places."""
    from scipy import ndimage  # a tenth of a second that no other data set should pay

    stored = read_values(look.path)
    values = stored[..., 0] if stored.ndim == 3 else stored
    objects: list[ValueRegion] = []
    boxes = ndimage.find_objects(values.astype(np.int32))
    present = [value for value in sorted(look.pixels) if value > 0]
    for value in present[:: -(-len(present) // 100)]:
        box = boxes[value - 1]
        if box is None:
            continue
        mask = values[box] == value
        pieces, _ = ndimage.label(mask, np.ones((3, 3)))
        area = np.count_nonzero(mask)
        largest = int(np.bincount(pieces[mask]).max())
        column = box[1].start + float(np.nonzero(mask)[1].mean())
        log_area = float(np.log(area / values.size))
        objects.append(ValueRegion(value, column / values.shape[1], log_area, bool(largest >= _ALONE * area)))
    return objects


def _numbered_anew(looks: Sequence[MaskHistogram], counts: Sequence[int]) -> bool:
    """Return whether nearly every mask holds 1, 2 ... to the number of its objects, and the numbers differ."""
    differ = max(counts) - min(counts) >= max(2, 0.2 * float(np.mean(counts)))
    return differ and len(set(counts)) >= 3 and _without_gaps(looks, counts)


def _without_gaps(looks: Sequence[MaskHistogram], counts: Sequence[int]) -> bool:
    """Return whether the highest value of nearly every mask is the number of its values."""
    return float(np.mean([max(look.pixels) <= 1.1 * n for look, n in zip(looks, counts, strict=True)])) >= 0.9


def _new_in_each(looks: Sequence[MaskHistogram]) -> bool:
    """Return whether there are many values, most of which occur in few of the masks."""
    shares = [count / len(looks) for value, count in masks_per_value(looks).items() if value > 0]
    return len(looks) >= 3 and len(shares) >= 30 and float(np.median(shares)) <= 0.5


def _unlike_classes(objects: Sequence[Sequence[ValueRegion]]) -> bool:
    """Return whether objects of one number are no more alike, over the images, than any two."""
    members: defaultdict[int, list[ValueRegion]] = defaultdict(list)
    for single in (single for image in objects for single in image):
        members[single.value].append(single)
    repeated = [group for group in members.values() if len(group) > 1]
    if len(repeated) < _SEVERAL or sum(map(len, repeated)) < 4 * _SEVERAL:
        # Too few images to compare: many values, all in one piece, are objects.
        return float(np.mean([len(image) for image in objects])) >= 2 * _MANY
    return all(
        _spread_within([[getattr(single, what) for single in group] for group in repeated]) > 0.6
        for what in ("column", "log_area")
    )


def _in_one_column(objects: Sequence[Sequence[ValueRegion]]) -> bool:
    """Return whether all lies in one column, as layers that cross an image do, so that the places tell nothing."""
    return float(np.var([single.column for image in objects for single in image])) <= _ALIKE


def _spread_within(groups: Sequence[Sequence[float]]) -> float:
    """Return the variance within groups over that of all: about 1 where the groups do not matter."""
    every = np.concatenate([np.asarray(group, float) for group in groups])
    within = sum(float(((np.asarray(group) - np.mean(group)) ** 2).sum()) for group in groups)
    overall = float(every.var(ddof=1))
    return within / (len(every) - len(groups)) / overall if overall > _ALIKE else 1.0
