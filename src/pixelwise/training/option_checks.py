"""Checks for options of a training that contradict each other or make no sense."""

from __future__ import annotations

import math
from pathlib import Path

from pixelwise.core.device import Device
from pixelwise.core.errors import OptionError
from pixelwise.inference.evaluate import METRICS
from pixelwise.nn.augment import AUGMENTATIONS
from pixelwise.nn.encoders.registry import find_encoder
from pixelwise.nn.models import DEFAULT_MODEL, default_encoder, require_net
from pixelwise.tasks import DEFAULT_TASK, TASKS
from pixelwise.torch_runtime.devices import find_device
from pixelwise.training.config import MAX_SEED
from pixelwise.training.options import CLASS_WEIGHT_POWERS, REDUCTIONS, TrainOptions

STRIDES = (0, 2, 4, 8, 16, 32)
"""The allowed values of `freeze_through`."""
ONE_OF_TWO = "Leave one of the two out."


def check_options(options: TrainOptions) -> None:
    """Raise `OptionError` for options that contradict each other or make no sense, before any data are read."""
    check_net(options)
    find_device(Device.parse(options.device))
    for name in options.augmentations or ():
        AUGMENTATIONS[name]
    for name in options.metrics or ():
        METRICS[name]
    _check_length(options)
    _check_choices(options)
    _check_numbers(options)
    _check_task(options)
    _check_weights(options)
    _check_config(options)


def check_net(options: TrainOptions) -> None:
    """Raise `OptionError` for an unknown model or encoder. It is not called for a run that is resumed or repeated,
    which has a model."""
    if options.model is not None:
        require_net(options.model, options.encoder)
    elif options.encoder is not None and (options.resume or options.config is not None):
        find_encoder(options.encoder)
    else:
        require_net(DEFAULT_MODEL, options.encoder)


def _check_length(options: TrainOptions) -> None:
    if options.minutes is not None and options.epochs is not None:
        raise OptionError("`minutes` and `epochs`", "both", "one of them", ONE_OF_TWO)
    if options.minutes is not None and not options.minutes > 0:
        raise OptionError("minutes", str(options.minutes), "a time above 0", "Give 10 for a first good model.")
    if options.epochs is not None and options.epochs < 1:
        raise OptionError("epochs", str(options.epochs), "1 or more", "Leave it out to train by the clock.")


def _check_choices(options: TrainOptions) -> None:
    for name, known in (("class_weights", CLASS_WEIGHT_POWERS), ("reduction", REDUCTIONS)):
        value = getattr(options, name)
        if value is not None and value not in known:
            raise OptionError(name, repr(value), f"one of {', '.join(known)}", "Leave it out.")
    if options.freeze_through not in (None, *STRIDES):
        expected = f"one of {', '.join(map(str, STRIDES))}"
        raise OptionError("freeze_through", str(options.freeze_through), expected, "0 lets all layers learn.")


def _check_numbers(options: TrainOptions) -> None:
    for name in ("border_weight", "elastic"):
        value = getattr(options, name)
        if value is not None and not 0 <= value < math.inf:
            raise OptionError(name, str(value), "a number of 0 or more", "Give 10, as U-Net's authors did, or 0.")
    if options.seed is not None and not 0 <= options.seed <= MAX_SEED:
        raise OptionError("seed", str(options.seed), f"0 to {MAX_SEED}", "Leave it out, or take a smaller number.")


def _check_task(options: TrainOptions) -> None:
    name = options.task or DEFAULT_TASK
    for rule in TASKS[name].option_rules:
        rule.check(name, getattr(options, rule.option))


def _check_weights(options: TrainOptions) -> None:
    if options.pretrained and options.encoder is None and default_encoder(options.model or DEFAULT_MODEL) is None:
        problem_text, remedy = (
            f"model {options.model}, which has no encoder",
            "Leave it out, or name a model on an encoder.",
        )
        raise OptionError("pretrained", problem_text, "a model on an encoder", remedy)
    if options.encoder_weights is None:
        return
    if not options.encoder_weights.is_file():
        problem_text = f"no file {options.encoder_weights}"
        raise OptionError("encoder_weights", problem_text, "a file of weights", "Check the path.")
    others = (("pretrained=False", options.pretrained is False), ("start_from", options.start_from is not None))
    for other, is_given in others:
        if is_given:
            raise OptionError("encoder_weights", f"`{other}` beside it", "one of the two", ONE_OF_TWO)


def _check_config(options: TrainOptions) -> None:
    for first, second in (("folds", "stages"), ("overwrite", "resume")):
        if getattr(options, first) and getattr(options, second):
            raise OptionError(first, f"`{second}`", "one of the two", ONE_OF_TWO)
    if options.folds is not None and options.config is not None:
        raise OptionError("folds", "`config`", "one of the two", ONE_OF_TWO)
    if options.config is not None and not Path(options.config).is_file():
        raise OptionError("config", str(options.config), "the config.yaml of a run", "Check the path.")
