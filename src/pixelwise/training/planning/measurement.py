"""Measures how long steps and validations take on this machine, with a model that is then discarded."""

from __future__ import annotations

import math
import statistics
import time

from pixelwise.data.dataset import Sample
from pixelwise.labels.teacher import Teacher
from pixelwise.nn.pipeline import Pipeline
from pixelwise.raster.image import pixels_in
from pixelwise.tasks import TASKS
from pixelwise.torch_runtime.speed import synchronize
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.on_device.batches import DeviceFeed, open_feed
from pixelwise.training.planning.length import Cost
from pixelwise.training.samples import SampleStore, batch_at
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.weights import build_pipeline

WARM_STEPS, MEASURED_STEPS = 3, 8
DEVICE_WARM_STEPS, DEVICE_STEPS = 5, 20
"""Steps on a GPU before the measurement, and measured ones."""
SLACK = 1.05
"""Factor from the measured time of a step to its time in a long run, on a machine that also has other work."""


def measure_cost(config: RunConfig, train: SampleStore, val: SampleStore, at_most: float = math.inf) -> Cost:
    """Time a few steps, both early and late ones where they differ, and one validation image.

    Where steps take longer than `at_most` seconds together, on a slow or busy machine, fewer are timed: two or more of
    each kind.
    """
    parts, timed = min(2, config.recipe.early_split), WARM_STEPS + MEASURED_STEPS
    longer = config.recipe.replace(steps=parts * timed)
    task = TASKS[config.task]
    trainer = Trainer(build_pipeline(config, pretrained=False), longer, config.seed, task)
    trainer.start()
    feed = open_feed(train, trainer.accelerator.device)
    if feed is not None:
        return Cost(SLACK * _device_seconds(trainer, feed, parts), *_other_seconds(config, trainer, train, val))
    if trainer.accelerator.num_processes > 1:  # which take their steps together
        at_most = math.inf
    medians = []
    for start in range(0, longer.steps, timed):
        seconds: list[float] = []
        while len(seconds) < timed and (len(seconds) < 2 or sum(seconds) < at_most / parts):
            started = time.perf_counter()
            step = start + len(seconds)
            trainer.train_step(batch_at(train, longer, config.seed, step, trainer.share, task))
            seconds.append(time.perf_counter() - started)
        medians.append(statistics.median(seconds[min(WARM_STEPS, len(seconds) - 1) :]))
    step_seconds = statistics.mean(medians)  # medians, so that a step delayed by other work does not shorten the run
    return Cost(SLACK * step_seconds, *_other_seconds(config, trainer, train, val))


def _other_seconds(
    config: RunConfig, trainer: Trainer, train: SampleStore, val: SampleStore
) -> tuple[float, float, float]:
    """Return the time of a validation, and that of the labels that the model and a live head give a training image, if
    the recipe needs them."""
    averaged = trainer.averaged_pipeline()
    validation = _validation_seconds(config, averaged, val) / trainer.accelerator.num_processes
    prediction = teacher = 0.0
    if config.recipe.has_pseudo_labels:
        sample, share = _typical_sample(train)
        if config.recipe.pseudo_rounds:
            prediction = _prediction_seconds(config, averaged, sample) / share
        if config.recipe.teacher_lead:
            teacher = _teacher_seconds(config, sample) / share
    return validation, prediction, teacher


def _teacher_seconds(config: RunConfig, sample: Sample) -> float:
    """Return the time of the labels that a live head gives an image."""
    teacher = Teacher.fit([lambda: (sample.image, sample.label_map)], config.class_map.num_classes, seed=0, steps=1)
    if teacher is None:
        return 0.0
    started = time.perf_counter()
    teacher.label(sample.image)
    return time.perf_counter() - started


def _device_seconds(trainer: Trainer, feed: DeviceFeed, parts: int) -> float:
    """Return the time of a step on a device, averaged over the parts of the run. Each part is timed over many steps,
    since a device works asynchronously."""
    device, each = trainer.accelerator.device, DEVICE_WARM_STEPS + DEVICE_STEPS
    longer = trainer.recipe.replace(steps=parts * each)
    seconds, started = 0.0, 0.0
    for step, batch in enumerate(feed.batches(longer, trainer.seed, 0, trainer.share, trainer.task)):
        if step % each == DEVICE_WARM_STEPS:
            synchronize(device)
            started = time.perf_counter()
        trainer.take_step(batch)
        if step % each == each - 1:
            synchronize(device)
            seconds += time.perf_counter() - started
    return seconds / (parts * DEVICE_STEPS)


def _validation_seconds(config: RunConfig, pipeline: Pipeline, images: SampleStore) -> float:
    """Return the time of one pass over the images of a store, estimated from one image of about their mean size."""
    if not len(images):
        return 0.0
    sample, share = _typical_sample(images)
    return _prediction_seconds(config, pipeline, sample) * len(images) / share


def _prediction_seconds(config: RunConfig, pipeline: Pipeline, sample: Sample) -> float:
    """Return the time of the prediction of an image."""
    predictor = torch_predictor(pipeline, config)
    predictor.label_map(sample.image)
    started = time.perf_counter()
    predictor.label_map(sample.image)
    return time.perf_counter() - started


def _typical_sample(images: SampleStore) -> tuple[Sample, float]:
    """Return a sample of about the mean size, and its pixels as a share of the mean."""
    areas = [max(1, pixels_in(item.image)) for item in images.items]
    mean = statistics.mean(areas)
    index = min(range(len(areas)), key=lambda place: abs(areas[place] - mean))
    return images[index], areas[index] / mean
