"""The scores of a model on one split of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, OptionError
from pixelwise.core.prefetch import prefetch
from pixelwise.core.registry import Registry, Requirement, extension_errors
from pixelwise.data.border_class import border_class, without_border
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.inference.engines.checks import name_image_in_errors
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.result import Result
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import Scorer, TaskScores

OnImage = Callable[[Item, Sample, Result], None]
"""Called with each item, its sample and its prediction."""


class Metric(Protocol):
    """A custom score in addition to those of the task (see `register_metric`)."""

    def update(self, prediction: Result, target: Sample, classes: ClassMap) -> None:
        """Score the prediction of one image."""
        ...

    def scores(self) -> Mapping[str, float]:
        """Return the scores of the images so far, by name; NaN for a score without data."""
        ...


METRICS: Registry[Callable[[], Metric]] = Registry(
    "metrics", "pixelwise.metrics", {}, Requirement("a class or function without arguments", callable)
)
"""All metrics by name. `pixelwise.register_metric` and the entry points `pixelwise.metrics` add to them."""


def new_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Return a new metric for each name. Raises `OptionError` for one that is not registered."""
    return {name: METRICS[name]() for name in names}


def add_metrics(scores: TaskScores, metrics: Mapping[str, Metric]) -> TaskScores:
    """Return `scores` together with those of the metrics."""
    return replace(scores, metrics={name: dict(metric.scores()) for name, metric in metrics.items()})


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    split: str = "test",
    on_progress: Callable[[int, int], None] | None = None,
    on_image: OnImage | None = None,
    metrics: Sequence[str] = (),
) -> TaskScores:
    """Predict every image of `split`, in the model's bands, and return the scores of the model's task, with their
    bootstrap intervals over images: `Scores` for a semantic model, `InstanceScores` or `PanopticScores` for the other
    tasks.

    `on_progress` is called with (done, total) after every image, `on_image` with its prediction. `metrics` names
    further scores (see `register_metric`). Raises `OptionError` for an unknown split or metric, `DataError` if the
    classes of the data set are not the model's or an image has no instance map, and whatever `Dataset.read` raises.
    """
    further = new_metrics(metrics)
    items = dataset.splits.get(split, ())
    if not items:
        known = ", ".join(name for name, members in dataset.splits.items() if members)
        raise OptionError(
            "split", f"{split!r}, which is no split of {dataset.root}", f"one of {known}", "Choose another."
        )
    scorer = score_items(predictor, dataset, items, on_progress, on_image, further)
    return add_metrics(scorer.scores(intervals=True), further)


def score_items(
    predictor: Predictor,
    dataset: Dataset,
    items: Sequence[Item],
    on_progress: Callable[[int, int], None] | None = None,
    on_image: OnImage | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> Scorer:
    """Predict these items, and return the scorer with their scores; `metrics` are updated, too. Other arguments and
    errors are those of `evaluate`."""
    dataset = replace(dataset, bands=predictor.info.bands, value_range=predictor.info.value_range)
    dataset = _with_classes_of(predictor, dataset)
    scorer = TASKS[predictor.info.task].scorer(predictor.info)

    def predict_item(item: Item) -> tuple[Sample, Result]:
        sample = dataset.read(item)
        with name_image_in_errors(item.image):
            return sample, predictor.predict(sample.image)

    for done, (item, coming) in enumerate(prefetch(predict_item, items, predictor.at_once), start=1):
        sample, prediction = coming.result()
        scorer.update(prediction, sample, item)
        for name, metric in (metrics or {}).items():
            with extension_errors(METRICS.origin(name), "`update` to score an image"):
                metric.update(prediction, sample, predictor.classes)
        if on_image is not None:
            on_image(item, sample, prediction)
        if on_progress is not None:
            on_progress(done, len(items))
    return scorer


def _with_classes_of(predictor: Predictor, dataset: Dataset) -> Dataset:
    """Return the data set; for a model of objects without its class of borders, if the model has none.

    Raises `DataError` where the classes are not the model's.
    """
    classes = predictor.classes
    if predictor.info.grouping is not None and border_class(classes) is None:
        dataset = without_border(dataset)
    if dataset.classes.names != classes.names:
        raise DataError(
            dataset.root,
            f"the classes {', '.join(dataset.classes.names)}",
            f"the model's, in its order: {', '.join(classes.names)}",
            "Evaluate on data with these classes (classes.yaml names them), or train a model on this data.",
        )
    return dataset
