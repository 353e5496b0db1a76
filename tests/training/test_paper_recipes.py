"""The recipes of the classics' authors, and the optimiser they lead to."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.pipeline import Pipeline
from pixelwise.training.loop import Trainer
from pixelwise.training.paper_recipes import AUTHORS, FCN_STAGES, apply_paper_recipe
from pixelwise.training.planning import defaults
from pixelwise.training.planning.length import with_length
from pixelwise.training.recipe import Recipe
from pixelwise.training.samples import Batch
from pixelwise.training.schedule import learning_rate_factor

SIZES = [(360, 480), (360, 480), (64, 64)]
VOC = [(375, 500)]
PLANNED = defaults.RECIPE.replace(crop=(256, 320), color=0.0, class_weights=(1.0, 2.0))


def published(name: str, model: str, encoder: str | None = None, sizes: list[tuple[int, int]] = SIZES) -> Recipe:
    return apply_paper_recipe(name, PLANNED, model, encoder, sizes)


def test_an_image_is_seen_whole() -> None:
    for name, model in (("fcn", "fcn8s"), ("segnet", "segnet"), ("unet", "unet")):
        recipe = published(name, model)
        assert (recipe.crop, recipe.scale) == ((384, 480), (1.0, 1.0))  # multiples of 32
        assert recipe.frozen_stride == 0


FILES = {
    "voc-fcn32s/solver.prototxt": ("fcn", "fcn32s", "vgg16", (1e-10, 0.99, 5e-4, 1, "sum")),
    "voc-fcn8s-atonce/solver.prototxt": ("fcn", "fcn8s", "vgg16", (1e-10, 0.99, 5e-4, 1, "sum")),
    "voc-fcn-alexnet/solver.prototxt": ("fcn", "fcn32s", "alexnet", (1e-4, 0.9, 5e-4, 20, "mean")),
    "CVPR 2015, section 4.3": ("fcn", "fcn32s", "googlenet", (5e-5, 0.9, 5e-4, 20, "mean")),
    "segnet_solver.prototxt": ("segnet", "segnet", None, (1e-3, 0.9, 5e-4, 4, "pixels")),
    "bayesian_segnet_solver.prototxt": ("segnet", "bayesian_segnet", None, (1e-3, 0.9, 5e-4, 4, "pixels")),
    "segnet_basic_solver.prototxt": ("segnet", "segnet_basic", None, (0.1, 0.9, 5e-4, 4, "pixels")),
    "bayesian_segnet_basic_solver.prototxt": ("segnet", "bayesian_segnet_basic", None, (0.1, 0.9, 5e-4, 4, "pixels")),
}
"""Solver files of shelhamer/fcn.berkeleyvision.org and alexgkendall/SegNet-Tutorial, or the paper where there is none:
base_lr, momentum, weight_decay, the images of a step (batch_size times iter_size), and how the loss is normalised."""


@pytest.mark.parametrize("file", FILES)
def test_the_numbers_are_those_of_the_authors_solvers(file: str) -> None:
    name, model, encoder, numbers = FILES[file]
    recipe = published(name, model, encoder, VOC)
    values = recipe.learning_rate, recipe.momentum, recipe.weight_decay, recipe.batch, recipe.reduction
    assert values == pytest.approx(numbers)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "constant")


def test_biases_and_batch_norms_learn_and_decay_as_in_the_net_definitions() -> None:
    """lr_mult 1 and 2 of convolutions; decay_mult 1 and 0 of SegNet's batch norms, which SegNet-Basic leaves at 1."""
    cases = {
        ("fcn", "fcn32s", "vgg16"): (2.0, "none"),
        ("fcn", "fcn32s", "alexnet"): (1.0, "none"),
        ("segnet", "segnet", None): (2.0, "scale"),
        ("segnet", "segnet_basic", None): (2.0, "both"),
    }
    for (name, model, encoder), expected in cases.items():
        recipe = published(name, model, encoder)
        assert (recipe.bias_factor, recipe.norm_decay) == expected


def test_the_rate_of_a_summed_loss_moves_small_images_as_far() -> None:
    """A sum over a quarter of the pixels is a quarter: the rate is four times the authors'."""
    rates = [published("fcn", model, None, [(250, 187), (250, 188)]).learning_rate for model in FCN_STAGES]
    assert rates == pytest.approx([1e-10 * 500 * 375 / (250 * 187.5)] * 3)
    assert published("fcn", "fcn8s", "alexnet", [(25, 25)]).learning_rate == 1e-4


def test_a_constant_rate_has_no_warm_up_and_no_average() -> None:
    recipe = with_length(published("segnet", "segnet"), 1000, 5)
    assert (recipe.steps, recipe.warmup_steps, recipe.ema_decay) == (1000, 0, 0.0)
    assert [learning_rate_factor(step, recipe) for step in (0, 500, 999)] == [1.0, 1.0, 1.0]


def test_unet_turns_and_bends_its_images_changes_their_gray_values_and_weighs_its_borders() -> None:
    recipe = published("unet", "unet")
    assert (recipe.elastic, recipe.border_weight, recipe.momentum, recipe.batch) == (10.0, 10.0, 0.99, 1)
    assert (recipe.rotate, recipe.color) == (True, 1.0)
    assert [published(name, name).color for name in ("segnet",)] == [0.0]


def test_an_unknown_recipe_or_a_model_it_is_not_for_is_refused() -> None:
    with pytest.raises(OptionError, match=rf"recipe: found 'fnc'; expected one of {', '.join(AUTHORS)}"):
        published("fnc", "fcn8s")
    with pytest.raises(OptionError, match="recipe='fcn': found model fpn; expected one of fcn32s, fcn16s, fcn8s"):
        published("fcn", "fpn")


class _Normed(nn.Module):
    """A convolution with bias and a batch norm: a parameter of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(image)


@pytest.mark.parametrize(
    ("norm_decay", "decays"), [("none", (0.1, 0, 0, 0)), ("scale", (0.1, 0, 0.1, 0)), ("both", (0.1, 0, 0.1, 0.1))]
)
def test_a_batch_norms_shift_is_no_bias_and_its_scale_may_decay(
    recipe: Recipe, norm_decay: str, decays: tuple[float, ...]
) -> None:
    update = {"optimizer": "sgd", "bias_factor": 2.0, "weight_decay": 0.1, "learning_rate": 0.2}
    pipeline = Pipeline(_Normed(), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    trainer = Trainer(pipeline, recipe.replace(**update | {"norm_decay": norm_decay}), 0)
    groups = {
        id(parameter): (group["base_lr"], group["weight_decay"])
        for group in trainer.optimizer.param_groups
        for parameter in group["params"]
    }
    group_names = [groups[id(parameter)] for parameter in pipeline.parameters()]
    assert group_names == [(rate, decay) for rate, decay in zip((0.2, 0.4, 0.2, 0.2), decays, strict=True)]


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
    trainer = Trainer(pipeline, recipe.replace(**update), 0)
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
