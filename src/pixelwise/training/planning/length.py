"""The length of a run: steps, validations, warm-up and moving average."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import numpy as np

from pixelwise.core.text import quantity
from pixelwise.training.planning import defaults
from pixelwise.training.recipe import Recipe
from pixelwise.training.schedule import count_crops, crops_at_step, earlier_steps

SHORT_STEPS = 100
"""With more steps than this, no batch is much smaller than a full one."""
TEACHER_SECONDS = 1.5
"""Time of the fit of a live head, without the features."""
MOST_DEVIATION = 0.25
"""Share of the time that was asked for by which a run may be shorter or longer without a remark."""
FEWEST_STEPS = 10
"""After fewer steps a model has hardly changed."""


@dataclass(frozen=True)
class Cost:
    """Seconds on this machine for one step, for one pass over the validation images, and for the labels that the model
    in training and a live head give a training image."""

    step: float
    validation: float
    prediction: float = 0.0
    teacher: float = 0.0


def is_long_run(short: Recipe, least_pixels: float = defaults.LONG_PIXELS) -> bool:
    """Return whether the crops of a short run have at least `least_pixels` pixels, so that there is time for a long
    run."""
    return short.steps * short.batch * math.prod(short.crop) >= least_pixels


def steps_in_time(seconds: float, cost: Cost) -> tuple[int, int]:
    """Return how many steps, at least one, and validations fit into `seconds`. There are none or at least two
    validations: a single one, after the last step, would leave nothing to choose from.
    """
    affordable = defaults.VALIDATION_SHARE * seconds / cost.validation if cost.validation else 0.0
    evaluations = int(min(affordable, defaults.MAX_EVALUATIONS)) if affordable >= 2 else 0
    steps = int((seconds - evaluations * cost.validation) / cost.step)
    return max(1, steps), evaluations


def fit_rounds(recipe: Recipe, seconds: float, cost: Cost, labelled_images: int) -> tuple[Recipe, float]:
    """Return `recipe` with pseudo-labels for as many images as their share of `seconds` allows, and the remaining time.
    labelled_images: those that a live head is fitted to."""
    if not recipe.has_pseudo_labels:
        return recipe, seconds
    each, fit = cost.prediction * len(recipe.pseudo_rounds), 0.0
    if recipe.teacher_lead:
        each, fit = each + cost.teacher, TEACHER_SECONDS + cost.teacher * min(labelled_images, recipe.pseudo_images)
    most = int((defaults.PSEUDO_SHARE * max(0.0, seconds) - fit) / max(each, 1e-9))
    images = min(recipe.pseudo_images, most)
    if images < 1:
        return recipe.replace(teacher_lead=0.0, pseudo_rounds=(), pseudo_images=0), seconds
    return recipe.replace(pseudo_images=images), seconds - fit - images * each


def with_length(recipe: Recipe, steps: int, evaluations: int, crops: int | None = None) -> Recipe:
    """Return `recipe` with `steps` steps, and warm-up and moving average in proportion; a constant learning rate has
    neither."""
    changes: dict[str, object] = {"steps": steps, "evaluations": min(evaluations, steps), "crops": crops}
    if recipe.schedule == "cosine":
        changes["warmup_steps"] = min(defaults.MAX_WARMUP_STEPS, round(defaults.WARMUP_SHARE * steps))
        changes["ema_decay"] = float(np.clip(1 - 1 / (defaults.EMA_SHARE * steps + 1), *defaults.EMA_DECAYS))
    return recipe.replace(**changes)


def plan_epochs(recipe: Recipe, epochs: int, train_images: int) -> Recipe:
    """Return `recipe` with as many steps as show every training image `epochs` times."""
    steps, crops = steps_for_crops(recipe, epochs * train_images)
    return with_length(recipe, steps, min(defaults.MAX_EVALUATIONS, epochs), crops)


def steps_for_crops(recipe: Recipe, crops: int) -> tuple[int, int | None]:
    """Return the number of steps that have `crops` crops together, and `crops` itself if full batches would have more.
    One step is left out if it would have a single crop, since batch norm needs two.
    """

    def crops_in(steps: int) -> int:
        return count_crops(recipe.replace(steps=steps, crops=None), steps)

    steps = 1 + bisect.bisect_left(range(1, math.ceil(crops / recipe.batch) + 1), crops, key=crops_in)
    if crops == crops_in(steps):
        return steps, None
    first = earlier_steps(recipe)
    exact = recipe.replace(steps=steps, crops=crops)
    counts = [crops_at_step(exact, step).number for step in range(first, min(steps, first + SHORT_STEPS))]
    if min(counts) >= min(2, recipe.batch):
        return steps, crops
    return (steps - 1, crops) if steps > first + 1 else (steps, None)


def time_remarks(asked: float, taken: float) -> list[str]:
    """Return a remark if a run took much less or more time than was asked for, both in minutes. Runs of less than a
    minute have none: their end alone may take longer."""
    if asked < 1 or 1 - MOST_DEVIATION <= taken / asked <= 1 + MOST_DEVIATION:
        return []
    then, remedy = ("faster", "") if taken > asked else ("slower", " `resume=True` with more `epochs` goes on.")
    return [
        f"asked for {asked:g} minutes, took {taken:.1f}: the machine was {then} while steps were timed, before the "
        f"training.{remedy}"
    ]


def length_warnings(recipe: Recipe, train_images: int, *, goes_on: bool = False) -> list[str]:
    """Return a warning if a run is too short to learn from its images. goes_on: whether it starts from a trained model,
    which so few steps of a new optimiser spoil."""
    epochs = count_crops(recipe, recipe.steps) / train_images
    if recipe.steps >= FEWEST_STEPS and epochs >= 1:
        return []
    images = quantity(train_images, "image")
    length = f"this training is {quantity(recipe.steps, 'step')}, {epochs:.2g} epochs of {images}"
    result = "may end worse than the one that it starts from" if goes_on else "learns next to nothing"
    return [f"{length}: the model {result}. Give more `minutes` or `epochs`."]
