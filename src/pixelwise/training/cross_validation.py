"""Cross-validation: a model for each fold, measured on the images that it did not see, and finally a model on all
images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pixelwise.core.errors import RunError
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset
from pixelwise.data.stratify import folds as split_into_folds
from pixelwise.inference.evaluate import add_metrics, new_metrics, score_items
from pixelwise.inference.loading import load
from pixelwise.training.config import RunConfig
from pixelwise.training.options import DEFAULT_MINUTES, TrainOptions
from pixelwise.training.posthoc.cross_fitting import MeasuredScores, merge_scorers
from pixelwise.training.resume import NET, TRAINING, inherit_options
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.session import Session
from pixelwise.training.usable_data import select_usable_data

SHORT_MINUTES = 2.0
"""A training of fewer minutes learns little."""


def train_folds(run: RunDirectory, dataset: Dataset, options: TrainOptions, session: Session) -> dict[str, Any]:
    """Train and measure a model for each fold, then train the model of the run on all images. Return its metrics."""
    count = options.folds or 0
    first = _load_first_fold(run, count)
    checked = options if first is None else replace(options, task=first.task)
    dataset, _, _ = select_usable_data(dataset, check(dataset), checked, session.display)
    parts = split_into_folds(dataset, count)
    each = _share_minutes(replace(options, resume=True), count, is_new=first is None)
    if first is not None:
        each = inherit_options(each, first, (*NET, *TRAINING))
    if each.minutes is not None:
        shared = f"the minutes are shared by {count + 1} trainings, {each.minutes:.1f} each"
        hint = f"; give more `minutes`, such as {5 * (count + 1)}" if each.minutes < SHORT_MINUTES else ""
        session.display.message(f"{shared}{hint}")
    scorers, further = [], new_metrics(each.metrics or ())
    for number, part in enumerate(parts, start=1):
        session.display.message(f"fold {number} of {count}")
        session.train_model(run.fold(number), part, each)
        model = load(run.fold(number).model, at_once=len(part.splits["test"]))
        scorers.append(score_items(model, part, part.splits["test"], metrics=further))
    measured = MeasuredScores("folds", add_metrics(merge_scorers(scorers).scores(intervals=True), further))
    train = sorted((item for _, item in parts[0].items()), key=lambda item: item.name)
    test = [item for item in dataset.splits.get("test", ()) if not item.auto_split]
    splits = {"train": tuple(train), **({"test": tuple(test)} if test else {})}
    session.display.message(f"the model on all {len(train)} images")
    return session.train_model(run, replace(dataset, splits=splits), each, measured)


def _load_first_fold(run: RunDirectory, count: int) -> RunConfig | None:
    """Return the configuration of the first fold of a run that is resumed. Raises `RunError` for another number."""
    file = run.fold(1).config
    if not file.is_file():
        return None
    first = RunConfig.load(file)
    if first.asked.get("folds") != count:
        remedy = "Give the same `folds`, or start a new run in another `out`."
        raise RunError(run.path, f"a run with `folds={first.asked.get('folds')}`", f"`folds={count}`", remedy)
    return first


def _share_minutes(options: TrainOptions, count: int, *, is_new: bool) -> TrainOptions:
    """Return the options of each training; the trainings share the minutes."""
    if options.minutes is not None or (options.epochs is None and is_new):
        return replace(options, minutes=(options.minutes or DEFAULT_MINUTES) / (count + 1))
    return options
