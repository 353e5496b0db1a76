"""What a run was asked to do and how it does it: `config.yaml`, enough to repeat the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml

from pixelwise.core.bands import Bands
from pixelwise.core.classes import ClassMap
from pixelwise.core.documents import MAX_LIST_BYTES, read_text
from pixelwise.core.errors import RunError
from pixelwise.core.files import write_text
from pixelwise.core.safe_yaml import yaml_value
from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.instances.grouping_parameters import Grouping
from pixelwise.nn.losses.cross_entropy import Reduction

MAX_SEED = 2**32 - 1
MEASURES = {"miou": "mIoU", "ap": "AP"}
"""What models are chosen by, as `metrics.json` calls it and as a person does."""


EncoderPadding = Literal["trained", "symmetric"]
_Magnification = Annotated[float, pydantic.Field(ge=1, le=4)]
_Sizes = Annotated[tuple[pydantic.PositiveInt, ...], pydantic.Field(min_length=1)]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Length(_Strict):
    """The numbers of a `Recipe` that follow from how long a run is."""

    steps: pydantic.PositiveInt
    warmup_steps: pydantic.NonNegativeInt
    ema_decay: Annotated[float, pydantic.Field(ge=0, lt=1)]
    evaluations: pydantic.NonNegativeInt
    crops: pydantic.PositiveInt | None = None


class Recipe(_Strict):
    """Every number of a training. Sizes are (height, width) in pixels; `steps` is the whole length of the run."""

    crop: tuple[pydantic.PositiveInt, pydantic.PositiveInt]
    scale: tuple[pydantic.PositiveFloat, pydantic.PositiveFloat]
    color: Annotated[float, pydantic.Field(ge=0, le=3)]
    rotate: bool = False
    """Whether images have no upper side: crops are turned by quarters, and prediction exchanges top and bottom too."""
    elastic: pydantic.NonNegativeFloat = 0.0
    """Standard deviation of the elastic displacements, in pixels; 0 for none."""
    batch: pydantic.PositiveInt
    early_split: pydantic.PositiveInt = 1
    """In the first half of the steps crops have sides so many times shorter, and a batch has as many more that their
    area stays."""
    steps: pydantic.PositiveInt
    warmup_steps: pydantic.NonNegativeInt
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    """Of SGD; AdamW has its own."""
    schedule: Literal["cosine", "constant"] = "cosine"
    learning_rate: pydantic.PositiveFloat
    bias_factor: pydantic.PositiveFloat = 1.0
    """The learning rate of biases over that of the weights; a batch norm's shift is no bias."""
    encoder_factor: pydantic.PositiveFloat
    """The encoder's learning rate over that of the rest."""
    frozen_stride: pydantic.NonNegativeInt = 0
    """The encoder's layers up to this stride stay as they are; 0 for none."""
    weight_decay: pydantic.NonNegativeFloat
    """Of kernels and matrices; biases do not decay."""
    norm_decay: Literal["none", "scale", "both"] = "none"
    """What of a batch norm decays too: nothing, its scale, or its shift as well."""
    ema_decay: Annotated[float, pydantic.Field(ge=0, lt=1)]
    reduction: Reduction
    loss_step: pydantic.PositiveInt = 1
    """The loss looks at one pixel in each square of this side, where the model's logits are up-sampled."""
    class_weights: tuple[pydantic.NonNegativeFloat, ...]
    border_weight: pydantic.NonNegativeFloat = 0.0
    """w0 of U-Net's border weights, which are added to the class weights; 0 for none."""
    heat_weight: pydantic.NonNegativeFloat = 0.0
    offset_weight: pydantic.NonNegativeFloat = 0.0
    """Of the errors at objects beside that of the classes: their centres' heat, and a pixel of the offsets to them."""
    heat_width: pydantic.PositiveFloat = 0.35
    """Standard deviation of the heat over the radius of a disc of an object's area."""
    offset_unit: pydantic.PositiveFloat = 16.0
    """Pixels that an offset of 1 stands for in the net: its offsets are about as large as its scores then."""
    radius: pydantic.PositiveInt = 5
    least_area: pydantic.PositiveInt = 4
    group_by: str = "centres"
    """How objects are grouped on the way, before it is fitted to the validation images."""
    radii: _Sizes = (2, 3, 5, 7, 10, 14)
    least_areas: _Sizes = (4, 8, 16, 32)
    """What is tried for these two in the end, ascending, in pixels."""
    calibrated: bool = True
    """Whether the classes' logits get a bias in the end, one that suits the validation images."""
    magnifications: Annotated[tuple[_Magnification, ...], pydantic.Field(min_length=1)] = (1.0,)
    """What images are enlarged by when they are predicted, where the model's logits are up-sampled, and these averaged
    over them."""
    mirrored: bool = False
    """Whether images are predicted with left and right exchanged too, and the logits averaged."""
    evaluations: pydantic.NonNegativeInt
    """How often the model is validated on the way, to keep the best weights; with 0 the last are kept."""
    crops: pydantic.PositiveInt | None = None
    """How many crops the run sees in all, where whole batches would be more: the steps share them in proportion."""
    earlier: tuple[Length, ...] = ()
    """The lengths that the run had before it was extended, from the first on: each part follows the schedule of the
    length that it was trained at."""
    tile: pydantic.PositiveInt
    overlap: pydantic.NonNegativeInt


class ClassEntry(_Strict):
    """The name and RGB colour of a class."""

    name: str
    color: tuple[int, int, int]


class RunConfig(_Strict):
    """A run: the data, the model, the recipe, and the command that asked for it."""

    version: str
    data: str
    format: str
    images_root: str | None = None
    """The folder outside of the data set in which files may lie too."""
    fingerprint: str
    labels: str | None = None
    """SHA-256 of what the values of mask files stood for; `None` where the data have no such files."""
    classes: tuple[ClassEntry, ...]
    model: str
    encoder: str | None
    width: float | None
    options: dict[str, bool | int | float | str] = {}
    """Keywords that only this model has, such as `output_stride`."""
    pretrained: bool
    encoder_weights: str | None = None
    """The file that the encoder's weights were read from, and its SHA-256; `None` for ImageNet's or random ones."""
    encoder_weights_sha256: str | None = None
    encoder_padding: EncoderPadding = "symmetric"
    """How strided convolutions of the packaged encoders pad: as their weights were trained, or alike on all sides, as
    in runs that were made before this field."""
    task: Literal["semantic", "instance"]
    bands: Bands | None = None
    """The images' channels; `None` for red, green and blue."""
    value_range: ValueRange | None = FULL
    """What becomes 0 and 255 of images deeper than 8 bits; `None` where the training images have none."""
    things: tuple[pydantic.NonNegativeInt, ...] = ()
    """Of an instance model: the classes whose pixels make objects."""
    seed: Annotated[int, pydantic.Field(ge=0, le=MAX_SEED)]
    start_from: str | None
    skip_bad: bool
    command: str
    asked: dict[str, bool | int | float | str] = {}
    """The options of `train` that were given and that no other field holds as they were typed."""
    recipe: Recipe

    @property
    def class_map(self) -> ClassMap:
        return ClassMap.from_dict([entry.model_dump() for entry in self.classes])

    @property
    def grouping(self) -> Grouping | None:
        """How an instance model's logits become objects, before a run has settled it; `None` of a semantic one."""
        if self.task != "instance":
            return None
        recipe = self.recipe
        return Grouping(self.things, recipe.radius, least_area=recipe.least_area, by=recipe.group_by)

    @property
    def measure(self) -> str:
        """What models are chosen by on validation images, as `metrics.json` calls it."""
        return "ap" if self.task == "instance" else "miou"

    @pydantic.model_validator(mode="after")
    def _things_are_classes(self) -> RunConfig:
        if bool(self.things) != (self.task == "instance") or max(self.things, default=0) >= len(self.classes):
            raise ValueError(f"things {self.things} of {len(self.classes)} classes for the task {self.task}")
        return self

    @pydantic.model_validator(mode="after")
    def _one_weight_a_class(self) -> RunConfig:
        if len(self.recipe.class_weights) != len(self.classes):
            raise ValueError(f"{len(self.recipe.class_weights)} class weights for {len(self.classes)} classes")
        return self

    def save(self, path: Path) -> None:
        """Write `config.yaml`, whole or not at all."""
        write_text(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

    @classmethod
    def load(cls, path: Path) -> RunConfig:
        """Read a `config.yaml`. Raises `RunError` where there is none or a value makes no sense."""
        remedy = "Use the config.yaml of a run that `pixelwise train` made."
        try:
            content = yaml_value(read_text(path, MAX_LIST_BYTES))
        except FileNotFoundError as error:
            raise RunError(path, "no such file", "a run's config.yaml", remedy) from error
        except (OSError, ValueError) as error:
            raise RunError(path, f"an unreadable file ({error})", "a run's config.yaml", remedy) from error
        try:
            return cls.model_validate(content)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise RunError(path, f"{where}: {first['msg']}", "the fields of a run's config.yaml", remedy) from error
