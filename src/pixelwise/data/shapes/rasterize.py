"""Objects that an annotation file lists, each as outlines or a mask, rasterized into the maps of one image.

Maps hold one object a pixel. Where two objects overlap, the smaller one is in front, since the larger would hide it; of
two objects of equal area the later one is in front. A region that the file calls a crowd has no label where no object
covers it. Remarks name the objects that are hidden or cut, and those without a pixel.
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
"""Names that a remark lists."""
LEAST_CORNERS = 3
"""Corners that an outline needs."""


@dataclass(frozen=True)
class AnnotatedObject:
    """An object as a file lists it.

    name: its name in messages. rings: its outlines, in pixels of the image (see `fill_rings`). runs, piece: its mask,
    instead of outlines, as COCO's runs (numbers or compressed) or as a piece of the image. crowd: whether it is a
    region of many objects that are not told apart.
    """

    name: str
    class_index: int
    rings: Sequence[Ring] = ()
    runs: Sequence[int] | str | None = None
    piece: Piece | None = None
    crowd: bool = False


def rasterize(objects: Sequence[AnnotatedObject], size: tuple[int, int], where: str) -> Labels:
    """Return the label map and instance map of objects, of `size` (height, width), with remarks.

    A pixel outside all objects has class 0, and a pixel of class 0 belongs to no object. Ids number the objects in the
    file's order from 1, without those that have no pixel. Raises `MaskError`, which names `where`, for an outline of
    fewer than three corners, runs of another size, or more objects than 16 bits can number.
    """
    if len(objects) > MAX_ID:
        expected = f"{MAX_ID} at most"
        raise MaskError(where, f"{len(objects)} objects in one image", expected, "Cut the image into tiles.")
    pieces = [rasterize_object(annotated, size, where) for annotated in objects]
    areas = np.array([int(piece.mask.sum()) for piece in pieces], np.intp)
    crowded = np.array([annotated.crowd for annotated in objects], bool)
    label_map, instance_map = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    numbered = np.flatnonzero((areas > 0) & ~crowded)
    ids = np.zeros(len(objects), np.int32)
    ids[numbered] = np.arange(1, len(numbered) + 1)
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
    hidden = numbered[np.bincount(instance_map.ravel(), minlength=len(numbered) + 1)[1:] == 0]
    overlapped = sorted({int(numbered[object_id - 1]) for object_id in behind} - set(hidden.tolist()))
    empty = np.flatnonzero(areas == 0).tolist()

    def names(indices: Sequence[int]) -> list[str]:
        return [objects[index].name for index in indices]

    expected = "objects that share no pixel"
    remarks = [
        object_remark(names(overlapped), "lie partly behind smaller ones", expected, "was cut"),
        object_remark(names(hidden.tolist()), "lie wholly behind smaller ones", expected, "was lost"),
        empty_object_remark(names(empty)),
    ]
    instance_map[label_map == 0] = 0
    return Labels(label_map, instance_map, tuple(filter(None, remarks)))


def format_names(names: Sequence[str]) -> str:
    """Return the first names, for a remark."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def object_remark(names: Sequence[str], problem: str, expected: str, done: str) -> str:
    """Return a remark on the objects of these names, for `Labels.remarks`; an empty text without names.

    problem: what is wrong with them, a clause after "that". done: what became of each, a clause after "Each of them".
    """
    if not names:
        return ""
    return f"found objects ({format_names(names)}) that {problem}; expected {expected}. Each of them {done}."


def empty_object_remark(names: Sequence[str]) -> str:
    """Return a remark on objects without a pixel (see `object_remark`)."""
    return object_remark(names, "cover no pixel's centre inside the image", "objects of a pixel or more", "was lost")


def rasterize_object(annotated: AnnotatedObject, size: tuple[int, int], where: str) -> Piece:
    """Return the mask of an object, cut out of an image of `size` (height, width). Raises as `rasterize`."""
    where = f"{where}, object {annotated.name}"
    if annotated.piece is not None:
        return annotated.piece
    if annotated.runs is not None:
        return Piece(0, 0, decode_mask(annotated.runs, size, where))
    for ring in annotated.rings:
        if len(ring) < LEAST_CORNERS or not np.isfinite(ring).all():
            found = f"an outline of {len(ring)} corners" if np.isfinite(ring).all() else "corners that are no numbers"
            raise MaskError(where, found, "three corners or more", "Correct the outline or delete it.")
    if not annotated.rings:
        raise MaskError(where, "no outline", "one or more", "Delete the object or mark it again.")
    corners = np.concatenate(annotated.rings)
    if (farthest := float(np.abs(corners).max())) > FARTHEST:
        raise MaskError(where, f"a corner at {farthest:g}", f"coordinates of at most {FARTHEST:,.0f}", "Correct it.")
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, size[::-1]).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, size[::-1]).astype(int).tolist()
    rings, box_size = [ring - (left, top) for ring in annotated.rings], (bottom - top, right - left)
    try:
        return Piece(top, left, fill_rings(rings, box_size))
    except ValueError as error:
        raise MaskError(where, str(error), "an outline that follows an object", "Mark the object again.") from error
