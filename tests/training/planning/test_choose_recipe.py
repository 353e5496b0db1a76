"""The recipe of a run from facts about the data, the model and the budget, without any file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pixelwise.core.errors import OptionError
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.choose_recipe import choose_recipe
from pixelwise.training.planning.facts import Budget, DataFacts, ModelFacts
from pixelwise.training.recipe import Recipe


def data_of(size: tuple[int, int] = (64, 96), **facts: Any) -> DataFacts:
    """Return facts about three images of a size, two of which are trained on, half of whose pixels are of class 1."""
    half, whole = np.array([size[0] * size[1]] * 2), np.array([2 * size[0] * size[1]] * 2)
    return DataFacts(image_sizes=(size,) * 3, train_images=2, class_pixels=half, class_image_pixels=whole, **facts)


def recipe_of(
    size: tuple[int, int] = (64, 96), *, is_long: bool = True, processes: int = 1, facts: Any = None, **options: Any
) -> Recipe:
    asked = TrainOptions(**options)
    budget = Budget(asked.minutes, processes, is_long)
    return choose_recipe(data_of(size, **facts or {}), ModelFacts.of(asked), budget, asked)


@pytest.mark.parametrize(
    ("options", "crop", "least", "magnifications"),
    [
        ({"is_long": False}, (64, 96), 0.667, (1.25,)),
        ({"minutes": 10.0}, (96, 160), 1.0005, (1.5,)),
        ({"minutes": 20.0}, (96, 160), 1.0005, (1.25, 1.75)),
        ({"epochs": 1}, (96, 160), 1.0005, (1.5,)),
        ({"model": "deeplabv3plus"}, (96, 160), 1.0005, (1.5,)),
        ({"model": "unet"}, (64, 96), 0.667, (1.0,)),  # its logits are as fine as the image
        ({"model": "unet", "recipe": "unet"}, (64, 96), 1.0, (1.0,)),
    ],
)
def test_long_runs_of_models_with_coarse_logits_magnify_small_images(
    options: dict[str, Any], crop: tuple[int, int], least: float, magnifications: tuple[float, ...]
) -> None:
    recipe = recipe_of(**options)
    assert recipe.crop == crop
    assert recipe.scale[0] == pytest.approx(least)
    assert recipe.magnifications == magnifications


def test_large_crops_are_smaller_at_first() -> None:
    """256x352 magnified by 1.5 is 384x528."""
    long: dict[str, Any] = {"minutes": 10.0}
    runs = (long, {"is_long": False}, {"model": "segnet", "recipe": "segnet"})
    assert [recipe_of((256, 352), **options).early_split for options in runs] == [2, 1, 1]
    assert recipe_of(**long).early_split == 1


def test_flip_tta_is_the_default_but_not_with_a_papers_recipe() -> None:
    assert recipe_of().mirrored
    assert not recipe_of(model="segnet", recipe="segnet").mirrored


def test_orientation_free_images_are_flipped_along_both_axes() -> None:
    cases: dict[tuple[int, ...], dict[str, Any]] = {
        (-1,): {},
        (-2, -1): {"rotate": True},
        (): {"rotate": True, "model": "segnet", "recipe": "segnet"},
    }
    for axes, options in cases.items():
        recipe = recipe_of(**options)
        assert (recipe.flip_axes, recipe.rotate) == (axes, "rotate" in options)


def test_tile_is_halved_with_rotation_tta() -> None:
    sides = [recipe_of(is_long=False, rotate=rotate).tile for rotate in (None, True)]
    assert sides == [1408, 896]
    assert 896 * 1.25 * 2**0.5 <= 1792 < (896 + 128) * 1.25 * 2**0.5


def test_an_encoder_without_weights_learns_from_its_first_layer() -> None:
    recipes = [recipe_of(pretrained=pretrained) for pretrained in (True, False)]
    assert [(recipe.frozen_stride, recipe.color) for recipe in recipes] == [(32, 0.0), (0, 1.0)]


def test_classics_are_fine_tuned_and_what_is_frozen_can_be_named() -> None:
    cases: dict[str, tuple[dict[str, Any], tuple[int, float]]] = {
        "an FCN": ({"model": "fcn8s"}, (0, 1.0)),
        "an FCN from random weights": ({"model": "fcn8s", "pretrained": False}, (0, 1.0)),
        "an FCN, frozen": ({"model": "fcn8s", "freeze_through": 32}, (32, 0.0)),
        "an FCN, partly frozen": ({"model": "fcn8s", "freeze_through": 8}, (8, 1.0)),
        "a net of its own layers": ({"model": "segnet"}, (0, 1.0)),
        "the default": ({}, (32, 0.0)),
        "the default, nothing frozen": ({"freeze_through": 0}, (0, 1.0)),
        "an author's recipe": ({"model": "fcn32s", "recipe": "fcn"}, (0, 0.0)),
        "an author's recipe, frozen": ({"model": "fcn32s", "recipe": "fcn", "freeze_through": 32}, (32, 0.0)),
    }
    for case, (options, expected) in cases.items():
        recipe = recipe_of(**options)
        assert (recipe.frozen_stride, recipe.color) == expected, case


def test_random_layers_are_not_frozen() -> None:
    for options, weights in (
        ({"model": "segnet"}, "a model without an encoder"),
        ({"pretrained": False}, "random weights"),
    ):
        with pytest.raises(OptionError, match=f"freeze_through: found 8 with {weights}; expected a pretrained encoder"):
            recipe_of(freeze_through=8, **options)


def test_tiles_suit_the_test_time_scales() -> None:
    """U-Net's logits are as fine as the image: no image is magnified."""
    cases: list[dict[str, Any]] = [{"is_long": False}, {"is_long": False, "model": "unet"}]
    recipes = [recipe_of(**options) for options in cases]
    assert [(recipe.tile, recipe.overlap) for recipe in recipes] == [(1408, 384), (1536, 512)]


@pytest.mark.parametrize(
    ("size", "factor", "test_scale"),
    [((360, 480), 1.5, 1.5), ((512, 512), (544 * 736) ** 0.5 / 512, 1.25), ((720, 960), 1.0, 1.25)],
)
def test_in_long_runs_small_images_are_magnified_in_training_and_prediction(
    size: tuple[int, int], factor: float, test_scale: float
) -> None:
    recipe = recipe_of(size)
    assert recipe.scale == pytest.approx((0.667 * factor, 2.0))
    assert recipe.magnifications == (test_scale,)  # in quarters


def test_small_objects_are_magnified_in_crops_no_larger_than_others() -> None:
    """Each object has the area of a disc 11 pixels across; those of an image of 192 fill a large crop, which is smaller
    at first."""
    objects = {"object_areas": (np.array([100, 100]),) * 2}
    small, large = (recipe_of((side, side), task="instance", minutes=30.0, facts=objects) for side in (128, 192))
    assert [recipe.magnifications for recipe in (small, large)] == [(2.0, 2.5), (2.0, 2.5)]
    assert [recipe.crop for recipe in (small, large)] == [(288, 288), (416, 384)]
    assert [recipe.early_split for recipe in (small, large)] == [1, 2]
    assert [recipe.color for recipe in (small, large)] == [0.0, 0.0]
    assert small.scale == pytest.approx((0.667 * 2.25, 2.0 * 2.25 / 1.5))
    for options in ({"is_long": False}, {"model": "unet"}):
        assert recipe_of((128, 128), task="instance", facts=objects, **options).crop == (128, 128)


def test_layers_that_know_red_green_and_blue_learn_other_bands() -> None:
    recipe = recipe_of(facts={"is_rgb": False})
    assert (recipe.frozen_stride, recipe.color) == (0, 0.0)


def test_processes_share_a_larger_batch_at_a_higher_rate() -> None:
    one, four = recipe_of(), recipe_of(processes=4)
    assert (one.batch, four.batch) == (2, 8)
    assert four.learning_rate == 2 * one.learning_rate


def test_rare_classes_weigh_more() -> None:
    """Of half and a quarter of the pixels of the images that show them: the median is 3/8."""
    facts = data_of()
    rare = DataFacts(facts.image_sizes, 2, np.array([50, 25]), np.array([100, 100]))
    for name, power in (("none", 0.0), ("softened", 0.75), ("median", 1.0)):
        asked = TrainOptions(class_weights=name)
        recipe = choose_recipe(rare, ModelFacts.of(asked), Budget(), asked)
        assert recipe.class_weights == pytest.approx((0.75**power, 1.5**power), rel=1e-6)
