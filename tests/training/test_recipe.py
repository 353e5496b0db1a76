"""A recipe holds every number of a training, and none that makes no sense."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml

from pixelwise.core.errors import OptionError, RunError
from pixelwise.data import open_dataset
from pixelwise.training import planning
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.planning import defaults
from pixelwise.training.planning.length import with_length
from pixelwise.training.posthoc import class_bias, cross_fitting, grouping
from pixelwise.training.recipe import RECIPE_VERSION, Recipe
from pixelwise.training.samples import SampleStore, batch_at
from pixelwise.training.weights import build_pipeline
from pixelwise_scenes import write_scenes

VERSION_1 = {
    "version": 1,
    "flip_probability": 0.5,
    "fill": (124, 116, 104),
    "color_ranges": {"brightness": 0.3, "saturation": 0.3, "contrast": 0.2, "white_balance": 0.06, "gamma": 0.2},
    "elastic_nodes": 3,
    "augmentations": (),
    "early_share": 0.5,
    "crop_multiple": 32,
    "betas": (0.9, 0.999),
    "epsilon": 1e-8,
    "final_rate": 0.25,
    "loss": "cross_entropy",
    "border_sigma": 5.0,
    "border_reach": 5.0,
    "least_heat": 0.3,
    "least_heats": (0.1, 0.2, 0.3, 0.4, 0.5),
    "grouping_rounds": 2,
    "grouping_pixels": 4_000_000,
    "coarse_radius": 4,
    "bias_images": 64,
    "bias_values": 8_000_000,
    "bias_shares": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "bias_reach": 0.8,
    "bias_candidates": 17,
    "bias_rounds": 3,
    "bias_least_gain": 1e-4,
}
"""What every training did before these fields existed."""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frozen_strid": 0}, "frozen_strid: found 0"),
        ({"reduction": "banana"}, "reduction: found 'banana'"),
        ({"crop": (0, 32)}, r"crop\.0: found 0"),
        ({"crop": (32, 2**31)}, r"crop\.1: found 2147483648"),
        ({"tile": 2**31}, "tile: found 2147483648"),
        ({"learning_rate": float("inf")}, "learning_rate: found inf"),
        ({"final_rate": 1.5}, r"final_rate: found 1\.5"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(recipe: Recipe, changes: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        recipe.replace(**changes)


def test_a_change_leaves_the_rest_as_it_was(recipe: Recipe) -> None:
    changed = recipe.replace(batch=7, crop=(64, 64))
    assert (changed.batch, changed.crop) == (7, (64, 64))
    assert changed.replace(batch=recipe.batch, crop=recipe.crop) == recipe


def test_planning_leaves_no_number_to_the_defaults_of_stored_recipes() -> None:
    assert defaults.RECIPE.model_fields_set == set(Recipe.model_fields)
    assert defaults.RECIPE.version == RECIPE_VERSION


def test_a_recipe_without_a_version_reads_as_it_trained(config_of: Callable[..., RunConfig], tmp_path: Path) -> None:
    config = config_of("sky", "road")
    content = config.model_dump(mode="json")
    for name in VERSION_1:
        del content["recipe"][name]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    stored = RunConfig.load(tmp_path / "config.yaml").recipe
    assert stored.model_dump(include=set(VERSION_1)) == VERSION_1
    assert stored == config.recipe.replace(version=1, encoder_factor=1.0)  # which had no effect on SegNet's own encoder


def test_a_recipe_of_a_later_version_is_refused(config_of: Callable[..., RunConfig], tmp_path: Path) -> None:
    content = config_of("sky", "road").model_dump(mode="json")
    content["recipe"] |= {"version": RECIPE_VERSION + 1, "unheard_of": 1}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(RunError, match=f"found a recipe of version {RECIPE_VERSION + 1}; expected version"):
        RunConfig.load(tmp_path / "config.yaml")


@pytest.mark.usefixtures("one_thread")
def test_a_stored_recipe_trains_alike_whatever_planning_would_choose_now(
    config_of: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scenes(tmp_path / "data", 0, {"train": 6}, size=(40, 64))
    names = open_dataset(tmp_path / "data").classes.names
    recipe = defaults.RECIPE.replace(
        crop=(64, 64), batch=2, early_split=2, rotate=True, elastic=4.0, border_weight=2.0, frozen_stride=0
    )
    recipe = with_length(recipe.replace(class_weights=(1.0,) * len(names)), 4, 0)
    config_of(*names).replace(recipe=recipe, width=1 / 16).save(tmp_path / "config.yaml")
    before = weights_after_training(tmp_path)
    constants = change_constants(monkeypatch)
    assert {"defaults.RECIPE", "defaults.CROP_MULTIPLE", "defaults.WARMUP_SHARE", "plan.FINISH_SECONDS"} <= constants
    after = weights_after_training(tmp_path)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("module", [class_bias, cross_fitting, grouping])
def test_the_fits_at_the_end_of_a_training_read_their_numbers_from_the_recipe(module: ModuleType) -> None:
    """But for a size that only a remark goes by, and a mark in the graph."""
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    numbers = {name for name, value in constants.items() if isinstance(value, (int, float, tuple, np.ndarray))}
    assert numbers <= {"TINY", "NO_BIAS"}


def weights_after_training(folder: Path) -> dict[str, torch.Tensor]:
    """Return the averaged weights that the stored configuration leads to."""
    config, dataset = RunConfig.load(folder / "config.yaml"), open_dataset(folder / "data")
    store = SampleStore(dataset, dataset.splits["train"])
    trainer = Trainer(build_pipeline(config, pretrained=False), config.recipe, config.seed)
    trainer.start()
    for step in range(config.recipe.steps):
        trainer.train_step(batch_at(store, config.recipe, config.seed, step))
    return dict(trainer.averaged_pipeline().state_dict())


def change_constants(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Give every constant of the planner another value, and return their names."""
    names = set()
    for module in pkgutil.iter_modules(planning.__path__):
        constants = vars(importlib.import_module(f"{planning.__name__}.{module.name}"))
        for name in [name for name in constants if name.isupper()]:
            monkeypatch.setitem(constants, name, other_value(constants[name]))
            names.add(f"{module.name}.{name}")
    return names


def other_value(value: object) -> object:
    if isinstance(value, (int, float)):
        return 2 * value + 1
    if isinstance(value, tuple):
        return tuple(map(other_value, value))
    if isinstance(value, Recipe):
        return value.replace(final_rate=0.0, early_share=0.9, betas=(0.5, 0.5), fill=(0, 0, 0), flip_probability=0.0)
    return "other"
