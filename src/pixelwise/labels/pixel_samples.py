"""Labelled pixels in an order of which any prefix is a fair sample: balanced over the classes, spread over the
image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.boxes import Box, tile_boxes
from pixelwise.labels.strokes import UInt8
from pixelwise.metrics.pixels import counted_pixels

Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class LabelledPixels:
    """Pixels of an image and their classes: int32 (N,), int32 (N,) and uint8 (N,)."""

    rows: Int32
    columns: Int32
    class_indices: UInt8

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, index: npt.NDArray[np.generic] | slice) -> LabelledPixels:
        return LabelledPixels(self.rows[index], self.columns[index], self.class_indices[index])

    def find(self, others: LabelledPixels) -> npt.NDArray[np.intp]:
        """Return the index here of each of the other pixels, int (len(others),); -1 for one that is not here."""
        if not len(self):
            return np.full(len(others), -1)
        places, wanted = ((pixels.rows.astype(np.int64) << 32) + pixels.columns for pixels in (self, others))
        order = np.argsort(places)
        nearest = np.searchsorted(places, wanted, sorter=order).clip(max=len(order) - 1)
        return np.where(places[order[nearest]] == wanted, order[nearest], -1)

    def equals(self, other: LabelledPixels) -> bool:
        return (
            np.array_equal(self.rows, other.rows)
            and np.array_equal(self.columns, other.columns)
            and np.array_equal(self.class_indices, other.class_indices)
        )


def checked_pixels(
    rows: npt.ArrayLike, columns: npt.ArrayLike, class_indices: npt.ArrayLike, size: tuple[int, int], num_classes: int
) -> LabelledPixels:
    """Return the pixels that have a label.

    Raises
    ------
    ShapeError
        The three differ in length, or are not whole numbers.
    OptionError
        A pixel is outside an image of `size` (height, width), or a class index beyond the classes.
    """
    arrays = [np.asarray(values) for values in (rows, columns, class_indices)]
    if len({array.shape for array in arrays}) > 1 or any(array.ndim != 1 for array in arrays):
        found = ", ".join(str(array.shape) for array in arrays)
        raise ShapeError("rows, columns, class_indices", found, "three arrays (N,)", "Give one of each for a pixel.")
    if any(array.size and array.dtype.kind not in "iu" for array in arrays):
        found = ", ".join(str(array.dtype) for array in arrays)
        raise ShapeError("rows, columns, class_indices", found, "whole numbers", "Round points down to pixels.")
    has_label = counted_pixels(arrays[2])
    rows, columns, class_indices = (array[has_label] for array in arrays)
    if len(rows) and not (_lie_within(rows, size[0]) and _lie_within(columns, size[1])):
        raise OptionError(
            "rows, columns", "a pixel outside the image", f"pixels of {size[0]}x{size[1]}", "Clip them to the image."
        )
    if len(rows) and not _lie_within(class_indices, num_classes):
        found = f"the class {int(class_indices.max())}"
        raise OptionError("class_indices", found, f"0 to {num_classes - 1}, or 255", "Add the class first.")
    return LabelledPixels(rows.astype(np.int32), columns.astype(np.int32), class_indices.astype(np.uint8))


def order_pixels(pixels: LabelledPixels, seed: int, limit: int) -> LabelledPixels:
    """Return at most `limit` pixels, in an order of which any prefix is as balanced over the classes as possible.

    Within a class the order is random, a function of the seed and the pixel's place: another stroke does not change the
    order of the existing pixels.
    """
    ranks = _scatter(pixels.rows, pixels.columns, seed)
    by_class = np.lexsort((ranks, pixels.class_indices))
    classes = pixels.class_indices[by_class]
    places = np.arange(len(classes)) - np.searchsorted(classes, classes)
    chosen = by_class[np.lexsort((classes, places))[:limit]]
    return pixels.select(chosen)


def sample_tiles(
    read: Callable[[Box], UInt8], size: tuple[int, int], num_classes: int, seed: int, limit: int
) -> dict[int, LabelledPixels]:
    """Return at most `limit` labelled pixels of each tile that has some, in the order of `order_pixels`, by the number
    of the tile in `tile_boxes`.

    Parameters
    ----------
    read
        Returns the label map uint8 (h, w) of a box.
    size
        Height and width of the image.

    Raises
    ------
    OptionError
        A class index is beyond the classes.
    """
    tiles = {}
    for number, box_tlbr in enumerate(tile_boxes(size)):
        part = read(box_tlbr)
        rows, columns = np.nonzero(counted_pixels(part))
        if len(rows):
            top, left, _, _ = box_tlbr
            pixels = checked_pixels(rows + top, columns + left, part[rows, columns], size, num_classes)
            tiles[number] = order_pixels(pixels, seed, limit)
    return tiles


def share_limit(counts: Sequence[int], limit: int) -> int:
    """Return the largest share per group, at least 1, with which groups of these sizes have at most `limit` together.

    Examples
    --------
    >>> share_limit([100, 10, 100], 110)
    50
    """
    ascending = sorted(counts)
    for index, count in enumerate(ascending):
        share = limit // (len(ascending) - index)
        if count > share:
            return max(share, 1)
        limit -= count
    return max(ascending, default=1)


def _lie_within(values: npt.NDArray[np.generic], stop: int) -> bool:
    return bool(values.min() >= 0 and values.max() < stop)


def _scatter(rows: Int32, columns: Int32, seed: int) -> npt.NDArray[np.uint64]:
    """Return a pseudo-random number for each pixel (the finaliser of SplitMix64, Steele et al., OOPSLA 2014)."""
    value = (
        (rows.astype(np.uint64) << np.uint64(32)) ^ columns.astype(np.uint64) ^ np.uint64(seed * 2_654_435_761 % 2**64)
    )
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
