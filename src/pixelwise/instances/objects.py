"""`Objects`: the objects of one image, and how they are made of maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import MaskError, ShapeError

AnyInstanceMap = npt.NDArray[np.integer[Any]]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
MAX_ID = 65535
"""The most that files of 16 bits, and so all layouts of data, can number."""


@dataclass(frozen=True)
class Piece:
    """A mask, boolean (height, width), and where its top left corner lies in an image."""

    top: int
    left: int
    mask: npt.NDArray[np.bool_]

    @property
    def place(self) -> tuple[slice, slice]:
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_]) -> Piece:
        """Return what a mask of a whole image, with a pixel or more, holds."""
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        return cls(int(rows[0]), int(columns[0]), mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@dataclass(frozen=True)
class Objects:
    """The objects of one image, no two at the same pixel.

    instance_map: int32 (height, width), 0 = no object, ids 1..n without gaps. class_index: int32 (n,), that of object
    i + 1 at i. score: float32 (n,), how sure they are, in 0..1.
    """

    instance_map: Int32
    class_index: Int32
    score: Float32

    def __len__(self) -> int:
        return len(self.class_index)

    def select(self, which: npt.NDArray[np.bool_]) -> Objects:
        """Return the objects that are true in `which`, boolean (n,), numbered anew."""
        table = np.concatenate([[0], np.cumsum(which) * which]).astype(np.int32)
        return Objects(table[self.instance_map], self.class_index[which], self.score[which])

    def areas(self) -> npt.NDArray[np.int64]:
        """Return the objects' pixels, int64 (n,)."""
        return np.bincount(self.instance_map.ravel(), minlength=len(self) + 1)[1:]

    def boxes_xyxy(self) -> npt.NDArray[np.int64]:
        """Return the left, top, right and bottom edge of each object, int64 (n, 4); each has a pixel."""
        rows, columns = np.nonzero(self.instance_map)
        labels = self.instance_map[rows, columns] - 1
        boxes = np.empty((len(self), 4), np.int64)
        boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int64).max, 0
        for place, values in enumerate((columns, rows)):
            np.minimum.at(boxes[:, place], labels, values)
            np.maximum.at(boxes[:, place + 2], labels, values + 1)
        return boxes

    def pieces(self) -> Iterator[Piece]:
        """Yield each object's mask, no larger than the object."""
        for index, (left, top, right, bottom) in enumerate(self.boxes_xyxy().tolist()):
            yield Piece(top, left, self.instance_map[top:bottom, left:right] == index + 1)


def require_instance_map(instance_map: AnyInstanceMap, where: str = "instance_map") -> None:
    """Raise `ShapeError` unless given integers (height, width) with at least one pixel, `MaskError` for ids below 0."""
    if instance_map.ndim != 2 or instance_map.size == 0 or not np.issubdtype(instance_map.dtype, np.integer):
        found = f"{instance_map.dtype} of shape {instance_map.shape}"
        expected = "integers of shape (height, width) with at least one pixel"
        raise ShapeError(where, found, expected, "Pass one image's object ids.")
    if instance_map.min() < 0:
        remedy = "Number objects from 1; 0 is no object."
        raise MaskError(where, f"the id {instance_map.min()}", "ids of 0 and above", remedy)


def renumber(instance_map: AnyInstanceMap) -> tuple[Int32, npt.NDArray[np.int64]]:
    """Return the map with its ids replaced by 1..n in their order, int32 (height, width), and the ids, int64 (n,).

    0 stays 0. Raises as `require_instance_map`.
    """
    require_instance_map(instance_map)
    highest = int(instance_map.max())
    if highest < instance_map.size:  # a table of ids is quicker than sorting the pixels
        ids = np.flatnonzero(np.bincount(instance_map.ravel()))
        ids = ids[ids > 0]
        numbers = np.zeros(highest + 1, np.int32)
        numbers[ids] = np.arange(1, len(ids) + 1)
        return numbers[instance_map], ids
    inside = instance_map > 0
    numbers = np.zeros(instance_map.shape, np.int32)
    ids, places = np.unique(instance_map[inside], return_inverse=True)
    numbers[inside] = places + 1
    return numbers, ids.astype(np.int64)


def objects_from_maps(label_map: npt.NDArray[np.uint8], instance_map: AnyInstanceMap) -> Objects:
    """Return the objects of a labelled image, all with score 1; each has the class that most of its pixels have.

    label_map: uint8 (height, width); of two classes as frequent the lower index counts. An object without one labelled
    pixel is left out. Raises `ShapeError` for shapes that differ, and as `require_instance_map`.
    """
    if label_map.shape != instance_map.shape:
        expected = f"{label_map.shape}, the label map's shape"
        raise ShapeError("instance_map", str(instance_map.shape), expected, "Pass maps of the same image.")
    own, ids = renumber(instance_map)
    votes = np.bincount(own.ravel() * 256 + label_map.ravel(), minlength=256 * (len(ids) + 1)).reshape(-1, 256)
    votes = votes[1:, :IGNORE_INDEX]
    every = Objects(own, votes.argmax(axis=1).astype(np.int32), np.ones(len(ids), np.float32))
    return every.select(votes.sum(axis=1) > 0)
