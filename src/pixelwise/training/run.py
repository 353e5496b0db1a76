"""`train`: from a data set to a run directory with a measured, deployable model."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixelwise.core.errors import OptionError, RunError
from pixelwise.core.text import quantity
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset
from pixelwise.data.stratify import folds as deal_folds
from pixelwise.inference.evaluate import score_items
from pixelwise.inference.loading import load
from pixelwise.nn.losses.cross_entropy import Reduction
from pixelwise.nn.pipeline import Pipeline
from pixelwise.tasks import TASKS
from pixelwise.training import distributed, paper_recipes
from pixelwise.training.config import RunConfig
from pixelwise.training.finish import finish
from pixelwise.training.loop import Progress, Trainer, fit
from pixelwise.training.option_checks import check_options
from pixelwise.training.options import DEFAULT_MINUTES, TrainOptions
from pixelwise.training.planning.length import length_warnings
from pixelwise.training.planning.plan import plan_length, plan_run, repeat_call
from pixelwise.training.posthoc.cross_fitting import Measured, headline_split, merge_scorers
from pixelwise.training.progress_display import Display, describe_run, score_lines
from pixelwise.training.recipe import Recipe
from pixelwise.training.resume import (
    NET,
    TRAINING,
    inherit_options,
    repeat_config,
    require_same,
    resume_config,
    use_stored_bands,
)
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import SampleStore, batches
from pixelwise.training.schedule import training_parts
from pixelwise.training.staged_training import plan_stages
from pixelwise.training.stopping import catch_stop_signals
from pixelwise.training.tensorboard import Board
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.training_data import TrainingData
from pixelwise.training.usable_data import require_text, select_usable_data
from pixelwise.training.validation import validation_score
from pixelwise.training.weights import (
    build_pipeline,
    load_encoder_weights,
    load_starting_weights,
    require_freezable,
    save_weights,
)

OF_STAGES = ("pretrained", "freeze_through", "seed", "class_weights", "reduction", "border_weight", "elastic", "rotate")
"""What every stage has as the first."""


@dataclass(frozen=True)
class Run:
    """A finished run. `score` is that of its model file on `split`, the test images, else the validation images; `None`
    where there are neither. It is called `measure` in `metrics.json`: `miou`, of an instance model `ap`, of a panoptic
    one `pq`."""

    path: Path
    measure: str
    score: float | None = None
    split: str | None = None
    val_score: float | None = None
    """The highest score on the validation images while the run went on, by which the weights were chosen."""


def train(
    data: Dataset | str | Path,
    *,
    out: str | Path,
    task: str | None = None,
    model: str | None = None,
    encoder: str | None = None,
    width: float | None = None,
    options: Sequence[str] | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    pretrained: bool | None = None,
    encoder_weights: str | Path | None = None,
    freeze_through: int | None = None,
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
    folds: int | None = None,
    quiet: bool = False,
    wording: Callable[[str], str] = str,
) -> Run:
    """Train a model on `data` and fill the directory `out`: weights, model.onnx, metrics, history and report.

    The `task` is semantic, a class for each pixel; instance: which pixels belong to the same object, too; or panoptic:
    an object for each pixel of a class with objects, and a class for each other pixel. `minutes`
    (10 when neither is given) are of wall time and include everything; `epochs` counts passes over the training images.
    With `resume` a run that was stopped goes on to the same result, bit for bit on a CPU; `config` repeats the run of a
    config.yaml; `start_from` begins with another run's weights, also those of another model of the same family as far
    as they fit. `encoder_weights` is a file that the encoder starts from in place of ImageNet's weights: a state dict
    (.safetensors, or .pth of tensors alone) of the encoder in torchvision's or timm's layout. `freeze_through` is the
    stride up to which the encoder's layers stay as they are, 0 for none: by default all of a pretrained encoder, but
    none of an FCN's, which is fine-tuned. `options` are `KEY=VALUE` pairs for the model. `recipe` trains as the authors
    of a classic did: fcn, segnet or unet; `class_weights` (none, softened, median), `reduction` of the loss over pixels
    (mean, sum, pixels), U-Net's `border_weight` w0 and the pixels of `elastic` deformation override it. `rotate` is for
    images without an upper side: crops are turned by quarters, and prediction exchanges top and bottom too. With
    `stages` an FCN is trained from the coarsest on, each stage from the last. `folds` is for sets that are too small to
    split: so many models are trained, each on all images but its share, which it is measured on, and at last the model
    on all images. None of them is chosen or fitted on validation images. The minutes are for all of them together, the
    epochs for each.

    Messages and the report name options as Python in backticks; `wording` may put them otherwise.

    Ctrl-C, and SIGTERM, save a checkpoint after the step under way; a second one ends at once. One process at a time
    trains in a directory.

    Raises `DataError` for data that would spoil the training (`skip_bad` leaves such images out), `OutputError` for an
    `out` that is taken or cannot be written, `RunError` for a `resume` with other data or another model and for a run
    that another process is training, and `OptionError` for options that make no sense.
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
        encoder_weights=None if encoder_weights is None else Path(encoder_weights),
        freeze_through=freeze_through,
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
        folds=folds,
    )
    check_options(asked)
    run = RunDirectory(Path(out))
    first = distributed.join_processes().is_main_process
    if resume:
        run.require_started()
    if first:
        if resume:
            run.require_idle()
        else:
            run.require_free()
    if run.is_staged and not stages:
        remedy = "Add `stages=True`, or choose another `out`."
        raise OptionError("resume", "a run that was started with `stages`, and no `stages`", "both", remedy)
    if folds is not None and stages:
        raise OptionError("folds", "`stages`", "one of the two", "Leave one of the two out.")
    if run.path.is_dir() and run.is_folded != (folds is not None) and (run.is_folded or run.config.is_file()):
        found = "a run that was started with `folds`, and none" if run.is_folded else "a run that was started without"
        raise OptionError("folds", found, "both or neither", "Give the same options, or choose another `out`.")
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    paths = {"out": run.path, "data": dataset.root, "images_root": dataset.images_root, "start_from": asked.start_from}
    for name, path in paths.items():
        require_text(name, path)
    stored = run.config if resume and run.config.is_file() else asked.config
    if stored is None:
        dataset = dataset.with_value_range()
    else:
        earlier = RunConfig.load(stored)
        dataset = replace(use_stored_bands(dataset, earlier, stored), value_range=earlier.value_range)
    with contextlib.ExitStack() as stack:
        has_lock = not first or stack.enter_context(run.locked(new=not resume))
        display = stack.enter_context(Display(quiet=quiet or not first, wording=wording))
        if not has_lock:
            display.message("note: this file system has no locks: see to it that nobody trains this run twice at once")
        if resume and not run.has_begun:
            display.message("nothing was saved yet: starting from the beginning")
        if folds is not None:
            return _train_folds(run, dataset, asked, folds, display)
        if not stages:
            return _train(run, dataset, asked, display)
        if run.config.is_file() and not run.is_staged:
            remedy = "Leave `stages` out, or choose another `out`."
            raise OptionError("stages", "a run that was started without it", "one in stages", remedy)
        begun: RunConfig | None = None
        for directory, stage in plan_stages(asked, run):
            if begun is not None:
                stage = inherit_options(stage, begun, ("task", "encoder", "width", "recipe", *OF_STAGES))
            if directory.config.is_file():
                require_same(directory, RunConfig.load(directory.config), stage, may_extend=False)
            if directory == run or not directory.finished:
                result = _train(directory, dataset, stage, display)
            begun = RunConfig.load(directory.config)
        return result


def _train_folds(run: RunDirectory, dataset: Dataset, options: TrainOptions, count: int, display: Display) -> Run:
    """Train and measure a model on each fold, then the one of the run on all of them."""
    begun = run.fold(1).config
    first = RunConfig.load(begun) if begun.is_file() else None
    if first is not None and first.asked.get("folds") != count:
        remedy = "Give the same `folds`, or start a new run in another `out`."
        raise RunError(run.path, f"a run with `folds={first.asked.get('folds')}`", f"`folds={count}`", remedy)
    judged = options if first is None else replace(options, task=first.task)
    dataset, _, _ = select_usable_data(dataset, check(dataset), judged, display)
    parts = deal_folds(dataset, count)
    own = replace(options, resume=True)
    if options.minutes is not None or (options.epochs is None and first is None):
        own = replace(own, minutes=(options.minutes or DEFAULT_MINUTES) / (count + 1))
    if first is not None:
        own = inherit_options(own, first, (*NET, *TRAINING))
    scorers = []
    for number, part in enumerate(parts, start=1):
        display.message(f"fold {number} of {count}")
        _train(run.fold(number), part, own, display)
        model = load(run.fold(number).model, at_once=len(part.splits["test"]))
        scorers.append(score_items(model, part, part.splits["test"]))
    measured = Measured("folds", merge_scorers(scorers).scores(intervals=True))
    every = sorted((item for _, item in parts[0].items()), key=lambda item: item.name)
    test = [item for item in dataset.splits.get("test", ()) if not item.auto_split]
    splits = {"train": tuple(every), **({"test": tuple(test)} if test else {})}
    display.message(f"the model on all {len(every)} images")
    return _train(run, replace(dataset, splits=splits), own, display, measured)


def _task_of(run: RunDirectory, options: TrainOptions) -> str | None:
    """Return the task that is trained: that of a run that goes on or is repeated, else the one asked for."""
    begun = run.config if options.resume and run.config.is_file() else options.config
    return options.task if begun is None else RunConfig.load(begun).task


def _train(
    run: RunDirectory, dataset: Dataset, options: TrainOptions, display: Display, folds: Measured | None = None
) -> Run:
    started = time.perf_counter()
    accelerator = distributed.join_processes()
    if accelerator.is_main_process:
        run.clear_leftovers()
    display.message(f"checking {dataset.root}")
    survey = check(dataset)
    judged = replace(options, task=_task_of(run, options))
    dataset, survey, skipped = select_usable_data(dataset, survey, judged, display)
    train_store = SampleStore(dataset, dataset.splits["train"], run.path)
    val_store = SampleStore(dataset, dataset.splits.get("val", ()), run.path)
    data = TrainingData(dataset, survey, skipped, train_store, val_store)
    command = display.wording(repeat_call(run, dataset, options)).strip("`")
    if options.resume and run.config.is_file():
        config = resume_config(run, dataset, options)
    elif options.config is not None:
        config = repeat_config(run, dataset, survey, options)
        config = config.replace(command=command)
        if options.minutes is not None or options.epochs is not None:
            config = plan_length(config, options, data, started)
    else:
        config = plan_run(options, data, command, started)
    config = distributed.broadcast_config(config)
    trainers = _trainers(run, config, display)
    trainer = next(trainers)
    if accelerator.is_main_process:
        run.begin(config)
    precision = ", in bfloat16" if accelerator.mixed_precision == "bf16" else ""
    display.message(describe_run(config, len(train_store), len(val_store)) + precision)
    asked_recipe = config.asked.get("recipe")
    for remark in paper_recipes.paper_remarks(None if asked_recipe is None else str(asked_recipe), config):
        display.message(remark)
    for warning in length_warnings(config.recipe, len(train_store)):
        display.message(f"warning: {warning}")
    if trainer.progress.step:
        display.message(f"going on after step {trainer.progress.step}")

    with distributed.watch_processes(run, accelerator):
        progress = _fit(run, config, trainer, train_store, val_store, display)
        for trainer in trainers:  # of a run that was extended
            progress = _fit(run, config, trainer, train_store, val_store, display)
        if accelerator.is_main_process and not run.finished:
            split = headline_split(dataset)
            where = f" on {quantity(len(dataset.splits[split]), f'{split} image')}" if split else ""
            display.message(f"exporting, measuring{where} and reporting")
            finish(run, config, dataset, survey, progress, skipped, folds, display.message)
        accelerator.wait_for_everyone()
    metrics = run.read_metrics()
    for line in score_lines(metrics, TASKS[config.task]):
        display.message(line)
    display.message(f"report: {run.report}")
    display.message(f"model:  {run.model}")
    score, chosen = (metrics.get(key) for key in (config.measure, f"val_{config.measure}"))
    return Run(run.path, config.measure, score, metrics.get("split"), chosen)


def _trainers(run: RunDirectory, config: RunConfig, display: Display) -> Iterator[Trainer]:
    """Yield the trainer of the part that the run is in, and one for each part after that; each part's checkpoint must
    be written by then."""
    for part in training_parts(config.recipe):
        distributed.join_processes().wait_for_everyone()
        trainer = _trainer(run, config, part, display)
        if trainer.progress.step < part.steps or part == config.recipe:
            yield trainer


def _trainer(run: RunDirectory, config: RunConfig, recipe: Recipe, display: Display) -> Trainer:
    """Return the trainer of a recipe as the last checkpoint left it, or at the start."""
    resumed = run.checkpoint.is_file()
    lent = config.start_from is not None or config.encoder_weights is not None
    pipeline = build_pipeline(config, pretrained=config.pretrained and not resumed and not lent)
    require_freezable(pipeline, config)
    if config.start_from is not None and not resumed:
        load_starting_weights(pipeline, config, Path(config.start_from))
    if config.encoder_weights is not None and not resumed:
        taken = load_encoder_weights(pipeline, config, Path(config.encoder_weights))
        display.message(f"encoder weights: {taken} ({config.encoder_weights})")
    trainer = Trainer(pipeline, recipe, config.seed, TASKS[config.task])
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
    recipe, accelerator = trainer.recipe, trainer.accelerator
    first, measured = accelerator.is_main_process, f"val_{config.measure}"

    def validate(averaged: Pipeline) -> float | None:
        return validation_score(torch_predictor(averaged, config), val_store, accelerator) if len(val_store) else None

    def keep_best(averaged: Pipeline) -> None:
        if first:
            save_weights(run.weights, averaged, config)

    def on_row(progress: Progress) -> None:
        if board is None:
            return
        row = progress.history[-1]
        for key in ("loss", "learning_rate", measured):
            if (value := row[key]) is not None:
                board.add(key, value, progress.step)
        if row[measured] is not None:
            run.write_history(progress.history)
        display.row(progress)

    display.start(recipe, trainer.progress.step, len(train_store), TASKS[config.task])
    with (
        Board(run.tensorboard, trainer.progress.step + 1) if first else contextlib.nullcontext() as board,
        catch_stop_signals(accelerator.num_processes) as stop,
    ):
        fit(
            trainer,
            batches(train_store, recipe, config.seed, trainer.progress.step, trainer.share, trainer.task),
            train_images=len(train_store),
            measured=measured,
            validate=validate,
            keep_best=keep_best,
            checkpoint=run.checkpoint,
            on_row=on_row,
            on_step=display.step,
            is_stopped=lambda: bool(stop),
        )
    display.stop(trainer.progress)
    if stop:
        step = trainer.progress.step
        display.message(
            f"stopped after step {step} of {recipe.steps}, which is saved; the same command with `resume=True` goes on"
        )
        stop.obey()
    return trainer.progress
