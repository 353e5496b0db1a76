"""Adding to pixelwise from another package: models, encoders, losses, augmentations, layouts, tasks, metrics, engines,
writers.

Each `register_...` puts one thing under a name that the options then take. A package that is installed can do without
the call: an entry point in the group `pixelwise.models`, `.encoders`, `.losses`, `.augmentations`, `.layouts`,
`.tasks`, `.metrics`, `.engines` or `.writers`, with the value `module:attribute`, does the same. It is imported when
the name is used; layouts also when a directory has to be recognised.

A thing may be given as such a text here, too: it is imported when the name is first used, so a mistake in the text is
told there. A name that is taken is refused with `OptionError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelwise.data.layout import Layout
    from pixelwise.inference.engines.base import OpenEngine
    from pixelwise.inference.evaluate import Metric
    from pixelwise.inference.writers.base import Writer
    from pixelwise.nn.augment import Augmentation
    from pixelwise.nn.encoders.registry import EncoderFamily
    from pixelwise.nn.losses import Loss
    from pixelwise.nn.models import ModelBuilder
    from pixelwise.tasks.base import Task


def register_model(name: str, model: ModelBuilder | str) -> None:
    """Add a model, which `train`, `inspect` and `models.build` then know by its name.

    Parameters
    ----------
    name
        What the option `model` calls it.
    model
        A class or function `(num_classes, in_channels=3, ...) -> nn.Module` as `pixelwise.nn.models` describes it:
        `forward` takes images (N, in_channels, H, W) of any height and width and gives logits (N, num_classes, H, W);
        the last layer is called `head`, and an attribute `stride` gives the coarsest map's.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_model("pyramid", "pixelwise.nn.models.fpn:FPN")
    """
    from pixelwise.nn.models import MODELS

    MODELS.register(name, model)


def register_encoder(name: str, family: EncoderFamily | str) -> None:
    """Add a family of encoders, which all models on encoders then take.

    Parameters
    ----------
    name
        The family's name, which tells its encoders from others of the same name: `name/encoder`.
    family
        An object with the methods of `pixelwise.nn.encoders.registry.EncoderFamily`.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_encoder("torch_image_models", "pixelwise.nn.encoders.timm:FAMILY")
    """
    from pixelwise.nn.encoders.registry import ENCODERS

    ENCODERS.register(name, family)


def register_loss(name: str, loss: Loss | str) -> None:
    """Add a loss, which `train(..., loss=name)` then takes.

    Parameters
    ----------
    name
        What the option `loss` calls it.
    loss
        A function of logits (N, K, H, W) and target (N, H, W), as `pixelwise.nn.losses.Loss` describes it.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_loss("softmax", "pixelwise.nn.losses.cross_entropy:cross_entropy")
    """
    from pixelwise.nn.losses import LOSSES

    LOSSES.register(name, loss)


def register_augmentation(name: str, augmentation: Augmentation | str) -> None:
    """Add an augmentation of the training images.

    Parameters
    ----------
    name
        What the option `augmentations` calls it.
    augmentation
        A module or an object with the functions `draw`, `on_image`, `on_label_map` and `on_instance_map`, as
        `pixelwise.nn.augment.Augmentation` describes them.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_augmentation("photometric", "pixelwise.nn.augment:color")
    """
    from pixelwise.nn.augment import AUGMENTATIONS

    AUGMENTATIONS.register(name, augmentation)


def register_layout(name: str, layout: Layout | str) -> None:
    """Add a data set layout, which `open_dataset` then recognises and `convert` writes.

    Parameters
    ----------
    name
        What the options `format` and `to` call it.
    layout
        How such a directory is recognised, read and written. It is asked after the layouts of pixelwise, and before a
        directory is taken for `folders`.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_layout("via", "pixelwise.data.layouts.via:LAYOUT")
    """
    from pixelwise.data.layouts import LAYOUTS

    LAYOUTS.register(name, layout)


def register_task(name: str, task: Task | str) -> None:
    """Add a task, which `train(..., task=name)` then takes.

    A model file names its task, so the process that predicts with it needs the task as well. An entry point is there in
    every process.

    Parameters
    ----------
    name
        What the option `task` calls it.
    task
        An object as `pixelwise.tasks.base.Task` describes it. Most derive from `SemanticTask` of
        `pixelwise.tasks.semantic` and override what differs.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    A semantic task whose weights are kept by the accuracy of pixels:

    >>> import pixelwise as pw
    >>> from pixelwise.tasks.semantic import SemanticTask
    >>> class AccuracyTask(SemanticTask):
    ...     measure, measure_name = "global_accuracy", "accuracy"
    >>> pw.register_task("accuracy", AccuracyTask())
    """
    from pixelwise.tasks import TASKS

    TASKS.register(name, task)


def register_metric(name: str, factory: Callable[[], Metric] | str) -> None:
    """Add a metric, which `evaluate(..., metrics=[name])` then reports beside the scores of the task.

    Its scores stand under its name in `scores.metrics`, and in the JSON under `metrics`. A metric that nobody asks for
    changes nothing.

    Parameters
    ----------
    name
        What the option `metrics` calls it.
    factory
        Makes a new `pixelwise.inference.evaluate.Metric`, which gathers the scores of one evaluation.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    >>> import pixelwise as pw
    >>> class Agreement:
    ...     def __init__(self):
    ...         self.hits = self.pixels = 0
    ...     def update(self, prediction, target, classes):
    ...         self.hits += int((prediction.label_map == target.label_map).sum())
    ...         self.pixels += target.label_map.size
    ...     def scores(self):
    ...         return {"share": self.hits / self.pixels}
    >>> pw.register_metric("agreement", Agreement)
    """
    from pixelwise.inference.evaluate import METRICS

    METRICS.register(name, factory)


def register_engine(name: str, open_engine: OpenEngine | str) -> None:
    """Add an engine, which `load(..., engine=name)` and `predict` then run model files with.

    Parameters
    ----------
    name
        What the option `engine` calls it.
    open_engine
        A function of the path of a model file and of the number of threads that will call the engine at the same time;
        it returns a `pixelwise.Engine`. A class whose constructor takes the two is one.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    An engine that looks at the brightness of each pixel, whatever the model:

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> class Brightness(pw.Engine):
    ...     def __init__(self, path, at_once):
    ...         pass
    ...     def __call__(self, images):
    ...         bright = images.mean(axis=3, dtype=np.float32)
    ...         return np.stack([255 - bright, bright], axis=1)
    >>> pw.register_engine("brightness", Brightness)
    >>> pw.load("runs/photos", engine="brightness").predict(np.full((4, 6, 3), 200, np.uint8))
    Result(4x6: square 100%)
    """
    from pixelwise.inference.engines.registry import ENGINES

    ENGINES.register(name, open_engine)


def register_writer(name: str, writer: Writer | str) -> None:
    """Add a writer, which `Result.save(path, as_=name)` and `predict` then take.

    Parameters
    ----------
    name
        What the option `as_` calls it.
    writer
        How one kind of result becomes a file.
        A text `module:attribute` is imported when the name is first used: a mistake in it is told there, not here.

    Raises
    ------
    OptionError
        The name is taken.
    ExtensionError
        The thing is not what its kind must be.

    Examples
    --------
    A text file with the share of each class:

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> def write_shares(path, result):
    ...     shares = np.bincount(result.label_map.ravel()) / result.label_map.size
    ...     _ = path.write_text(" ".join(f"{share:.2f}" for share in shares))
    >>> pw.register_writer("shares", pw.Writer("_shares.txt", write_shares))
    >>> result = pw.load("runs/photos").predict("photo.jpg")
    >>> result.save("photo_shares.txt", as_="shares").name
    'photo_shares.txt'
    """
    from pixelwise.inference.writers.registry import WRITERS

    WRITERS.register(name, writer)
