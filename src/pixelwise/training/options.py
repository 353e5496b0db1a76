"""The options of a training, each declared once: the command line's flags and the keywords of `train` come from here.

It imports nothing heavy, since the help of the command line reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

DEFAULT_MINUTES = 10.0
REDUCTIONS = ("mean", "sum", "pixels")
DEFAULT_CLASS_WEIGHTS = "softened"
CLASS_WEIGHT_POWERS = {"none": 0.0, "softened": 0.75, "median": 1.0}
"""Names of `class_weights`, and the power of median-frequency balancing each stands for."""

MODEL, LENGTH, START, RECIPE, DATA = "Model", "Length", "Start and restart", "Recipe", "Data"
"""Groups of options, in the order in which the help shows them."""


@dataclass(frozen=True)
class Option:
    """The description of an option on the command line."""

    help: str
    """The help text. Names of options are in backticks."""
    group: str
    default: str = ""
    """The default in words, where the value `None` leaves the choice to planning."""
    flag: str = ""
    """The flag without dashes, where it differs from the name of the option."""


@dataclass(frozen=True)
class TrainOptions:
    """The options of a training. `None` leaves the choice to planning, or on resuming to the stored run."""

    task: Annotated[
        str | None,
        Option(
            "semantic: a class for each pixel; instance: objects, too; panoptic: an object or a class for each pixel; "
            "or a task that a package adds.",
            MODEL,
            default="semantic",
        ),
    ] = None
    model: Annotated[str | None, Option("See `pixelwise models`.", MODEL, default="fpn")] = None
    encoder: Annotated[str | None, Option("See `pixelwise encoders`.", MODEL, default="the model's")] = None
    width: Annotated[float | None, Option("Factor on the number of channels, for models that have one.", MODEL)] = None
    model_options: Annotated[
        tuple[str, ...] | None,
        Option("KEY=VALUE, an option of this model only. May be repeated.", MODEL, flag="option"),
    ] = None
    minutes: Annotated[float | None, Option("Wall-clock minutes, everything included.", LENGTH, default="10")] = None
    epochs: Annotated[int | None, Option("Passes over the training images, instead of `minutes`.", LENGTH)] = None
    seed: Annotated[int | None, Option("Seed of all random draws.", START, default="0")] = None
    resume: Annotated[bool, Option("Continue the run in `out`; more `epochs` extend it.", START)] = False
    overwrite: Annotated[bool, Option("Replace the run in `out`.", START)] = False
    start_from: Annotated[Path | None, Option("Start from the weights of this run.", START, flag="from")] = None
    config: Annotated[
        Path | None, Option("Repeat the run of this config.yaml; other options given take precedence.", START)
    ] = None
    pretrained: Annotated[bool | None, Option("Start the encoder from ImageNet weights.", START, default="yes")] = None
    encoder_weights: Annotated[
        Path | None, Option("Weights file for the encoder, in the layout of torchvision or timm.", START)
    ] = None
    device: Annotated[
        str | None,
        Option("Device of the training: auto, cpu, cuda, cuda:1 (the second GPU) or mps.", START, default="auto"),
    ] = None
    freeze_through: Annotated[
        int | None,
        Option("Freeze the layers of a pretrained encoder up to this stride.", RECIPE, default="32; 0 for an FCN"),
    ] = None
    recipe: Annotated[
        Literal["fcn", "segnet", "unet"] | None,
        Option("Train with the solver that the paper of this model describes.", RECIPE),
    ] = None
    loss: Annotated[
        str | None,
        Option("Loss of the class logits: cross_entropy, or one of a package.", RECIPE, default="cross_entropy"),
    ] = None
    class_weights: Annotated[
        Literal["none", "softened", "median"] | None,
        Option("How much more rare classes weigh in the loss.", RECIPE, default="softened"),
    ] = None
    reduction: Annotated[
        Literal["mean", "sum", "pixels"] | None,
        Option(
            "Divide the sum of pixel losses by their weights (mean), by nothing (sum), or by their number (pixels).",
            RECIPE,
            default="mean",
        ),
    ] = None
    border_weight: Annotated[
        float | None, Option("w0 of U-Net's border weights between touching objects.", RECIPE, default="0, none")
    ] = None
    elastic: Annotated[
        float | None, Option("Standard deviation of elastic deformation in pixels.", RECIPE, default="0, none")
    ] = None
    rotate: Annotated[bool | None, Option("For images without a fixed orientation: cells, maps, scans.", RECIPE)] = None
    augmentations: Annotated[
        tuple[str, ...] | None,
        Option(
            "Additional augmentation: color, elastic, or one of a package. May be repeated.",
            RECIPE,
            flag="augmentation",
        ),
    ] = None
    stages: Annotated[bool, Option("Train FCN-32s, 16s and 8s in turn, each from the one before.", RECIPE)] = False
    skip_bad: Annotated[bool, Option("Leave out images that would spoil training.", DATA)] = False
    folds: Annotated[
        int | None,
        Option("Cross-validate with this many folds, for data sets too small to split.", DATA),
    ] = None
    metrics: Annotated[
        tuple[str, ...] | None,
        Option("Additional metric: a registered name. May be repeated.", DATA, flag="metric"),
    ] = None

    @property
    def asked(self) -> dict[str, bool | int | float | str]:
        """The given options for which a `RunConfig` has no field of the same name."""
        names = ("minutes", "epochs", "recipe", "class_weights", "folds", "freeze_through")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def as_keywords(self) -> dict[str, object]:
        """Return the options that were given as keywords of `pixelwise.train`, paths as texts."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in values.items()
            if value is not None and (value is not False or name in ("pretrained", "rotate"))
        }


def option_types() -> dict[str, tuple[Any, Option]]:
    """Return, by name, the type of each option and its description on the command line."""
    hints = get_type_hints(TrainOptions, include_extras=True)
    return {
        field.name: (hints[field.name].__origin__, hints[field.name].__metadata__[0]) for field in fields(TrainOptions)
    }


def list_pairs(options: Mapping[str, object] | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return options of a model as `KEY=VALUE` pairs."""
    if options is None:
        return None
    return tuple(f"{key}={value}" for key, value in options.items()) if isinstance(options, Mapping) else tuple(options)
