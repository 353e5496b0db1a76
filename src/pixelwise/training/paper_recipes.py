"""The classics' training as their authors described it, by name: `recipe` of `train`.

Solver constants are those of the authors' files (`voc-fcn*/solver.prototxt`, `segnet*_solver.prototxt`), or else those
of the papers. Numbers that none of them publish (the length of a run, U-Net's learning rate) are ours. Images are
mirrored left to right at random in all three; the FCN's authors tried that and found no notable gain.

Differs from the papers, since torchvision's classifiers take pixels of standard deviation 1, and Caffe's took 0..255:
- FCN-16s and FCN-8s keep the rate of FCN-32s. The authors' 1e-12 and 1e-14 divide it by 1e2 and 1e4, the factors by
  which the maps after pool4 and pool3 of Caffe's VGG16 are larger than the one after fc7. In torchvision's VGG16 they
  are not larger, and at these rates the new score layers stay at zero (docs/experiments/classics_recipes.md);
- a learning rate for a loss that is summed over an image belongs to the authors' 500x375 pixels. It is scaled so that
  an image of another size changes the weights as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pixelwise.core.errors import OptionError
from pixelwise.nn.losses.cross_entropy import Reduction
from pixelwise.training.config import RunConfig
from pixelwise.training.planning.crops import Sizes, full_crop_size, median_size
from pixelwise.training.planning.defaults import COLOR
from pixelwise.training.planning.tiles import remove_tta
from pixelwise.training.recipe import Recipe

FCN_PIXELS = 500 * 375
"""Pixels of an image of PASCAL VOC, over which the FCN's authors summed their loss."""


@dataclass(frozen=True)
class Solver:
    """The numbers of a solver file. A step has `batch` images, whose gradients are averaged."""

    learning_rate: float
    momentum: float
    weight_decay: float
    batch: int
    reduction: Reduction
    bias_factor: float = 1.0
    norm_decay: Literal["none", "scale", "both"] = "none"


_FCN_VGG16 = Solver(1e-10, 0.99, 5e-4, 1, "sum", bias_factor=2.0)
FCN_SOLVERS: Mapping[str, Solver] = {
    "vgg16": _FCN_VGG16,
    "vgg16_bn": _FCN_VGG16,
    "alexnet": Solver(1e-4, 0.9, 5e-4, 20, "mean"),
    "googlenet": Solver(5e-5, 0.9, 5e-4, 20, "mean", bias_factor=2.0),
}
"""Solvers by encoder. VGG16: `voc-fcn32s` and `voc-fcn8s-atonce`. AlexNet: `voc-fcn-alexnet`, whose loss is normalised
and whose gradients are those of 20 images. GoogLeNet: Long, Shelhamer, Darrell, CVPR 2015, section 4.3, which also has
20 images a step; its solver was not published."""
FCN_STAGES = {"fcn32s": 1e-10, "fcn16s": 1e-12, "fcn8s": 1e-14}
"""The learning rates of VGG16's solvers, stage by stage. They suit Caffe's activations; see the top of this file."""

_SEGNET = Solver(1e-3, 0.9, 5e-4, 4, "pixels", bias_factor=2.0, norm_decay="scale")
_SEGNET_BASIC = Solver(0.1, 0.9, 5e-4, 4, "pixels", bias_factor=2.0, norm_decay="both")
SEGNET_SOLVERS: Mapping[str, Solver] = {
    "segnet": _SEGNET,
    "bayesian_segnet": _SEGNET,
    "segnet_basic": _SEGNET_BASIC,
    "bayesian_segnet_basic": _SEGNET_BASIC,
}
"""Solvers by model; other nets use SegNet's. The paper states 0.1 and 12 images for all. The definition of SegNet
excludes the shift of batch norms from weight decay; that of SegNet-Basic has no such factors, so scale and shift
decay."""

UNET_SOLVER = Solver(1e-3, 0.99, 0.0, 1, "mean")
"""Ronneberger, Fischer, Brox, MICCAI 2015, section 3: one tile a step, momentum 0.99. The rate is ours."""

CLASS_WEIGHTS = {"fcn": "none", "segnet": "median", "unet": "median"}
"""The class weights of each recipe, as values of `class_weights`."""


def apply_paper_recipe(name: str, recipe: Recipe, model: str, encoder: str | None, image_sizes: Sizes) -> Recipe:
    """Return `recipe` with the optimiser, loss and augmentation of the authors called `name`.

    Raises `OptionError` for a name that is none of `AUTHORS`, or for `fcn` with a net that is no FCN.
    """
    if name not in AUTHORS:
        raise OptionError("recipe", repr(name), f"one of {', '.join(AUTHORS)}", "Leave it out for the default.")
    solver, more = AUTHORS[name](model, encoder, image_sizes)
    changes: dict[str, object] = {
        "crop": full_crop_size(image_sizes),
        "scale": (1.0, 1.0),
        "color": 0.0,
        "early_split": 1,
        "optimizer": "sgd",
        "schedule": "constant",
        "encoder_factor": 1.0,
        "frozen_stride": 0,
        "loss_step": 1,
        "calibrated": False,
        "batch": solver.batch,
        "momentum": solver.momentum,
        "learning_rate": solver.learning_rate,
        "bias_factor": solver.bias_factor,
        "weight_decay": solver.weight_decay,
        "norm_decay": solver.norm_decay,
        "reduction": solver.reduction,
    }
    return remove_tta(recipe).replace(**changes | more)


_Numbers = tuple[Solver, dict[str, object]]


def _fcn(model: str, encoder: str | None, image_sizes: Sizes) -> _Numbers:
    """Shelhamer, Long, Darrell, PAMI 2017, section 4.3, and the reference code."""
    if model not in FCN_STAGES:
        known, remedy = ", ".join(FCN_STAGES), "Name one with `model`, or leave `recipe` out."
        raise OptionError("recipe='fcn'", f"model {model}", f"one of {known}", remedy)
    solver = FCN_SOLVERS.get(encoder or "", _FCN_VGG16)  # other encoders are refused where the net is built
    if solver.reduction != "sum":
        return solver, {}
    return solver, {"learning_rate": solver.learning_rate * FCN_PIXELS / _pixels(image_sizes)}


def _segnet(model: str, encoder: str | None, image_sizes: Sizes) -> _Numbers:
    """Badrinarayanan, Kendall, Cipolla, PAMI 2017, with the numbers of the public code."""
    return SEGNET_SOLVERS.get(model, _SEGNET), {}


def _unet(model: str, encoder: str | None, image_sizes: Sizes) -> _Numbers:
    """Ronneberger, Fischer, Brox, MICCAI 2015, section 3: border weights with w0 = 10; section 3.1: shift and rotation,
    gray values, elastic deformation by 10 pixels. The range of the gray values is ours."""
    return UNET_SOLVER, {"elastic": 10.0, "border_weight": 10.0, "rotate": True, "color": COLOR}


def _pixels(image_sizes: Sizes) -> float:
    """Return the area of an image of the median height and width."""
    height, width = median_size(image_sizes)
    return height * width


def paper_remarks(name: str | None, config: RunConfig) -> list[str]:
    """Return remarks on how a run with the recipe called `name`, or with its net, differs from the authors'."""
    remarks, recipe = [], config.recipe
    if config.options.get("at_once") is True:
        remarks.append(
            "note: at_once scales the map behind pool4 by 0.01 and that behind pool3 by 0.0001, which suits Caffe's "
            "VGG16 on pixels of 0..255. On torchvision's the finer scores hardly learn; leave at_once out for those."
        )
    if name == "fcn" and recipe.reduction == "sum":
        rate = f"learning rate {recipe.learning_rate:.3g}, the authors' {_FCN_VGG16.learning_rate:g} of 500x375 pixels"
        stage = FCN_STAGES[config.model]
        lower = (
            ""
            if stage == _FCN_VGG16.learning_rate
            else f"; their {stage:g} for {config.model} belongs to Caffe's VGG16"
        )
        remarks.append(f"recipe fcn: {rate}{lower}")
    return remarks


AUTHORS: dict[str, Callable[[str, str | None, Sizes], _Numbers]] = {
    "fcn": _fcn,
    "segnet": _segnet,
    "unet": _unet,
}
