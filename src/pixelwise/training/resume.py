"""Resuming or repeating a run. Options given with `resume=True` or `config` take effect or are an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixelwise.core.errors import OptionError, RunError
from pixelwise.core.files import sha256
from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset
from pixelwise.nn.models import parse_options
from pixelwise.training.config import RunConfig
from pixelwise.training.fingerprint import fingerprint, hash_label_values
from pixelwise.training.option_checks import check_options
from pixelwise.training.options import DEFAULT_MINUTES, TrainOptions
from pixelwise.training.planning.choose_recipe import (
    apply_options,
    compute_class_weights,
    default_class_weights,
    require_pretrained,
)
from pixelwise.training.planning.facts import DataFacts
from pixelwise.training.planning.length import plan_epochs
from pixelwise.training.planning.plan import choose_encoder_padding
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.schedule import count_crops, extend

NET = ("task", "model", "encoder", "width", "model_options", "pretrained", "recipe")
"""Options that a config.yaml determines, and that cannot be changed."""
TRAINING = (
    "seed",
    "start_from",
    "encoder_weights",
    "freeze_through",
    "class_weights",
    "reduction",
    "border_weight",
    "elastic",
    "rotate",
    "loss",
    "augmentations",
    "metrics",
    "folds",
)
"""Options that a resumed run keeps, and that another run from its config.yaml may change."""


PATHS = ("start_from", "encoder_weights")


def resume_config(run: RunDirectory, dataset: Dataset, options: TrainOptions) -> RunConfig:
    """Return the configuration of the run to resume, with more steps if `epochs` asks for them. Raises `RunError` for
    other data, and for an option with another value than the run was started with.
    """
    config = RunConfig.load(run.config)
    if config.fingerprint != fingerprint(dataset):
        remedy = "Point to the data the run was started with, or start a new run in another `out`."
        raise RunError(run.path, "a run on other data", f"one on {dataset.root} as it is now", remedy)
    if config.labels is not None and config.labels != hash_label_values(dataset):
        remedy = f"Restore classes.yaml in {dataset.root}, or start a new run in another `out`."
        raise RunError(run.path, "a run whose mask values stood for other classes", "those of the run", remedy)
    require_same(run, config, options)
    if options.epochs is None or options.epochs == config.asked.get("epochs"):
        return config
    return _extend_run(run, config, len(dataset.splits["train"]), options.epochs)


def inherit_options(options: TrainOptions, config: RunConfig, names: Sequence[str]) -> TrainOptions:
    """Return the options for a run that follows the run of `config`, such as the next fold or stage: those in `names`,
    and the length, are taken from it where they are not given."""
    stored = {name: _stored(config, name) for name in names}
    if "class_weights" in stored:  # not the option's default, which depends on the recipe
        stored["class_weights"] = config.asked.get("class_weights")
    if "freeze_through" in stored:
        stored["freeze_through"] = config.asked.get("freeze_through")
    if options.minutes is None and options.epochs is None:
        stored |= {name: config.asked.get(name) for name in ("minutes", "epochs")}
    if "model_options" in stored:
        stored["model_options"] = tuple(f"{key}={value}" for key, value in config.options.items())
    for name in PATHS:
        if stored.get(name) is not None:
            stored[name] = Path(str(stored[name]))
    missing: dict[str, Any] = {name: value for name, value in stored.items() if getattr(options, name) is None}
    return replace(options, **missing)


def require_same(run: RunDirectory, config: RunConfig, options: TrainOptions, *, may_extend: bool = True) -> None:
    """Raise `RunError` for an option with another value than the run was started with; `epochs` may differ if the run
    can be extended."""
    _refuse_others(run.path, config, options, (*NET, *TRAINING), "start a new run in another `out`")
    stored = {name: config.asked.get(name) for name in ("minutes", "epochs")}
    if stored["epochs"] is None and stored["minutes"] is None:
        stored["minutes"] = DEFAULT_MINUTES
    for name in ("minutes", *(() if may_extend else ("epochs",))):
        asked = getattr(options, name)
        if asked is not None and asked != stored[name]:
            known = " and ".join(f"`{key}={value:g}`" for key, value in stored.items() if value is not None)
            length = f"{config.recipe.steps} steps" + (f", from {known}" if known else "")
            remedy = "Leave it out to finish the run" + ("; extend it with `epochs`." if may_extend else ".")
            raise RunError(run.path, f"a run of {length}", f"one of `{name}={asked:g}`", remedy)
    if options.config is not None and _repeatable(RunConfig.load(options.config)) != _repeatable(config):
        remedy = "Leave `config` out, or start a new run in another `out`."
        raise RunError(run.path, f"a run by another configuration than {options.config}", "its own", remedy)


def _extend_run(run: RunDirectory, config: RunConfig, train_images: int, epochs: int) -> RunConfig:
    length = count_crops(config.recipe, config.recipe.steps)
    if epochs * train_images <= length:
        remedy = (
            "Give more `epochs` to extend it, leave `epochs` out to finish it, or start a new run in another `out`."
        )
        problem_text, expected = f"a run of {length / train_images:.4g} epochs", f"one of fewer than `epochs={epochs}`"
        raise RunError(run.path, problem_text, expected, remedy)
    recipe = plan_epochs(extend(config.recipe), epochs, train_images)
    return config.replace(recipe=recipe, asked={**config.asked, "epochs": epochs})


def repeat_config(run: RunDirectory, dataset: Dataset, check_result: CheckResult, options: TrainOptions) -> RunConfig:
    """Return the configuration in the file `config` for these data. Other options that are given replace its values;
    the steps are the file's. Raises `OptionError` for data with other classes, and `RunError` for an option that
    changes the net.
    """
    file = Path(str(options.config))
    config = RunConfig.load(file)
    if config.class_map.names != dataset.classes.names:
        problem_text, expected = (", ".join(classes.names) for classes in (dataset.classes, config.class_map))
        raise OptionError("config", f"data with the classes {problem_text}", expected, "Train without `config`.")
    _refuse_others(file, config, options, NET, "train without `config`")
    check_options(replace(options, task=config.task))
    recipe = apply_options(config.recipe, options)
    if options.class_weights is not None:
        facts = DataFacts.of(dataset, check_result)
        recipe = recipe.replace(class_weights=compute_class_weights(options.class_weights, facts))
    other = {"folds"}
    if options.minutes is not None or options.epochs is not None:
        recipe = recipe.replace(earlier=(), crops=None)
        other |= {"minutes", "epochs"}
    asked = {name: value for name, value in config.asked.items() if name not in other} | options.asked
    update: dict[str, Any] = {"data": str(dataset.root), "fingerprint": fingerprint(dataset), "recipe": recipe}
    update["labels"] = hash_label_values(dataset)
    update |= {"asked": asked, "skip_bad": options.skip_bad}
    update |= {name: getattr(options, name) for name in ("seed", "metrics") if getattr(options, name) is not None}
    if options.start_from is not None or options.encoder_weights is not None:  # replace what the run started from
        update |= _start(options)
    pretrained = bool(update.get("pretrained", config.pretrained))
    require_pretrained(options.freeze_through, config.encoder, pretrained=pretrained)
    return config.replace(**update)


def _start(options: TrainOptions) -> dict[str, Any]:
    """Return the fields of a configuration that define the initial weights."""
    file = options.encoder_weights and options.encoder_weights.resolve()
    return {
        "start_from": options.start_from and str(options.start_from),
        "encoder_weights": file and str(file),
        "encoder_weights_sha256": file and sha256(file),
        "encoder_padding": choose_encoder_padding(options),
        **({"pretrained": True} if file else {}),
    }


def use_stored_bands(dataset: Dataset, config: RunConfig, where: Path) -> Dataset:
    """Return the data set with the bands of a configuration. Raises `RunError` if it was opened with others."""
    if dataset.bands is not None and (config.bands is None or dataset.bands.numbers != config.bands.numbers):
        stored = "red, green and blue" if config.bands is None else ",".join(map(str, config.bands.numbers))
        asked = ",".join(map(str, dataset.bands.numbers))
        remedy = "Leave `bands` out, or start a new run in another `out`."
        raise RunError(where, f"the bands {stored}", f"`bands=[{asked}]`", remedy)
    return replace(dataset, bands=config.bands)


def _refuse_others(where: Path, config: RunConfig, options: TrainOptions, names: tuple[str, ...], other: str) -> None:
    """Raise `RunError` for the first of the options in `names` that is given with another value than in `config`."""
    for name in names:
        asked, stored = getattr(options, name), _stored(config, name)
        if name == "model_options" and asked is not None:
            asked = parse_options(config.model, asked)
        if name in PATHS and asked is not None:
            asked, stored = asked.resolve(), stored and Path(str(stored)).resolve()
        if asked is not None and asked != stored:
            option = "pretrained=False" if name == "pretrained" and not asked else name
            problem_text, expected = f"a run with {name} {stored}", f"{name} {asked}"
            raise RunError(where, problem_text, expected, f"Leave `{option}` out, or {other}.")


def _stored(config: RunConfig, name: str) -> object:
    if name == "model_options":
        return config.options
    if name == "freeze_through":
        return config.recipe.frozen_stride
    if name in ("recipe", "folds"):
        return config.asked.get(name)
    if name == "class_weights":
        recipe = config.asked.get("recipe")
        return config.asked.get(name) or default_class_weights(None if recipe is None else str(recipe))
    return getattr(config if name in RunConfig.model_fields else config.recipe, name)


def _repeatable(config: RunConfig) -> dict[str, Any]:
    """Return the part of a configuration that two runs from it share."""
    return config.model_dump(exclude={"version", "data", "fingerprint", "labels", "command", "skip_bad"})
