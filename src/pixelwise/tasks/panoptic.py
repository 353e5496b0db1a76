"""The panoptic task: a class for each pixel, and an object for each pixel of a thing.

Kirillov, He, Girshick, Rother, Dollar, "Panoptic Segmentation", CVPR 2019, arXiv:1801.00868. The channels, targets and
losses are those of the instance task, after Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194.

Differs from Panoptic-DeepLab (section 3.3): a pixel of a thing that belongs to no object takes the stuff class that is
best there instead of none, so that every pixel has a class. An object's class is the one with the largest sum of
probabilities over its pixels, where the paper counts votes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.modelfile.info import ModelInfo
from pixelwise.render import object_overlay, overlay
from pixelwise.tasks.base import Figure, Prediction, ScoreDetails, Scorer, ScoreTables, Shrink, TaskScores
from pixelwise.tasks.instance import InstanceTask, require_grouping, require_instances, true_objects
from pixelwise.tasks.semantic import SemanticTask
from pixelwise.tiling.stitch import argmax_labels

if TYPE_CHECKING:
    from pixelwise.data.dataset import Item, Sample
    from pixelwise.metrics.panoptic import PanopticScores

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


class PanopticTask(InstanceTask):
    """Things, the classes that have objects in the training data, and stuff, all others."""

    measure, measure_name = "pq", "PQ"
    legend = None
    tables = ScoreTables(
        figures=(
            Figure("pq", "panoptic quality", ""),
            Figure("pq_things", "PQ of things", "mean over classes with objects"),
            Figure("pq_stuff", "PQ of stuff", "mean over the others"),
            Figure("miou", "mean IoU", "of the label maps"),
        ),
        class_columns={
            "pq": "PQ",
            "sq": "SQ",
            "rq": "RQ",
            "iou": "IoU",
            "precision": "precision",
            "recall": "recall",
        },
        image_columns={
            "pq": "PQ, %",
            "miou": "mean IoU, %",
            "segments": "segments",
            "found": "found",
            "missed": "missed",
            "invented": "invented",
        },
        class_note=(
            "A segment is an object, or all pixels of a stuff class in an image; a predicted and a true segment match "
            "where their IoU exceeds 0.5. SQ, segmentation quality, is the mean IoU of matches; RQ, recognition "
            "quality, matches over the mean of predicted and true segments; PQ, panoptic quality, their product; IoU, "
            "of all pixels of the class; precision and recall, of segments; missed, the images with the class in which "
            "none of its pixels was found; false alarms, the images without it in which some were; pixels, its share "
            "of the labelled training pixels."
        ),
        picture_note="With the panoptic quality of each image alone.",
        image_note=(
            "Found are true segments that a predicted one matches at an IoU above 0.5, missed the others; invented are "
            "predicted segments that match none."
        ),
    )

    def labels(self, logits: Float32, info: ModelInfo) -> UInt8:
        """Return the best stuff class of each pixel, which is the class of pixels outside of objects. Where all classes
        are things, it is the best of all."""
        things = require_grouping(info).things
        stuff = [index for index in range(info.classes.num_classes) if index not in things]
        if not stuff:
            return super().labels(logits, info)
        return np.array(stuff, np.uint8)[argmax_labels(logits[stuff])]

    def label_objects(self, labels: UInt8, instance_map: Int32, class_index: Int32) -> UInt8:
        classes = np.concatenate([[0], class_index]).astype(np.uint8)
        return np.where(instance_map > 0, classes[instance_map], labels)

    def scorer(self, info: ModelInfo, *, only_measure: bool = False) -> Scorer:
        return _SegmentScorer(info)

    def details(self, scores: TaskScores) -> ScoreDetails:
        from pixelwise.metrics.panoptic import PanopticScores

        return ScoreDetails(counts={"segments": scores.segments} if isinstance(scores, PanopticScores) else {})

    def image_score(self, prediction: Prediction, target: Prediction, info: ModelInfo) -> float:
        from pixelwise.metrics.panoptic import PanopticScorer

        predicted, true = require_instances(prediction), require_instances(target)
        scorer = PanopticScorer(info.classes, require_grouping(info).things)
        scorer.update((prediction.label_map, predicted), (target.label_map, true))
        return scorer.scores().pq

    def overlay(self, image: UInt8, prediction: Prediction, classes: ClassMap, *, numbered: bool = False) -> UInt8:
        picture = overlay(image, prediction.label_map, classes)
        return object_overlay(picture, require_instances(prediction).instance_map, opacity=0.0, numbered=numbered)

    def errors(self, image: UInt8, prediction: Prediction, target: Prediction, shrink: Shrink) -> UInt8:
        return SemanticTask.errors(self, image, prediction, target, shrink)


class _SegmentScorer:
    """A `PanopticScorer` of samples. It is imported here, since its module loads scipy's statistics, which prediction
    does not need."""

    def __init__(self, info: ModelInfo) -> None:
        from pixelwise.metrics.panoptic import PanopticScorer

        self._scorer = PanopticScorer(info.classes, require_grouping(info).things)

    def update(self, prediction: Prediction, sample: Sample, item: Item) -> None:
        target = sample.label_map, true_objects(sample, item)
        self._scorer.update((prediction.label_map, require_instances(prediction)), target, item.name)

    def add(self, other: _SegmentScorer) -> None:
        self._scorer.add(other._scorer)

    def scores(self, *, intervals: bool = False) -> PanopticScores:
        return self._scorer.scores(intervals=intervals)


PANOPTIC = PanopticTask()
