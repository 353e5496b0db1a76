"""Crops, learning rates and validations of each step, worked out by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from pixelwise.training.planning import defaults
from pixelwise.training.planning.defaults import MAX_EVALUATIONS
from pixelwise.training.planning.length import with_length
from pixelwise.training.recipe import Recipe
from pixelwise.training.schedule import (
    count_crops,
    crops_at_step,
    describe_crops,
    extend,
    learning_rate_factor,
    training_parts,
    validation_steps,
)


def run_of(steps: int = 100, evaluations: int = 5) -> Recipe:
    return with_length(defaults.RECIPE.replace(crop=(256, 320), class_weights=(1.0, 2.0)), steps, evaluations)


def test_the_first_half_of_a_run_may_have_smaller_crops_and_more_of_them() -> None:
    whole = run_of(steps=9).replace(crop=(544, 736), batch=2)
    halved = whole.replace(early_split=2)
    assert crops_at_step(halved, 3) == ((256, 352), 8)  # 544 / 2 and 736 / 2, down to multiples of 32
    assert crops_at_step(halved, 4) == ((544, 736), 2)
    assert crops_at_step(whole, 0) == ((544, 736), 2)
    assert [count_crops(halved, step) for step in range(10)] == [0, 8, 16, 24, 32, 34, 36, 38, 40, 42]
    assert count_crops(whole, 9) == 18
    assert describe_crops(halved) == "8 crops 256x352, then 2 crops 544x736"
    assert describe_crops(whole) == "2 crops 544x736"


def test_the_learning_rate_warms_up_and_falls_to_a_quarter() -> None:
    run = run_of(steps=100)
    assert run.warmup_steps == 5
    factors = [learning_rate_factor(step, run) for step in range(101)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[5] == 1
    assert factors[24] == pytest.approx(0.25 + 0.75 * 0.5 * (1 + math.cos(math.pi * 19 / 95)))
    assert factors[100] == pytest.approx(0.25)
    assert all(before >= after for before, after in pairwise(factors[4:]))


def test_a_short_run_falls_from_its_first_step_on() -> None:
    short = run_of(steps=3)
    factors = [learning_rate_factor(step, short) for step in range(3)]
    assert factors == pytest.approx([1, 0.8125, 0.4375])  # 0.25 + 0.75 of half a cosine


def test_the_schedule_is_that_of_the_recipe() -> None:
    run = run_of(steps=8).replace(final_rate=0.0, warmup_steps=0, early_share=0.25, early_split=2, crop_multiple=16)
    assert [learning_rate_factor(step, run) for step in (0, 4, 8)] == pytest.approx([1, 0.5, 0])
    assert [crops_at_step(run, step).size for step in (1, 2)] == [(128, 160), (256, 320)]
    assert crops_at_step(run.replace(crop=(48, 80)), 0).size == (16, 32)  # 24 and 40, down to multiples of 16


@pytest.mark.parametrize(
    ("steps", "evaluations", "after"),
    [(100, 4, {25, 50, 75, 100}), (10, 1, {10}), (5, 2, {2, 5}), (3, 3, {1, 2, 3}), (10, 0, set())],
)
def test_validations_are_evenly_spaced_and_the_last_ends_the_run(steps: int, evaluations: int, after: set[int]) -> None:
    assert validation_steps(run_of(steps, evaluations)) == after


def test_as_many_validations_as_asked_for_whatever_the_length() -> None:
    for steps in range(1, 60):
        for evaluations in range(1, MAX_EVALUATIONS + 1):
            run = run_of(steps, evaluations)
            after = validation_steps(run)
            assert run.evaluations == len(after) == min(steps, evaluations)
            assert max(after) == steps
            assert min(after) >= 1


def batches_of(recipe: Recipe) -> list[int]:
    return [crops_at_step(recipe, step).number for step in range(recipe.steps)]


def test_an_extended_run_goes_on_where_it_was_and_counts_its_crops(recipe: Recipe) -> None:
    """7 crops in two steps, then 20 in all: 13 more in four steps of 4 at most, then 25 with 5 more in two."""
    first = with_length(recipe, *(2, 0), 7)
    second = with_length(extend(first), 6, 0, 20)
    third = with_length(extend(second), 8, 0, 25)
    assert batches_of(first) == [3, 4]
    assert batches_of(second) == [3, 4, 3, 3, 3, 4]
    assert batches_of(third) == [*batches_of(second), 2, 3]
    assert [count_crops(third, step) for step in (0, 2, 6, 8)] == [0, 7, 20, 25]
    assert training_parts(third) == [first, second, third]


def test_the_smaller_crops_of_the_first_half_stay_those_of_the_first_length(recipe: Recipe) -> None:
    first = with_length(recipe.replace(early_split=2, crop=(64, 64)), 4, 0)
    longer = with_length(extend(first), 10, 0)
    assert batches_of(first) == [16, 16, 4, 4]
    assert batches_of(longer) == [16, 16, *[4] * 8]
    assert [crops_at_step(longer, step).size for step in (1, 2)] == [(32, 32), (64, 64)]
