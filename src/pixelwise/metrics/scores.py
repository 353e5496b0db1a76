"""`Scores`: what `evaluate` reports of a semantic model, and the scorer that gathers it image by image."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any

from pixelwise.classes import ClassMap
from pixelwise.metrics.boundary import BoundaryF1
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.metrics.pixels import LabelMap


@dataclass(frozen=True)
class Scores:
    """Scores over all images, fractions in 0..1; NaN for a score of nothing, such as a class that does not occur.

    per_class maps each name to its `iou` and `accuracy`. boundary_f1 is `None` where it was not asked for. pixels
    counts labelled pixels alone. confusion holds pixels by class of truth (rows) and of prediction (columns).
    """

    miou: float
    global_accuracy: float
    class_accuracy: float
    boundary_f1: float | None
    per_class: dict[str, dict[str, float]]
    images: int
    pixels: int
    confusion: list[list[int]]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the content of `metrics.json`; NaN, which JSON has no word for, becomes `None`."""
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
        }


class SemanticScorer:
    """Gathers `Scores` image by image. `boundary=False` leaves out the boundary F1, most of the work."""

    def __init__(self, classes: ClassMap, *, boundary: bool = True) -> None:
        self._classes = classes
        self._images = 0
        self._confusion = ConfusionMatrix(classes.num_classes)
        self._boundary = BoundaryF1(classes.num_classes) if boundary else None

    def update(self, prediction: LabelMap, target: LabelMap) -> None:
        """Score one image's label maps, integers of shape (height, width).

        Raises `ShapeError` for shapes or types that do not fit and `MaskError` for values that are no class.
        """
        self._confusion.update(prediction, target)
        if self._boundary is not None:
            self._boundary.update(prediction, target)
        self._images += 1

    def scores(self) -> Scores:
        """Return the scores of the images so far."""
        confusion = self._confusion
        pairs = zip(self._classes.names, confusion.iou(), confusion.accuracy(), strict=True)
        return Scores(
            miou=confusion.miou(),
            global_accuracy=confusion.global_accuracy(),
            class_accuracy=confusion.class_accuracy(),
            boundary_f1=None if self._boundary is None else self._boundary.score(),
            per_class={name: {"iou": float(iou), "accuracy": float(accuracy)} for name, iou, accuracy in pairs},
            images=self._images,
            pixels=confusion.pixels,
            confusion=confusion.matrix.tolist(),
        )


def mean_iou(prediction: LabelMap, target: LabelMap, num_classes: int) -> float:
    """Return the mIoU of one image alone, in 0..1; NaN if none of its pixels counts. Raises as `ConfusionMatrix`."""
    confusion = ConfusionMatrix(num_classes)
    confusion.update(prediction, target)
    return confusion.miou()


def json_score(score: float | None) -> float | None:
    return None if score is None or isnan(score) else score
