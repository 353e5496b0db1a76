"""Rand error: how often two pixels of objects are told together or apart as they are in truth; ISBI 2012's score.

Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics", Frontiers in
Neuroanatomy 9:142, 2015, doi:10.3389/fnana.2015.00142: 1 less the F-score of the Rand index, restricted to the
foreground. (The challenge's later V^Rand also thins the borders first and takes the best of many thresholds.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from pixelwise.core.errors import ShapeError

InstanceMap = npt.NDArray[np.integer[Any]]


def rand_error(prediction: InstanceMap, target: InstanceMap) -> float:
    """Return the Rand error, in 0..1 and 0 at best, of two instance maps (height, width), 0 = no object.

    Counted are pairs of different pixels that lie in objects of the target. A pair is joined where both pixels have
    one id; a pixel that the prediction gives to no object is joined to none. Precision is the fraction of the pairs
    joined in the prediction that are joined in truth, recall the fraction of those joined in truth that the
    prediction joins; the error is 1 less their harmonic mean. NaN where neither joins a pair.
    Raises `ShapeError` unless both are integers of one (height, width).
    """
    for where, instance_map in (("prediction", prediction), ("target", target)):
        if instance_map.ndim != 2 or not np.issubdtype(instance_map.dtype, np.integer):
            found = f"{instance_map.dtype} of shape {instance_map.shape}"
            raise ShapeError(where, found, "integers of shape (height, width)", "Score one image's object ids.")
    if prediction.shape != target.shape:
        found, expected = str(prediction.shape), f"{target.shape}, the target's shape"
        raise ShapeError("prediction", found, expected, "Predict at the size of the instance map.")
    counted = target != 0
    truth, in_truth = _numbered(target[counted])
    predicted, in_predicted = _numbered(prediction[counted])
    told = prediction[counted] != 0
    in_both = np.unique(truth[told] * len(in_predicted) + predicted[told], return_counts=True)[1]
    joined = _pairs(in_truth) + _pairs(in_predicted[np.unique(predicted[told])])
    return float(1 - 2 * _pairs(in_both) / joined) if joined else float("nan")


def connected_components(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return the 4-connected parts of a mask (height, width) as an int32 instance map: 1, 2, ..., and 0 outside."""
    parts: npt.NDArray[np.int32] = np.empty(mask.shape, np.int32)
    label(mask, output=parts)
    return parts


def _numbered(ids: InstanceMap) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the ids (n,) replaced by 0, 1, ... without gaps, and how often each of those occurs."""
    _, numbers, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return numbers, counts


def _pairs(sizes: npt.NDArray[np.intp]) -> int:
    """Return how many pairs of different pixels groups of these sizes hold."""
    return int((sizes * (sizes - 1)).sum()) // 2
