"""Thresholds: a class gets the pixels where its own probability is high enough, even if another class is more
probable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.tiling.stitch import argmax_labels

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

EXPECTED = "a class of the model and a probability between 0 and 1, as in car=0.3"


def parse_thresholds(texts: Sequence[str]) -> dict[str, float]:
    """Return {class: threshold} of texts such as "car=0.3". Raises `OptionError` for any other text."""
    thresholds = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            thresholds[name.strip()] = float(value)
        except ValueError as error:
            raise OptionError("thresholds", repr(text), EXPECTED, "Give one for each class that needs it.") from error
    return thresholds


def thresholds_by_index(thresholds: Mapping[str, float], classes: ClassMap) -> dict[int, float]:
    """Return {class index: threshold}.

    Raises `OptionError` for an unknown class, a threshold that is not between 0 and 1, and thresholds for all classes,
    which would leave some pixels without a class.
    """
    for name, value in thresholds.items():
        if name not in classes.names or not 0 < value < 1:
            raise OptionError("thresholds", f"{name}={value:g}", EXPECTED, f"Classes: {', '.join(classes.names)}.")
    if len(thresholds) == classes.num_classes:
        remedy = "Leave one out: it gets the remaining pixels."
        raise OptionError("thresholds", "thresholds of all classes", "a class without one", remedy)
    return {classes.names.index(name): value for name, value in thresholds.items()}


def apply_thresholds(probabilities: Float32, thresholds: Mapping[int, float]) -> UInt8:
    """Return uint8 (height, width) class indices of probabilities (K, height, width).

    A class with a threshold gets exactly the pixels where its probability reaches the threshold; where several classes
    do, the most probable of them. The other pixels get the most probable class without a threshold.
    """
    scores = probabilities.copy()
    for class_index, threshold in thresholds.items():
        probability = probabilities[class_index]
        scores[class_index] = np.where(probability >= threshold, 1 + probability, -1)
    return argmax_labels(scores)
