"""Scores of objects: COCO's average precision, TP / (TP + FN + FP) as in the Data Science Bowl 2018, panoptic quality.

A predicted object is matched with the true one of its class that it shares most with. Average precision (AP) is COCO's
(Lin et al., "Microsoft COCO", ECCV 2014, arXiv:1405.0312, and its public evaluation code): per class, over all images,
the precision at 101 recalls on the way from the surest object to the least sure, not interpolated but by the best
precision at the same or a larger recall. Panoptic quality: Kirillov, He, Girshick, Rother, Dollar, "Panoptic
Segmentation", CVPR 2019, arXiv:1801.00868, equation 1, of the classes that have objects.

Differs from COCO: no image has a limit of 100 objects, and no two objects share a pixel.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.instances.objects import Objects
from pixelwise.instances.overlap import Overlaps, count_overlaps
from pixelwise.metrics.bootstrap import (
    Interval,
    draw_resamples,
    few_images_remark,
    missed_class_remarks,
    score_interval,
)
from pixelwise.metrics.confusion import mean_present
from pixelwise.metrics.scores import json_intervals, json_metrics, json_score

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
COCO_RECALLS = np.linspace(0.0, 1.0, 101)
MEANS = ("ap", "ap50", "ap75", "pq", "sq", "rq")
"""The scores that are means over classes."""
DSB_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
INTERVALS = ("ap", "ap50", "ap75", "pq")
"""The scores that have one."""
RESAMPLES = 300
MATCH = 0.5
"""The IoU from which on a predicted object is a true one."""
CALIBRATION_BINS = 10
Float64 = npt.NDArray[np.float64]
Int = npt.NDArray[np.intp]


@dataclass(frozen=True)
class InstanceScores:
    """Scores over all images, fractions in 0..1; NaN for a score of nothing, such as a class without an object.

    ap is the mean over IoU 0.50 to 0.95, ap50 and ap75 those at one, all means over classes. pq = sq * rq of each
    class, then averaged. dsb maps IoU thresholds to TP / (TP + FN + FP) of all images' objects together, dsb_of_images
    to the mean of each image's own. calibration: of predicted objects, from the least sure tenth to the surest, the
    mean score and the share that matches a true object at an IoU of 0.5. objects counts true ones. per_class adds
    `precision`, `recall` and their harmonic mean `dice` of objects at an IoU of 0.5, how many `images` show the class,
    in how many of them no object of it was found (`missed_images`), and in how many others there were some
    (`false_alarm_images`). intervals: the bootstrap interval over images of the means over classes, where it was asked
    for. per_image: each image's name, and its objects that were found, missed and invented at an IoU of 0.5.
    metrics: the scores of further metrics, by name.
    """

    ap: float
    ap50: float
    ap75: float
    pq: float
    sq: float
    rq: float
    dsb: dict[str, float]
    dsb_of_images: dict[str, float]
    per_class: dict[str, dict[str, float]]
    calibration: list[tuple[float, float]]
    images: int
    objects: int
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    per_image: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """What a reader of the scores must know beside them."""
        return [*few_images_remark(self.images), *missed_class_remarks(self.per_class)]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the content of `metrics.json`; NaN, which JSON has no word for, becomes `None`."""
        return {
            **_json({name: getattr(self, name) for name in MEANS}),
            "dsb": _json(self.dsb),
            "dsb_of_images": _json(self.dsb_of_images),
            "per_class": {name: _json(row) for name, row in self.per_class.items()},
            "calibration": [{"score": score, "matched": share} for score, share in self.calibration],
            "images": self.images,
            "objects": self.objects,
            "intervals": json_intervals(self.intervals),
            "remarks": self.remarks,
            "per_image": self.per_image,
            **json_metrics(self.metrics),
        }


@dataclass
class _Image:
    """What the scores need of one image: of each predicted object and of each true one, and of the panoptic matches.

    iou: with its match, 0 without. unknown: the share of its pixels where nothing is known. panoptic: the same match's
    IoU where unknown pixels do not count, 0 up to 0.5.
    """

    predicted_class: Int
    score: Float64
    iou: Float64
    unknown: Float64
    panoptic: Float64
    true_class: Int


class InstanceScorer:
    """Gathers `InstanceScores` image by image."""

    def __init__(self, classes: ClassMap) -> None:
        self._classes = classes
        self._images: list[_Image] = []
        self._names: list[str] = []

    def update(
        self, prediction: Objects, target: Objects, ignored: npt.NDArray[np.bool_] | None = None, name: str = ""
    ) -> None:
        """Score one image's objects. ignored: boolean (height, width), true where nothing is known.

        An object that no true one matches does not count where, for AP and DSB, at least the threshold's share of it
        is ignored, as COCO does with crowds, and for panoptic quality more than half. Raises `ShapeError` for maps of
        different sizes.
        """
        found = count_overlaps(prediction, target, ignored)
        same = _of_one_class(found, prediction, target)
        panoptic = found.iou(of_known=True) * same
        self._images.append(
            _Image(
                predicted_class=prediction.class_index.astype(np.intp),
                score=prediction.score.astype(np.float64),
                iou=_of_matches(found, found.iou() * same, prediction.score),
                unknown=found.unknown / found.predicted_areas,
                panoptic=_of_matches(found, np.where(panoptic > 0.5, panoptic, 0), prediction.score),
                true_class=target.class_index.astype(np.intp),
            )
        )
        self._names.append(name)

    def add(self, other: InstanceScorer) -> None:
        """Take over the images that another one has scored."""
        self._images += other._images
        self._names += other._names

    def scores(self, *, intervals: bool = False) -> InstanceScores:
        """Return the scores of the images so far, with `intervals` those of a bootstrap over images too."""
        every, names = _together(self._images), self._classes.names
        per_class = {name: _class_scores(every, index) for index, name in enumerate(names)}
        means = _means(list(per_class.values()))
        for index, name in enumerate(names):
            per_class[name] |= _image_level(self._images, index)
        dsb = {f"{threshold:g}": _dsb(every, threshold) for threshold in DSB_THRESHOLDS}
        of_images = {
            f"{threshold:g}": mean_present(np.array([_dsb(image, threshold) for image in self._images]))
            for threshold in DSB_THRESHOLDS
        }
        return InstanceScores(
            **means,
            metrics={},
            dsb=dsb,
            dsb_of_images=of_images,
            per_class=per_class,
            calibration=_calibration(every),
            images=len(self._images),
            objects=len(every.true_class),
            intervals=self._intervals(every) if intervals else {},
            per_image=[_row(name, image) for name, image in zip(self._names, self._images, strict=True)],
        )

    def _intervals(self, every: _Image) -> dict[str, Interval | None]:
        count = len(self._images)
        if count < 2:
            return dict.fromkeys(INTERVALS)
        of_predicted = np.repeat(np.arange(count), [len(image.score) for image in self._images])
        of_true = np.repeat(np.arange(count), [len(image.true_class) for image in self._images])
        drawn: dict[str, list[float]] = {key: [] for key in INTERVALS}
        for weights in itertools.chain.from_iterable(draw_resamples(count, RESAMPLES)):
            weight, true_weight = weights[of_predicted], weights[of_true]
            rows = [_class_scores(every, index, weight, true_weight) for index in range(self._classes.num_classes)]
            means = _means(rows)
            for key in INTERVALS:
                drawn[key].append(means[key])
        return {key: score_interval(np.array(values), count) for key, values in drawn.items()}


def match_objects(prediction: Objects, target: Objects) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which predicted objects, boolean (n,), and which true ones, (m,), have a partner at an IoU of 0.5."""
    found = count_overlaps(prediction, target)
    iou = found.iou() * _of_one_class(found, prediction, target)
    which = _of_matches(found, iou, prediction.score) >= MATCH
    pairs = (iou >= MATCH) & which[found.predicted]
    partner = np.zeros(len(target), bool)
    partner[found.true[pairs]] = True
    return which, partner


def _of_one_class(found: Overlaps, prediction: Objects, target: Objects) -> npt.NDArray[np.bool_]:
    """Return which of the pairs are of the same class, boolean (pairs,)."""
    same: npt.NDArray[np.bool_] = prediction.class_index[found.predicted] == target.class_index[found.true]
    return same


def _of_matches(found: Overlaps, iou: Float64, score: npt.NDArray[np.float32]) -> Float64:
    """Return of each predicted object the IoU with its match, 0 without one.

    Objects share no pixel, so that each has one partner at most beyond an IoU of 0.5. At 0.5 itself there may be two:
    the surer of two predictions gets the true object, and below that nothing is matched.
    """
    match_iou = np.zeros(len(found.predicted_areas))
    pairs = np.flatnonzero(iou >= MATCH)
    pairs = pairs[np.lexsort((-score[found.predicted[pairs]], -iou[pairs]))]
    pairs = pairs[np.sort(np.unique(found.true[pairs], return_index=True)[1])]
    pairs = pairs[np.unique(found.predicted[pairs], return_index=True)[1]]
    match_iou[found.predicted[pairs]] = iou[pairs]
    return match_iou


def _together(images: list[_Image]) -> _Image:
    nothing, no_class = np.empty(0), np.empty(0, np.intp)
    all_ = (_Image(no_class, nothing, nothing, nothing, nothing, no_class), *images)
    return _Image(*(np.concatenate([getattr(own, entry.name) for own in all_]) for entry in fields(_Image)))


def _json(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: json_score(score) for name, score in scores.items()}


def _means(per_class: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: mean_present(np.array([row[key] for row in per_class])) for key in MEANS}


def _image_level(images: Sequence[_Image], class_index: int) -> dict[str, float]:
    """Return a class's objects found at an IoU of 0.5 as precision, recall and Dice, and images that have it, are
    missed, or are false alarms."""
    counts = np.array([_found(image, class_index) for image in images], np.int64).reshape(-1, 3)
    hits, true, invented = counts.T
    found, every, wrong = (int(own.sum()) for own in (hits, true, invented))

    def share(part: int, whole: int) -> float:
        return part / whole if whole else float("nan")

    return {
        "precision": share(found, found + wrong),
        "recall": share(found, every),
        "dice": share(2 * found, found + wrong + every),
        "images": int((true > 0).sum()),
        "missed_images": int(((true > 0) & (hits == 0)).sum()),
        "false_alarm_images": int(((true == 0) & (invented > 0)).sum()),
    }


def _found(image: _Image, class_index: int | None = None) -> tuple[int, int, int]:
    """Return how many objects of a class, or of all, were found at an IoU of 0.5, are true, and were invented."""
    own = slice(None) if class_index is None else image.predicted_class == class_index
    hits = image.iou[own] >= MATCH
    invented = ~hits & (image.unknown[own] < MATCH)
    true = len(image.true_class) if class_index is None else int((image.true_class == class_index).sum())
    return int(hits.sum()), true, int(invented.sum())


def _row(name: str, image: _Image) -> dict[str, Any]:
    hits, true, invented = _found(image)
    return {
        "name": name,
        "dsb": json_score(_dsb(image, MATCH)),
        "objects": true,
        "found": hits,
        "missed": true - hits,
        "invented": invented,
    }


def _class_scores(
    every: _Image, class_index: int, weight: Float64 | None = None, true_weight: Float64 | None = None
) -> dict[str, float]:
    """Return a class's scores; weight, (predicted,), and true_weight, (true,), say how often each object counts."""
    own, truly = every.predicted_class == class_index, every.true_class == class_index
    counts = np.ones(int(own.sum())) if weight is None else weight[own]
    true = float(truly.sum() if true_weight is None else true_weight[truly].sum())
    order = np.argsort(-every.score[own], kind="stable")
    order = order[counts[order] > 0]
    iou, unknown = every.iou[own][order], every.unknown[own][order]
    precision = np.array(
        [_average_precision(iou, unknown, true, threshold, counts[order]) for threshold in COCO_THRESHOLDS]
    )
    hits = every.panoptic[own] > 0
    found = float(counts[hits].sum())
    invented = float(counts[~hits & (every.unknown[own] <= 0.5)].sum())
    whole = found + (true - found + invented) / 2
    sq = float((every.panoptic[own] * counts)[hits].sum()) / found if found else 0.0
    rq = found / whole if whole else float("nan")
    return {
        "ap": float(precision.mean()),
        "ap50": float(precision[0]),
        "ap75": float(precision[5]),
        "pq": sq * rq,
        "sq": sq if whole else float("nan"),
        "rq": rq,
    }


def _calibration(every: _Image) -> list[tuple[float, float]]:
    counted = (every.iou >= MATCH) | (every.unknown < MATCH)
    order = np.argsort(every.score[counted], kind="stable")
    hits = (every.iou >= MATCH)[counted]
    tenths = np.array_split(order, CALIBRATION_BINS)
    return [(float(every.score[counted][own].mean()), float(hits[own].mean())) for own in tenths if len(own)]


def _average_precision(iou: Float64, unknown: Float64, true: float, threshold: float, counts: Float64) -> float:
    """Return COCO's AP of one class's objects, the surest first, each as often as `counts`; NaN where none is true."""
    if not true:
        return float("nan")
    hits = iou >= threshold
    counted = hits | (unknown < threshold)
    found = np.cumsum((hits * counts)[counted])
    precision = found / np.cumsum(counts[counted])
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)  # 0 at recalls that are never reached
    return float(best[np.searchsorted(found / true, COCO_RECALLS)].mean())


def _dsb(image: _Image, threshold: float) -> float:
    hits = image.iou >= threshold
    invented = ~hits & (image.unknown < threshold)
    whole = len(image.true_class) + int(invented.sum())
    return float(hits.sum() / whole) if whole else float("nan")
