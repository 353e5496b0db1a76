"""`train`: from a data set to a run directory with a measured, deployable model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pixelwise.core.device import Device
from pixelwise.core.errors import OptionError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset
from pixelwise.nn.losses import LOSSES, Loss
from pixelwise.nn.models import MODELS, ModelBuilder
from pixelwise.training import distributed
from pixelwise.training.callbacks import Callback
from pixelwise.training.config import RunConfig
from pixelwise.training.cross_validation import train_folds
from pixelwise.training.import_paths import register_object
from pixelwise.training.option_checks import check_options
from pixelwise.training.options import TrainOptions, list_pairs
from pixelwise.training.progress_display import Display
from pixelwise.training.resume import use_stored_bands
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.session import Session
from pixelwise.training.staged_training import train_stages
from pixelwise.training.usable_data import require_text


@dataclass(frozen=True)
class Run:
    """A finished run. `train` returns it.

    Attributes
    ----------
    path
        The run directory.
    measure
        The name of the score in `metrics.json`: `"miou"`, for an instance model `"ap"`, for a panoptic one `"pq"`.
    score
        The score of the model file on `split`, in 0..1; `None` where there are no images to measure on.
    split
        `"test"`, or `"val"` without a test split, or `"folds"` for a cross-validation.
    val_score
        The highest validation score during the training, by which the weights were chosen.

    Examples
    --------
    >>> from pathlib import Path
    >>> run = Run(Path("runs/first"), score=0.75, split="test")
    >>> run.measure, run.score
    ('miou', 0.75)
    """

    path: Path
    measure: str = "miou"
    score: float | None = None
    split: str | None = None
    val_score: float | None = None


def train(
    data: Dataset | str | Path,
    *,
    out: str | Path,
    task: str | None = None,
    model: str | ModelBuilder | None = None,
    encoder: str | None = None,
    width: float | None = None,
    model_options: Mapping[str, bool | int | float | str] | Sequence[str] | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    start_from: str | Path | None = None,
    config: str | Path | None = None,
    pretrained: bool | None = None,
    encoder_weights: str | Path | None = None,
    device: str | None = None,
    freeze_through: int | None = None,
    recipe: Literal["fcn", "segnet", "unet"] | None = None,
    loss: str | Loss | None = None,
    class_weights: Literal["none", "softened", "median"] | None = None,
    reduction: Literal["mean", "sum", "pixels"] | None = None,
    border_weight: float | None = None,
    elastic: float | None = None,
    rotate: bool | None = None,
    augmentations: Sequence[str] | None = None,
    stages: bool = False,
    skip_bad: bool = False,
    folds: int | None = None,
    metrics: Sequence[str] | None = None,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
    wording: Callable[[str], str] = str,
) -> Run:
    """Train a model, and write a run directory: weights, model.onnx, metrics, history and report.

    Ctrl-C or SIGTERM saves a checkpoint after the current step and stops; a second one stops at once. Only one process
    at a time can train in a directory.

    Parameters
    ----------
    data
        A data set, or its directory.
    out
        The run directory: new or empty, unless `resume` or `overwrite` is given.
    task
        `"semantic"` (default), a class for each pixel; `"instance"`, also the objects; `"panoptic"`, an object for each
        pixel of a class with objects, and a class for every other pixel; or the name of a registered task.
    model
        A name, as `pixelwise models` lists it, by default `"fpn"`; or a function `(num_classes, in_channels) ->
        nn.Module` (see `pixelwise.nn.models`). The run stores its import path. A function that cannot be imported must
        be passed again to resume.
    encoder
        As `pixelwise encoders` lists it; the model's own by default.
    width
        Factor on the channels of a model that has this option.
    model_options
        Options of this model only, such as `{"output_stride": 8}`, or pairs `"output_stride=8"`.
    minutes
        Wall-clock time of training, export and report together. 10 if neither `minutes` nor `epochs` is given. Stages,
        and the trainings of a cross-validation, share it. At least half of what the end leaves goes into training
        steps: where a busy machine prepares longer, the run takes longer.
    epochs
        Passes over the training images, in each stage and in each training of a cross-validation.
    seed
        Seed of all random draws, by default 0.
    resume
        Continue a run that was stopped, with the same result as without the stop (bit for bit on a CPU). More `epochs`
        extend it.
    overwrite
        Remove the run in `out` first, after the data were opened.
    start_from
        A run to take the initial weights from; of another model of the same family, those that fit are taken.
    config
        A config.yaml whose run is repeated. Other options that are given replace its values.
    pretrained
        Whether the encoder starts from ImageNet weights. True by default.
    encoder_weights
        A file with the initial weights of the encoder instead: a state dict (.safetensors, or .pth of tensors alone) of
        the encoder in the layout of torchvision or timm.
    device
        The device: `"cpu"`, `"cuda"` (the first GPU, or under `torchrun` one for each process), `"cuda:1"`, `"mps"`, or
        `"auto"` (default), the best available.
    freeze_through
        Stride up to which the stages of the encoder are frozen, 0 for none. By default all stages of a pretrained
        encoder, but none of an FCN's, which is fine-tuned.
    recipe
        Train with the recipe of the authors of a classic. `class_weights`, `reduction`, `border_weight` and `elastic`
        override it.
    loss
        Loss of the classes: a name in `pixelwise.nn.losses.LOSSES`, by default `"cross_entropy"`; or a function (see
        `pixelwise.nn.losses.Loss`), stored in the same way as a `model`.
    class_weights
        How much more rare classes weigh: not more, softened (default), or by median-frequency balancing.
    reduction
        Divisor of the sum of pixel losses: the sum of their weights (`"mean"`, default), 1 (`"sum"`), or their number
        (`"pixels"`).
    border_weight
        w0 of U-Net's weights between touching objects. 0 by default.
    elastic
        Standard deviation of elastic deformation in pixels. 0 by default.
    rotate
        For orientation-free images: crops are rotated by multiples of 90 degrees, and predictions are averaged with
        those of the image flipped upside down.
    augmentations
        Names of further augmentations, in the order in which they are applied (see `register_augmentation`).
    stages
        Train FCN-32s, FCN-16s and FCN-8s in turn up to `model`, each from the weights of the one before.
    skip_bad
        Leave out images with problems that would spoil the training.
    folds
        For sets too small to split: the number of parts for cross-validation. For each part, a model is trained on the
        others and measured on it. The final model is trained on all images.
    metrics
        Names of further metrics of the model file for metrics.json and the report (see `register_metric`).
    callbacks
        Objects whose methods are called at the start, after each step and each validation, and at the end (see
        `pixelwise.training.callbacks.Callback`).
    quiet
        Print nothing.
    wording
        Translates messages, in which options have their Python names in backticks.

    Returns
    -------
    Run
        The run directory and the scores of its model file.

    Raises
    ------
    DataError
        The data have problems that would spoil the training.
    MissingDependencyError
        This torch was built without the `device`.
    OptionError
        Options contradict each other or make no sense, or the machine has no such `device`.
    OutputError
        `out` is taken or cannot be written.
    RunError
        The run to `resume` belongs to other data or another model, or another process is training it.

    Examples
    --------
    >>> import pixelwise as pw
    >>> run = pw.train("photos", out="runs/first", epochs=1, pretrained=False, quiet=True)
    >>> run.path.name, run.measure, run.split
    ('first', 'miou', 'val')
    """
    options = TrainOptions(
        task=task,
        model=register_object(MODELS, model),
        encoder=encoder,
        width=width,
        model_options=list_pairs(model_options),
        minutes=minutes,
        epochs=epochs,
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        start_from=None if start_from is None else Path(start_from),
        config=None if config is None else Path(config),
        pretrained=pretrained,
        encoder_weights=None if encoder_weights is None else Path(encoder_weights),
        device=device,
        freeze_through=freeze_through,
        recipe=recipe,
        loss=register_object(LOSSES, loss),
        class_weights=class_weights,
        reduction=reduction,
        border_weight=border_weight,
        elastic=elastic,
        rotate=rotate,
        augmentations=None if augmentations is None else tuple(augmentations),
        stages=stages,
        skip_bad=skip_bad,
        folds=folds,
        metrics=None if metrics is None else tuple(metrics),
    )
    check_options(options)
    run = RunDirectory(Path(out))
    with contextlib.ExitStack() as stack:
        stack.enter_context(distributed.train_on(Device.parse(device)))
        is_first = distributed.join_processes().is_main_process
        _check_directory(run, options, is_first=is_first)
        dataset = _open_data(data, run, options)
        is_new = not (resume or overwrite)
        has_lock = not is_first or stack.enter_context(run.locked(new=is_new))
        display = stack.enter_context(Display(quiet=quiet or not is_first, wording=wording))
        if not has_lock:
            display.message("note: this file system has no locks: make sure that only one process trains this run")
        if resume and not run.has_begun:
            display.message("nothing was saved yet: starting from the beginning")
        if overwrite and is_first:
            run.remove()
        scores = _train(run, dataset, options, Session(display, callbacks))
    if is_first:
        for callback in callbacks:
            callback.on_end(scores)
    measure = RunConfig.load(run.config).measure
    return Run(run.path, measure, scores.get(measure), scores.get("split"), scores.get(f"val_{measure}"))


def _train(run: RunDirectory, dataset: Dataset, options: TrainOptions, session: Session) -> dict[str, Any]:
    if options.folds is not None:
        return train_folds(run, dataset, options, session)
    if options.stages:
        return train_stages(run, dataset, options, session)
    return session.train_model(run, dataset, options)


def _check_directory(run: RunDirectory, options: TrainOptions, *, is_first: bool) -> None:
    """Raise an error if the directory is taken, or holds a run that cannot be resumed with these options."""
    if options.resume:
        run.require_started()
    if is_first:
        if options.resume:
            run.require_idle()
        elif options.overwrite:
            run.require_removable()
        else:
            run.require_free()
    if options.overwrite:
        return
    if run.is_staged and not options.stages:
        remedy = "Add `stages=True`, or choose another `out`."
        raise OptionError("resume", "a run that was started with `stages`, and no `stages`", "both", remedy)
    is_folded = options.folds is not None
    if run.path.is_dir() and run.is_folded != is_folded and (run.is_folded or run.config.is_file()):
        start = "a run that was started with `folds`, and none" if run.is_folded else "a run that was started without"
        raise OptionError("folds", start, "both or neither", "Give the same options, or choose another `out`.")


def _open_data(data: Dataset | str | Path, run: RunDirectory, options: TrainOptions) -> Dataset:
    """Return the data set, with the bands and value range of a run that is resumed or repeated."""
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    paths = {
        "out": run.path,
        "data": dataset.root,
        "images_root": dataset.images_root,
        "start_from": options.start_from,
    }
    for name, path in paths.items():
        require_text(name, path)
    stored = run.config if options.resume and run.config.is_file() else options.config
    if stored is None:
        return dataset.with_value_range()
    earlier = RunConfig.load(stored)
    return replace(use_stored_bands(dataset, earlier, stored), value_range=earlier.value_range)
