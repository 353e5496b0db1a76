"""`Task`: the protocol of a task, which holds everything in which tasks differ."""

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
    """Resizes a map (height, width) to the size of a picture, by nearest neighbour."""

    def __call__(self, values: Map) -> Map: ...


class Prediction(Protocol):
    """The parts of a prediction that scorers and pictures need; a `Result` has them.

    label_map: uint8 (height, width), class indices. instances: the objects, `None` for a task without objects.
    """

    @property
    def label_map(self) -> UInt8: ...
    @property
    def instances(self) -> Objects | None: ...


@dataclass(frozen=True)
class Labelled:
    """A `Prediction` of given maps, such as the true labels of an image."""

    label_map: UInt8
    instances: Objects | None = None


class TaskScores(Protocol):
    """A dataclass of scores over the images of a split, fractions in 0..1.

    per_class: the scores of each class by its name; the report shows those named in `ScoreTables.class_columns`, and
    `images`, `missed_images` and `false_alarm_images`. intervals: the bootstrap interval of each score by its name.
    per_image: a row for each image, with its `name`. remarks: sentences for the reader. metrics: the scores of each
    additional metric by its name (see `register_metric`), which `evaluate` fills in.
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
        """Return the content of `metrics.json`, which includes the task's `measure`."""
        ...


class Scorer(Protocol):
    """Collects the scores of a task, image by image."""

    def update(self, prediction: Prediction, sample: Sample, item: Item) -> None:
        """Score the prediction of one image. Raises `DataError` where its labels lack what the task needs."""
        ...

    def add(self, other: Self) -> None:
        """Add the images that another scorer has scored."""
        ...

    def scores(self, *, intervals: bool = False) -> TaskScores:
        """Return the scores of the images so far, with `intervals` their bootstrap intervals too."""
        ...


class LossContext(NamedTuple):
    """What a loss needs besides logits and targets.

    things: the classes whose pixels make objects. total: returns the sum of a tensor over all processes of a run, for
    means over the whole batch.
    """

    recipe: Recipe
    things: tuple[int, ...]
    total: Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class OptionRule:
    """An option of `train` that a task restricts to the values in `allowed`, or forbids where `allowed` is empty."""

    option: str
    allowed: tuple[object, ...]
    remedy: str

    def check(self, task: str, value: object) -> None:
        """Raise `OptionError` where `value` is neither `None` nor allowed."""
        if value is not None and value not in self.allowed:
            expected = " or ".join(map(str, self.allowed)) or "one of the two"
            raise OptionError(self.option, f"{value} with `task={task!r}`", expected, self.remedy)


class Figure(NamedTuple):
    """A headline score: its key in `to_json_dict`, its name for the reader, and a note on it."""

    key: str
    label: str
    note: str


@dataclass(frozen=True)
class ScoreTables:
    """How the scores of a task are shown, in the report and by `evaluate`.

    figures: the headline scores, the most important first. class_columns: the heading of each column of the table of
    classes by its key in `per_class`; classes are sorted by the first. more_class_columns: the same for a second table,
    which `evaluate` prints, since a single one would be wider than a terminal. image_columns: the heading of each
    column of the table of images by its key in `per_image`. The notes explain the table of classes, the pictures and
    the table of images. absent: the text in place of the score of a class that has none.
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
    """Details that the report shows only for some tasks; empty for the others.

    confusion: pixels by true class (rows) and predicted class (columns). matches: TP / (TP + FN + FP) by IoU threshold.
    calibration: (score, share of matches) of groups of objects, from the least to the most confident. counts: further
    numbers that `evaluate` prints, by name.
    """

    confusion: Sequence[Sequence[int]] = ()
    matches: Mapping[str, float] = field(default_factory=dict)
    calibration: Sequence[tuple[float, float]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


class Task(Protocol):
    """What a net is trained for.

    The logits of every net are K class scores at each pixel, followed by the channels of its task. Training adds the
    losses of the task to the loss of the classes. Prediction turns logits into a label map and, for a task with
    objects, into objects. A task has no state. Prediction loads no torch: a task imports it, and modules that need it,
    inside `loss_terms`.

    Attributes
    ----------
    measure, measure_name
        The score by which the best weights are chosen: its key in `metrics.json`, and its name for the reader.
    channels
        The number of channels of the logits after the class scores.
    has_objects
        Whether it predicts objects. Then its data must number them, its channels are the three of
        `pixelwise.instances.grouping_parameters` (heat of centres, and offsets to them), and its model files hold
        `GroupingParameters`.
    option_rules
        Options of `train` that it restricts or forbids.
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
        """Return the target of the task's channels for a crop, float32 (channels, height, width).

        instance_map: int32 (height, width), 0 = no object; for data without objects, the 4-connected parts of all
        classes but the first. Not called for a task without channels.
        """
        ...

    def loss_terms(
        self, logits: torch.Tensor, label_map: torch.Tensor, target: torch.Tensor, context: LossContext
    ) -> Sequence[torch.Tensor]:
        """Return the losses of the task's channels, scalars that are added to the loss of the classes.

        logits and target: float32 (N, channels, height, width). label_map: int64 (N, height, width). All three hold
        only the pixels at which the loss is taken. Not called for a task without channels.
        """
        ...

    def labels(self, logits: Float32, info: ModelInfo) -> UInt8:
        """Return a class for each pixel of logits (K + channels, height, width), uint8 (height, width).

        For a task without channels it is the class with the highest score.
        """
        ...

    def label_objects(self, labels: UInt8, instance_map: Int32, class_index: Int32) -> UInt8:
        """Return the label map, uint8 (height, width), once the objects are known.

        labels: as `labels` returned them. instance_map: 0 = no object. class_index: that of object i + 1 at i. Called
        for a task with objects, also with parts of an image, so each pixel must depend on nothing but itself.
        """
        ...

    def scorer(self, info: ModelInfo, *, only_measure: bool = False) -> Scorer:
        """Return the scorer of a model; with `only_measure` it computes no more than `measure` needs."""
        ...

    def details(self, scores: TaskScores) -> ScoreDetails:
        """Return the details that the report shows besides `tables`."""
        ...

    def image_score(self, prediction: Prediction, target: Prediction, info: ModelInfo) -> float:
        """Return the score of the prediction of one image, in 0..1; NaN where nothing can be scored."""
        ...

    def overlay(self, image: UInt8, prediction: Prediction, classes: ClassMap, *, numbered: bool = False) -> UInt8:
        """Return a picture of the prediction over the image, uint8 (height, width, 3), with the objects' ids if
        `numbered`."""
        ...

    def errors(self, image: UInt8, prediction: Prediction, target: Prediction, shrink: Shrink) -> UInt8:
        """Return a picture of the errors over the image. shrink: resizes a map to the size of `image`."""
        ...

    @property
    def legend(self) -> Mapping[str, Color] | None:
        """The meanings of the pictures' colours, by text; `None` where they are the colours of the classes."""
        ...
