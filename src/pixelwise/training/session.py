"""`Session`: trains models one after the other, each in a run directory, from a data set to a report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pixelwise.core.text import quantity
from pixelwise.data.border_class import border_class, without_border
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.inference.result import Result
from pixelwise.nn.pipeline import Pipeline
from pixelwise.tasks import TASKS
from pixelwise.training import distributed
from pixelwise.training.callbacks import Callback
from pixelwise.training.config import RunConfig
from pixelwise.training.finish import Listener, finish
from pixelwise.training.loop import Observer, Progress, Trainer, Validation, fit
from pixelwise.training.on_device.batches import open_feed
from pixelwise.training.options import DEFAULT_MINUTES, TrainOptions
from pixelwise.training.paper_recipes import paper_remarks
from pixelwise.training.planning.length import length_warnings, time_remarks
from pixelwise.training.planning.plan import plan_length, plan_run, repeat_call
from pixelwise.training.posthoc.cross_fitting import MeasuredScores, headline_split
from pixelwise.training.progress_display import Display, describe_run, score_lines
from pixelwise.training.recipe import Recipe
from pixelwise.training.resume import repeat_config, resume_config
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import SampleStore, batches
from pixelwise.training.schedule import training_parts
from pixelwise.training.self_training import SelfTraining
from pixelwise.training.stopping import catch_stop_signals
from pixelwise.training.tensorboard import Board
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.training_data import TrainingData
from pixelwise.training.usable_data import select_usable_data
from pixelwise.training.validation import validation_score
from pixelwise.training.weights import (
    build_pipeline,
    load_encoder_weights,
    load_starting_weights,
    require_freezable,
    save_weights,
)


@dataclass(frozen=True)
class Session:
    """The state that the trainings of one call of `train` share."""

    display: Display
    callbacks: Sequence[Callback] = ()

    def train_model(
        self, run: RunDirectory, dataset: Dataset, options: TrainOptions, folds: MeasuredScores | None = None
    ) -> dict[str, Any]:
        """Train a model in a run directory, or resume it, and return its metrics. `folds` are the scores of the
        cross-validation whose final model it is."""
        started = time.perf_counter()
        accelerator = distributed.join_processes()
        if accelerator.is_main_process:
            run.clear_leftovers()
        data = self._prepare(run, dataset, options)
        config = distributed.broadcast_config(self._configure(run, data, options, started))
        trainers = self._trainers(run, config)
        trainer = next(trainers)
        if accelerator.is_main_process:
            run.begin(config)
        resumed = trainer.progress.step > 0
        self._announce(config, data, trainer)
        with distributed.watch_processes(run, accelerator):
            if accelerator.is_main_process:
                for callback in self.callbacks:
                    callback.on_start(trainer.progress.step, config.recipe.steps)
            progress = self._fit(run, config, trainer, data)
            for trainer in trainers:  # the part of an extended run
                progress = self._fit(run, config, trainer, data)
            if accelerator.is_main_process and not run.finished:
                self._announce_finish(data)
                finish(run, config, data, progress, folds, Listener(self.display.message, self._tell_scored))
            accelerator.wait_for_everyone()
        if not resumed and options.config is None and options.epochs is None:
            minutes = DEFAULT_MINUTES if options.minutes is None else options.minutes
            for remark in time_remarks(minutes, (time.perf_counter() - started) / 60):
                self.display.message(f"note: {remark}")
        metrics = run.read_metrics()
        for line in (*score_lines(metrics, TASKS[config.task]), f"report: {run.report}", f"model:  {run.model}"):
            self.display.message(line)
        return metrics

    def _prepare(self, run: RunDirectory, dataset: Dataset, options: TrainOptions) -> TrainingData:
        """Check the data, leave out images that would spoil the training, and read the rest."""
        self.display.message(f"checking {dataset.root}")
        checked = replace(options, task=_task_of(run, options))
        border = border_class(dataset.classes)
        if checked.task == "instance" and border is not None:
            name = dataset.classes.names[border]
            self.display.message(f"{name} marks borders and is not learned: in an object it counts as part of it")
            dataset = without_border(dataset)
        dataset, check_result, skipped = select_usable_data(dataset, check(dataset), checked, self.display)
        train, val = (SampleStore(dataset, dataset.splits.get(split, ()), run.path) for split in ("train", "val"))
        return TrainingData(dataset, check_result, skipped, train, val)

    def _configure(self, run: RunDirectory, data: TrainingData, options: TrainOptions, started: float) -> RunConfig:
        """Return the configuration of a run that is resumed, repeated, or new."""
        if options.resume and run.config.is_file():
            return resume_config(run, data.dataset, options)
        command = self.display.wording(repeat_call(run, data.dataset, options)).strip("`")
        if options.config is None:
            return plan_run(options, data, command, started)
        config = repeat_config(run, data.dataset, data.check_result, options).replace(command=command)
        if options.minutes is None and options.epochs is None:
            return config
        return plan_length(config, options, data, started)

    def _announce(self, config: RunConfig, data: TrainingData, trainer: Trainer) -> None:
        precision = ", in bfloat16" if trainer.accelerator.mixed_precision == "bf16" else ""
        self.display.message(describe_run(config, len(data.train), len(data.val)) + precision)
        recipe = config.asked.get("recipe")
        for remark in paper_remarks(None if recipe is None else str(recipe), config):
            self.display.message(remark)
        for warning in length_warnings(config.recipe, len(data.train), goes_on=config.start_from is not None):
            self.display.message(f"warning: {warning}")
        if trainer.progress.step:
            self.display.message(f"going on after step {trainer.progress.step}")

    def _announce_finish(self, data: TrainingData) -> None:
        split = headline_split(data.dataset)
        images = f" on {quantity(len(data.dataset.splits[split]), f'{split} image')}" if split else ""
        self.display.message(f"exporting, measuring{images} and reporting")

    def _tell_scored(self, item: Item, sample: Sample, prediction: Result) -> None:
        for callback in self.callbacks:
            callback.on_scored(item, sample, prediction)

    def _trainers(self, run: RunDirectory, config: RunConfig) -> Iterator[Trainer]:
        """Yield the trainer of the current part of the run, and of each later part. The checkpoint of a part must be
        written before the next is requested."""
        for part in training_parts(config.recipe):
            distributed.join_processes().wait_for_everyone()
            trainer = self._trainer(run, config, part)
            if trainer.progress.step < part.steps or part == config.recipe:
                yield trainer

    def _trainer(self, run: RunDirectory, config: RunConfig, recipe: Recipe) -> Trainer:
        """Return the trainer of a recipe in the state of the last checkpoint, or at the start."""
        is_resumed = run.checkpoint.is_file()
        has_weights = is_resumed or config.start_from is not None or config.encoder_weights is not None
        pipeline = build_pipeline(config, pretrained=config.pretrained and not has_weights)
        require_freezable(pipeline, config)
        if config.start_from is not None and not is_resumed:
            load_starting_weights(pipeline, config, Path(config.start_from))
        if config.encoder_weights is not None and not is_resumed:
            report = load_encoder_weights(pipeline, config, Path(config.encoder_weights))
            self.display.message(f"encoder weights: {report} ({config.encoder_weights})")
        trainer = Trainer(pipeline, recipe, config.seed, TASKS[config.task])
        if is_resumed:
            trainer.restore(run.checkpoint)
        return trainer

    def _fit(self, run: RunDirectory, config: RunConfig, trainer: Trainer, data: TrainingData) -> Progress:
        """Train a part of a run to its end, or until a signal to stop."""
        recipe, accelerator, first_step = trainer.recipe, trainer.accelerator, trainer.progress.step
        is_first = accelerator.is_main_process

        def score(averaged: Pipeline) -> float | None:
            return validation_score(torch_predictor(averaged, config), data.val, accelerator) if len(data.val) else None

        def keep_best(averaged: Pipeline) -> None:
            if is_first:
                save_weights(run.weights, averaged, config)

        self.display.start(recipe, first_step, len(data.train), TASKS[config.task])
        with (
            Board(run.tensorboard, first_step + 1) if is_first else contextlib.nullcontext() as board,
            catch_stop_signals(accelerator.num_processes) as stop,
        ):
            feed = open_feed(data.train, accelerator.device)
            make_batches = partial(batches, data.train) if feed is None else feed.batches
            source = make_batches(recipe, config.seed, first_step, trainer.share, trainer.task)
            if recipe.has_pseudo_labels:
                source = SelfTraining(run, config, trainer, data, lambda: bool(stop), self.display.message).batches()
            fit(
                trainer,
                source,
                len(data.train),
                Validation(f"val_{config.measure}", score, keep_best, chooses=recipe.can_choose_by(len(data.val))),
                run.checkpoint,
                _Watcher(self, run, f"val_{config.measure}", board, lambda: bool(stop)),
            )
        self.display.stop(trainer.progress)
        if stop:
            self.display.message(
                f"stopped after step {trainer.progress.step} of {recipe.steps}, which is saved; the same command with "
                "`resume=True` continues"
            )
            stop.obey()
        return trainer.progress


@dataclass(frozen=True)
class _Watcher(Observer):
    """Displays the progress of a run, records it, and passes it to callbacks."""

    session: Session
    run: RunDirectory
    score_column: str
    board: Board | None
    """`None` in all processes but the first, which report nothing."""
    stopped: Callable[[], bool]

    def on_step(self, progress: Progress, loss: float) -> None:
        self.session.display.step(progress, loss)
        if self.board is not None:
            for callback in self.session.callbacks:
                callback.on_step(progress.step, loss)

    def on_row(self, progress: Progress) -> None:
        if self.board is None:
            return
        row = progress.history[-1]
        for column in ("loss", "learning_rate", self.score_column):
            value = row[column]
            if value is not None:
                self.board.add(column, value, progress.step)
        score = row[self.score_column]
        if score is not None:
            self.run.write_history(progress.history)
            for callback in self.session.callbacks:
                callback.on_validation(progress.step, float(score))
        self.session.display.row(progress)

    def is_stopped(self) -> bool:
        return self.stopped()


def _task_of(run: RunDirectory, options: TrainOptions) -> str | None:
    """Return the task of a run that is resumed or repeated, else that of the options."""
    stored = run.config if options.resume and run.config.is_file() else options.config
    return options.task if stored is None else RunConfig.load(stored).task
