"""The recipe: crops, lengths and learning rates worked out by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from pixelwise.training.config import Recipe
from pixelwise.training.recipe import (
    MAX_EVALUATIONS,
    Cost,
    batch_size,
    count_crops,
    crop_size,
    describe_crops,
    extend,
    image_scale,
    is_long_run,
    learning_rate_factor,
    make_recipe,
    object_scale,
    recipe_at_step,
    steps_for_crops,
    steps_in_time,
    tile_and_overlap,
    training_parts,
    validation_steps,
    with_length,
)


def recipe(steps: int = 100, evaluations: int = 5, train_images: int = 50) -> Recipe:
    return with_length(make_recipe((256, 320), train_images, (1.0, 2.0)), steps, evaluations)


@pytest.mark.parametrize(
    ("sizes", "crop", "large"),
    [
        # shrunk by 0.989 to 356 x 475: 11.1 and 14.8 times 32; enlarged by 1.5 to 540x720
        ([(360, 480)], (352, 480), (544, 736)),
        # the shape counts, not the resolution; shrunk by 0.761 to 548 x 731: 17.1 and 22.8 times 32
        ([(720, 960)] * 3, (352, 480), (544, 736)),
        ([(480, 360)], (480, 352), (736, 544)),
        ([(512, 512)], (416, 384), (640, 640)),  # shrunk by 0.803 to 411, within the area; enlarged by 1.236 to 633
        ([(64, 96)], (64, 96), (96, 160)),  # small images are taken whole
        ([(100, 140)], (128, 160), (160, 224)),
        ([(10, 100_000)], (32, 5280), (32, 12512)),  # long and thin: a piece of it
        ([(8, 8)], (32, 32), (32, 32)),
        ([(64, 64), (64, 64), (3000, 3000)], (64, 64), (96, 96)),  # the median shape
    ],
)
def test_a_crop_has_the_median_shape_in_multiples_of_32(
    sizes: list[tuple[int, int]], crop: tuple[int, int], large: tuple[int, int]
) -> None:
    assert crop_size(sizes, long=False) == crop
    assert crop_size(sizes, long=True) == large


def test_the_first_half_of_a_run_may_have_smaller_crops_and_more_of_them() -> None:
    whole = recipe(steps=9).model_copy(update={"crop": (544, 736), "batch": 2})
    halved = whole.model_copy(update={"early_split": 2})
    early = recipe_at_step(halved, 3)  # 544 / 2 and 736 / 2, down to multiples of 32
    assert (early.crop, early.batch) == ((256, 352), 8)
    assert recipe_at_step(halved, 4) == halved
    assert recipe_at_step(whole, 0) == whole
    assert [count_crops(halved, step) for step in range(10)] == [0, 8, 16, 24, 32, 34, 36, 38, 40, 42]
    assert count_crops(whole, 9) == 18
    assert describe_crops(halved) == "8 crops 256x352, then 2 crops 544x736"
    assert describe_crops(whole) == "2 crops 544x736"


@pytest.mark.parametrize(
    ("crop", "images", "batch"),
    [((64, 64), images, batch) for images, batch in [(1, 2), (2, 2), (3, 3), (7, 7), (8, 8), (367, 8)]]
    + [((256, 320), 367, 8), ((352, 480), 367, 4), ((352, 480), 3, 3), ((544, 736), 367, 2), ((1024, 1024), 367, 2)],
)
def test_a_batch_has_up_to_eight_crops_that_two_cores_can_take_and_never_one(
    crop: tuple[int, int], images: int, batch: int
) -> None:
    assert batch_size(crop, images) == batch


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


def test_the_learning_rate_warms_up_and_falls_to_a_quarter() -> None:
    run = recipe(steps=100)
    assert run.warmup_steps == 5
    factors = [learning_rate_factor(step, run) for step in range(101)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[5] == 1
    assert factors[24] == pytest.approx(0.25 + 0.75 * 0.5 * (1 + math.cos(math.pi * 19 / 95)))
    assert factors[100] == pytest.approx(0.25)
    assert all(before >= after for before, after in pairwise(factors[4:]))


def test_a_warm_up_takes_100_steps_at_most_and_none_in_a_short_run() -> None:
    assert recipe(steps=10_000).warmup_steps == 100
    short = recipe(steps=3)
    assert short.warmup_steps == 0
    assert [learning_rate_factor(step, short) for step in range(3)] == pytest.approx(
        [1, 0.8125, 0.4375]
    )  # 0.25 + 0.75 of half a cosine


@pytest.mark.parametrize(
    ("steps", "evaluations", "after"),
    [(100, 4, {25, 50, 75, 100}), (10, 1, {10}), (5, 2, {2, 5}), (3, 3, {1, 2, 3}), (10, 0, set())],
)
def test_validations_are_evenly_spaced_and_the_last_ends_the_run(steps: int, evaluations: int, after: set[int]) -> None:
    assert validation_steps(recipe(steps, evaluations)) == after


def test_as_many_validations_as_asked_for_whatever_the_length() -> None:
    for steps in range(1, 60):
        for evaluations in range(1, MAX_EVALUATIONS + 1):
            run = recipe(steps, evaluations)
            after = validation_steps(run)
            assert run.evaluations == len(after) == min(steps, evaluations)
            assert max(after) == steps
            assert min(after) >= 1


def test_the_moving_average_looks_back_over_a_tenth_of_the_run() -> None:
    """An average of decay d remembers 1 / (1 - d) steps."""
    for steps in (200, 1000, 10_000):
        assert 1 / (1 - recipe(steps=steps).ema_decay) == pytest.approx(steps / 10 + 1)
    assert recipe(steps=1).ema_decay == 0.5
    assert recipe(steps=10**6).ema_decay == 0.9995


def test_tiles_suit_every_stride_and_overlap() -> None:
    run = recipe()
    for stride in (8, 16, 32, 64):
        assert run.tile % stride == 0
        assert 0 < run.overlap <= run.tile - stride


@pytest.mark.parametrize(
    ("size", "factor", "magnification"),
    [((360, 480), 1.5, 1.5), ((512, 512), (544 * 736) ** 0.5 / 512, 1.25), ((720, 960), 1.0, 1.25)],
)
def test_in_long_runs_small_images_are_seen_enlarged_in_training_and_prediction(
    size: tuple[int, int], factor: float, magnification: float
) -> None:
    assert image_scale([size], long=True) == pytest.approx(factor)
    assert image_scale([size], long=False) == 1
    run = make_recipe(crop_size([size], long=True), 10, (1.0,), enlargement=factor)
    assert run.scale == pytest.approx((0.667 * factor, 2.0))
    assert run.magnifications == (magnification,)  # in quarters


@pytest.mark.parametrize(
    ("areas", "factor"),
    [
        ([[113], [113, 113]], 2.0),  # discs 12 across: 24 are wanted
        ([[36, 36, 36, 36, 10_000]], 3.0),  # 6.8 across: 3 is the most
        ([[10, 452, 452, 452, 452]], 1.0),  # a fifth is smaller, a quarter 24 across
        ([[20_000]], 1.0),
    ],
)
def test_small_objects_are_enlarged_to_24_pixels(areas: list[list[int]], factor: float) -> None:
    assert object_scale([np.array(own) for own in areas]) == factor


def test_what_is_enlarged_much_is_drawn_at_like_magnifications() -> None:
    run = make_recipe((416, 384), 10, (1.0,), enlargement=2.5, minutes=30)
    assert run.scale == pytest.approx((0.667 * 2.5, 2.0 * 2.5 / 1.5))
    assert run.magnifications == (2.25, 2.75)


@pytest.mark.parametrize(
    ("magnifications", "tile", "overlap"),
    [((1.0,), 1536, 512), ((1.25,), 1408, 384), ((1.25, 1.75), 1024, 384), ((2.25, 2.75), 640, 256)],
)
def test_tiles_are_as_large_enlarged_and_share_as_much(
    magnifications: tuple[float, ...], tile: int, overlap: int
) -> None:
    assert tile_and_overlap(magnifications) == (tile, overlap)
    assert tile * max(magnifications) <= 1792
    assert overlap * min(magnifications) >= 480


def test_a_run_is_long_where_there_is_time_for_six_hundred_million_pixels() -> None:
    short = make_recipe((352, 480), 100, (1.0,))
    assert short.batch == 4
    assert [is_long_run(with_length(short, steps, 1)) for steps in (887, 888)] == [False, True]


def test_the_weights_of_the_data_are_the_recipes() -> None:
    weights = tuple(float(weight) for weight in np.array([0.5, 3.25], np.float32))
    run = make_recipe((64, 96), 10, weights)
    assert (run.class_weights, run.crop, run.batch) == (weights, (64, 96), 8)


def batches_of(recipe: Recipe) -> list[int]:
    return [recipe_at_step(recipe, step).batch for step in range(recipe.steps)]


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
    recipe = recipe.model_copy(update={"early_split": split, "crop": (64, 64)})
    steps, exact = steps_for_crops(recipe, crops)
    recipe = with_length(recipe, steps, 0, exact)
    assert batches_of(recipe) == batches
    assert count_crops(recipe, steps) == sum(batches)


def test_an_epoch_is_an_epoch_whatever_the_number_of_images(recipe: Recipe) -> None:
    for images in range(2, 60):
        for split in (1, 2):
            one = recipe.model_copy(update={"batch": min(8, max(2, images)), "early_split": split})
            for epochs in (1, 2, 7):
                steps, exact = steps_for_crops(one, epochs * images)
                length = with_length(one, steps, 0, exact)
                assert count_crops(length, steps) == epochs * images
                assert min(batches_of(length)) >= one.batch // 2


def test_no_step_has_one_crop(recipe: Recipe) -> None:
    """11 crops in batches of two are five steps, not six."""
    for split, expected in ((1, [2, 2, 2, 2, 3]), (2, [7, 2, 2])):
        two = recipe.model_copy(update={"batch": 2, "early_split": split, "crop": (64, 64)})
        steps, exact = steps_for_crops(two, 11)
        assert batches_of(with_length(two, steps, 0, exact)) == expected


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
    assert steps_for_crops(extend(first), 20) == (6, 20)
    assert steps_for_crops(extend(first), 23) == (6, None)


def test_the_smaller_crops_of_the_first_half_stay_those_of_the_first_length(recipe: Recipe) -> None:
    first = with_length(recipe.model_copy(update={"early_split": 2, "crop": (64, 64)}), 4, 0)
    longer = with_length(extend(first), 10, 0)
    assert batches_of(first) == [16, 16, 4, 4]
    assert batches_of(longer) == [16, 16, *[4] * 8]
    assert [recipe_at_step(longer, step).crop for step in (1, 2)] == [(32, 32), (64, 64)]
