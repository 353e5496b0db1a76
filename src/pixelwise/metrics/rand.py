"""Rand error, the score of ISBI 2012: how far a prediction and the truth disagree on which pixels share an object.

Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics", Frontiers in
Neuroanatomy 9:142, 2015, doi:10.3389/fnana.2015.00142: 1 minus the F-score of the Rand index, restricted to the
foreground. (The challenge's later V^Rand also thins the borders first and takes the best of many thresholds.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ShapeError

InstanceMap = npt.NDArray[np.integer[Any]]


def rand_error(prediction: InstanceMap, target: InstanceMap) -> float:
    """Return the Rand error of two instance maps; 0 is best.

    The pairs of pixels that lie in objects of the target are counted. A map joins a pair if both pixels have the same
    id; it joins a pixel without an object to none. Precision is the fraction of the pairs joined by the prediction that
    the truth joins too, recall the fraction of the pairs joined by the truth that the prediction joins too. The error
    is 1 minus their harmonic mean.

    Parameters
    ----------
    prediction, target
        Integers (height, width), 0 = no object.

    Returns
    -------
    float
        The error, in 0..1; NaN where neither map joins a pair.

    Raises
    ------
    ShapeError
        Unless both are integers of one (height, width).

    Examples
    --------
    >>> rand_error(np.array([[1, 1], [2, 2]]), np.array([[1, 1], [2, 2]]))
    0.0
    """
    for where, instance_map in (("prediction", prediction), ("target", target)):
        if instance_map.ndim != 2 or not np.issubdtype(instance_map.dtype, np.integer):
            found = f"{instance_map.dtype} of shape {instance_map.shape}"
            raise ShapeError(where, found, "integers of shape (height, width)", "Score one image's object ids.")
    if prediction.shape != target.shape:
        found, expected = str(prediction.shape), f"{target.shape}, the target's shape"
        raise ShapeError("prediction", found, expected, "Predict at the size of the instance map.")
    counted = target != 0
    true, true_sizes = _renumber(target[counted])
    predicted, predicted_sizes = _renumber(prediction[counted])
    in_object = prediction[counted] != 0
    shared_sizes = np.unique(true[in_object] * len(predicted_sizes) + predicted[in_object], return_counts=True)[1]
    joined = _count_pairs(true_sizes) + _count_pairs(predicted_sizes[np.unique(predicted[in_object])])
    return float(1 - 2 * _count_pairs(shared_sizes) / joined) if joined else float("nan")


def _renumber(ids: InstanceMap) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the ids (n,) replaced by 0, 1, ... without gaps, and how often each occurs."""
    _, numbers, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return numbers, counts


def _count_pairs(sizes: npt.NDArray[np.intp]) -> int:
    """Return the number of pairs of different pixels within groups of these sizes."""
    return int((sizes * (sizes - 1)).sum()) // 2
