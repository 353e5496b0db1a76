"""Objects that an annotation file lists, one outline or mask each, painted into the maps of one image.

Maps hold one object a pixel. Where two overlap, the smaller is in front, since behind it would vanish; of two as large
the later. A region that the file calls a crowd has no label where no object lies on it. Every such decision, and every
object that has no pixel, is told in a remark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import MaskError
from pixelwise.data.dataset import Labels
from pixelwise.instances.objects import MAX_ID, Piece
from pixelwise.instances.polygons import FARTHEST, Ring, fill_rings
from pixelwise.instances.rle import decode_mask

_SHOWN = 5
LEAST_CORNERS = 3


@dataclass(frozen=True)
class AnnotatedObject:
    """An object as a file marks it.

    name: what the file calls it, for messages. rings: its outlines in pixels of the image (see `fill_rings`). runs:
    COCO's, in numbers or compressed, in place of rings, or piece: its mask. crowd: a region of many objects, not told
    apart.
    """

    name: str
    class_index: int
    rings: Sequence[Ring] = ()
    runs: Sequence[int] | str | None = None
    piece: Piece | None = None
    crowd: bool = False


def rasterize(objects: Sequence[AnnotatedObject], size: tuple[int, int], where: str) -> Labels:
    """Return the label map and instance map, of `size` (height, width), of the objects, with remarks.

    A pixel outside every object has class 0, and one of class 0 is of no object. Ids count the objects in the file's
    order, from 1, without those that have no pixel. Raises `MaskError`, which names `where`, for an outline of less
    than three corners, runs of another size, or more objects than 16 bits can number.
    """
    if len(objects) > MAX_ID:
        expected = f"{MAX_ID} at most"
        raise MaskError(where, f"{len(objects)} objects in one image", expected, "Cut the image into tiles.")
    pieces = [rasterize_object(own, size, where) for own in objects]
    areas = np.array([int(piece.mask.sum()) for piece in pieces], np.intp)
    crowded = np.array([own.crowd for own in objects], bool)
    label_map, instance_map = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    kept = np.flatnonzero((areas > 0) & ~crowded)
    ids = np.zeros(len(objects), np.int32)
    ids[kept] = np.arange(1, len(kept) + 1)
    behind: set[int] = set()
    for index in np.lexsort((-areas, ~crowded)).tolist():  # crowds first, then from the largest on
        piece = pieces[index]
        here = instance_map[piece.place]
        if objects[index].crowd:
            label_map[piece.place][piece.mask] = IGNORE_INDEX
            continue
        behind.update(np.unique(here[piece.mask & (here > 0)]).tolist())
        label_map[piece.place][piece.mask] = objects[index].class_index
        here[piece.mask] = ids[index]
    hidden = kept[np.bincount(instance_map.ravel(), minlength=len(kept) + 1)[1:] == 0]
    overlapped = sorted({int(kept[own - 1]) for own in behind} - set(hidden.tolist()))
    none = np.flatnonzero(areas == 0).tolist()
    apart = "objects that share no pixel"
    told = (
        (overlapped, "lie partly behind smaller ones", apart, "was cut"),
        (hidden.tolist(), "lie wholly behind smaller ones", apart, "was lost"),
    )
    remarks = [object_remark([objects[index].name for index in which], *rest) for which, *rest in told]
    remarks.append(empty_object_remark([objects[index].name for index in none]))
    instance_map[label_map == 0] = 0
    return Labels(label_map, instance_map, tuple(filter(None, remarks)))


def format_names(names: Sequence[str]) -> str:
    """Return the first few names, for a remark."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def object_remark(names: Sequence[str], found: str, expected: str, done: str) -> str:
    """Return a sentence on objects of these names, for `Labels.remarks`; nothing where there are none."""
    if not names:
        return ""
    return f"found objects ({format_names(names)}) that {found}; expected {expected}. Each of them {done}."


def empty_object_remark(names: Sequence[str]) -> str:
    """Return a sentence on objects without a pixel, as `object_remark`."""
    return object_remark(names, "cover no pixel's centre inside the image", "objects of a pixel or more", "was lost")


def rasterize_object(marked: AnnotatedObject, size: tuple[int, int], where: str) -> Piece:
    """Return an object's mask, cut out of an image of `size` (height, width). Raises as `rasterize`."""
    where = f"{where}, object {marked.name}"
    if marked.piece is not None:
        return marked.piece
    if marked.runs is not None:
        return Piece(0, 0, decode_mask(marked.runs, size, where))
    for ring in marked.rings:
        if len(ring) < LEAST_CORNERS or not np.isfinite(ring).all():
            found = f"an outline of {len(ring)} corners" if np.isfinite(ring).all() else "corners that are no numbers"
            raise MaskError(where, found, "three corners or more", "Correct the outline or delete it.")
    if not marked.rings:
        raise MaskError(where, "no outline", "one or more", "Delete the object or mark it again.")
    corners = np.concatenate(marked.rings)
    if (farthest := float(np.abs(corners).max())) > FARTHEST:
        raise MaskError(where, f"a corner at {farthest:g}", f"coordinates of at most {FARTHEST:,.0f}", "Correct it.")
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, size[::-1]).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, size[::-1]).astype(int).tolist()
    rings, box = [ring - (left, top) for ring in marked.rings], (bottom - top, right - left)
    try:
        return Piece(top, left, fill_rings(rings, box))
    except ValueError as error:
        raise MaskError(where, str(error), "an outline that follows an object", "Mark the object again.") from error
