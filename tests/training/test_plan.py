"""From options and data to a configuration, before anything is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.formats import open_dataset
from pixelwise.formats.check import check
from pixelwise.scenes import write_scenes
from pixelwise.training.config import Recipe
from pixelwise.training.options import TrainOptions
from pixelwise.training.plan import new_config


def recipe_of(folder: Path, size: tuple[int, int] = (64, 96), **options: Any) -> Recipe:
    """Return the recipe for three images of `size`."""
    if not folder.exists():
        write_scenes(folder, 0, {"train": 2, "val": 1}, size=size)
    data = open_dataset(folder)
    return new_config(TrainOptions(**options), data, check(data), "").recipe


@pytest.mark.parametrize(
    ("options", "crop", "least", "magnifications"),
    [
        ({"minutes": 3.0}, (64, 96), 0.667, (1.25,)),
        ({"minutes": 10.0}, (96, 160), 1.0005, (1.5,)),
        ({"minutes": 20.0}, (96, 160), 1.0005, (1.25, 1.75)),
        ({"epochs": 1}, (96, 160), 1.0005, (1.5,)),
        ({"model": "deeplabv3plus"}, (96, 160), 1.0005, (1.5,)),
        ({"model": "unet"}, (64, 96), 0.667, (1.25,)),  # its logits are as fine as the image
        ({"model": "unet", "recipe": "unet"}, (64, 96), 1.0, (1.0,)),
    ],
)
def test_long_runs_of_models_with_coarse_logits_see_small_images_enlarged(
    tmp_path: Path, options: dict[str, Any], crop: tuple[int, int], least: float, magnifications: tuple[float, ...]
) -> None:
    recipe = recipe_of(tmp_path / "data", **options)
    assert recipe.crop == crop
    assert recipe.scale[0] == pytest.approx(least)
    assert recipe.magnifications == magnifications


def test_large_crops_are_smaller_at_first(tmp_path: Path) -> None:
    """256x352 enlarged by 1.5 is 384x528."""
    long: dict[str, Any] = {"minutes": 10.0}
    runs = (long, {"minutes": 3.0}, {"model": "segnet", "recipe": "segnet"})
    assert [recipe_of(tmp_path / "data", (256, 352), **options).early_split for options in runs] == [2, 1, 1]
    assert recipe_of(tmp_path / "small", **long).early_split == 1


def test_small_objects_are_enlarged_in_crops_no_larger_than_others(tmp_path: Path) -> None:
    """Each object is 11 pixels across, and an image 128."""
    for folder, value in (("images", 90), ("instances", 0)):
        (tmp_path / "train" / folder).mkdir(parents=True)
        for index in range(2):
            pixels = np.full((128, 128), value, np.uint16 if folder == "instances" else np.uint8)
            if folder == "instances":
                pixels[10:20, 10:20], pixels[50:60, 80:90] = 1, 2
            Image.fromarray(pixels).save(tmp_path / "train" / folder / f"{index}.png")
    recipe = recipe_of(tmp_path, task="instance", minutes=30.0)
    assert recipe.magnifications == (2.0, 2.5)
    assert recipe.crop == (288, 288)
    assert recipe.scale == pytest.approx((0.667 * 2.25, 2.0 * 2.25 / 1.5))
    for options in ({"minutes": 3.0}, {"model": "unet"}):
        assert recipe_of(tmp_path, task="instance", **options).crop == (128, 128)


def test_predictions_are_of_both_ways_round_but_as_an_author_published_of_one(tmp_path: Path) -> None:
    assert recipe_of(tmp_path / "data").mirrored
    assert not recipe_of(tmp_path / "data", model="segnet", recipe="segnet").mirrored


def test_an_encoder_without_weights_learns_from_its_first_layer(tmp_path: Path) -> None:
    found = [recipe_of(tmp_path / "data", pretrained=pretrained) for pretrained in (True, False)]
    assert [(recipe.frozen_stride, recipe.color) for recipe in found] == [(32, 0.0), (0, 1.0)]
