"""The semantic task: a class for each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap, Color
from pixelwise.modelfile.info import ModelInfo
from pixelwise.render import error_map, overlay
from pixelwise.tasks.base import (
    Figure,
    LossContext,
    OptionRule,
    Prediction,
    ScoreDetails,
    Scorer,
    ScoreTables,
    Shrink,
    TaskScores,
)
from pixelwise.tiling.stitch import argmax_labels

if TYPE_CHECKING:
    import torch

    from pixelwise.data.dataset import Item, Sample
    from pixelwise.metrics.scores import Scores
    from pixelwise.training.recipe import Recipe

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


class SemanticTask:
    """The semantic task: each pixel has the class with the highest score.

    Other tasks derive from it and override what differs. Its attributes and methods are those of
    `pixelwise.tasks.base.Task`.

    Attributes
    ----------
    measure, measure_name, channels, has_objects, option_rules, tables
        See `pixelwise.tasks.base.Task`.
    legend
        `None`: the colours of its pictures are those of the classes.

    Examples
    --------
    >>> scores = np.array([[[0.2, 0.9]], [[0.5, 0.1]]], np.float32)  # 2 classes, 1 row, 2 columns
    >>> classes = ClassMap.from_names(["ground", "car"])
    >>> info = ModelInfo("rule", None, "semantic", classes, (0.0,) * 3, (1.0,) * 3, stride=1, tile=64, overlap=0)
    >>> SemanticTask().labels(scores, info).tolist()
    [[1, 0]]
    """

    measure, measure_name = "miou", "mIoU"
    channels = 0
    has_objects = False
    option_rules: Sequence[OptionRule] = ()
    legend: Mapping[str, Color] | None = None
    tables = ScoreTables(
        figures=(
            Figure("miou", "mean IoU", ""),
            Figure("global_accuracy", "global accuracy", "of all pixels"),
            Figure("class_accuracy", "class accuracy", "mean over classes"),
            Figure("boundary_f1", "boundary F1", "of outlines"),
        ),
        class_columns={"iou": "IoU", "dice": "Dice", "precision": "precision", "recall": "recall"},
        image_columns={
            "miou": "mean IoU, %",
            "global_accuracy": "accuracy, %",
            "boundary_f1": "boundary F1, %",
            "missed": "missed",
            "false_alarms": "false alarms",
        },
        class_note=(
            "IoU is hits over hits, misses and false alarms together; Dice, twice the hits over predicted and true "
            "pixels together; precision, the share of what was predicted that is right; recall, the share of the class "
            "that was found; missed, the images with the class in which none of its pixels was found; false alarms, "
            "the images without it in which some were; pixels, its share of the labelled training pixels."
        ),
        picture_note="With the mean IoU of each image alone.",
        image_note=(
            "Missed are classes of the image of which nothing was found, false alarms classes that were found and are "
            "not in it."
        ),
    )

    def target(self, label_map: UInt8, instance_map: Int32, recipe: Recipe) -> Float32:
        return np.zeros((0, *label_map.shape), np.float32)

    def loss_terms(
        self, logits: torch.Tensor, label_map: torch.Tensor, target: torch.Tensor, context: LossContext
    ) -> Sequence[torch.Tensor]:
        return ()

    def labels(self, logits: Float32, info: ModelInfo) -> UInt8:
        return argmax_labels(logits[: info.classes.num_classes])

    def label_objects(self, labels: UInt8, instance_map: Int32, class_index: Int32) -> UInt8:
        return labels

    def scorer(self, info: ModelInfo, *, only_measure: bool = False) -> Scorer:
        return _PixelScorer(info, boundary=not only_measure)

    def details(self, scores: TaskScores) -> ScoreDetails:
        from pixelwise.metrics.scores import Scores

        if not isinstance(scores, Scores):
            return ScoreDetails()
        return ScoreDetails(confusion=scores.confusion, counts={"labelled pixels": scores.pixels})

    def image_score(self, prediction: Prediction, target: Prediction, info: ModelInfo) -> float:
        from pixelwise.metrics.scores import mean_iou

        return mean_iou(prediction.label_map, target.label_map, info.classes.num_classes)

    def overlay(self, image: UInt8, prediction: Prediction, classes: ClassMap, *, numbered: bool = False) -> UInt8:
        return overlay(image, prediction.label_map, classes)

    def errors(self, image: UInt8, prediction: Prediction, target: Prediction, shrink: Shrink) -> UInt8:
        return error_map(image, shrink(prediction.label_map), shrink(target.label_map))


class _PixelScorer:
    """A `SemanticScorer` of samples. It is imported here, since its module loads scipy, which prediction does not
    need."""

    def __init__(self, info: ModelInfo, *, boundary: bool) -> None:
        from pixelwise.metrics.scores import SemanticScorer

        self._scorer = SemanticScorer(info.classes, boundary=boundary)

    def update(self, prediction: Prediction, sample: Sample, item: Item) -> None:
        self._scorer.update(prediction.label_map, sample.label_map, item.name)

    def add(self, other: _PixelScorer) -> None:
        self._scorer.add(other._scorer)

    def scores(self, *, intervals: bool = False) -> Scores:
        return self._scorer.scores(intervals=intervals)


SEMANTIC = SemanticTask()
