"""`Scores`, which `evaluate` reports for a semantic model, and `SemanticScorer`, which collects them image by image."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.metrics.bootstrap import (
    Interval,
    draw_resamples,
    few_images_remark,
    missed_class_remarks,
    score_interval,
)
from pixelwise.metrics.boundary import BoundaryF1
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.metrics.pixels import LabelMap


@dataclass(frozen=True)
class Scores:
    """The scores of a semantic model over all images: fractions in 0..1, NaN for a class that does not occur.

    Attributes
    ----------
    miou, global_accuracy, class_accuracy
        Over all pixels of all images (see `ConfusionMatrix`).
    boundary_f1
        The mean over images (see `BoundaryF1`); `None` where it was not asked for.
    per_class
        For each name its `iou`, `accuracy`, `dice`, `precision` and `recall` over all pixels; how many `images` show
        it, in how many of them none of its pixels was predicted (`missed_images`), and in how many other images some
        were (`false_alarm_images`).
    images, pixels
        The number of images, and of labelled pixels.
    confusion
        Pixels by true class (rows) and predicted class (columns).
    intervals
        The bootstrap intervals over images, where they were asked for.
    per_image
        The name and the scores of each image.
    metrics
        The scores of further metrics, by name.
    """

    miou: float
    global_accuracy: float
    class_accuracy: float
    boundary_f1: float | None
    per_class: dict[str, dict[str, float]]
    images: int
    pixels: int
    confusion: list[list[int]]
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    per_image: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """What a reader of the scores must know beside them."""
        return [*few_images_remark(self.images), *missed_class_remarks(self.per_class), *self._invented_class_remarks()]

    def _invented_class_remarks(self) -> list[str]:
        """Return a remark on the classes that no image shows, though pixels were taken for them."""
        invented = [name for name, row in self.per_class.items() if not row["images"] and row["false_alarm_images"]]
        if not invented:
            return []
        there = [row["iou"] for row in self.per_class.values() if row["images"]]
        without = sum(there) / len(there) if there else nan
        return [
            f"No image shows {', '.join(invented)}, but pixels were taken for it: an IoU of 0 in the mean IoU, which "
            f"is {without:.3f} over the other classes."
        ]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the content of `metrics.json`; NaN, which JSON cannot hold, becomes `None`."""
        per_class = {
            name: {key: json_score(value) for key, value in row.items()} for name, row in self.per_class.items()
        }
        return {
            "miou": json_score(self.miou),
            "global_accuracy": json_score(self.global_accuracy),
            "class_accuracy": json_score(self.class_accuracy),
            "boundary_f1": json_score(self.boundary_f1),
            "per_class": per_class,
            "images": self.images,
            "pixels": self.pixels,
            "confusion": [list(row) for row in self.confusion],
            "intervals": json_intervals(self.intervals),
            "remarks": self.remarks,
            "per_image": self.per_image,
            **json_metrics(self.metrics),
        }


class SemanticScorer:
    """Collects `Scores` image by image.

    Parameters
    ----------
    classes
        The classes.
    boundary
        Whether to compute the boundary F1, which is most of the work.

    Examples
    --------
    >>> scorer = SemanticScorer(ClassMap.from_names(["sky", "road"]))
    >>> scorer.update(np.array([[0, 1], [1, 1]]), np.array([[0, 0], [1, 255]]))
    >>> scorer.scores().miou
    0.5
    """

    def __init__(self, classes: ClassMap, *, boundary: bool = True) -> None:
        self._classes = classes
        self._confusion = ConfusionMatrix(classes.num_classes)
        self._boundary = BoundaryF1(classes.num_classes) if boundary else None
        self._images: list[_Image] = []

    def update(self, prediction: LabelMap, target: LabelMap, name: str = "") -> None:
        """Score one image's label maps, integers of shape (height, width).

        Raises `ShapeError` for shapes or types that do not fit and `MaskError` for values that are no class.
        """
        confusion = ConfusionMatrix(self._classes.num_classes)
        confusion.update(prediction, target)
        edges = None if self._boundary is None else self._boundary.update(prediction, target)
        self._confusion.matrix += confusion.matrix
        hits, true, predicted = confusion.matrix.diagonal(), confusion.matrix.sum(axis=1), confusion.matrix.sum(axis=0)
        self._images.append(_Image(name, np.stack([hits, true, predicted]), edges))

    def add(self, other: SemanticScorer) -> None:
        """Add the images that `other` has scored."""
        self._confusion.matrix += other._confusion.matrix
        if self._boundary is not None and other._boundary is not None:
            self._boundary.add(other._boundary)
        self._images += other._images

    def scores(self, *, intervals: bool = False) -> Scores:
        """Return the scores of the images so far, with bootstrap intervals over images where `intervals` are asked
        for."""
        confusion = self._confusion
        return Scores(
            miou=confusion.miou(),
            global_accuracy=confusion.global_accuracy(),
            class_accuracy=confusion.class_accuracy(),
            boundary_f1=None if self._boundary is None else self._boundary.score(),
            per_class=self._per_class(),
            images=len(self._images),
            pixels=confusion.pixels,
            confusion=confusion.matrix.tolist(),
            intervals=self._intervals() if intervals else {},
            per_image=[image.row(self._classes.names) for image in self._images],
        )

    def _per_class(self) -> dict[str, dict[str, float]]:
        confusion, names = self._confusion, self._classes.names
        columns: dict[str, npt.NDArray[Any]] = {
            "iou": confusion.iou(),
            "accuracy": confusion.accuracy(),
            "dice": confusion.dice(),
            "precision": confusion.precision(),
            "recall": confusion.accuracy(),
        }
        counts = np.stack([image.counts for image in self._images]) if self._images else np.zeros((0, 3, len(names)))
        hits, true, predicted = counts.transpose(1, 0, 2)
        columns |= {
            "images": (true > 0).sum(axis=0),
            "missed_images": ((true > 0) & (hits == 0)).sum(axis=0),
            "false_alarm_images": ((true == 0) & (predicted > 0)).sum(axis=0),
        }
        rows = {key: values.tolist() for key, values in columns.items()}
        return {name: {key: values[index] for key, values in rows.items()} for index, name in enumerate(names)}

    def _intervals(self) -> dict[str, Interval | None]:
        count = len(self._images)
        keys = ["miou", "global_accuracy", "class_accuracy", *(["boundary_f1"] if self._boundary else [])]
        if count < 2:
            return dict.fromkeys(keys)
        counts = np.stack([image.counts for image in self._images]).astype(np.float64)
        edges = np.array([np.nan if image.edges is None else image.edges for image in self._images])
        known = ~np.isnan(edges)
        scores: dict[str, list[npt.NDArray[np.float64]]] = {key: [] for key in keys}
        for weights in draw_resamples(count):
            hits, true, predicted = np.einsum("ri,ick->crk", weights, counts, optimize=True)
            scores["miou"].append(row_means(hits, true + predicted - hits))
            scores["class_accuracy"].append(row_means(hits, true))
            scores["global_accuracy"].append(row_means(hits.sum(axis=1)[:, None], true.sum(axis=1)[:, None]))
            if self._boundary:
                sums, images = weights[:, known] @ edges[known], weights[:, known].sum(axis=1)
                scores["boundary_f1"].append(row_means(sums[:, None], images[:, None]))
        return {key: score_interval(np.concatenate(blocks), count) for key, blocks in scores.items()}


@dataclass(frozen=True)
class _Image:
    """The counts of one image.

    counts: int64 (3, num_classes), pixels that are right, true and predicted. edges: the boundary F1, where it is
    known.
    """

    name: str
    counts: npt.NDArray[np.int64]
    edges: float | None

    def row(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the image's row of the table of images."""
        hits, true, predicted = self.counts
        missed, invented = (true > 0) & (hits == 0), (true == 0) & (predicted > 0)
        scores = {
            "miou": float(row_means(hits[None], (true + predicted - hits)[None])[0]),
            "global_accuracy": float(hits.sum() / true.sum()) if true.any() else float("nan"),
            "boundary_f1": self.edges,
        }
        return {
            "name": self.name,
            **{key: json_score(value) for key, value in scores.items()},
            "missed": [name for name, is_one in zip(names, missed, strict=True) if is_one],
            "false_alarms": [name for name, is_one in zip(names, invented, strict=True) if is_one],
        }


def row_means(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return for each row the mean of part / whole over the columns whose whole is not 0, float64 (r,); NaN for a row
    without such a column. part, whole: (r, k)."""
    known = whole > 0
    shares = np.divide(part, whole, out=np.zeros(whole.shape), where=known)
    count = known.sum(axis=1)
    means: npt.NDArray[np.float64] = np.where(count > 0, shares.sum(axis=1) / np.maximum(count, 1), np.nan)
    return means


def mean_iou(prediction: LabelMap, target: LabelMap, num_classes: int) -> float:
    """Return the mIoU of one image: the mean, over the classes in either map, of intersection over union.

    IoU_i = n_ii / (t_i + sum_j n_ji - n_ii), with n_ij the pixels of true class i that are predicted as class j, and
    t_i = sum_j n_ij.

    Parameters
    ----------
    prediction, target
        Label maps, integers (height, width). `IGNORE_INDEX` in `target` marks pixels that do not count.
    num_classes
        The number of classes, 1..255.

    Returns
    -------
    float
        The score, in 0..1; NaN if no pixel counts.

    Raises
    ------
    ShapeError
        The shapes or dtypes do not fit.
    MaskError
        A value is no class.

    Examples
    --------
    >>> mean_iou(np.array([[0, 1], [1, 1]]), np.array([[0, 0], [1, 1]]), 2)
    0.5833333333333333
    """
    confusion = ConfusionMatrix(num_classes)
    confusion.update(prediction, target)
    return confusion.miou()


def json_score(score: float | None) -> float | None:
    """Return a score for JSON, which has no NaN: `None` in its place."""
    return None if score is None or isnan(score) else score


def json_intervals(intervals: dict[str, Interval | None]) -> dict[str, list[float] | None]:
    """Return intervals for JSON."""
    return {name: None if bounds is None else list(bounds) for name, bounds in intervals.items()}


def json_metrics(metrics: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the part of `metrics.json` that holds the scores of further metrics; none without any."""
    scores = {name: {key: json_score(value) for key, value in values.items()} for name, values in metrics.items()}
    return {"metrics": scores} if scores else {}
