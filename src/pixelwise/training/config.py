"""The configuration of a run, `config.yaml`: everything that is needed to repeat the run."""

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
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.nn.encoders import upgrade_encoder_name
from pixelwise.tasks import TASKS
from pixelwise.training.recipe import RECIPE_VERSION, Recipe, Strict

MAX_SEED = 2**32 - 1
EncoderPadding = Literal["trained", "symmetric"]


class ClassEntry(Strict):
    """The name and RGB colour of a class."""

    name: str
    color: tuple[int, int, int]


class RunConfig(Strict):
    """A run: the data, the model, the recipe, and the command that asked for it."""

    version: str
    data: str
    format: str
    images_root: str | None = None
    """A folder outside of the data set that may hold files of it, too."""
    fingerprint: str
    labels: str | None = None
    """SHA-256 of what the values of mask files stood for; `None` where the data have no such files."""
    classes: tuple[ClassEntry, ...]
    model: str
    encoder: str | None
    width: float | None
    options: dict[str, bool | int | float | str] = pydantic.Field(default_factory=dict)
    """Keywords that only this model has, such as `output_stride`."""
    pretrained: bool
    encoder_weights: str | None = None
    """The file that the encoder's weights were read from, and its SHA-256; `None` for ImageNet's or random ones."""
    encoder_weights_sha256: str | None = None
    encoder_padding: EncoderPadding = "symmetric"
    """Padding of the strided convolutions of the packaged encoders: as their weights were trained, or symmetric, as in
    runs from before this field existed."""
    task: str
    bands: Bands | None = None
    """The images' channels; `None` for red, green and blue."""
    value_range: ValueRange | None = FULL
    """The values that become 0 and 255 in images of more than 8 bits; `None` where no training image has more than
    8."""
    things: tuple[pydantic.NonNegativeInt, ...] = ()
    """The classes that have objects, for a task with objects."""
    seed: Annotated[int, pydantic.Field(ge=0, le=MAX_SEED)]
    start_from: str | None
    skip_bad: bool
    command: str
    asked: dict[str, bool | int | float | str] = pydantic.Field(default_factory=dict)
    """The options of `train` that were given and that no other field stores in the form in which they were given."""
    metrics: tuple[str, ...] = ()
    """Names of further metrics of the model file."""
    recipe: Recipe

    @property
    def class_map(self) -> ClassMap:
        return ClassMap.from_dict([entry.model_dump() for entry in self.classes])

    @property
    def grouping(self) -> GroupingParameters | None:
        """The grouping of objects before it is fitted; `None` for a task without objects."""
        if not TASKS[self.task].has_objects:
            return None
        recipe = self.recipe
        return GroupingParameters(self.things, recipe.radius, recipe.least_heat, recipe.least_area, recipe.group_by)

    @property
    def measure(self) -> str:
        """The score on validation images by which models are chosen, by its name in `metrics.json`."""
        return TASKS[self.task].measure

    @pydantic.field_validator("task")
    @classmethod
    def _task_is_registered(cls, task: str) -> str:
        if task not in TASKS:
            raise ValueError(f"found {task!r}; expected one of {', '.join(TASKS)}")
        return task

    @pydantic.model_validator(mode="after")
    def _things_are_classes(self) -> RunConfig:
        if bool(self.things) != TASKS[self.task].has_objects or max(self.things, default=0) >= len(self.classes):
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
            return cls.model_validate(_upgrade(content))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            if first["loc"] == ("recipe", "version"):
                problem_text, expected = (
                    f"a recipe of version {first['input']}",
                    f"version {RECIPE_VERSION} or an earlier one",
                )
                raise RunError(
                    path, problem_text, expected, "Use the pixelwise that wrote it, or a later one."
                ) from error
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise RunError(path, f"{where}: {first['msg']}", "the fields of a run's config.yaml", remedy) from error


def _upgrade(content: object) -> object:
    """Return the content of a `config.yaml` in the current form, so that a run of an earlier version can be
    repeated."""
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), dict):
        return content
    upgraded, encoder = dict(content), content.get("encoder")
    if isinstance(encoder, str):
        upgraded["encoder"] = upgrade_encoder_name(str(content.get("model")), encoder)
    elif content["recipe"].get("version", 1) == 1:  # which did not apply it to an encoder that has no name
        upgraded["recipe"] = {**content["recipe"], "encoder_factor": 1.0}
    return upgraded
