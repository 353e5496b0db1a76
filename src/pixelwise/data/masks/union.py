"""Images with several mask files, such as one for each lesion in breast ultrasound (BUSI), united in one label map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import MaskError
from pixelwise.core.text import quantity
from pixelwise.data.dataset import Item, Labels, mask_of
from pixelwise.data.masks.encoding import Int32, MaskEncoding, UInt8
from pixelwise.data.masks.instance_maps import IdEncoding
from pixelwise.data.problem import Problem

SAME = 0.5
"""Two masks that overlap by more than this share of the smaller one show the same object and not two parts."""
_REMEDY = "Keep one mask of this image, or one with a value a class, or leave the image out (`train(skip_bad=True)`)."


def attach_masks(items: Iterable[Item], several: dict[Path, list[Path]]) -> list[Item]:
    """Return the items, with all masks of the images that have several (see `pairing.group_masks`)."""
    return [
        item
        if item.image not in several
        else replace(item, mask=several[item.image][0], more=(*several[item.image][1:],))
        for item in items
    ]


def report_united(root: Path, items: Iterable[Item]) -> list[Problem]:
    """Return a problem that names images of which several masks are united; none without such images."""
    united = [item for item in items if item.more]
    if not united:
        return []
    first = united[0]
    names = ", ".join(mask.name for mask in (mask_of(first), *first.more))
    count = quantity(len(united), "image")
    message = (
        f"found several masks of {count} ({names} of {first.image.name}); expected one mask an image. They were "
        "united: a pixel has the class that one of them gives it. If the numbers are classes, save one mask an image "
        "with a value a class."
    )
    return [Problem(root, "assumed", message)]


def read_union(item: Item, encoding: MaskEncoding, id_encoding: IdEncoding) -> Labels:
    """Return the labels of an item with several masks. Where masks hold object ids, the objects of all masks are
    numbered.

    Raises `MaskError` for masks of different sizes, for pixels with two classes, and for two masks of the same object,
    as two observers draw them. Raises as `MaskEncoding.read` besides.
    """
    masks = (mask_of(item), *item.more)
    label_maps = [encoding.read(mask) for mask in masks]
    background = encoding.values.get(0, 0)
    _require_disjoint(masks, label_maps, background)
    united = label_maps[0].copy()
    for label_map in label_maps[1:]:
        united[(label_map == IGNORE_INDEX) & (united == background)] = IGNORE_INDEX
        foreground = _foreground(label_map, background)
        united[foreground] = label_map[foreground]
    if not encoding.objects:
        return Labels(united, None if item.instances is None else id_encoding.read(item.instances))
    ids: Int32 = np.zeros(united.shape, np.int32)
    for mask_ids in map(id_encoding.read, masks):
        ids[mask_ids > 0] = mask_ids[mask_ids > 0] + ids.max()
    return Labels(united, ids)


def _require_disjoint(masks: Sequence[Path], label_maps: Sequence[UInt8], background: int) -> None:
    """Raise `MaskError` unless masks have one size and show different parts of the image."""
    size = label_maps[0].shape
    for number, (mask, label_map) in enumerate(zip(masks, label_maps, strict=True)):
        if label_map.shape != size:
            stored, expected = ("{}x{} (height x width)".format(*shape) for shape in (label_map.shape, size))
            raise MaskError(mask, f"a mask of {stored}", f"{expected}, as {masks[0].name} has", _REMEDY)
        foreground = _foreground(label_map, background)
        for other, other_map in zip(masks[:number], label_maps, strict=False):
            other_foreground = _foreground(other_map, background)
            both = foreground & other_foreground
            if differ := int((label_map[both] != other_map[both]).sum()):
                expected = "one class a pixel in an image's masks"
                raise MaskError(mask, f"{differ:,} pixels of another class than in {other.name}", expected, _REMEDY)
            if both.sum() > SAME * max(1, min(foreground.sum(), other_foreground.sum())):
                found = f"an area that {other.name} shows too, as labels of two observers do"
                raise MaskError(mask, found, "parts that lie apart in an image's masks", _REMEDY)


def _foreground(label_map: UInt8, background: int) -> npt.NDArray[np.bool_]:
    """Return the pixels, boolean (height, width), that have a class other than background."""
    foreground: npt.NDArray[np.bool_] = (label_map != background) & (label_map != IGNORE_INDEX)
    return foreground
