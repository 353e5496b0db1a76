"""From what the user asked for to a `RunConfig`: the time a step takes is measured once, and stored as steps."""

from __future__ import annotations

import hashlib
import math
import statistics
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import numpy as np

from pixelwise.core.bands import Bands
from pixelwise.core.errors import DataError, OptionError
from pixelwise.core.files import sha256
from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset
from pixelwise.nn.losses import median_frequency_weights
from pixelwise.nn.losses.cross_entropy import Reduction
from pixelwise.nn.models import DEFAULT_MODEL, FINE_TUNED, default_encoder, has_coarse_logits, parse_options
from pixelwise.nn.pipeline import Pipeline
from pixelwise.raster.stack import located
from pixelwise.tasks import TASKS
from pixelwise.training import paper_recipes
from pixelwise.training import recipe as recipes
from pixelwise.training.config import MAX_SEED, ClassEntry, EncoderPadding, Recipe, RunConfig
from pixelwise.training.distributed import broadcast_config, join_processes
from pixelwise.training.loop import Trainer
from pixelwise.training.options import CLASS_WEIGHT_POWERS, DEFAULT_CLASS_WEIGHTS, TrainOptions
from pixelwise.training.planning.object_sizes import adapt_to_object_sizes
from pixelwise.training.posthoc.class_bias import spread
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import SampleStore, batch_at
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.weights import build_pipeline

DEFAULT_MINUTES = 10.0
ENCODER_PADDING: EncoderPadding = "trained"
WARM_STEPS, MEASURED_STEPS = 3, 8
SLACK = 1.05
"""By how much a step of a long run takes longer than those measured, on a machine that has other things to do too."""
FINISH_SECONDS = 27.0
"""Kept back from `minutes` for the export and the report, beside what the model file takes on validation images."""
GROUPING_SECONDS = 30.0
"""Kept back as well where it is to be found out how objects are best grouped."""
MOST_FINISH = 0.5
"""Share of `minutes` that may be kept back: on a machine too slow for them a late model is better than none."""
STRIDES = (0, 2, 4, 8, 16, 32)
"""What `freeze_through` may be."""
FILE_SHARE = 0.75
"""What the model file takes on an image, of what torch takes on it."""


def plan_run(
    options: TrainOptions,
    dataset: Dataset,
    survey: CheckResult,
    command: str,
    train: SampleStore,
    val: SampleStore,
    started: float,
) -> RunConfig:
    """Return the configuration of a run with its steps: that of a long run where the minutes or epochs make one."""
    new = partial(make_config, options, dataset, survey, command, join_processes().num_processes)
    short, long = new(long=False), new(long=True)
    if short != long:
        short = broadcast_config(plan_length(short, options, train, val, started))
        if not recipes.is_long_run(short.recipe):
            return short
    return plan_length(long, options, train, val, started)


def make_config(
    options: TrainOptions, dataset: Dataset, survey: CheckResult, command: str, processes: int = 1, *, long: bool
) -> RunConfig:
    """Return the configuration of a long or a short run of so many processes, whose steps are not known yet: one."""
    weights = compute_class_weights(options.class_weights or default_class_weights(options.recipe), survey)
    train_images = len(dataset.splits["train"])
    task = options.task or "semantic"
    name = options.model or DEFAULT_MODEL
    return RunConfig(
        version=version("pixelwise"),
        data=str(dataset.root),
        format=dataset.format,
        images_root=None if dataset.images_root is None else str(dataset.images_root),
        fingerprint=fingerprint(dataset),
        labels=hash_label_values(dataset),
        classes=tuple(ClassEntry(**entry) for entry in dataset.classes.to_dict()),
        model=name,
        encoder=options.encoder or _encoder(options, name, long),
        width=options.width,
        options=parse_options(name, options.model_options or ()),
        pretrained=options.pretrained is not False,
        encoder_weights=None if options.encoder_weights is None else str(options.encoder_weights.resolve()),
        encoder_weights_sha256=None if options.encoder_weights is None else sha256(options.encoder_weights),
        encoder_padding=encoder_padding(options),
        task=task,
        bands=dataset.bands,
        value_range=dataset.value_range,
        things=_things(dataset, survey) if task == "instance" else (),
        seed=options.seed or 0,
        start_from=None if options.start_from is None else str(options.start_from),
        skip_bad=options.skip_bad,
        command=command,
        asked=options.asked,
        recipe=_recipe(options, name, survey, train_images, weights, processes, dataset.bands, long),
    )


def default_class_weights(recipe: str | None) -> str:
    """Return the name of the class weights of a run by the recipe of these authors, or by none of theirs."""
    return paper_recipes.CLASS_WEIGHTS.get(recipe or "", DEFAULT_CLASS_WEIGHTS)


def compute_class_weights(name: str, survey: CheckResult) -> tuple[float, ...]:
    """Return the class weights that `class_weights` calls `name` for these data."""
    power = CLASS_WEIGHT_POWERS[name]
    weights = median_frequency_weights(survey.train_class_pixels, survey.class_image_pixels, power)
    return tuple(map(float, weights))


def _encoder(options: TrainOptions, model: str, long: bool) -> str | None:
    """Return the encoder when none is named: that of the run to start from, where it is one of the same model, or the
    one for a long or a short run."""
    if options.start_from is not None:
        run = RunDirectory(options.start_from)
        run.require_weights()
        other = RunConfig.load(run.config)
        if other.model == model:
            return other.encoder
    if model == DEFAULT_MODEL and options.pretrained is not False and long:
        return recipes.LONG_ENCODER
    return default_encoder(model)


def encoder_padding(options: TrainOptions) -> EncoderPadding:
    """Return the padding that the weights know which the run starts from."""
    if options.start_from is None:
        return ENCODER_PADDING
    run = RunDirectory(options.start_from)
    run.require_weights()
    return RunConfig.load(run.config).encoder_padding


def _recipe(
    options: TrainOptions,
    model: str,
    survey: CheckResult,
    train_images: int,
    class_weights: tuple[float, ...],
    processes: int,
    bands: Bands | None,
    long: bool,
) -> Recipe:
    sizes = [size for size, count in survey.sizes.items() for _ in range(count)]
    long = long and has_coarse_logits(model)
    crop, enlargement = recipes.crop_size(sizes, long), recipes.image_scale(sizes, long)
    if options.task == "instance" and long:
        wanted = recipes.object_scale(survey.train_object_areas)
        if wanted > enlargement:
            enlarged = [(wanted * height, wanted * width) for height, width in sizes]
            crop, enlargement = recipes.crop_size(enlarged, long=False), wanted
    split = recipes.EARLY_SPLIT if long and crop[0] * crop[1] >= recipes.SPLIT_PIXELS else 1
    recipe = recipes.make_recipe(crop, train_images, class_weights, processes, enlargement, options.minutes, split)
    if not has_coarse_logits(model):  # its logits are as fine as the image
        recipe = recipes.with_test_scales(recipe, (1.0,))
    if options.task == "instance":
        recipe = adapt_to_object_sizes(recipes.for_instances(recipe), survey.train_object_areas)
    frozen = _frozen_stride(options, model, bands)
    color = recipes.COLOR if frozen < recipes.FROZEN_STRIDE and bands is None else 0.0  # of bands none is known
    recipe = recipe.model_copy(update={"frozen_stride": frozen, "color": color})
    if options.recipe is not None:
        encoder = options.encoder or default_encoder(model)
        recipe = paper_recipes.apply_paper_recipe(options.recipe, recipe, model, encoder, sizes)
    return apply_options(recipe, options)


def _frozen_stride(options: TrainOptions, model: str, bands: Bands | None) -> int:
    """Return the stride up to which the encoder's layers stay as they are: where none is asked for, all layers with
    pretrained weights, but for the classics that are fine-tuned. No layer knows the bands of other images.

    Raises `OptionError` for a stride that is asked for of a model without pretrained layers.
    """
    encoder = options.encoder or default_encoder(model)
    pretrained = options.pretrained is not False
    if options.freeze_through is None:
        learns = not pretrained or encoder is None or bands is not None or model in FINE_TUNED
        return 0 if learns else recipes.FROZEN_STRIDE
    require_pretrained(options.freeze_through, encoder, pretrained=pretrained)
    return options.freeze_through


def require_pretrained(stride: int | None, encoder: str | None, *, pretrained: bool) -> None:
    """Raise `OptionError` for a `freeze_through` of layers that have to learn, or are not there."""
    if stride and (encoder is None or not pretrained):
        found = f"{stride} with {'a model without an encoder' if encoder is None else 'random weights'}"
        remedy = "Leave `freeze_through` out: layers with random weights have to learn."
        raise OptionError("freeze_through", found, "a pretrained encoder", remedy)


def apply_options(recipe: Recipe, options: TrainOptions) -> Recipe:
    """Return `recipe` with the numbers of it that the options name."""
    asked = {name: getattr(options, name) for name in ("reduction", "border_weight", "elastic", "rotate")}
    given: dict[str, object] = {key: value for key, value in asked.items() if value is not None}
    if options.freeze_through is not None:
        given["frozen_stride"] = options.freeze_through
    turned = given.get("rotate", recipe.rotate) != recipe.rotate
    recipe = recipe.model_copy(update=given)
    return recipes.with_test_scales(recipe, recipe.magnifications) if turned and recipe.mirrored else recipe


def _things(dataset: Dataset, survey: CheckResult) -> tuple[int, ...]:
    """Return the classes that have objects. Raises `DataError` where there are none."""
    things = tuple(np.flatnonzero(survey.class_objects).tolist())
    if not things:
        remedy = "Put 16-bit object ids into folders instances/ beside images/, or train without `task='instance'`."
        raise DataError(dataset.root, "no objects", "instance maps with some", remedy)
    return things


def plan_length(
    config: RunConfig, options: TrainOptions, train: SampleStore, val: SampleStore, started: float
) -> RunConfig:
    """Return `config` with its steps: from `epochs`, or from `minutes` and a short measurement.

    The minutes count from `started` (`time.perf_counter`) and include the measurement, validation and the report.
    """
    if options.epochs is not None:
        recipe = plan_epochs(config.recipe, options.epochs, len(train))
    else:
        cost = measure_cost(config, train, val)
        minutes = DEFAULT_MINUTES if options.minutes is None else options.minutes
        fitted = len(spread(val.items))
        test = len(val.dataset.splits.get("test", ()))
        predicted = (test or len(val)) + fitted  # to score the file, and to fit its bias before
        finish = FINISH_SECONDS
        if config.grouping and fitted:
            fits = 1 if test else 2  # on all, and without a test split on each half
            predicted += fits * fitted
            finish += fits * GROUPING_SECONDS
        finish += FILE_SHARE * cost.validation * predicted / max(1, len(val))
        left = 60 * minutes - (time.perf_counter() - started) - min(finish, MOST_FINISH * 60 * minutes)
        recipe = recipes.with_length(config.recipe, *recipes.steps_in_time(left, cost))
    return config.model_copy(update={"recipe": recipe})


def plan_epochs(recipe: Recipe, epochs: int, train_images: int) -> Recipe:
    """Return `recipe` over as many steps as it takes to see every training image so often."""
    steps, crops = recipes.steps_for_crops(recipe, epochs * train_images)
    return recipes.with_length(recipe, steps, min(recipes.MAX_EVALUATIONS, epochs), crops)


FEWEST_STEPS = 10
"""A net that took fewer has hardly changed."""


def length_warnings(recipe: Recipe, train_images: int) -> list[str]:
    """Return what is to be said of a run that is too short to learn from its images; nothing of any other."""
    epochs = recipes.count_crops(recipe, recipe.steps) / train_images
    if recipe.steps >= FEWEST_STEPS and epochs >= 1:
        return []
    steps = "1 step" if recipe.steps == 1 else f"{recipe.steps} steps"
    length = f"this training is {steps}, {epochs:.2g} epochs of {train_images} images: the model learns next to nothing"
    return [f"{length}. Give more `minutes` or `epochs`."]


def measure_cost(config: RunConfig, train: SampleStore, val: SampleStore) -> recipes.Cost:
    """Time a few steps, of both halves where they differ, and one validation image on a model that is then thrown
    away."""
    halves, timed = min(2, config.recipe.early_split), WARM_STEPS + MEASURED_STEPS
    longer = config.recipe.model_copy(update={"steps": halves * timed})
    task = TASKS[config.task]
    trainer = Trainer(build_pipeline(config, pretrained=False), longer, config.seed, task)
    trainer.pipeline.train()
    seconds = []
    for step in range(longer.steps):
        started = time.perf_counter()
        trainer.train_step(batch_at(train, longer, config.seed, step, trainer.share, task))
        seconds.append(time.perf_counter() - started)
    medians = [
        statistics.median(seconds[start + WARM_STEPS : start + timed]) for start in range(0, len(seconds), timed)
    ]
    step_seconds = statistics.mean(medians)  # a step that something else held up shortens no run
    validation = _validation_seconds(config, trainer.averaged_pipeline(), val) / trainer.accelerator.num_processes
    return recipes.Cost(SLACK * step_seconds, validation)


def _validation_seconds(config: RunConfig, pipeline: Pipeline, val: SampleStore) -> float:
    if not len(val):
        return 0.0
    predictor = torch_predictor(pipeline, config)
    image = val[0].image
    predictor.label_map(image)
    started = time.perf_counter()
    predictor.label_map(image)
    return (time.perf_counter() - started) * len(val)


def hash_label_values(dataset: Dataset) -> str | None:
    """Return a SHA-256 of what the values and colours of mask files stand for, which a list of classes beside them can
    change without a change of any file; `None` without such files."""
    if dataset.coding is None:
        return None
    coding = dataset.coding
    tables = [None if own is None else sorted(own.items()) for own in (coding.values, coding.colors, coding.palette)]
    ids = (coding.ignored_ids,) if coding.ignored_ids else ()
    return hashlib.sha256(repr((tables, coding.objects, *ids)).encode()).hexdigest()


def fingerprint(dataset: Dataset) -> str:
    """Return a SHA-256 over the splits, names and sizes of a data set's files: other data give another one."""
    digest = hashlib.sha256(repr(dataset.classes).encode())
    for split, item in dataset.items():
        files = [located(path)[0] if path else None for path in (item.image, item.mask, item.instances, *item.more)]
        sizes = [_sizes(file) if file else None for file in files]
        digest.update(repr((split, item.name, sizes)).encode())
    return digest.hexdigest()


def _sizes(file: Path) -> int | list[tuple[str, int]]:
    """Return a file's size, of a folder the names and sizes of what is in it."""
    if not file.is_dir():
        return file.stat().st_size
    return sorted((inner.name, inner.stat().st_size) for inner in file.iterdir())


def check_options(options: TrainOptions) -> None:
    """Raise `OptionError` for options that contradict each other or make no sense."""
    if options.minutes is not None and options.epochs is not None:
        raise OptionError("`minutes` and `epochs`", "both", "one of them", "Leave one of the two out.")
    if options.minutes is not None and not options.minutes > 0:
        raise OptionError("minutes", str(options.minutes), "a time above 0", "Give 10 for a first good model.")
    if options.epochs is not None and options.epochs < 1:
        raise OptionError("epochs", str(options.epochs), "1 or more", "Leave it out to train by the clock.")
    if options.task == "instance" and options.reduction not in (None, "mean"):
        remedy = "Leave `reduction` out: the losses of centres and offsets are means."
        raise OptionError("reduction", f"{options.reduction} with `task='instance'`", "mean", remedy)
    if options.task == "instance" and options.recipe is not None:
        remedy = "Leave one of the two out."
        raise OptionError("recipe", f"{options.recipe} with `task='instance'`", "one of the two", remedy)
    if options.class_weights is not None and options.class_weights not in CLASS_WEIGHT_POWERS:
        known = ", ".join(CLASS_WEIGHT_POWERS)
        raise OptionError("class_weights", repr(options.class_weights), f"one of {known}", "Leave it out.")
    if options.reduction not in (None, *get_args(Reduction)):
        raise OptionError(
            "reduction", repr(options.reduction), f"one of {', '.join(get_args(Reduction))}", "Leave it out."
        )
    if options.freeze_through not in (None, *STRIDES):
        expected = f"one of {', '.join(map(str, STRIDES))}"
        raise OptionError("freeze_through", str(options.freeze_through), expected, "0 lets all layers learn.")
    if options.pretrained and options.encoder is None and default_encoder(options.model or DEFAULT_MODEL) is None:
        found, remedy = f"model {options.model}, which has no encoder", "Leave it out, or name a model on an encoder."
        raise OptionError("pretrained", found, "a model on an encoder", remedy)
    if options.encoder_weights is not None:
        _require_usable_weights(options, options.encoder_weights)
    for name, value in (("border_weight", options.border_weight), ("elastic", options.elastic)):
        if value is not None and not 0 <= value < math.inf:
            raise OptionError(name, str(value), "a number of 0 or more", "Give 10, as U-Net's authors did, or 0.")
    if options.folds is not None and options.config is not None:
        raise OptionError("folds", "`config`", "one of the two", "Leave one of the two out.")
    if options.seed is not None and not 0 <= options.seed <= MAX_SEED:
        raise OptionError("seed", str(options.seed), f"0 to {MAX_SEED}", "Leave it out, or take a smaller number.")
    if options.config is not None and not Path(options.config).is_file():
        raise OptionError("config", str(options.config), "the config.yaml of a run", "Check the path.")


def _require_usable_weights(options: TrainOptions, file: Path) -> None:
    """Raise `OptionError` for a file of encoder weights that is not there, or beside another source of weights."""
    if not file.is_file():
        raise OptionError("encoder_weights", f"no file {file}", "a file of weights", "Check the path.")
    others = (("pretrained=False", options.pretrained is False), ("start_from", options.start_from is not None))
    for other, given in others:
        if given:
            raise OptionError("encoder_weights", f"`{other}` beside it", "one of the two", "Leave one of the two out.")


def repeat_call(run: RunDirectory, dataset: Dataset, options: TrainOptions) -> str:
    """Return the call that repeats this run: its configuration holds the number of steps. A cross-validation is
    repeated by its options."""
    keywords: dict[str, object] = {"out": f"{run.path}-again", "config": str(run.config)}
    if options.folds is not None:
        minutes = options.minutes and options.minutes * (options.folds + 1)
        keywords = {"out": "runs/again"} | replace(options, minutes=minutes, resume=False).as_keywords()
    if dataset.images_root is not None:
        keywords = {"images_root": str(dataset.images_root)} | keywords
    values = [repr(str(dataset.root)), *(f"{name}={value!r}" for name, value in keywords.items())]
    return f"`pixelwise.train({', '.join(values)})`"
