"""Scores of objects: COCO's average precision, panoptic quality, and TP / (TP + FN + FP) of the Data Science Bowl 2018.

A predicted object is matched with the true object of its class with which it has the largest IoU. Average precision
(AP) is COCO's (Lin et al., "Microsoft COCO", ECCV 2014, arXiv:1405.0312, and its public evaluation code): for each
class, over all images, the precision at 101 recalls with objects in the order of their scores, where the precision at a
recall is the best one at the same or a larger recall. Panoptic quality: Kirillov, He, Girshick, Rother, Dollar,
"Panoptic Segmentation", CVPR 2019, arXiv:1801.00868, equation 1, for the classes that have objects.

Differs from COCO: images have no limit of 100 objects, and no two objects share a pixel.
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
"""The scores that have a bootstrap interval."""
RESAMPLES = 300
MATCH = 0.5
"""The least IoU at which a predicted object matches a true one."""
CALIBRATION_BINS = 10
Float64 = npt.NDArray[np.float64]
Int = npt.NDArray[np.intp]


@dataclass(frozen=True)
class InstanceScores:
    """The scores of an instance model over all images: fractions in 0..1, NaN for a class without an object.

    Attributes
    ----------
    ap, ap50, ap75
        Average precision over IoU 0.50 to 0.95, at 0.50 and at 0.75; means over classes.
    pq, sq, rq
        Panoptic quality pq = sq * rq of each class, averaged over classes.
    dsb
        For each IoU threshold TP / (TP + FN + FP) over the objects of all images.
    dsb_of_images
        The same for each image, averaged over images.
    per_class
        For each name the scores above, the `precision`, `recall` and their harmonic mean `dice` of objects at an IoU of
        0.5; how many `images` show the class, in how many of them no object of it was matched (`missed_images`), and in
        how many other images some were predicted (`false_alarm_images`).
    calibration
        Of predicted objects, in tenths from the least to the most confident: the mean score, and the share that matches
        a true object at an IoU of 0.5.
    images, objects
        The number of images, and of true objects.
    intervals
        The bootstrap intervals over images, where they were asked for.
    per_image
        The name of each image, and its objects that were found, missed and invented at an IoU of 0.5.
    metrics
        The scores of further metrics, by name.
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
        """Return the content of `metrics.json`; NaN, which JSON cannot hold, becomes `None`."""
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
    """The objects of one image, or of several.

    predicted_class, score: of each predicted object. iou: its IoU with its match, 0 without one. unknown: the share of
    its pixels where the truth is unknown. panoptic: its IoU without unknown pixels, 0 unless it exceeds 0.5.
    true_class: of each true object.
    """

    predicted_class: Int
    score: Float64
    iou: Float64
    unknown: Float64
    panoptic: Float64
    true_class: Int


class InstanceScorer:
    """Collects `InstanceScores` image by image.

    Parameters
    ----------
    classes
        The classes.
    """

    def __init__(self, classes: ClassMap) -> None:
        self._classes = classes
        self._images: list[_Image] = []
        self._names: list[str] = []

    def update(
        self, prediction: Objects, target: Objects, ignored: npt.NDArray[np.bool_] | None = None, name: str = ""
    ) -> None:
        """Score the objects of one image. ignored: boolean (height, width), true where the truth is unknown.

        An unmatched object does not count if enough of it is ignored: for AP and DSB a share of at least the threshold,
        as COCO does with crowds; for panoptic quality more than half. Raises `ShapeError` for maps of different sizes.
        """
        pairs = count_overlaps(prediction, target, ignored)
        same = _have_one_class(pairs, prediction, target)
        panoptic = pairs.iou(of_known=True) * same
        self._images.append(
            _Image(
                predicted_class=prediction.class_index.astype(np.intp),
                score=prediction.score.astype(np.float64),
                iou=_match_iou(pairs, pairs.iou() * same, prediction.score),
                unknown=pairs.unknown / pairs.predicted_areas,
                panoptic=_match_iou(pairs, np.where(panoptic > 0.5, panoptic, 0), prediction.score),
                true_class=target.class_index.astype(np.intp),
            )
        )
        self._names.append(name)

    def add(self, other: InstanceScorer) -> None:
        """Add the images that `other` has scored."""
        self._images += other._images
        self._names += other._names

    def scores(self, *, intervals: bool = False) -> InstanceScores:
        """Return the scores of the images so far, with bootstrap intervals over images where `intervals` are asked
        for."""
        every, names = _concatenate(self._images), self._classes.names
        per_class = {name: _class_scores(every, index) for index, name in enumerate(names)}
        means = _means(list(per_class.values()))
        for index, name in enumerate(names):
            per_class[name] |= _image_scores(self._images, index)
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
            per_image=[_image_row(name, image) for name, image in zip(self._names, self._images, strict=True)],
        )

    def _intervals(self, every: _Image) -> dict[str, Interval | None]:
        count = len(self._images)
        if count < 2:
            return dict.fromkeys(INTERVALS)
        of_predicted = np.repeat(np.arange(count), [len(image.score) for image in self._images])
        of_true = np.repeat(np.arange(count), [len(image.true_class) for image in self._images])
        scores: dict[str, list[float]] = {key: [] for key in INTERVALS}
        for weights in itertools.chain.from_iterable(draw_resamples(count, RESAMPLES)):
            weight, true_weight = weights[of_predicted], weights[of_true]
            rows = [_class_scores(every, index, weight, true_weight) for index in range(self._classes.num_classes)]
            means = _means(rows)
            for key in INTERVALS:
                scores[key].append(means[key])
        return {key: score_interval(np.array(values), count) for key, values in scores.items()}


def match_objects(prediction: Objects, target: Objects) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which predicted and which true objects have a partner at an IoU of 0.5, boolean (n,) and (m,)."""
    overlaps = count_overlaps(prediction, target)
    iou = overlaps.iou() * _have_one_class(overlaps, prediction, target)
    is_hit = _match_iou(overlaps, iou, prediction.score) >= MATCH
    pairs = (iou >= MATCH) & is_hit[overlaps.predicted]
    is_found = np.zeros(len(target), bool)
    is_found[overlaps.true[pairs]] = True
    return is_hit, is_found


def _have_one_class(overlaps: Overlaps, prediction: Objects, target: Objects) -> npt.NDArray[np.bool_]:
    """Return which pairs are of one class, boolean (pairs,)."""
    same: npt.NDArray[np.bool_] = prediction.class_index[overlaps.predicted] == target.class_index[overlaps.true]
    return same


def _match_iou(overlaps: Overlaps, iou: Float64, score: npt.NDArray[np.float32]) -> Float64:
    """Return the IoU of each predicted object with its match, 0 without one.

    Nothing is matched below an IoU of 0.5. Objects share no pixel, so an object has at most one partner with a larger
    IoU. Two predictions may have an IoU of exactly 0.5 with a true object: the more confident one is its match.
    """
    match_iou = np.zeros(len(overlaps.predicted_areas))
    pairs = np.flatnonzero(iou >= MATCH)
    pairs = pairs[np.lexsort((-score[overlaps.predicted[pairs]], -iou[pairs]))]
    pairs = pairs[np.sort(np.unique(overlaps.true[pairs], return_index=True)[1])]
    pairs = pairs[np.unique(overlaps.predicted[pairs], return_index=True)[1]]
    match_iou[overlaps.predicted[pairs]] = iou[pairs]
    return match_iou


def _concatenate(images: list[_Image]) -> _Image:
    """Return the objects of all images as if they were of one; an empty image comes first, so that there is one."""
    no_value, no_class = np.empty(0), np.empty(0, np.intp)
    rows = (_Image(no_class, no_value, no_value, no_value, no_value, no_class), *images)
    return _Image(*(np.concatenate([getattr(row, entry.name) for row in rows]) for entry in fields(_Image)))


def _json(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: json_score(score) for name, score in scores.items()}


def _means(per_class: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: mean_present(np.array([row[key] for row in per_class])) for key in MEANS}


def _image_scores(images: Sequence[_Image], class_index: int) -> dict[str, float]:
    """Return precision, recall and Dice of a class's objects at an IoU of 0.5, and the numbers of images: those that
    show the class, those of them in which no object of it was matched, and those with a false alarm."""
    counts = np.array([_count_found(image, class_index) for image in images], np.int64).reshape(-1, 3)
    hits, true, invented = counts.T
    matched, total, wrong = (int(count.sum()) for count in (hits, true, invented))

    def share(part: int, whole: int) -> float:
        return part / whole if whole else float("nan")

    return {
        "precision": share(matched, matched + wrong),
        "recall": share(matched, total),
        "dice": share(2 * matched, matched + wrong + total),
        "images": int((true > 0).sum()),
        "missed_images": int(((true > 0) & (hits == 0)).sum()),
        "false_alarm_images": int(((true == 0) & (invented > 0)).sum()),
    }


def _count_found(image: _Image, class_index: int | None = None) -> tuple[int, int, int]:
    """Return the numbers of objects, of a class or of all classes, that are found at an IoU of 0.5, that are true, and
    that are invented."""
    of_class = slice(None) if class_index is None else image.predicted_class == class_index
    hits = image.iou[of_class] >= MATCH
    invented = ~hits & (image.unknown[of_class] < MATCH)
    true = len(image.true_class) if class_index is None else int((image.true_class == class_index).sum())
    return int(hits.sum()), true, int(invented.sum())


def _image_row(name: str, image: _Image) -> dict[str, Any]:
    hits, true, invented = _count_found(image)
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
    """Return the scores of a class. weight, true_weight: how often each predicted and each true object counts, float64
    (predicted,) and (true,); `None`: once."""
    of_class, is_true = every.predicted_class == class_index, every.true_class == class_index
    counts = np.ones(int(of_class.sum())) if weight is None else weight[of_class]
    true = float(is_true.sum() if true_weight is None else true_weight[is_true].sum())
    order = np.argsort(-every.score[of_class], kind="stable")
    order = order[counts[order] > 0]
    iou, unknown = every.iou[of_class][order], every.unknown[of_class][order]
    precision = np.array(
        [_average_precision(iou, unknown, true, threshold, counts[order]) for threshold in COCO_THRESHOLDS]
    )
    hits = every.panoptic[of_class] > 0
    matched = float(counts[hits].sum())
    invented = float(counts[~hits & (every.unknown[of_class] <= 0.5)].sum())
    whole = matched + (true - matched + invented) / 2
    sq = float((every.panoptic[of_class] * counts)[hits].sum()) / matched if matched else 0.0
    rq = matched / whole if whole else float("nan")
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
    return [(float(every.score[counted][tenth].mean()), float(hits[tenth].mean())) for tenth in tenths if len(tenth)]


def _average_precision(iou: Float64, unknown: Float64, true: float, threshold: float, counts: Float64) -> float:
    """Return COCO's AP of the predicted objects of one class, which come in the order of their scores; NaN without a
    true object. true: the number of true objects. counts: how often each predicted object counts."""
    if not true:
        return float("nan")
    hits = iou >= threshold
    counted = hits | (unknown < threshold)
    matched = np.cumsum((hits * counts)[counted])
    precision = matched / np.cumsum(counts[counted])
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)  # 0 at recalls that are never reached
    return float(best[np.searchsorted(matched / true, COCO_RECALLS)].mean())


def _dsb(image: _Image, threshold: float) -> float:
    hits = image.iou >= threshold
    invented = ~hits & (image.unknown < threshold)
    whole = len(image.true_class) + int(invented.sum())
    return float(hits.sum() / whole) if whole else float("nan")
