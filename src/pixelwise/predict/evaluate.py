"""A model's scores on one split of a data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pixelwise.classes import ClassMap
from pixelwise.errors import DataError, OptionError
from pixelwise.formats.dataset import Dataset, Item, Sample
from pixelwise.metrics.scores import Scores, SemanticScorer
from pixelwise.predict.ahead import ahead
from pixelwise.predict.predictor import Predictor

OnImage = Callable[[Item, Sample, npt.NDArray[np.uint8]], None]
"""Told each item, its sample and the predicted label map."""


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    split: str = "test",
    on_progress: Callable[[int, int], None] | None = None,
    on_image: OnImage | None = None,
) -> Scores:
    """Predict every image of `split` and score the label maps; the next image is read meanwhile.

    `on_progress` is told (done, total) after every image, `on_image` what was predicted.
    Raises `OptionError` for a split that the data set has not, `DataError` where its classes are not the model's, and
    whatever `Dataset.read` raises.
    """
    items = dataset.splits.get(split, ())
    if not items:
        known = ", ".join(name for name, members in dataset.splits.items() if members)
        raise OptionError("--split", f"{split!r}, which {dataset.root} has not", f"one of {known}", "Choose another.")
    _require_same_classes(dataset, predictor.classes)
    scorer = SemanticScorer(predictor.classes)
    for done, (item, reading) in enumerate(ahead(dataset.read, items), start=1):
        sample = reading.result()
        prediction = predictor.label_map(sample.image)
        scorer.update(prediction, sample.label_map)
        if on_image is not None:
            on_image(item, sample, prediction)
        if on_progress is not None:
            on_progress(done, len(items))
    return scorer.scores()


def _require_same_classes(dataset: Dataset, classes: ClassMap) -> None:
    if dataset.classes.names != classes.names:
        raise DataError(
            dataset.root,
            f"the classes {', '.join(dataset.classes.names)}",
            f"the model's, in its order: {', '.join(classes.names)}",
            "Evaluate on data with these classes (classes.yaml names them), or train a model on this data.",
        )
