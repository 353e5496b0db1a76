"""Staged training: a coarse net first, then a finer one of its family from its weights, and so on.

Long, Shelhamer, Darrell, CVPR 2015, section 4.2: FCN-32s, FCN-16s, FCN-8s, "each net is learned end-to-end,
initialized with the parameters of the last".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pixelwise.core.errors import OptionError
from pixelwise.nn.models import model_options, parse_options
from pixelwise.training.options import TrainOptions
from pixelwise.training.run_directory import STAGES, RunDirectory

ORDER = {"fcn16s": ("fcn32s", "fcn16s"), "fcn8s": ("fcn32s", "fcn16s", "fcn8s")}


def plan_stages(options: TrainOptions, run: RunDirectory) -> Iterator[tuple[RunDirectory, TrainOptions]]:
    """Yield each stage's run directory and options; the last is `run` itself, the others lie in its `stages/`.

    The minutes are shared out evenly; epochs are those of every stage. A stage's options ask to resume, so that a run
    that was stopped goes on in the stage it had come to. Of the model's options each stage takes those it has. What
    learns is the same in all: a stage that starts from the last one's weights is fine-tuned as the first was.
    Raises `OptionError` for a model without stages.
    """
    names = ORDER.get(options.model or "")
    if names is None:
        found, known = f"model {options.model or 'by default'}", ", ".join(ORDER)
        raise OptionError("stages", found, f"one of {known}", "Name one with `model`, or leave `stages` out.")
    if options.config is not None:
        raise OptionError("stages", "`config`", "one of the two", "Leave `stages` out to repeat a single run.")
    pairs = options.model_options or ()
    parse_options(names[-1], pairs)
    minutes = None if options.minutes is None else options.minutes / len(names)
    start_from = options.start_from
    for name in names:
        own = tuple(pair for pair in pairs if pair.partition("=")[0] in model_options(name))
        directory = run if name == options.model else RunDirectory(run.path / STAGES / name)
        yield (
            directory,
            replace(
                options,
                model=name,
                model_options=own,
                minutes=minutes,
                start_from=start_from,
                encoder_weights=options.encoder_weights if name == names[0] else None,
                resume=True,
            ),
        )
        start_from = directory.path
