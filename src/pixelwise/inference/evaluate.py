"""A model's scores on one split of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, OptionError
from pixelwise.core.prefetch import ahead
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.inference.engines.onnxruntime import name_image_in_errors
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.result import Result
from pixelwise.instances.objects import objects_of
from pixelwise.metrics.instances import InstanceScorer, InstanceScores
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.metrics.scores import Scores, SemanticScorer

OnImage = Callable[[Item, Sample, Result], None]
"""Told each item, its sample and what was predicted."""


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    split: str = "test",
    on_progress: Callable[[int, int], None] | None = None,
    on_image: OnImage | None = None,
) -> Scores | InstanceScores:
    """Predict every image of `split`, in the model's bands, and score the label maps, of an instance model the objects,
    with the bootstrap intervals of the scores over images.

    `on_progress` is told (done, total) after every image, `on_image` what was predicted.
    Raises `OptionError` for a split that the data set has not, `DataError` where its classes are not the model's or an
    image has no instance map, and whatever `Dataset.read` raises.
    """
    items = dataset.splits.get(split, ())
    if not items:
        known = ", ".join(name for name, members in dataset.splits.items() if members)
        raise OptionError("split", f"{split!r}, which {dataset.root} has not", f"one of {known}", "Choose another.")
    return score_items(predictor, dataset, items, on_progress, on_image).scores(intervals=True)


def score_items(
    predictor: Predictor,
    dataset: Dataset,
    items: Sequence[Item],
    on_progress: Callable[[int, int], None] | None = None,
    on_image: OnImage | None = None,
) -> SemanticScorer | InstanceScorer:
    """Predict these items and return what gathered their scores. Arguments and errors are those of `evaluate`."""
    dataset = replace(dataset, bands=predictor.info.bands, value_range=predictor.info.value_range)
    _require_same_classes(dataset, predictor.classes)
    scorer = scorer_of(predictor)

    def predicted(item: Item) -> tuple[Sample, Result]:
        sample = dataset.read(item)
        with name_image_in_errors(item.image):
            return sample, predictor.predict(sample.image)

    for done, (item, coming) in enumerate(ahead(predicted, items, predictor.at_once), start=1):
        sample, prediction = coming.result()
        update(scorer, prediction, sample, item)
        if on_image is not None:
            on_image(item, sample, prediction)
        if on_progress is not None:
            on_progress(done, len(items))
    return scorer


def scorer_of(predictor: Predictor) -> SemanticScorer | InstanceScorer:
    """Return what gathers the scores of a model's task."""
    return (SemanticScorer if predictor.info.grouping is None else InstanceScorer)(predictor.classes)


def update(scorer: SemanticScorer | InstanceScorer, prediction: Result, sample: Sample, where: Item) -> None:
    """Score one image. What has a thing's class and no object is a group, not told apart: nothing is known of objects.

    Raises `DataError` where objects are to be scored and the sample has no instance map.
    """
    if isinstance(scorer, SemanticScorer):
        scorer.update(prediction.label_map, sample.label_map, where.name)
        return
    if prediction.instances is None or sample.instance_map is None:
        remedy = "Add 16-bit object ids in a folder instances/, or leave the image out."
        raise DataError(where.image, "no instance map", "the image's objects", remedy)
    target = objects_of(sample.label_map, sample.instance_map)
    grouping = prediction.info.grouping
    things = np.isin(sample.label_map, grouping.things if grouping else ())
    ungrouped = things & (sample.instance_map == 0)
    scorer.update(prediction.instances, target, ungrouped | ~counted_pixels(sample.label_map), where.name)


def _require_same_classes(dataset: Dataset, classes: ClassMap) -> None:
    if dataset.classes.names != classes.names:
        raise DataError(
            dataset.root,
            f"the classes {', '.join(dataset.classes.names)}",
            f"the model's, in its order: {', '.join(classes.names)}",
            "Evaluate on data with these classes (classes.yaml names them), or train a model on this data.",
        )
