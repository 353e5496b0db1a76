"""How objects are best grouped, found on the validation images once a net is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.formats.dataset import Sample
from pixelwise.instances.fields import Fields
from pixelwise.instances.grouping import grouped
from pixelwise.instances.objects import Objects, objects_of
from pixelwise.instances.rule import Grouping
from pixelwise.metrics.instances import InstanceScorer
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.predict.predictor import Predictor

CANDIDATES: dict[str, tuple[Any, ...]] = {
    "least_heat": (0.1, 0.2, 0.3, 0.4, 0.5),
    "radius": (2, 3, 5, 7, 10, 14),
    "least_area": (4, 8, 16, 32),
}
"""What is tried, one number after the other, while it helps."""
ROUNDS = 2
PIXELS = 4_000_000
"""So many are looked at: of the first images that have them."""

Seen = tuple[Fields, Objects, npt.NDArray[np.bool_]]


def best_grouping(
    predictor: Predictor, samples: Iterable[Sample], class_bias: Sequence[float], grouping: Grouping
) -> Grouping:
    """Return `grouping` with the numbers by which most objects are found on the samples.

    That is by the mean of TP / (TP + FN + FP) over IoU thresholds: AP hardly minds what is invented at a low score.
    class_bias: what the model's class scores get added before. Samples without objects say nothing.
    """
    seen = list(_seen(predictor, samples, np.array(class_bias, np.float32), grouping.things))
    if not seen:
        return grouping
    reached = _quality(predictor, seen, grouping)
    for _ in range(ROUNDS):
        before = reached
        for name, values in CANDIDATES.items():
            others = [replace(grouping, **{name: value}) for value in values if value != getattr(grouping, name)]
            found = [_quality(predictor, seen, other) for other in others]
            best = int(np.argmax(found))
            if found[best] > reached:
                reached, grouping = found[best], others[best]
        if reached == before:
            break
    return grouping


def _seen(
    predictor: Predictor,
    samples: Iterable[Sample],
    class_bias: npt.NDArray[np.float32],
    things: Sequence[int],
) -> Iterable[Seen]:
    left = PIXELS
    for sample in samples:
        if sample.instance_map is None:
            continue
        logits = predictor.logits(sample.image)
        logits[: len(class_bias)] += class_bias[:, None, None]
        fields = Fields.of(logits, things)
        yield fields, objects_of(sample.label_map, sample.instance_map), ~counted_pixels(sample.label_map)
        left -= sample.label_map.size
        if left <= 0:
            break


def _quality(predictor: Predictor, seen: Iterable[Seen], grouping: Grouping) -> float:
    scorer = InstanceScorer(predictor.classes)
    for fields, target, ignored in seen:
        scorer.update(grouped(fields, grouping), target, ignored)
    mean = float(np.mean(list(scorer.scores().dsb.values())))
    return mean if np.isfinite(mean) else 0.0
