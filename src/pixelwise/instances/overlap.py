"""Which objects of two maps of one image lie on each other, and by how much."""

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
    """The pairs of a predicted and a true object that share pixels, each array (pairs,), and the objects by themselves.

    predicted, true: positions (id - 1) in the two `Objects`. shared: pixels of both. predicted_areas, true_areas: all
    pixels of each object, (n,). unknown: of each predicted object the pixels outside all true ones where nothing is
    known, (n,).
    """

    predicted: Int
    true: Int
    shared: Int
    predicted_areas: Int
    true_areas: Int
    unknown: Int

    def iou(self, *, of_known: bool = False) -> Float64:
        """Return intersection over union of each pair, in 0..1; with `of_known`, unknown pixels count in no union."""
        areas = self.predicted_areas - self.unknown if of_known else self.predicted_areas
        return self.shared / (areas[self.predicted] + self.true_areas[self.true] - self.shared)


def count_overlaps(prediction: Objects, target: Objects, ignored: npt.NDArray[np.bool_] | None = None) -> Overlaps:
    """Return how the objects of `prediction` lie on those of `target`, in one pass over the pixels.

    ignored: boolean (height, width), true where nothing is known; `None` for nowhere. Raises `ShapeError` for maps of
    different sizes.
    """
    for where, found in (("prediction", prediction.instance_map), ("ignored", ignored)):
        if found is not None and found.shape != target.instance_map.shape:
            expected = f"{target.instance_map.shape}, the target's shape"
            raise ShapeError(where, str(found.shape), expected, "Pass maps of the same image.")
    own, truth = prediction.instance_map.ravel(), target.instance_map.ravel()
    shape = (len(prediction) + 1, len(target) + 1)
    pixels = coo_array((np.ones(own.size, np.intp), (own, truth)), shape=shape).tocsr()
    unknown = np.zeros(len(prediction), np.intp)
    if ignored is not None:
        unknown = np.bincount(own[ignored.ravel() & (truth == 0)], minlength=len(prediction) + 1)[1:]
    pairs = pixels[1:, 1:].tocoo()
    return Overlaps(
        predicted=pairs.row.astype(np.intp),
        true=pairs.col.astype(np.intp),
        shared=pairs.data,
        predicted_areas=pixels.sum(axis=1)[1:],
        true_areas=pixels.sum(axis=0)[1:],
        unknown=unknown,
    )
