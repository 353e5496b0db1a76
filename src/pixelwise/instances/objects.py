"""`Objects`, the objects of one image, and their creation from maps."""

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
"""The highest id in files of 16 bits, and so the highest in all layouts."""


@dataclass(frozen=True)
class Piece:
    """A part of a mask, boolean (height, width), and the position of its top left pixel in the image."""

    top: int
    left: int
    mask: npt.NDArray[np.bool_]

    @property
    def place(self) -> tuple[slice, slice]:
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_]) -> Piece:
        """Return the part of a whole image's mask inside its bounding box. The mask must have a pixel."""
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        return cls(int(rows[0]), int(columns[0]), mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@dataclass(frozen=True)
class Objects:
    """The objects of one image. No two share a pixel.

    Attributes
    ----------
    instance_map
        int32 (height, width), 0 = no object, ids 1..n without gaps.
    class_index
        int32 (n,), that of object i + 1 at i.
    score
        float32 (n,), the confidence of each object, in 0..1.
    """

    instance_map: Int32
    class_index: Int32
    score: Float32

    def __len__(self) -> int:
        return len(self.class_index)

    def select(self, selected: npt.NDArray[np.bool_]) -> Objects:
        """Return the `selected` objects, boolean (n,), renumbered."""
        table = np.concatenate([[0], np.cumsum(selected) * selected]).astype(np.int32)
        return Objects(table[self.instance_map], self.class_index[selected], self.score[selected])

    def areas(self) -> npt.NDArray[np.int64]:
        """Return the number of pixels of each object, int64 (n,)."""
        return np.bincount(self.instance_map.ravel(), minlength=len(self) + 1)[1:]

    def boxes_xyxy(self) -> npt.NDArray[np.int64]:
        """Return the left, top, right and bottom edge of each object, int64 (n, 4). Each must have a pixel."""
        rows, columns = np.nonzero(self.instance_map)
        labels = self.instance_map[rows, columns] - 1
        boxes = np.empty((len(self), 4), np.int64)
        boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int64).max, 0
        for place, values in enumerate((columns, rows)):
            np.minimum.at(boxes[:, place], labels, values)
            np.maximum.at(boxes[:, place + 2], labels, values + 1)
        return boxes

    def pieces(self) -> Iterator[Piece]:
        """Yield the mask of each object, as large as its bounding box."""
        for index, (left, top, right, bottom) in enumerate(self.boxes_xyxy().tolist()):
            yield Piece(top, left, self.instance_map[top:bottom, left:right] == index + 1)


def require_instance_map(instance_map: AnyInstanceMap, where: str = "instance_map") -> None:
    """Raise `ShapeError` unless the map is integers (height, width) with a pixel or more, `MaskError` for negative
    ids."""
    if instance_map.ndim != 2 or instance_map.size == 0 or not np.issubdtype(instance_map.dtype, np.integer):
        found = f"{instance_map.dtype} of shape {instance_map.shape}"
        expected = "integers of shape (height, width) with at least one pixel"
        raise ShapeError(where, found, expected, "Pass one image's object ids.")
    if instance_map.min() < 0:
        remedy = "Number objects from 1; 0 is no object."
        raise MaskError(where, f"the id {instance_map.min()}", "ids of 0 and above", remedy)


def renumber(instance_map: AnyInstanceMap) -> tuple[Int32, npt.NDArray[np.int64]]:
    """Return the map with its ids replaced by 1..n in their order, int32 (height, width), and the old ids, int64 (n,).

    0 stays 0. Raises as `require_instance_map`.

    Examples
    --------
    >>> numbers, ids = renumber(np.array([[0, 7, 7], [3, 3, 0]]))
    >>> numbers.tolist(), ids.tolist()
    ([[0, 2, 2], [1, 1, 0]], [3, 7])
    """
    require_instance_map(instance_map)
    highest = int(instance_map.max())
    if highest < instance_map.size:  # a table of ids is faster than sorting the pixels
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
    """Return the objects of a labelled image, all with score 1.

    Each object has the class of most of its labelled pixels, the lower index in a tie. An object without a labelled
    pixel is left out. label_map: uint8 (height, width). Raises `ShapeError` for shapes that differ, and as
    `require_instance_map`.
    """
    if label_map.shape != instance_map.shape:
        expected = f"{label_map.shape}, the label map's shape"
        raise ShapeError("instance_map", str(instance_map.shape), expected, "Pass maps of the same image.")
    numbers, ids = renumber(instance_map)
    votes = np.bincount(numbers.ravel() * 256 + label_map.ravel(), minlength=256 * (len(ids) + 1)).reshape(-1, 256)
    votes = votes[1:, :IGNORE_INDEX]
    objects = Objects(numbers, votes.argmax(axis=1).astype(np.int32), np.ones(len(ids), np.float32))
    return objects.select(votes.sum(axis=1) > 0)
