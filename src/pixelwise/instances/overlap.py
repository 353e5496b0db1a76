"""Overlaps of predicted and true objects of one image, in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from pixelwise.core.errors import ShapeError
from pixelwise.instances.objects import Objects

Int = npt.NDArray[np.intp]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Overlaps:
    """The pairs of a predicted and a true object that share pixels, and the areas of all objects.

    predicted, true: (pairs,), positions (id - 1) in the two `Objects`. shared: (pairs,), pixels of both.
    predicted_areas, true_areas: (n,), pixels of each object. unknown: (n,), pixels of each predicted object that are
    ignored and outside all true objects.
    """

    predicted: Int
    true: Int
    shared: Int
    predicted_areas: Int
    true_areas: Int
    unknown: Int

    def iou(self, *, of_known: bool = False) -> Float64:
        """Return the intersection over union of each pair, float64 (pairs,) in 0..1. With `of_known`, unknown pixels
        are left out of unions."""
        areas = self.predicted_areas - self.unknown if of_known else self.predicted_areas
        return self.shared / (areas[self.predicted] + self.true_areas[self.true] - self.shared)


def count_overlaps(prediction: Objects, target: Objects, ignored: npt.NDArray[np.bool_] | None = None) -> Overlaps:
    """Return the overlaps of two sets of objects, in one pass over the pixels.

    ignored: boolean (height, width), true where the truth is unknown; `None` for nowhere. Raises `ShapeError` for maps
    of different sizes.
    """
    for where, array in (("prediction", prediction.instance_map), ("ignored", ignored)):
        if array is not None and array.shape != target.instance_map.shape:
            expected = f"{target.instance_map.shape}, the target's shape"
            raise ShapeError(where, str(array.shape), expected, "Pass maps of the same image.")
    predicted, truth = prediction.instance_map.ravel(), target.instance_map.ravel()
    shape = (len(prediction) + 1, len(target) + 1)
    pixels = coo_array((np.ones(predicted.size, np.intp), (predicted, truth)), shape=shape).tocsr()
    unknown = np.zeros(len(prediction), np.intp)
    if ignored is not None:
        unknown = np.bincount(predicted[ignored.ravel() & (truth == 0)], minlength=len(prediction) + 1)[1:]
    pairs = pixels[1:, 1:].tocoo()
    return Overlaps(
        predicted=pairs.row.astype(np.intp),
        true=pairs.col.astype(np.intp),
        shared=pairs.data,
        predicted_areas=pixels.sum(axis=1)[1:],
        true_areas=pixels.sum(axis=0)[1:],
        unknown=unknown,
    )
