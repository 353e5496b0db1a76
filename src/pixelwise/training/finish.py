"""The end of a run: its model file, the scores of that file, and the report."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from pixelwise.core.telemetry import import_silently
from pixelwise.data.dataset import Item, Sample
from pixelwise.inference.evaluate import OnImage
from pixelwise.inference.result import Result
from pixelwise.instances.objects import objects_from_maps
from pixelwise.model_export.onnx import export_onnx
from pixelwise.nn.parameters import count_parameters
from pixelwise.nn.pipeline import Pipeline
from pixelwise.render import to_rgb
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import Labelled
from pixelwise.torch_runtime.devices import device_name
from pixelwise.training.config import RunConfig
from pixelwise.training.distributed import join_processes
from pixelwise.training.loop import Progress
from pixelwise.training.planning.length import length_warnings
from pixelwise.training.posthoc.class_bias import select_evenly
from pixelwise.training.posthoc.cross_fitting import MeasuredScores, fit_and_export, headline_split, measure
from pixelwise.training.posthoc.device_scoring import (
    CHECKED_IMAGES,
    LEAST_AGREEMENT,
    DeviceScoring,
    scores_on_device,
)
from pixelwise.training.report import Example, Report, write_report
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.schedule import count_crops, describe_crops
from pixelwise.training.training_data import TrainingData
from pixelwise.training.weights import load_run, model_info

EXAMPLES = 4
"""The number of best, and of worst, predictions in the report."""


class BestAndWorst:
    """Collects the best and the worst predicted images during an evaluation."""

    def __init__(self) -> None:
        self._count = itertools.count()
        self._best: list[tuple[float, int, Example]] = []
        self._worst: list[tuple[float, int, Example]] = []

    def add(self, item: Item, sample: Sample, prediction: Result) -> None:
        """Compare one image with those so far."""
        example = _example(item, sample, prediction)
        if math.isnan(example.score):
            return
        number = next(self._count)
        for heap, sign in ((self._best, 1), (self._worst, -1)):  # of equal ones the last, and the first
            heapq.heappush(heap, (sign * example.score, sign * number, example))
            if len(heap) > EXAMPLES:
                heapq.heappop(heap)

    def best(self) -> list[Example]:
        """Return the best images, best first. Completely wrong ones are left out; of few images only the better half is
        returned."""
        ranked = self._ranked()
        beyond = max(len(ranked) - EXAMPLES, (len(ranked) + 1) // 2)
        return [example for example in sorted(ranked[beyond:], key=lambda each: -each.score) if example.score > 0]

    def worst(self) -> list[Example]:
        """Return the worst images, worst first. Perfect ones are left out; of few images only the worse half is
        returned."""
        ranked = self._ranked()
        first = min(EXAMPLES, (len(ranked) + 1) // 2)
        return [example for example in ranked[:first] if example.score < 1]

    def _ranked(self) -> list[Example]:
        """Return all collected images, each once, the worst first."""
        examples = {abs(number): example for _, number, example in (*self._worst, *self._best)}
        return [example for _, example in sorted(examples.items(), key=lambda entry: (entry[1].score, entry[0]))]


def _example(item: Item, sample: Sample, prediction: Result) -> Example:
    """Return one image as the report shows it."""
    task = TASKS[prediction.info.task]
    objects = None
    if task.has_objects and sample.instance_map is not None:
        objects = objects_from_maps(sample.label_map, sample.instance_map)
    target = Labelled(sample.label_map, objects)
    score = task.image_score(prediction, target, prediction.info)
    return Example(item.name, to_rgb(sample.image), target, Labelled(prediction.label_map, prediction.instances), score)


def export_run(run: Path, out: Path, *, fast: bool = False) -> None:
    """Write the model of a run directory to the .onnx file `out`; with `fast` a model without test-time
    augmentation."""
    pipeline, config = load_run(run, fast=fast)
    export_onnx(pipeline, model_info(config, pipeline), out)


@dataclass(frozen=True)
class Outcome:
    """The result of a training."""

    progress: Progress
    pipeline: Pipeline
    adjustment: float
    """Share of the class weights that the class bias corrects (logit adjustment), in 0..1."""
    measured: MeasuredScores | None
    examples: BestAndWorst
    remarks: list[str]


@dataclass(frozen=True)
class Listener:
    """What is told of the end of a run: each remark, and each image that the model file was scored on."""

    on_remark: Callable[[str], None] = lambda remark: None
    on_image: OnImage = lambda item, sample, prediction: None


def finish(
    run: RunDirectory,
    config: RunConfig,
    data: TrainingData,
    progress: Progress,
    folds: MeasuredScores | None = None,
    listener: Listener = Listener(),
) -> None:
    """Write `model.onnx`, `metrics.json`, `history.csv` and, last, `report.html`; `listener` is called with
    remarks on them.

    The scores are those of the model file itself on the test split, else on the validation images (see
    `posthoc.cross_fitting`); a run without either has the scores of its `folds`, or none.
    """
    pipeline, _ = load_run(run.path)
    device = join_processes().device
    on_device = DeviceScoring(pipeline, config, device) if scores_on_device(device) else None
    adjustment, halves, remarks = fit_and_export(run, pipeline, config, data.dataset, on_device)
    if on_device is not None and (remark := _check_file(on_device, run, data)):
        remarks, on_device = [*remarks, remark], None
    examples = BestAndWorst()

    def on_image(item: Item, sample: Sample, prediction: Result) -> None:
        examples.add(item, sample, prediction)
        listener.on_image(item, sample, prediction)

    measured = measure(run, data.dataset, halves, on_image, config, on_device) or folds
    if measured is not None:
        metrics = measured.to_json_dict() | {f"val_{config.measure}": progress.best_score}
        run.write_metrics(metrics if folds is None else metrics | {"folds": folds.to_json_dict()})
    run.write_history(progress.history)
    outcome = Outcome(progress, pipeline, adjustment, measured, examples, remarks)
    write_report(_build_report(run, config, data, outcome), run.report)
    for remark in remarks:
        listener.on_remark(f"  {remark}")


def _check_file(on_device: DeviceScoring, run: RunDirectory, data: TrainingData) -> str:
    """Return a remark if the model file labels images differently from the device. The file is then scored instead."""
    items = select_evenly(data.dataset.splits[headline_split(data.dataset) or "train"], CHECKED_IMAGES)
    agreement = on_device.agreement(run.model, (data.dataset.read(item).image for item in items))
    if agreement >= LEAST_AGREEMENT:
        return ""
    return f"The model file labels {agreement:.2%} of the pixels as the GPU does. The scores are those of the file."


def _build_report(run: RunDirectory, config: RunConfig, data: TrainingData, outcome: Outcome) -> Report:
    measured = outcome.measured
    pixels = data.check_result.train_class_pixels / max(1, data.check_result.train_class_pixels.sum())
    return Report(
        title=run.path.resolve().name,
        command=config.command,
        config=config.model_dump(mode="json"),
        classes=config.class_map,
        history=outcome.progress.history,
        scores=None if measured is None else measured.scores,
        split_name="val" if measured is None else measured.split,
        task=config.task,
        measured_on="" if measured is None else measured.in_words,
        class_pixels=dict(zip(config.class_map.names, pixels.tolist(), strict=True)),
        splits={split: len(items) for split, items in data.dataset.splits.items()},
        examples_best=outcome.examples.best(),
        examples_worst=outcome.examples.worst(),
        skipped=list(data.skipped),
        warnings=_warnings(config, data, outcome),
        facts={
            "parameters": f"{count_parameters(outcome.pipeline.model):,}",
            "logit adjustment": f"by {outcome.adjustment:.0%} of the class weights",
            **({"objects by": str(outcome.pipeline.grouping)} if outcome.pipeline.grouping else {}),
            **_facts(config, outcome.progress),
        },
    )


def _warnings(config: RunConfig, data: TrainingData, outcome: Outcome) -> list[str]:
    lengths = length_warnings(config.recipe, len(data.dataset.splits["train"]), goes_on=config.start_from is not None)
    return [
        *(warning[:1].upper() + warning[1:] for warning in lengths),
        *([] if outcome.measured is None else outcome.measured.remarks),
        *outcome.remarks,
        *data.check_result.remarks,
        *(f"{problem.file}: {problem.message}" for problem in data.check_result.problems),
    ]


def _encoder_facts(config: RunConfig) -> dict[str, str]:
    """Return what an encoder started from, and which of its layers were frozen."""
    if config.encoder is None:
        return {}
    started = config.encoder_weights or config.start_from or ("ImageNet" if config.pretrained else "random weights")
    stride = config.recipe.frozen_stride
    return {"encoder from": started, "frozen": f"layers up to stride {stride}" if stride else "nothing"}


def _facts(config: RunConfig, progress: Progress) -> dict[str, str]:
    minutes = progress.seconds / 60
    images, runtime = count_crops(config.recipe, progress.step), import_silently("onnxruntime")
    return {
        "model": config.model,
        "encoder": config.encoder or "of its own",
        **_encoder_facts(config),
        "steps": f"{progress.step} of {describe_crops(config.recipe)}",
        "best step": str(progress.best_step),
        "images/s": f"{images / max(progress.seconds, 1e-9):.1f}, validation included",
        "minutes": f"{minutes:.1f}" if minutes >= 1 else f"{minutes:.2f}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "trained on": device_name(join_processes().device),
        "versions": f"pixelwise {config.version}, torch {torch.__version__}, onnxruntime {runtime.__version__}",
    }
