"""The classics' training as their authors described it, by name: `pixelwise train --recipe fcn|segnet|unet`.

What none of them publishes as a number (the length of a run, U-Net's learning rate) is ours. Images are mirrored left
to right at random in all three; the FCN's authors tried that and found no notable gain.
"""

from __future__ import annotations

from collections.abc import Callable

from pixelwise.errors import OptionError
from pixelwise.training.config import Recipe
from pixelwise.training.recipe import seen_once, whole_crop

FCN_LEARNING_RATES = {"fcn32s": 1e-10, "fcn16s": 1e-12, "fcn8s": 1e-14}
"""Of a loss summed over an image, stage by stage, each starting from the last (reference code, solver files)."""
CLASS_WEIGHTS = {"fcn": "none", "segnet": "median", "unet": "median"}
"""The class weights of each, by the names of `--class-weights`."""


def as_published(name: str, recipe: Recipe, model: str, image_sizes: list[tuple[int, int]]) -> Recipe:
    """Return `recipe` with the optimiser, loss and augmentation of the authors called `name`.

    Raises `OptionError` for a name that is none of `AUTHORS`, or for `fcn` with a model whose rates it does not give.
    """
    if name not in AUTHORS:
        raise OptionError("--recipe", repr(name), f"one of {', '.join(AUTHORS)}", "Leave it out for the default.")
    common = {
        "crop": whole_crop(image_sizes),
        "scale": (1.0, 1.0),
        "color": 0.0,
        "early_split": 1,
        "optimizer": "sgd",
        "schedule": "constant",
        "encoder_factor": 1.0,
        "frozen_stride": 0,
        "loss_step": 1,
        "calibrated": False,
    }
    return seen_once(recipe).model_copy(update=common | AUTHORS[name](recipe, model))


def _fcn(recipe: Recipe, model: str) -> dict[str, object]:
    """Shelhamer, Long, Darrell, PAMI 2017, section 4.3 and the reference code: one whole image a step, momentum 0.99,
    decay 5e-4, biases at twice the rate, a loss summed over pixels."""
    if model not in FCN_LEARNING_RATES:
        known = ", ".join(FCN_LEARNING_RATES)
        raise OptionError("--recipe fcn", f"model {model}", f"one of {known}", "Choose one, or leave --recipe out.")
    return {
        "batch": 1,
        "momentum": 0.99,
        "learning_rate": FCN_LEARNING_RATES[model],
        "bias_factor": 2.0,
        "weight_decay": 5e-4,
        "reduction": "sum",
    }


def _segnet(recipe: Recipe, model: str) -> dict[str, object]:
    """Badrinarayanan, Kendall, Cipolla, PAMI 2017, with the rate, batch and decay of the public code."""
    return {
        "batch": min(4, recipe.batch),
        "momentum": 0.9,
        "learning_rate": 1e-3,
        "bias_factor": 2.0,
        "weight_decay": 5e-4,
    }


def _unet(recipe: Recipe, model: str) -> dict[str, object]:
    """Ronneberger, Fischer, Brox, MICCAI 2015, section 3: one tile a step, momentum 0.99, elastic deformation with
    10 pixels, border weights with w0 = 10."""
    return {
        "batch": 1,
        "momentum": 0.99,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "elastic": 10.0,
        "border_weight": 10.0,
    }


AUTHORS: dict[str, Callable[[Recipe, str], dict[str, object]]] = {"fcn": _fcn, "segnet": _segnet, "unet": _unet}
