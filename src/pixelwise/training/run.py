"""`train`: from a data set to a run directory with a measured, deployable model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch.utils.tensorboard import SummaryWriter

from pixelwise.export.pipeline import Pipeline
from pixelwise.formats import open_dataset
from pixelwise.formats.check import check
from pixelwise.formats.dataset import Dataset
from pixelwise.losses.cross_entropy import Reduction
from pixelwise.training import processes
from pixelwise.training.config import MEASURES, RunConfig
from pixelwise.training.data import SampleStore, batches
from pixelwise.training.directory import RunDirectory
from pixelwise.training.display import Display
from pixelwise.training.engine import torch_predictor
from pixelwise.training.finish import finish
from pixelwise.training.loop import Progress, Trainer, fit
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.options import TrainOptions
from pixelwise.training.plan import planned, repeat_command, require_sensible
from pixelwise.training.prepare import stored_config, usable_data
from pixelwise.training.recipe import crops_before, crops_of
from pixelwise.training.stages import staged
from pixelwise.training.validation import validated
from pixelwise.training.weights import build_pipeline, save_weights, start_from


@dataclass(frozen=True)
class Run:
    """A finished run. `miou`, of an instance model `ap`, is that of its model file on the validation images; `None`
    where there are none."""

    path: Path
    miou: float | None = None
    ap: float | None = None


def train(
    data: Dataset | str | Path,
    *,
    out: str | Path,
    task: Literal["semantic", "instance"] | None = None,
    model: str | None = None,
    encoder: str | None = None,
    width: float | None = None,
    options: Sequence[str] | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    pretrained: bool = True,
    start_from: str | Path | None = None,
    config: str | Path | None = None,
    resume: bool = False,
    skip_bad: bool = False,
    recipe: str | None = None,
    class_weights: str | None = None,
    reduction: Reduction | None = None,
    border_weight: float | None = None,
    elastic: float | None = None,
    rotate: bool | None = None,
    stages: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a model on `data` and fill the directory `out`: weights, model.onnx, metrics, history and report.

    The `task` is semantic, a class for each pixel, or instance: which pixels belong to the same object, too.
    `minutes` (10 when neither is given) are of wall time and include everything; `epochs` counts passes over the
    training images. With `resume` a run that was stopped goes on to the same result, bit for bit on a CPU; `config`
    repeats the run of a config.yaml; `start_from` begins with another run's weights, also those of another model of
    the same family as far as they fit. `options` are `KEY=VALUE` pairs for the model. `recipe` trains as the authors
    of a classic did: fcn, segnet or unet; `class_weights` (none, softened, median), `reduction` of the loss over
    pixels (mean, sum), U-Net's `border_weight` w0 and the pixels of `elastic` deformation override it. `rotate` is
    for images without an upper side: crops are turned by quarters, and prediction exchanges top and bottom too. With
    `stages` an FCN is trained from the coarsest on, each stage from the last.

    Raises `DataError` for data that would spoil the training (`skip_bad` leaves such images out), `OutputError` for an
    `out` that is taken or cannot be written, `RunError` for a `resume` with other data or another model, and
    `OptionError` for options that make no sense.
    """
    asked = TrainOptions(
        task=task,
        model=model,
        encoder=encoder,
        width=width,
        model_options=None if options is None else tuple(options),
        minutes=minutes,
        epochs=epochs,
        seed=seed,
        pretrained=pretrained,
        start_from=None if start_from is None else Path(start_from),
        config=None if config is None else Path(config),
        resume=resume,
        skip_bad=skip_bad,
        recipe=recipe,
        class_weights=class_weights,
        reduction=reduction,
        border_weight=border_weight,
        elastic=elastic,
        rotate=rotate,
    )
    require_sensible(asked)
    run = RunDirectory(Path(out))
    first = processes.joined().is_main_process
    if first and not resume:
        run.require_free()
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    stored = run.config if resume else asked.config
    if stored is not None and stored.is_file():
        dataset = replace(dataset, bands=RunConfig.load(stored).bands)
    with Display(quiet=quiet or not first) as display:
        if not stages:
            return _train(run, dataset, asked, display)
        for directory, stage in staged(asked, run):
            if directory == run or not directory.finished:
                result = _train(directory, dataset, stage, display)
        return result


def _train(run: RunDirectory, dataset: Dataset, options: TrainOptions, display: Display) -> Run:
    started = time.perf_counter()
    keep_freed_memory()
    accelerator = processes.joined()
    if accelerator.is_main_process:
        run.clear_leftovers()
    display.message(f"checking {dataset.root}")
    survey = check(dataset)
    dataset, survey, skipped = usable_data(dataset, survey, options, display)
    config = stored_config(run, dataset, options)
    train_store = SampleStore(dataset, dataset.splits["train"], run.path)
    val_store = SampleStore(dataset, dataset.splits.get("val", ()), run.path)
    if config is None:
        config = planned(options, dataset, survey, repeat_command(run, dataset), train_store, val_store, started)
    config = processes.as_first(config)
    trainer = _trainer(run, config)
    if accelerator.is_main_process and not run.config.is_file():
        config.save(run.config)
    precision = ", in bfloat16" if accelerator.mixed_precision == "bf16" else ""
    display.message(_announcement(config, train_store, val_store) + precision)
    if trainer.progress.step:
        display.message(f"going on after step {trainer.progress.step}")

    with processes.together(run, accelerator):
        progress = _fit(run, config, trainer, train_store, val_store, display)
        if accelerator.is_main_process and not run.finished:
            display.message("exporting, measuring and reporting")
            finish(run, config, dataset, survey, progress, skipped, display.message)
        accelerator.wait_for_everyone()
    score = run.score(config.measure)
    if score is not None:
        display.message(f"val {MEASURES[config.measure]} {score:.3f} of the model file")
    display.message(f"report: {run.report}\nmodel:  {run.model}")
    return Run(run.path, **{config.measure: score})


def _trainer(run: RunDirectory, config: RunConfig) -> Trainer:
    """Return the trainer as the last checkpoint left it, or at the start."""
    resumed = run.checkpoint.is_file()
    pipeline = build_pipeline(config, pretrained=config.pretrained and not resumed)
    if config.start_from is not None and not resumed:
        start_from(pipeline, config, Path(config.start_from))
    trainer = Trainer(pipeline, config.recipe, config.seed)
    if resumed:
        trainer.restore(run.checkpoint)
    return trainer


def _fit(
    run: RunDirectory,
    config: RunConfig,
    trainer: Trainer,
    train_store: SampleStore,
    val_store: SampleStore,
    display: Display,
) -> Progress:
    """Train to the end; validation, the best weights, history and logs on the way."""
    recipe, accelerator = config.recipe, trainer.accelerator
    first, measured = accelerator.is_main_process, f"val_{config.measure}"
    board = SummaryWriter(str(run.tensorboard), purge_step=trainer.progress.step) if first else None

    def validate(averaged: Pipeline) -> float | None:
        return validated(torch_predictor(averaged, config), val_store, accelerator) if len(val_store) else None

    def keep_best(averaged: Pipeline) -> None:
        if first:
            save_weights(run.weights, averaged, config)

    def on_row(progress: Progress) -> None:
        if board is None:
            return
        row = progress.history[-1]
        for key in ("loss", "learning_rate", measured):
            if row[key] is not None:
                board.add_scalar(key, row[key], row["step"])
        if row[measured] is not None:
            run.write_history(progress.history)
        display.row(progress)

    display.start(recipe, trainer.progress.step, len(train_store), config.measure)
    fit(
        trainer,
        batches(train_store, recipe, config.seed, trainer.progress.step, trainer.share),
        train_images=len(train_store),
        measured=measured,
        validate=validate,
        keep_best=keep_best,
        checkpoint=run.checkpoint,
        on_row=on_row,
        on_step=display.step,
    )
    display.stop(trainer.progress)
    if board is not None:
        board.close()
    return trainer.progress


def _announcement(config: RunConfig, train_store: SampleStore, val_store: SampleStore) -> str:
    recipe = config.recipe
    encoder = f" on {config.encoder}" if config.encoder else ""
    epochs = crops_before(recipe, recipe.steps) / len(train_store)
    return (
        f"training {config.model}{encoder}: {config.class_map.num_classes} classes, {len(train_store)} images "
        f"({len(val_store)} for validation), {recipe.steps} steps of {crops_of(recipe)}, {epochs:.1f} epochs"
    )
