"""Steps, validations and epochs worked out by hand."""

from __future__ import annotations

import pytest

from pixelwise.training.planning import defaults
from pixelwise.training.planning.defaults import MAX_EVALUATIONS
from pixelwise.training.planning.length import (
    Cost,
    is_long_run,
    length_warnings,
    steps_for_crops,
    steps_in_time,
    time_remarks,
    with_length,
)
from pixelwise.training.recipe import Recipe
from pixelwise.training.schedule import count_crops, crops_at_step, extend


def test_the_time_is_shared_between_steps_and_evaluations() -> None:
    # 4 % of 600 s are 24 s: two validations of 10 s; the other 580 s hold 1160 steps
    assert steps_in_time(600, Cost(step=0.5, validation=10)) == (1160, 2)
    # 4 % of 600 s would pay 240 validations: 20 are enough
    assert steps_in_time(600, Cost(step=0.5, validation=0.1)) == (int((600 - 2) / 0.5), MAX_EVALUATIONS)
    # one alone would have nothing to choose from, and without validation images there is none: all goes into steps
    assert steps_in_time(499, Cost(step=0.5, validation=10)) == (998, 0)
    assert steps_in_time(60, Cost(step=0.5, validation=0)) == (120, 0)


@pytest.mark.parametrize("seconds", [-30.0, 0.0, 0.1])
def test_a_time_too_short_for_anything_still_takes_a_step(seconds: float) -> None:
    assert steps_in_time(seconds, Cost(step=0.5, validation=10)) == (1, 0)


def test_a_warm_up_takes_100_steps_at_most_and_none_in_a_short_run() -> None:
    assert with_length(defaults.RECIPE, 10_000, 0).warmup_steps == 100
    assert with_length(defaults.RECIPE, 3, 0).warmup_steps == 0


def test_the_moving_average_looks_back_over_a_tenth_of_the_run() -> None:
    """An average of decay d remembers 1 / (1 - d) steps."""
    for steps in (200, 1000, 10_000):
        assert 1 / (1 - with_length(defaults.RECIPE, steps, 0).ema_decay) == pytest.approx(steps / 10 + 1)
    assert with_length(defaults.RECIPE, 1, 0).ema_decay == 0.5
    assert with_length(defaults.RECIPE, 10**6, 0).ema_decay == 0.9995


def test_a_run_is_long_where_there_is_time_for_six_hundred_million_pixels() -> None:
    short = defaults.RECIPE.replace(crop=(352, 480), batch=4)
    assert [is_long_run(with_length(short, steps, 1)) for steps in (887, 888)] == [False, True]


def batches_of(recipe: Recipe) -> list[int]:
    return [crops_at_step(recipe, step).number for step in range(recipe.steps)]


@pytest.mark.parametrize(
    ("crops", "split", "batches"),
    [
        (12, 1, [4, 4, 4]),
        (11, 1, [3, 4, 4]),  # shares of 11 crops, rounded down
        (3, 1, [3]),
        (1, 1, [4]),  # one crop is too few for batch norm
        (8, 2, [4, 4]),  # whole batches would have 16 and 4
        (34, 2, [13, 14, 3, 4]),  # 16, 16, 4 and 4
    ],
)
def test_epochs_are_counted_to_the_crop(recipe: Recipe, crops: int, split: int, batches: list[int]) -> None:
    recipe = recipe.replace(early_split=split, crop=(64, 64))
    steps, exact = steps_for_crops(recipe, crops)
    recipe = with_length(recipe, steps, 0, exact)
    assert batches_of(recipe) == batches
    assert count_crops(recipe, steps) == sum(batches)


def test_an_epoch_is_an_epoch_whatever_the_number_of_images(recipe: Recipe) -> None:
    for images in range(2, 60):
        for split in (1, 2):
            one = recipe.replace(batch=min(8, max(2, images)), early_split=split)
            for epochs in (1, 2, 7):
                steps, exact = steps_for_crops(one, epochs * images)
                length = with_length(one, steps, 0, exact)
                assert count_crops(length, steps) == epochs * images
                assert min(batches_of(length)) >= one.batch // 2


def test_no_step_has_one_crop(recipe: Recipe) -> None:
    """11 crops in batches of two are five steps, not six."""
    for split, expected in ((1, [2, 2, 2, 2, 3]), (2, [7, 2, 2])):
        two = recipe.replace(batch=2, early_split=split, crop=(64, 64))
        steps, exact = steps_for_crops(two, 11)
        assert batches_of(with_length(two, steps, 0, exact)) == expected


def test_an_extended_run_counts_the_crops_that_are_added(recipe: Recipe) -> None:
    first = with_length(recipe, *(2, 0), 7)
    assert steps_for_crops(extend(first), 20) == (6, 20)
    assert steps_for_crops(extend(first), 23) == (6, None)


@pytest.mark.parametrize(
    ("steps", "images", "goes_on", "found", "result"),
    [
        (9, 2, False, "9 steps, 9 epochs of 2 images", "learns next to nothing"),
        (10, 21, False, "10 steps, 0.95 epochs of 21 images", "learns next to nothing"),
        (3, 2, True, "3 steps, 3 epochs of 2 images", "may end worse than the one that it starts from"),
    ],
)
def test_a_run_too_short_to_learn_says_so(
    recipe: Recipe, steps: int, images: int, goes_on: bool, found: str, result: str
) -> None:
    short = recipe.replace(batch=2, early_split=1, steps=steps)
    (warning,) = length_warnings(short, images, goes_on=goes_on)
    assert warning == f"this training is {found}: the model {result}. Give more `minutes` or `epochs`."
    assert length_warnings(short.replace(steps=11), 20) == []


def test_a_run_of_another_length_than_asked_is_told() -> None:
    assert time_remarks(4, 3.1) == time_remarks(4, 4.9) == time_remarks(0.5, 2) == []
    (short,) = time_remarks(4, 1.58)
    assert short == (
        "asked for 4 minutes, took 1.6: the machine was slower while steps were timed, before the training. "
        "`resume=True` with more `epochs` goes on."
    )
    assert "took 6.4: the machine was faster" in time_remarks(5, 6.42)[0]
