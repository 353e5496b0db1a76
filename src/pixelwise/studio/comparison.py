"""A trained net and the live model on the same labels, which neither learned from: which of them is better.

Both are scored on the same units: images or, where these are few, labelled regions of one class, or single objects.
What a unit adds to a score is its hits, its true and its predicted pixels of each class, so that any sample of units
has a mean IoU. Of objects these are numbers of objects, and the same formula gives TP / (TP + FN + FP).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.files import read_json_object, write_text
from pixelwise.data.label_regions import class_regions
from pixelwise.instances.objects import Objects
from pixelwise.instances.overlap import count_overlaps
from pixelwise.metrics.bootstrap import draw_resamples, score_interval
from pixelwise.metrics.instances import MATCH, match_objects

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]
OBJECT_MEASURE = "TP / (TP + FN + FP)"
"""The measure of single objects, at an IoU of 0.5, by its name in the report."""
LEAST_UNITS = 5
"""From fewer units nobody can tell which model is better."""


@dataclass(frozen=True)
class Comparison:
    """The scores of a net and of the live model on labels that neither learned from.

    metric: `mIoU` or `OBJECT_MEASURE`. net, live: 0..1. low, high: the bootstrap interval of net less live;
    `None` for too few units. unit: what the interval was drawn over, `image`, `region` or `object`. split: `test`, or
    `val` where the net's training chose its weights on them. reason: why nothing could be compared, else "".
    """

    metric: str = "mIoU"
    net: float | None = None
    live: float | None = None
    low: float | None = None
    high: float | None = None
    units: int = 0
    unit: str = "image"
    pixels: int = 0
    images: int = 0
    split: str = "val"
    reason: str = ""

    @property
    def better(self) -> str | None:
        """`net` or `live`, where the difference is beyond chance; else `None`."""
        if self.low is None or self.high is None:
            return None
        return "net" if self.low > 0 else "live" if self.high < 0 else None

    def to_json_dict(self) -> dict[str, object]:
        """Return what the page is told."""
        return {**asdict(self), "better": self.better}

    def save(self, path: Path) -> None:
        """Write the figures. Raises `OutputError`."""
        write_text(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Comparison | None:
        """Read what `save` wrote; `None` where there is no such file."""
        content = read_json_object(path)
        if content.get("metric") == "AP":  # what earlier versions called it
            content = {**content, "metric": OBJECT_MEASURE}
        try:
            return cls(**content) if content else None
        except TypeError:  # of another version
            return None


def score(counts: Float64) -> Float64:
    """Return the mean over the classes of hits / (true + predicted - hits).

    counts: (..., 3, K). The result is (...), NaN where no class occurs.
    """
    hits, true, predicted = np.moveaxis(counts, -2, 0)
    whole = true + predicted - hits
    present = (whole > 0).sum(axis=-1)
    total = np.divide(hits, whole, out=np.zeros_like(hits), where=whole > 0).sum(axis=-1)
    mean: Float64 = np.divide(total, present, out=np.full_like(total, np.nan), where=present > 0)
    return mean


def difference_interval(net: Float64, live: Float64) -> tuple[float, float] | None:
    """Return the bootstrap interval of the difference of two models' scores; `None` for fewer than `LEAST_UNITS`.

    net, live: counts (units, 3, K) of the same units.
    """
    units = len(net)
    if units < LEAST_UNITS:
        return None
    parts = []
    for weights in draw_resamples(units):
        scores = (score(np.tensordot(weights, counts, axes=(1, 0))) for counts in (net, live))
        parts.append(next(scores) - next(scores))
    interval = score_interval((np.concatenate(parts) + 1) / 2, units)
    return None if interval is None else (2 * interval[0] - 1, 2 * interval[1] - 1)


def count_pixels(label_map: UInt8, predictions: Mapping[str, UInt8], num_classes: int) -> dict[str, Float64]:
    """Return the counts (regions, 3, K) of each prediction in the labelled regions of an image."""
    regions = class_regions(label_map)
    counts: dict[str, list[Float64]] = {name: [] for name in predictions}
    for class_index, components in regions.items():
        numbers = components[components > 0]
        count = int(numbers.max())
        for name, prediction in predictions.items():
            values = np.minimum(prediction[components > 0], num_classes)  # the last one is no class
            places = (numbers - 1) * (num_classes + 1) + values
            predicted = np.bincount(places, minlength=count * (num_classes + 1)).reshape(count, -1)
            part = np.zeros((count, 3, num_classes))
            part[:, 0, class_index] = predicted[:, class_index]
            part[:, 1, class_index] = predicted.sum(axis=1)
            part[:, 2] = predicted[:, :num_classes]
            counts[name].append(part)
    empty = np.zeros((0, 3, num_classes))
    return {name: np.concatenate([empty, *parts]) for name, parts in counts.items()}


def count_objects(
    target: Objects, predictions: Mapping[str, Objects], unknown: npt.NDArray[np.bool_]
) -> dict[str, Float64]:
    """Return the counts (objects, 3, 1) of each prediction in an image: of each true object, then of each object that
    one of the predictions invented. unknown: boolean (height, width), where nobody knows which object is there."""
    hits, invented = {}, {}
    for name, prediction in predictions.items():
        matched, hits[name] = match_objects(prediction, target)
        overlaps = count_overlaps(prediction, target, unknown)
        of_unknown = overlaps.unknown / np.maximum(overlaps.predicted_areas, 1)
        invented[name] = int((~matched & (of_unknown < MATCH)).sum())
    counts = {}
    for name in predictions:
        rows = np.zeros((len(target) + sum(invented.values()), 3))
        rows[: len(target)] = np.stack([hits[name], np.ones(len(target)), hits[name]], axis=1)
        first = len(target) + sum(count for other, count in invented.items() if other < name)
        rows[first : first + invented[name], 2] = 1
        counts[name] = rows[:, :, None]
    return counts
