"""The recipes of the classics' authors, and the optimiser they lead to."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelwise.errors import OptionError
from pixelwise.export.pipeline import Pipeline
from pixelwise.training.authors import AUTHORS, as_published
from pixelwise.training.config import Recipe
from pixelwise.training.data import Batch
from pixelwise.training.loop import Trainer
from pixelwise.training.recipe import learning_rate_factor, make_recipe, with_steps

SIZES = [(360, 480), (360, 480), (64, 64)]


def published(name: str, model: str) -> Recipe:
    return as_published(name, make_recipe((256, 320), 50, (1.0, 2.0)), model, SIZES)


def test_an_image_is_seen_whole_and_unchanged() -> None:
    for name, model in (("fcn", "fcn8s"), ("segnet", "segnet"), ("unet", "unet")):
        recipe = published(name, model)
        assert (recipe.crop, recipe.scale, recipe.color) == ((384, 480), (1.0, 1.0), 0.0)  # multiples of 32
        assert recipe.frozen_stride == 0


@pytest.mark.parametrize(("model", "rate"), [("fcn32s", 1e-10), ("fcn16s", 1e-12), ("fcn8s", 1e-14)])
def test_fcn_sums_its_loss_and_slows_down_from_stage_to_stage(model: str, rate: float) -> None:
    recipe = published("fcn", model)
    assert (recipe.learning_rate, recipe.reduction, recipe.batch) == (rate, "sum", 1)
    assert (recipe.momentum, recipe.weight_decay, recipe.bias_factor) == (0.99, 5e-4, 2.0)


def test_a_constant_rate_has_no_warm_up_and_no_average() -> None:
    recipe = with_steps(published("segnet", "segnet"), 1000, 5)
    assert (recipe.steps, recipe.warmup_steps, recipe.ema_decay) == (1000, 0, 0.0)
    assert [learning_rate_factor(step, recipe) for step in (0, 500, 999)] == [1.0, 1.0, 1.0]


def test_unet_bends_its_images_and_weighs_its_borders() -> None:
    recipe = published("unet", "unet")
    assert (recipe.elastic, recipe.border_weight, recipe.momentum) == (10.0, 10.0, 0.99)


def test_an_unknown_recipe_or_a_model_it_is_not_for_is_refused() -> None:
    with pytest.raises(OptionError, match=rf"--recipe: found 'fnc'; expected one of {', '.join(AUTHORS)}"):
        published("fnc", "fcn8s")
    with pytest.raises(OptionError, match="--recipe fcn: found model fpn; expected one of fcn32s, fcn16s, fcn8s"):
        published("fcn", "fpn")


class _Line(nn.Module):
    """Two classes at one pixel: logits = weight * pixel + bias."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(image)


@pytest.mark.usefixtures("one_thread")
def test_sgd_takes_the_steps_of_the_formula(recipe: Recipe) -> None:
    """Biases learn twice as fast and do not decay; momentum as v = m v + g, w = w - rate v."""
    update = {"optimizer": "sgd", "schedule": "constant", "momentum": 0.5, "bias_factor": 2.0, "weight_decay": 0.1}
    update |= {"learning_rate": 0.2, "reduction": "sum", "class_weights": (1.0, 1.0), "steps": 2, "ema_decay": 0.0}
    pipeline = Pipeline(_Line(), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    trainer = Trainer(pipeline, recipe.model_copy(update=update), 0)
    batch = Batch(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8), torch.zeros(1, 1, 1, dtype=torch.int64))
    weight, bias = torch.zeros(2, 3), torch.zeros(2)
    speed_w, speed_b = torch.zeros(2, 3), torch.zeros(2)
    for _ in range(2):
        gradient = (weight.sum(1) + bias).softmax(0) - torch.tensor([1.0, 0.0])
        speed_w = 0.5 * speed_w + gradient[:, None] + 0.1 * weight
        speed_b = 0.5 * speed_b + gradient
        weight, bias = weight - 0.2 * speed_w, bias - 0.4 * speed_b
        trainer.train_step(batch)
    head = pipeline.model.head
    torch.testing.assert_close(head.weight.detach()[:, :, 0, 0], weight)
    torch.testing.assert_close(head.bias.detach(), bias)
    averaged = trainer.averaged_pipeline().model.head
    torch.testing.assert_close(averaged.bias, head.bias)
