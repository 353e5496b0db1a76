"""From the options to a `RunConfig`. The time of a step is measured once; the configuration stores the number of
steps."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from pixelwise.core.errors import DataError
from pixelwise.core.files import sha256
from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset
from pixelwise.nn.models import DEFAULT_MODEL, default_encoder, parse_options
from pixelwise.tasks import DEFAULT_TASK, TASKS
from pixelwise.training.config import ClassEntry, EncoderPadding, RunConfig
from pixelwise.training.distributed import broadcast_config, join_processes
from pixelwise.training.fingerprint import fingerprint, hash_label_values
from pixelwise.training.options import DEFAULT_MINUTES, TrainOptions
from pixelwise.training.planning import defaults
from pixelwise.training.planning.choose_recipe import choose_recipe
from pixelwise.training.planning.device_recipe import LONG_PIXELS, choose_device_encoder, halve_batch
from pixelwise.training.planning.facts import Budget, DataFacts, ModelFacts
from pixelwise.training.planning.length import Cost, fit_rounds, is_long_run, plan_epochs, steps_in_time, with_length
from pixelwise.training.planning.measurement import measure_cost
from pixelwise.training.posthoc.class_bias import select_evenly
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.training_data import TrainingData

ENCODER_PADDING: EncoderPadding = "trained"
FINISH_SECONDS = 27.0
"""Seconds reserved for the export and the report, in addition to the predictions of validation images."""
GROUPING_SECONDS = 30.0
"""Seconds reserved for each fit of the grouping of objects."""
MOST_PREPARATION = 0.5
"""Largest share of the other time that preparing counts for: a machine that is busy at the start still trains."""
MEASURED_SHARE = 0.1
"""Largest share of the time in which steps are timed, twice where a long run is considered."""
MOST_FINISH = 0.5
"""Largest share of the time that is reserved. On a slow machine the run may therefore take longer than asked."""
FILE_SHARE = 0.75
"""Time that the model file takes on an image, relative to torch."""


def plan_run(options: TrainOptions, data: TrainingData, command: str, started: float) -> RunConfig:
    """Return the configuration of a run with its number of steps: a long run if the minutes or epochs allow one.

    Minutes count from `started` (`time.perf_counter`).
    """
    processes, on_gpu = join_processes().num_processes, join_processes().device.type != "cpu"
    minutes = DEFAULT_MINUTES if options.minutes is None and options.epochs is None else options.minutes
    short, long = (
        make_config(options, data.dataset, data.check_result, Budget(minutes, processes, is_long, on_gpu), command)
        for is_long in (False, True)
    )
    if short != long:
        short = broadcast_config(plan_length(short, options, data, started))
        if not is_long_run(short.recipe, LONG_PIXELS if on_gpu else defaults.LONG_PIXELS):
            return short
    return plan_length(long, options, data, started)


def make_config(
    options: TrainOptions, dataset: Dataset, check_result: CheckResult, budget: Budget, command: str = ""
) -> RunConfig:
    """Return the configuration of a run of a single step."""
    task = options.task or DEFAULT_TASK
    model = ModelFacts.of(options)
    weights = options.encoder_weights
    return RunConfig(
        version=version("pixelwise"),
        data=str(dataset.root),
        format=dataset.format,
        images_root=None if dataset.images_root is None else str(dataset.images_root),
        fingerprint=fingerprint(dataset),
        labels=hash_label_values(dataset),
        classes=tuple(ClassEntry(**entry) for entry in dataset.classes.to_dict()),
        model=model.name,
        encoder=options.encoder or _choose_encoder(options, model.name, budget),
        width=options.width,
        options=parse_options(model.name, options.model_options or ()),
        pretrained=options.pretrained is not False,
        encoder_weights=None if weights is None else str(weights.resolve()),
        encoder_weights_sha256=None if weights is None else sha256(weights),
        encoder_padding=choose_encoder_padding(options),
        task=task,
        bands=dataset.bands,
        value_range=dataset.value_range,
        things=_things(dataset, check_result, task) if TASKS[task].has_objects else (),
        seed=options.seed or 0,
        start_from=None if options.start_from is None else str(options.start_from),
        skip_bad=options.skip_bad,
        command=command,
        asked=options.asked,
        metrics=options.metrics or (),
        recipe=choose_recipe(DataFacts.of(dataset, check_result), model, budget, options),
    )


def _choose_encoder(options: TrainOptions, model: str, budget: Budget) -> str | None:
    """Return the default encoder: that of the run to start from, or the one for a long or a short run."""
    if options.start_from is not None:
        other = _load_other(options.start_from)
        if other.model == model:
            return other.encoder
    if model == DEFAULT_MODEL and options.pretrained is not False:
        if budget.on_gpu:
            return choose_device_encoder(is_long=budget.is_long)
        if budget.is_long:
            return defaults.LONG_ENCODER
    return default_encoder(model)


def choose_encoder_padding(options: TrainOptions) -> EncoderPadding:
    """Return the padding that the initial weights were trained with."""
    return ENCODER_PADDING if options.start_from is None else _load_other(options.start_from).encoder_padding


def _load_other(path: Path) -> RunConfig:
    """Return the configuration of the run to start from."""
    run = RunDirectory(path)
    run.require_weights()
    return RunConfig.load(run.config)


def _things(dataset: Dataset, check_result: CheckResult, task: str) -> tuple[int, ...]:
    """Return the classes that have objects. Raises `DataError` where there are none."""
    things = tuple(np.flatnonzero(check_result.class_objects).tolist())
    if not things:
        remedy = f"Put 16-bit object ids into folders instances/ beside images/, or train without `task={task!r}`."
        raise DataError(dataset.root, "no objects", "instance maps with some", remedy)
    return things


def plan_length(config: RunConfig, options: TrainOptions, data: TrainingData, started: float) -> RunConfig:
    """Return `config` with its steps: from `epochs`, or from `minutes` and a short measurement.

    Minutes include what passed since `started`, the measurement, validation and the report. Of the time that is not
    reserved for the end, half or more goes into steps: where preparing took longer, the run takes longer than asked.
    """
    if options.epochs is not None:
        return config.replace(recipe=plan_epochs(config.recipe, options.epochs, len(data.train)))
    seconds = 60 * (DEFAULT_MINUTES if options.minutes is None else options.minutes)
    config, cost = _measure(config, data, MEASURED_SHARE * seconds)
    reserved = min(_finish_seconds(config, data, cost.validation), MOST_FINISH * seconds)
    preparation = min(time.perf_counter() - started, MOST_PREPARATION * (seconds - reserved))
    left = seconds - reserved - preparation
    recipe, left = fit_rounds(config.recipe, left, cost, len(data.train))
    return config.replace(recipe=with_length(recipe, *steps_in_time(left, cost)))


def _measure(config: RunConfig, data: TrainingData, at_most: float = math.inf) -> tuple[RunConfig, Cost]:
    """Return the cost of a run, and its configuration, on a GPU with batches that fit into its memory."""
    processes = join_processes().num_processes
    while True:
        try:
            return config, measure_cost(config, data.train, data.val, at_most)
        except torch.OutOfMemoryError:
            smaller = halve_batch(config.recipe, processes)
            if smaller is None:
                raise
        torch.cuda.empty_cache()
        config = config.replace(recipe=smaller)


def _finish_seconds(config: RunConfig, data: TrainingData, validation_seconds: float) -> float:
    """Return the seconds that export, fits and scores take at the end of a run."""
    seconds = FINISH_SECONDS
    bias_images = len(select_evenly(data.val.items, config.recipe.bias_images))
    test_images = len(data.dataset.splits.get("test", ()))
    predicted = (test_images or len(data.val)) + bias_images
    if config.grouping and bias_images:
        fits = 1 if test_images else 2  # to all, and without a test split to each half
        more = min(config.recipe.grouping_images, len(data.train))
        if config.recipe.can_choose_by(len(data.val)):
            more = 0
        predicted += fits * (bias_images + more)
        seconds += fits * GROUPING_SECONDS
    return seconds + FILE_SHARE * validation_seconds * predicted / max(1, len(data.val))


def repeat_call(run: RunDirectory, dataset: Dataset, options: TrainOptions) -> str:
    """Return the call that repeats this run from its configuration, which holds the number of steps. A cross-validation
    is repeated from its options."""
    keywords: dict[str, object] = {"out": f"{run.path}-again", "config": str(run.config)}
    if options.folds is not None:
        minutes = options.minutes and options.minutes * (options.folds + 1)
        keywords = {"out": "runs/again"} | replace(
            options, minutes=minutes, resume=False, overwrite=False
        ).as_keywords()
    if options.device is not None:
        keywords["device"] = options.device
    if dataset.images_root is not None:
        keywords = {"images_root": str(dataset.images_root)} | keywords
    values = [repr(str(dataset.root)), *(f"{name}={value!r}" for name, value in keywords.items())]
    return f"`pixelwise.train({', '.join(values)})`"
