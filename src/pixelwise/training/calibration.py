"""Taking back, once a net is trained, a share of what class weights added to the scores of rare classes.

Weights teach a net rare classes early and make it see them too often: with loss weights w it estimates w_c p(c | x),
scaled to sum to 1, so subtracting log w_c from its logits gives p back. The mean IoU is highest in between. This is
the post-hoc logit adjustment of Menon, Jayasumana, Rawat, Jain, Veit, Kumar, "Long-tail learning via logit adjustment",
ICLR 2021, arXiv:2007.07314, with the training's weights in place of the classes' frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.formats.dataset import Sample
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.predict.predictor import Predictor

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""What is tried: from the weights as trained to none of them."""
GRID = 2
"""Every so many rows and columns of an image are enough to choose by."""


def class_bias(class_weights: Sequence[float], share: float) -> tuple[float, ...]:
    """Return -share log w_c for each class, to be added to its logits; 0 for a class that never counted (w_c = 0)."""
    return tuple(-share * math.log(weight) if weight > 0 else 0.0 for weight in class_weights)


def best_share(predictor: Predictor, samples: Iterable[Sample], class_weights: Sequence[float]) -> float:
    """Return which of `SHARES` gives the highest mIoU on `samples`, the smallest of equals; 0 where nothing counts."""
    classes: ClassMap = predictor.classes
    confusions = [ConfusionMatrix(classes.num_classes) for _ in SHARES]
    biases = [np.array(class_bias(class_weights, share), np.float32)[:, None, None] for share in SHARES]
    for sample in samples:
        for row, logits in predictor.logits_by_rows(sample.image):
            coarse = np.ascontiguousarray(logits[:, ::GRID, ::GRID])
            target = sample.label_map[row : row + logits.shape[1] : GRID, ::GRID]
            for confusion, bias in zip(confusions, biases, strict=True):
                confusion.update((coarse + bias).argmax(axis=0), target)
    mious = [confusion.miou() for confusion in confusions]
    return 0.0 if math.isnan(mious[0]) else SHARES[int(np.argmax(mious))]
