"""What a user may ask of a training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

from pixelwise.nn.losses.cross_entropy import Reduction

DEFAULT_MINUTES = 10.0
REDUCTIONS = get_args(Reduction)
DEFAULT_CLASS_WEIGHTS = "softened"
CLASS_WEIGHT_POWERS = {"none": 0.0, "softened": 0.75, "median": 1.0}
"""Names of `class_weights`, and the power of median-frequency balancing each stands for."""


@dataclass(frozen=True)
class TrainOptions:
    """The options of `pixelwise train`; `None` leaves the choice to the recipe, or on resuming to the stored run."""

    task: str | None = None
    model: str | None = None
    encoder: str | None = None
    width: float | None = None
    model_options: tuple[str, ...] | None = None
    """`KEY=VALUE` pairs for the model."""
    minutes: float | None = None
    epochs: int | None = None
    seed: int | None = None
    pretrained: bool | None = None
    """`None` is yes."""
    encoder_weights: Path | None = None
    """A file to start the encoder from."""
    freeze_through: int | None = None
    """The stride up to which the encoder's layers stay as they are; 0 for none."""
    start_from: Path | None = None
    config: Path | None = None
    resume: bool = False
    skip_bad: bool = False
    recipe: str | None = None
    class_weights: str | None = None
    reduction: Reduction | None = None
    border_weight: float | None = None
    elastic: float | None = None
    rotate: bool | None = None
    folds: int | None = None

    @property
    def asked(self) -> dict[str, bool | int | float | str]:
        """What was given of the options that a `RunConfig` holds in no field of its own, or only what follows of."""
        names = ("minutes", "epochs", "recipe", "class_weights", "folds", "freeze_through")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def as_keywords(self) -> dict[str, object]:
        """Return the options that were given as keywords of `pixelwise.train`, paths as texts."""
        names = {"model_options": "options"}
        given = {names.get(entry.name, entry.name): getattr(self, entry.name) for entry in fields(self)}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in given.items()
            if value is not None and (value is not False or name in ("pretrained", "rotate"))
        }
