"""Staged training: first a coarse net, then a finer one of its family from its weights, and so on.

Long, Shelhamer, Darrell, CVPR 2015, section 4.2: FCN-32s, FCN-16s, FCN-8s, "each net is learned end-to-end,
initialized with the parameters of the last".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pixelwise.core.errors import OptionError
from pixelwise.data.dataset import Dataset
from pixelwise.nn.models import model_options, parse_options
from pixelwise.training.config import RunConfig
from pixelwise.training.options import DEFAULT_MINUTES, TrainOptions
from pixelwise.training.resume import inherit_options, require_same
from pixelwise.training.run_directory import STAGES, RunDirectory
from pixelwise.training.session import Session

ORDER = {"fcn16s": ("fcn32s", "fcn16s"), "fcn8s": ("fcn32s", "fcn16s", "fcn8s")}


SHARED = (
    "pretrained",
    "freeze_through",
    "seed",
    "loss",
    "class_weights",
    "reduction",
    "border_weight",
    "elastic",
    "rotate",
    "augmentations",
)
"""The options that all stages share with the first."""


def train_stages(run: RunDirectory, dataset: Dataset, options: TrainOptions, session: Session) -> dict[str, Any]:
    """Train each stage, or continue with the stage at which a run was stopped, and return the metrics of the last."""
    if run.config.is_file() and not run.is_staged:
        remedy = "Leave `stages` out, or choose another `out`."
        raise OptionError("stages", "a run that was started without it", "one in stages", remedy)
    metrics: dict[str, Any] = {}
    last: RunConfig | None = None
    for directory, stage in plan_stages(options, run):
        if last is not None:
            stage = inherit_options(stage, last, ("task", "encoder", "width", "recipe", *SHARED))
        if directory.config.is_file():
            require_same(directory, RunConfig.load(directory.config), stage, may_extend=False)
        if directory == run or not directory.finished:
            metrics = session.train_model(directory, dataset, stage)
        last = RunConfig.load(directory.config)
    return metrics


def plan_stages(options: TrainOptions, run: RunDirectory) -> Iterator[tuple[RunDirectory, TrainOptions]]:
    """Yield the run directory and the options of each stage: the last stage is `run` itself, the others are in its
    `stages/`.

    The stages share the minutes evenly; epochs apply to each stage. The options of a stage ask to resume, so that a
    stopped run continues in its stage. Each stage uses those model options that its model has. The same layers learn in
    all stages. Raises `OptionError` for a model without stages.
    """
    names = ORDER.get(options.model or "")
    if names is None:
        problem_text, known = f"model {options.model or 'by default'}", ", ".join(ORDER)
        raise OptionError("stages", problem_text, f"one of {known}", "Name one with `model`, or leave `stages` out.")
    if options.config is not None:
        raise OptionError("stages", "`config`", "one of the two", "Leave `stages` out to repeat a single run.")
    pairs = options.model_options or ()
    parse_options(names[-1], pairs)
    directories = [RunDirectory(run.path / STAGES / name) for name in names[:-1]] + [run]
    minutes = options.minutes
    if minutes is None and options.epochs is None and not directories[0].config.is_file():
        minutes = DEFAULT_MINUTES
    start_from = options.start_from
    for name, directory in zip(names, directories, strict=True):
        yield (
            directory,
            replace(
                options,
                model=name,
                model_options=tuple(pair for pair in pairs if pair.partition("=")[0] in model_options(name)),
                minutes=None if minutes is None else minutes / len(names),
                start_from=start_from,
                encoder_weights=options.encoder_weights if name == names[0] else None,
                resume=True,
            ),
        )
        start_from = directory.path
