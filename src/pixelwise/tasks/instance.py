"""The instance task: a class for each pixel, and the pixels of each object.

Cheng et al., "Panoptic-DeepLab", CVPR 2020, arXiv:1911.10194: the heat of object centres, and for each pixel the offset
to the centre of its object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap, Color
from pixelwise.core.errors import DataError, OptionError
from pixelwise.instances.grouping_parameters import CHANNELS, GroupingParameters
from pixelwise.instances.objects import Objects, objects_from_maps
from pixelwise.instances.targets import centre_targets
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.modelfile.info import ModelInfo
from pixelwise.render import OBJECT_FATES, object_errors, object_overlay
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
from pixelwise.tasks.semantic import SemanticTask

if TYPE_CHECKING:
    import torch

    from pixelwise.data.dataset import Item, Sample
    from pixelwise.metrics.instances import InstanceScores
    from pixelwise.training.recipe import Recipe

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
FATE_LINES = {"matched": "solid", "missed": "dashed", "invented": "hatched"}
"""How `object_errors` draws matched, missed and invented objects, besides their colours."""


class InstanceTask(SemanticTask):
    """The task of predicting objects, of the classes that have objects in the training data: the things."""

    measure, measure_name = "ap", "AP"
    channels = CHANNELS
    has_objects = True
    option_rules: Sequence[OptionRule] = (
        OptionRule("reduction", ("mean",), "Leave `reduction` out: the losses of centres and offsets are means."),
        OptionRule("recipe", (), "Leave one of the two out."),
    )
    legend: Mapping[str, Color] | None = MappingProxyType(
        {f"{name}, {FATE_LINES[name]}": color for name, color in OBJECT_FATES.items()}
    )
    tables = ScoreTables(
        figures=(
            Figure("ap", "AP", "IoU 0.50 to 0.95"),
            Figure("ap50", "AP at 0.50", "IoU of a match"),
            Figure("ap75", "AP at 0.75", "IoU of a match"),
            Figure("pq", "panoptic quality", "mean over classes"),
        ),
        class_columns={
            "ap": "AP",
            "ap50": "AP50",
            "pq": "PQ",
            "dice": "Dice",
            "precision": "precision",
            "recall": "recall",
        },
        image_columns={
            "dsb": "TP / (TP + FN + FP), %",
            "objects": "objects",
            "found": "found",
            "missed": "missed",
            "invented": "invented",
        },
        class_note=(
            "AP is COCO's average precision, over IoU thresholds from 0.50 to 0.95, and AP50 that at 0.50; PQ, "
            "panoptic quality, how well matched objects fit times how many are matched; Dice, precision and recall, of "
            "objects at an IoU of 0.5; missed, the images with the class in which no object of it was found; false "
            "alarms, the images without it in which some were; pixels, the class's share of the labelled training "
            "pixels."
        ),
        picture_note="With the share of matches, TP / (TP + FN + FP) at an IoU of 0.5, of each image alone.",
        image_note=(
            "Found are true objects that a predicted one matches at an IoU of 0.5, missed the others; invented are "
            "predicted objects that match none."
        ),
        absent="no objects",
        more_class_columns={"ap75": "AP75", "sq": "SQ", "rq": "RQ"},
    )

    def target(self, label_map: UInt8, instance_map: Int32, recipe: Recipe) -> Float32:
        heat, offsets = centre_targets(instance_map, recipe.heat_width)
        return np.concatenate([heat[None], offsets])

    def loss_terms(
        self, logits: torch.Tensor, label_map: torch.Tensor, target: torch.Tensor, context: LossContext
    ) -> Sequence[torch.Tensor]:
        from pixelwise.nn.losses import centre_errors

        errors, pixels = centre_errors(logits, target, label_map, context.things)
        means = errors / context.total(pixels).clamp(min=1)
        return context.recipe.heat_weight * means[0], context.recipe.offset_weight * means[1]

    def scorer(self, info: ModelInfo, *, only_measure: bool = False) -> Scorer:
        return _ObjectScorer(info)

    def details(self, scores: TaskScores) -> ScoreDetails:
        from pixelwise.metrics.instances import InstanceScores

        if not isinstance(scores, InstanceScores):
            return ScoreDetails()
        return ScoreDetails(matches=scores.dsb, calibration=scores.calibration, counts={"objects": scores.objects})

    def image_score(self, prediction: Prediction, target: Prediction, info: ModelInfo) -> float:
        from pixelwise.metrics.instances import match_objects

        predicted, true = require_instances(prediction), require_instances(target)
        hits, _ = match_objects(predicted, true)
        whole = len(hits) + len(true) - int(hits.sum())
        return float(hits.sum() / whole) if whole else float("nan")

    def overlay(self, image: UInt8, prediction: Prediction, classes: ClassMap, *, numbered: bool = False) -> UInt8:
        return object_overlay(image, require_instances(prediction).instance_map, numbered=numbered)

    def errors(self, image: UInt8, prediction: Prediction, target: Prediction, shrink: Shrink) -> UInt8:
        from pixelwise.metrics.instances import match_objects

        predicted, true = require_instances(prediction), require_instances(target)
        return object_errors(
            image, shrink(predicted.instance_map), shrink(true.instance_map), *match_objects(predicted, true)
        )


class _ObjectScorer:
    """An `InstanceScorer` of samples. Pixels of a thing without an object are a group whose objects are unknown.

    `InstanceScorer` is imported here, since its module loads scipy's statistics, which prediction does not need.
    """

    def __init__(self, info: ModelInfo) -> None:
        from pixelwise.metrics.instances import InstanceScorer

        self._scorer = InstanceScorer(info.classes)
        self._things = require_grouping(info).things

    def update(self, prediction: Prediction, sample: Sample, item: Item) -> None:
        target = true_objects(sample, item)
        self._scorer.update(require_instances(prediction), target, unknown_pixels(sample, self._things), item.name)

    def add(self, other: _ObjectScorer) -> None:
        self._scorer.add(other._scorer)

    def scores(self, *, intervals: bool = False) -> InstanceScores:
        return self._scorer.scores(intervals=intervals)


def unknown_pixels(sample: Sample, things: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Return the pixels whose object is unknown, boolean (height, width): those without a label, and those of a thing
    without an object."""
    groups = np.isin(sample.label_map, things) & (sample.instance_map == 0)
    unknown: npt.NDArray[np.bool_] = groups | ~counted_pixels(sample.label_map)
    return unknown


def true_objects(sample: Sample, item: Item) -> Objects:
    """Return the objects of a sample. Raises `DataError` where it has no instance map."""
    if sample.instance_map is None:
        remedy = "Add 16-bit object ids in a folder instances/, or leave the image out."
        raise DataError(item.image, "no instance map", "the image's objects", remedy)
    return objects_from_maps(sample.label_map, sample.instance_map)


def require_grouping(info: ModelInfo) -> GroupingParameters:
    """Return the parameters by which a model's logits become objects. Raises `OptionError` for a model without."""
    if info.grouping is None:
        remedy = 'Train with `task="instance"`.'
        raise OptionError("objects", f"a model of the task {info.task}", "one that was trained for objects", remedy)
    return info.grouping


def require_instances(prediction: Prediction) -> Objects:
    """Return the objects of a prediction. Raises `OptionError` where it has none."""
    if prediction.instances is None:
        remedy = "Pass the result of a model that was trained for objects."
        raise OptionError("instances", "a prediction without objects", "one with objects", remedy)
    return prediction.instances


INSTANCE = InstanceTask()
