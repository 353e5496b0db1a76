"""The recipe of a GPU."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pixelwise.training.options import TrainOptions
from pixelwise.training.planning import plan
from pixelwise.training.planning.choose_recipe import choose_recipe
from pixelwise.training.planning.device_recipe import choose_device_encoder, halve_batch
from pixelwise.training.planning.facts import Budget, DataFacts, ModelFacts
from pixelwise.training.planning.length import Cost
from pixelwise.training.recipe import Recipe

DATA = DataFacts(((360, 480),) * 367, 367, np.array([700, 300]), np.array([1000, 1000]))
FPN = ModelFacts("fpn", "efficientnet_lite1")


def recipe_of(budget: Budget, **options: object) -> Recipe:
    return choose_recipe(DATA, FPN, budget, TrainOptions(**options))  # type: ignore[arg-type]


def test_it_is_at_least_that_of_the_plain_loop() -> None:
    recipe = recipe_of(Budget(2.0, on_gpu=True))
    assert (recipe.batch, recipe.crop, recipe.frozen_stride) == (16, (352, 480), 0)
    assert (recipe.optimizer, recipe.schedule, recipe.learning_rate, recipe.final_rate) == ("adamw", "cosine", 1e-3, 0)
    assert (recipe.encoder_factor, recipe.loss_step, recipe.early_split) == (1.0, 1, 1)
    assert recipe.color == 1.0  # since the encoder learns


def test_it_follows_processes_images_and_options() -> None:
    two = recipe_of(Budget(2.0, processes=2, on_gpu=True))
    assert (two.batch, two.learning_rate) == (32, pytest.approx(1e-3 * math.sqrt(2)))
    frozen = recipe_of(Budget(2.0, on_gpu=True), freeze_through=8)
    assert frozen.frozen_stride == 8
    long = recipe_of(Budget(10.0, is_long=True, on_gpu=True))
    assert (long.crop, long.early_split) == (recipe_of(Budget(10.0, is_long=True)).crop, 1)
    few = choose_recipe(
        DataFacts(((360, 480),) * 4, 4, *[np.array([1, 1])] * 2), FPN, Budget(on_gpu=True), TrainOptions()
    )
    assert (few.batch, few.learning_rate) == (4, 5e-4)


def test_papers_and_sparse_labels_keep_their_numbers() -> None:
    options = TrainOptions(recipe="segnet", model="segnet")
    net = ModelFacts("segnet", None, has_coarse_logits=False)
    assert choose_recipe(DATA, net, Budget(2.0, on_gpu=True), options) == choose_recipe(DATA, net, Budget(2.0), options)


def test_encoders() -> None:
    assert choose_device_encoder(is_long=False) == "efficientnet_lite1"
    assert choose_device_encoder(is_long=True) in ("efficientnet_lite1", "efficientnet_lite2")


def test_batches_are_halved_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that holds 5 crops takes 4."""
    recipe = recipe_of(Budget(2.0, on_gpu=True))

    class Config:
        def __init__(self, recipe: Recipe) -> None:
            self.recipe = recipe

        def replace(self, recipe: Recipe) -> Config:
            return Config(recipe)

    class Data:
        train = val = None

    def measure(config: Config, train: object, val: object, at_most: float = 0.0) -> Cost:
        if config.recipe.batch > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Cost(1.0, 2.0)

    monkeypatch.setattr(plan, "measure_cost", measure)
    config, cost = plan._measure(Config(recipe), Data())  # type: ignore[arg-type]
    assert (config.recipe.batch, config.recipe.learning_rate, cost.step) == (4, pytest.approx(5e-4), 1.0)
    assert halve_batch(recipe.replace(batch=2)) is None
    assert halve_batch(recipe.replace(batch=8), processes=4) is None
    monkeypatch.setattr(plan, "measure_cost", lambda *_: measure(Config(recipe), None, None))
    with pytest.raises(torch.OutOfMemoryError):
        plan._measure(Config(recipe), Data())  # type: ignore[arg-type]
