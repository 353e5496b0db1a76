"""Label maps from coarse logits, without up-sampling the logits of every pixel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixelwise.tiling.stitch import argmax_labels

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]


class _Side(NamedTuple):
    """For each pixel along a side: the two coarse rows, or columns, it lies between, and the weight of the second."""

    first: Index
    second: Index
    weight: Float32


def upsample_labels(coarse: Float32, size: tuple[int, int], stride: int) -> UInt8:
    """Return the label map, uint8 `size`, of coarse logits (K, h, w) up-sampled bilinearly with half-pixel centres.

    The logits belong to an image of `size`, padded at the bottom and right to multiples of `stride`. Where one class is
    the largest in all four logits around a pixel it is also the largest in their mean, so means are computed only at
    the borders of classes.
    """
    rows, columns = (_side(*sides, stride) for sides in zip(size, coarse.shape[1:], strict=True))
    labels, scores, width = argmax_labels(coarse), coarse.reshape(len(coarse), -1), coarse.shape[2]
    label_map: UInt8 = labels[rows.first][:, columns.first]
    row, column = np.nonzero(~_is_uniform(labels)[rows.first][:, columns.first])
    left, right, across = columns.first[column], columns.second[column], columns.weight[column]
    above, below = (
        _mean(scores.take(line[row] * width + left, axis=1), scores.take(line[row] * width + right, axis=1), across)
        for line in (rows.first, rows.second)
    )
    label_map[row, column] = argmax_labels(_mean(above, below, rows.weight[row]))
    return label_map


def _side(pixels: int, cells: int, stride: int) -> _Side:
    padded = -(-pixels // stride) * stride
    positions = np.clip((np.arange(pixels) + 0.5) * (cells / padded) - 0.5, 0, cells - 1)
    first = positions.astype(np.intp)
    return _Side(first, np.minimum(first + 1, cells - 1), (positions - first).astype(np.float32))


def _is_uniform(labels: UInt8) -> npt.NDArray[np.bool_]:
    """Return where a label equals those to the right, below, and diagonally below right, as far as they exist."""
    padded = np.pad(labels, (0, 1), mode="edge")
    others = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    uniform: npt.NDArray[np.bool_] = np.logical_and.reduce([labels == other for other in others])
    return uniform


def _mean(first: Float32, second: Float32, weight: Float32) -> Float32:
    """Return the mean of scores (K, pixels), with `weight` (pixels,) for the second."""
    return first + (second - first) * weight
