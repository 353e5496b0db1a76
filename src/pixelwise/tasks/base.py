"""`Task`: everything in which one task differs from another, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap, Color
from pixelwise.core.errors import OptionError
from pixelwise.instances.objects import Objects
from pixelwise.modelfile.info import ModelInfo

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self

    from pixelwise.data.dataset import Item, Sample
    from pixelwise.training.recipe import Recipe

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
Map = TypeVar("Map", UInt8, Int32)
Interval = tuple[float, float]


class Shrink(Protocol):
    """Brings a map (height, width) to the size of a picture, each pixel the nearest of the map's."""

    def __call__(self, values: Map) -> Map: ...


class Prediction(Protocol):
    """What scorers and pictures need of a prediction; a `Result` is one.

    label_map: uint8 (height, width), class indices. instances: the objects, `None` of a task without objects.
    """

    @property
    def label_map(self) -> UInt8: ...
    @property
    def instances(self) -> Objects | None: ...


@dataclass(frozen=True)
class Labelled:
    """The labels of an image as scorers and pictures take them, true or predicted (see `Prediction`)."""

    label_map: UInt8
    instances: Objects | None = None


class TaskScores(Protocol):
    """Scores over the images of a split, fractions in 0..1: a dataclass.

    per_class maps the name of each class to its scores; those named in `ScoreTables.class_columns`, and `images`,
    `missed_images` and `false_alarm_images`, stand in the report. intervals maps the name of a score to its bootstrap
    interval. per_image has a row an image, with its `name`. remarks are sentences for the reader. metrics maps the name
    of each metric that was asked for (see `register_metric`) to its scores; `evaluate` fills it in.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def images(self) -> int: ...
    @property
    def per_class(self) -> dict[str, dict[str, float]]: ...
    @property
    def intervals(self) -> dict[str, Interval | None]: ...
    @property
    def per_image(self) -> list[dict[str, Any]]: ...
    @property
    def metrics(self) -> dict[str, dict[str, float]]: ...
    @property
    def remarks(self) -> list[str]: ...
    def to_json_dict(self) -> dict[str, Any]:
        """Return the content of `metrics.json`, the task's `measure` among it."""
        ...


class Scorer(Protocol):
    """Gathers the scores of a task image by image."""

    def update(self, prediction: Prediction, sample: Sample, item: Item) -> None:
        """Score the prediction of one image. Raises `DataError` where its labels lack what the task needs."""
        ...

    def add(self, other: Self) -> None:
        """Take over the images that another one has scored."""
        ...

    def scores(self, *, intervals: bool = False) -> TaskScores:
        """Return the scores of the images so far, with `intervals` their bootstrap intervals too."""
        ...


class LossContext(NamedTuple):
    """What a loss needs beside logits and targets.

    things: the classes whose pixels make objects. total: returns the sum of a tensor over the processes of a run, by
    which a mean over the whole batch divides.
    """

    recipe: Recipe
    things: tuple[int, ...]
    total: Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class OptionRule:
    """An option of `train` that goes with a task in some values alone: those `allowed`, or none at all."""

    option: str
    allowed: tuple[object, ...]
    remedy: str

    def check(self, task: str, value: object) -> None:
        """Raise `OptionError` where `value` is neither `None` nor allowed."""
        if value is not None and value not in self.allowed:
            expected = " or ".join(map(str, self.allowed)) or "one of the two"
            raise OptionError(self.option, f"{value} with `task={task!r}`", expected, self.remedy)


class Figure(NamedTuple):
    """A score of the headline: its key in `to_json_dict`, what people call it, and a note on it."""

    key: str
    label: str
    note: str


@dataclass(frozen=True)
class ScoreTables:
    """How the scores of a task are shown, in the report and by `evaluate`.

    figures: the headline, the most important first. class_columns: key in `per_class` and heading, the first the one
    that classes are sorted by. more_class_columns: the same of a second table, which `evaluate` prints, since one of
    all columns is wider than a terminal. image_columns: key in `per_image` and heading. The notes explain the table of
    classes, the pictures and the table of images. absent: what stands in the place of a class without a score.
    """

    figures: Sequence[Figure]
    class_columns: Mapping[str, str]
    image_columns: Mapping[str, str]
    class_note: str
    picture_note: str
    image_note: str
    absent: str = "does not occur"
    more_class_columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreDetails:
    """What the report shows of some tasks alone: pixels by class of truth (rows) and of prediction, matches by IoU
    threshold, and (score, share matched) of objects from the least sure to the surest."""

    confusion: Sequence[Sequence[int]] = ()
    matches: Mapping[str, float] = field(default_factory=dict)
    calibration: Sequence[tuple[float, float]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Further numbers that `evaluate` prints, by name."""


class Task(Protocol):
    """What a net is trained for.

    Every net gives K class scores at each pixel, and after them the channels of its task. Training adds the losses of
    the task to that of the classes; prediction turns logits into a label map and, for a task with objects, into
    objects. A task has no state. Prediction loads no torch: a task imports it, and what needs it, inside `loss_terms`.

    Attributes
    ----------
    measure, measure_name
        The score by which the best weights are kept: its key in `metrics.json`, and its name for people.
    channels
        The number of channels of the logits after the class scores.
    has_objects
        Whether it predicts objects. Its data must number them, its channels are the three of
        `pixelwise.instances.grouping_parameters` (heat of centres, and offsets to them), and its model files hold a
        `Grouping`.
    option_rules
        Options of `train` that do not go with it.
    tables
        How its scores are shown.

    Examples
    --------
    >>> from pixelwise.tasks import TASKS
    >>> task = TASKS["instance"]
    >>> task.measure, task.channels, task.has_objects
    ('ap', 3, True)
    """

    @property
    def measure(self) -> str: ...
    @property
    def measure_name(self) -> str: ...
    @property
    def channels(self) -> int: ...
    @property
    def has_objects(self) -> bool: ...
    @property
    def option_rules(self) -> Sequence[OptionRule]: ...
    @property
    def tables(self) -> ScoreTables: ...

    def target(self, label_map: UInt8, instance_map: Int32, recipe: Recipe) -> Float32:
        """Return what the channels after the class scores are to say of a crop, float32 (channels, height, width).

        instance_map: int32 (height, width), 0 = no object; of data without objects the 4-connected parts of everything
        but the first class. It is not asked of a task without channels of its own.
        """
        ...

    def loss_terms(
        self, logits: torch.Tensor, label_map: torch.Tensor, target: torch.Tensor, context: LossContext
    ) -> Sequence[torch.Tensor]:
        """Return the losses of the channels after the class scores, scalars that are added to the loss of the classes.

        logits and target: float32 (N, channels, height, width). label_map: int64 (N, height, width). The pixels are
        those that the loss looks at. It is not asked of a task without channels of its own.
        """
        ...

    def labels(self, logits: Float32, info: ModelInfo) -> UInt8:
        """Return a class for each pixel of logits (K + channels, height, width), uint8 (height, width).

        Of a task without channels of its own it is the class with the highest score.
        """
        ...

    def label_objects(self, labels: UInt8, instance_map: Int32, class_index: Int32) -> UInt8:
        """Return the label map of pixels whose objects are known; class_index: that of object i + 1 at i.

        It is asked of a task with objects. Must work on any part of an image alone.
        """
        ...

    def scorer(self, info: ModelInfo, *, only_measure: bool = False) -> Scorer:
        """Return what gathers the scores of a model, with `only_measure` no more than it takes for `measure`."""
        ...

    def details(self, scores: TaskScores) -> ScoreDetails:
        """Return what the report shows beside `tables`."""
        ...

    def image_score(self, prediction: Prediction, target: Prediction, info: ModelInfo) -> float:
        """Return how good the prediction of one image is, in 0..1; NaN where nothing can be said."""
        ...

    def overlay(self, image: UInt8, prediction: Prediction, classes: ClassMap, *, numbered: bool = False) -> UInt8:
        """Return the picture (height, width, 3) under what was predicted; `numbered`: objects bear their ids."""
        ...

    def errors(self, image: UInt8, prediction: Prediction, target: Prediction, shrink: Shrink) -> UInt8:
        """Return the picture under what was wrong with a prediction; `shrink` brings a map to the picture's size."""
        ...

    @property
    def legend(self) -> Mapping[str, Color] | None:
        """What the colours of the pictures stand for; `None` for those of the classes."""
        ...
