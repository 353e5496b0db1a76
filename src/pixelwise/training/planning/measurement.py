"""How long steps and validations take on this machine, measured on a model that is then thrown away."""

from __future__ import annotations

import statistics
import time

from pixelwise.nn.pipeline import Pipeline
from pixelwise.raster.image import pixels_in
from pixelwise.tasks import TASKS
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.planning.length import Cost
from pixelwise.training.samples import SampleStore, batch_at
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.weights import build_pipeline

WARM_STEPS, MEASURED_STEPS = 3, 8
SLACK = 1.05
"""How much longer a step of a long run takes than those measured, on a machine that has other work, too."""


def measure_cost(config: RunConfig, train: SampleStore, val: SampleStore) -> Cost:
    """Time a few steps, early and late ones where they differ, and one validation image."""
    parts, timed = min(2, config.recipe.early_split), WARM_STEPS + MEASURED_STEPS
    longer = config.recipe.replace(steps=parts * timed)
    task = TASKS[config.task]
    trainer = Trainer(build_pipeline(config, pretrained=False), longer, config.seed, task)
    trainer.start()
    seconds = []
    for step in range(longer.steps):
        started = time.perf_counter()
        trainer.train_step(batch_at(train, longer, config.seed, step, trainer.share, task))
        seconds.append(time.perf_counter() - started)
    medians = [
        statistics.median(seconds[start + WARM_STEPS : start + timed]) for start in range(0, len(seconds), timed)
    ]
    step_seconds = statistics.mean(medians)  # medians: a step that other work held up shortens no run
    validation = _validation_seconds(config, trainer.averaged_pipeline(), val) / trainer.accelerator.num_processes
    return Cost(SLACK * step_seconds, validation)


def _validation_seconds(config: RunConfig, pipeline: Pipeline, val: SampleStore) -> float:
    """Return the time of one pass over the validation images, from one image of about their mean size."""
    if not len(val):
        return 0.0
    areas = [max(1, pixels_in(item.image)) for item in val.items]
    mean = statistics.mean(areas)
    index = min(range(len(areas)), key=lambda place: abs(areas[place] - mean))
    predictor = torch_predictor(pipeline, config)
    image = val[index].image
    predictor.label_map(image)
    started = time.perf_counter()
    predictor.label_map(image)
    return (time.perf_counter() - started) * len(val) * mean / areas[index]
