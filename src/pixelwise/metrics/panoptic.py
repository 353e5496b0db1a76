"""Panoptic quality of things and stuff, and the mean IoU beside it.

Kirillov, He, Girshick, Rother, Dollar, "Panoptic Segmentation", CVPR 2019, arXiv:1801.00868, equation 1 and section
4.1. A segment is an object of a thing class, or all pixels of a stuff class in one image. A predicted and a true
segment of one class match where their IoU exceeds 0.5, which leaves each with one partner at most. Void pixels, those
of `IGNORE_INDEX`, count in no union; an unmatched predicted segment does not count where more than half of it lies on
void pixels or on a crowd region of its class: pixels of a thing class without an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from pixelwise.core.classes import ClassMap
from pixelwise.instances.objects import Objects
from pixelwise.instances.segments import Segments, find_segments
from pixelwise.metrics.bootstrap import (
    Interval,
    draw_resamples,
    few_images_remark,
    missed_class_remarks,
    score_interval,
)
from pixelwise.metrics.confusion import mean_present
from pixelwise.metrics.pixels import LabelMap
from pixelwise.metrics.scores import SemanticScorer, json_intervals, json_metrics, json_score, row_means

Float64 = npt.NDArray[np.float64]
Int = npt.NDArray[np.intp]
INTERVALS = ("pq", "pq_things", "pq_stuff", "miou")
"""The scores that have a bootstrap interval."""
MATCH = 0.5
"""A predicted and a true segment match where their IoU exceeds this."""


@dataclass(frozen=True)
class PanopticScores:
    """Scores over all images, fractions in 0..1; NaN for a score of nothing, such as a class that does not occur.

    pq, sq, rq: means over the classes that occur. For each class sq is the mean IoU of the matched segments, rq their
    share, TP / (TP + FP / 2 + FN / 2), and pq = sq * rq. pq_things, pq_stuff: the means of pq over the classes with
    objects and over the others. miou: that of the label maps. per_class: for each name its `pq`, `sq`, `rq` and `iou`,
    the `precision` and `recall` of its segments, how many `images` show it, in how many of them none of its pixels was
    found (`missed_images`), and in how many others some were (`false_alarm_images`). segments: the number of true ones.
    intervals: the bootstrap intervals over images, where they were asked for. per_image: the name and the scores of
    each image. metrics: the scores of further metrics, by name.
    """

    pq: float
    sq: float
    rq: float
    pq_things: float
    pq_stuff: float
    miou: float
    per_class: dict[str, dict[str, float]]
    images: int
    segments: int
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    per_image: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """What a reader of the scores must know beside them."""
        return [*few_images_remark(self.images), *missed_class_remarks(self.per_class)]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the content of `metrics.json`; NaN, which JSON cannot hold, becomes `None`."""
        names = ("pq", "sq", "rq", "pq_things", "pq_stuff", "miou")
        return {
            **{name: json_score(getattr(self, name)) for name in names},
            "per_class": {
                name: {key: json_score(value) for key, value in row.items()} for name, row in self.per_class.items()
            },
            "images": self.images,
            "segments": self.segments,
            "intervals": json_intervals(self.intervals),
            "remarks": self.remarks,
            "per_image": self.per_image,
            **json_metrics(self.metrics),
        }


class PanopticScorer:
    """Collects `PanopticScores` image by image.

    Parameters
    ----------
    classes
        The classes.
    things
        The classes whose pixels make objects; all others are stuff.
    """

    def __init__(self, classes: ClassMap, things: Sequence[int]) -> None:
        self._classes = classes
        self._things = tuple(things)
        self._pixels = SemanticScorer(classes, boundary=False)
        self._counts: list[Float64] = []

    def update(self, prediction: tuple[LabelMap, Objects], target: tuple[LabelMap, Objects], name: str = "") -> None:
        """Score one image, each side given as a label map (height, width) and its objects.

        Raises `ShapeError` for maps of different sizes and `MaskError` for values that are no class.
        """
        self._pixels.update(prediction[0], target[0], name)
        predicted, true = (find_segments(*maps, self._things) for maps in (prediction, target))
        self._counts.append(_count_matches(predicted, true, self._classes.num_classes))

    def add(self, other: PanopticScorer) -> None:
        """Add the images that `other` has scored."""
        self._pixels.add(other._pixels)
        self._counts += other._counts

    def scores(self, *, intervals: bool = False) -> PanopticScores:
        """Return the scores of the images so far, with bootstrap intervals over images where `intervals` are asked
        for."""
        names, count = self._classes.names, len(self._counts)
        pixels = self._pixels.scores(intervals=intervals)
        counts = np.stack(self._counts) if count else np.zeros((0, 4, len(names)))
        total = counts.sum(axis=0)
        pq, sq, rq = _quality(total)
        is_thing = np.isin(np.arange(len(names)), self._things)
        matched, invented, missed = total[1:]
        precision, recall = _share(matched, matched + invented), _share(matched, matched + missed)
        shared = ("images", "missed_images", "false_alarm_images")
        per_class = {
            name: {
                "pq": float(pq[index]),
                "sq": float(sq[index]),
                "rq": float(rq[index]),
                "iou": pixels.per_class[name]["iou"],
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                **{key: pixels.per_class[name][key] for key in shared},
            }
            for index, name in enumerate(names)
        }
        return PanopticScores(
            pq=mean_present(pq),
            sq=mean_present(sq),
            rq=mean_present(rq),
            pq_things=mean_present(pq[is_thing]),
            pq_stuff=mean_present(pq[~is_thing]),
            miou=pixels.miou,
            per_class=per_class,
            images=count,
            segments=int((matched + missed).sum()),
            intervals=self._intervals(counts, is_thing) | {"miou": pixels.intervals["miou"]} if intervals else {},
            per_image=[
                {"name": row["name"], **_image_row(image_counts), "miou": row["miou"]}
                for row, image_counts in zip(pixels.per_image, counts, strict=True)
            ],
        )

    def _intervals(self, counts: Float64, is_thing: npt.NDArray[np.bool_]) -> dict[str, Interval | None]:
        """Return the bootstrap intervals of the scores of segments; counts: (images, 4, num_classes)."""
        images = len(counts)
        groups = {"pq": np.ones_like(is_thing), "pq_things": is_thing, "pq_stuff": ~is_thing}
        if images < 2:
            return dict.fromkeys(groups)
        scores: dict[str, list[Float64]] = {key: [] for key in groups}
        for weights in draw_resamples(images):
            iou, matched, invented, missed = np.einsum("ri,ick->crk", weights, counts, optimize=True)
            whole = matched + (invented + missed) / 2
            for key, is_in_group in groups.items():
                scores[key].append(row_means(iou[:, is_in_group], whole[:, is_in_group]))
        return {key: score_interval(np.concatenate(blocks), images) for key, blocks in scores.items()}


def _count_matches(predicted: Segments, true: Segments, num_classes: int) -> Float64:
    """Return for each class of an image the sum of IoU over matches, TP, FP and FN, float64 (4, num_classes)."""
    shape = (len(predicted.class_index) + 1, len(true.class_index) + 1)
    ones = np.ones(predicted.ids.size, np.intp)
    pixels = coo_array((ones, (predicted.ids.ravel(), true.ids.ravel())), shape=shape).tocsr()
    predicted_areas, true_areas = (np.asarray(pixels.sum(axis=axis)).ravel() for axis in (1, 0))
    void = np.asarray(pixels[:, [0]].todense()).ravel()
    pairs = pixels[1:, 1:].tocoo()
    same = predicted.class_index[pairs.row] == true.class_index[pairs.col]
    counted = (pairs.row < predicted.num_segments) & (pairs.col < true.num_segments) & same
    row, column, shared = (array[counted] for array in (pairs.row, pairs.col, pairs.data))
    iou = shared / (predicted_areas[row + 1] + true_areas[column + 1] - void[row + 1] - shared)
    matches = iou > MATCH
    on_crowd = (pairs.row < predicted.num_segments) & (pairs.col >= true.num_segments) & same
    unknown = void[1 : predicted.num_segments + 1].astype(np.float64)
    np.add.at(unknown, pairs.row[on_crowd], pairs.data[on_crowd])
    is_counted = unknown <= MATCH * predicted_areas[1 : predicted.num_segments + 1]
    is_counted[row[matches]] = False
    is_missed = np.ones(true.num_segments, bool)
    is_missed[column[matches]] = False

    def per_class(class_index: Int, weights: Float64 | None = None) -> Float64:
        return np.bincount(class_index, weights, minlength=num_classes).astype(np.float64)

    matched = predicted.class_index[row[matches]]
    invented = predicted.class_index[: predicted.num_segments][is_counted]
    missed = true.class_index[: true.num_segments][is_missed]
    return np.stack([per_class(matched, iou[matches]), per_class(matched), per_class(invented), per_class(missed)])


def _quality(counts: Float64) -> tuple[Float64, Float64, Float64]:
    """Return PQ, SQ and RQ of each class, NaN where it has no segment; counts: (4, num_classes)."""
    iou, matched, invented, missed = counts
    rq = _share(matched, matched + (invented + missed) / 2)
    sq = np.where(np.isnan(rq), np.nan, iou / np.maximum(matched, 1))
    return sq * rq, sq, rq


def _image_row(counts: Float64) -> dict[str, Any]:
    matched, invented, missed = (int(count.sum()) for count in counts[1:])
    return {
        "pq": json_score(image_quality(counts)),
        "segments": matched + missed,
        "found": matched,
        "missed": missed,
        "invented": invented,
    }


def image_quality(counts: Float64) -> float:
    """Return the PQ of one image alone: the mean over the classes that have a segment in it."""
    return mean_present(_quality(counts)[0])


def _share(part: Float64, whole: Float64) -> Float64:
    share: Float64 = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return share
