"""The schedule of a recipe: the crops and the learning rate of each step, and the steps of validations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pixelwise.training.recipe import Length, Recipe


class StepCrops(NamedTuple):
    """The crops of one step: their size (height, width), and how many there are."""

    size: tuple[int, int]
    number: int


def crops_at_step(recipe: Recipe, step: int) -> StepCrops:
    """Return the size and number of the crops of a step."""
    number = count_crops(recipe, step + 1) - count_crops(recipe, step)
    return StepCrops(recipe.crop if step >= _early_steps(recipe) else _early_size(recipe), number)


def count_crops(recipe: Recipe, step: int) -> int:
    """Return how many crops the steps before `step` have together."""
    first = earlier_steps(recipe)
    if step <= first:
        return count_crops(training_parts(recipe)[-2], step) if step else 0
    before = count_crops(recipe, first)
    whole, total = (_in_whole_batches(recipe, end) - _in_whole_batches(recipe, first) for end in (step, recipe.steps))
    if recipe.crops is None or step > recipe.steps:
        return before + whole
    if 2 * (recipe.crops - before) < total:  # a few steps, of which the early ones have larger batches
        whole, total = step - first, recipe.steps - first
    return before + (recipe.crops - before) * whole // total


def training_parts(recipe: Recipe) -> list[Recipe]:
    """Return the recipe of each part of an extended run, with the length at which the part was trained; for any other
    run, just its recipe."""
    before = [
        recipe.replace(earlier=recipe.earlier[:index], **dict(length)) for index, length in enumerate(recipe.earlier)
    ]
    return [*before, recipe]


def extend(recipe: Recipe) -> Recipe:
    """Return `recipe` prepared for a larger length: the new steps follow the schedule of a run of the whole length."""
    length = Length(**{name: getattr(recipe, name) for name in Length.model_fields})
    return recipe.replace(earlier=(*recipe.earlier, length), crops=None)


def earlier_steps(recipe: Recipe) -> int:
    """Return how many steps a run had before its last extension."""
    return recipe.earlier[-1].steps if recipe.earlier else 0


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Return the factor on all learning rates at a step.

    The cosine schedule warms up linearly, then falls to `final_rate`. The constant schedule is 1 throughout.
    """
    if recipe.schedule == "constant":
        return 1.0
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.final_rate + (1 - recipe.final_rate) * 0.5 * (1 + float(np.cos(np.pi * progress)))


def validation_steps(recipe: Recipe) -> set[int]:
    """Return the numbers of steps after which the model is validated: evenly spaced, the last step among them."""
    return {round((i + 1) * recipe.steps / recipe.evaluations) for i in range(recipe.evaluations)}


def describe_crops(recipe: Recipe) -> str:
    """Describe the number and size of the crops of a step in words."""
    whole = recipe.replace(crops=None, earlier=())
    early, late = (
        f"{crops.number} crops {crops.size[0]}x{crops.size[1]}"
        for crops in (crops_at_step(whole, 0), StepCrops(recipe.crop, recipe.batch))
    )
    most = "" if recipe.crops is None else "at most "
    return f"{most}{late}" if recipe.early_split == 1 else f"{most}{early}, then {late}"


def _in_whole_batches(recipe: Recipe, step: int) -> int:
    """Return how many crops the steps before `step` would have in full batches."""
    early = min(step, _early_steps(recipe))
    return recipe.batch * (step + (recipe.early_split**2 - 1) * early)


def _early_steps(recipe: Recipe) -> int:
    first = recipe.earlier[0].steps if recipe.earlier else recipe.steps
    return int(recipe.early_share * first) if recipe.early_split > 1 else 0


def _early_size(recipe: Recipe) -> tuple[int, int]:
    multiple = recipe.crop_multiple
    height, width = (max(1, side // (recipe.early_split * multiple)) * multiple for side in recipe.crop)
    return height, width
