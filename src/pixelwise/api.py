"""What the commands `check`, `convert`, `evaluate` and `export` do, as functions; `pixelwise` passes them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.core.errors import OptionError
from pixelwise.core.extras import require_train_extra
from pixelwise.core.notebook import notebook_bar
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import CheckResult
from pixelwise.data.check import check as check_dataset
from pixelwise.data.conversion_report import find_losses, name_changes
from pixelwise.data.dataset import Dataset

if TYPE_CHECKING:
    from pixelwise.inference.predictor import Predictor
    from pixelwise.tasks.base import TaskScores
    from pixelwise.training.posthoc.quantization import Int8
    from pixelwise.training.run import Run

OnProgress = Callable[[int, int], None]
"""Told how many images are done, and of how many."""


@dataclass(frozen=True)
class Conversion:
    """What `convert` wrote.

    Attributes
    ----------
    path
        The directory of the new data set.
    images
        The number of images in it.
    remarks
        A sentence for each thing that the new layout does not hold, or holds under another name.
    """

    path: Path
    images: int
    remarks: Sequence[str]


def check(data: Dataset | str | Path, *, on_progress: OnProgress | None = None) -> CheckResult:
    """Report what is in a data set, and by file what is wrong with it.

    Parameters
    ----------
    data
        A directory, or a data set that `open_dataset` returned.
    on_progress
        Called with (images done, images in all) after each image. A notebook shows a bar without it.

    Returns
    -------
    CheckResult
        Counts, class shares, and problems. `result.harmful` lists the problems that would spoil a training.

    Raises
    ------
    DataError
        The directory is not there, or holds no data set.

    Examples
    --------
    >>> import pixelwise as pw
    >>> result = pw.check("photos")
    >>> result.splits
    {'train': 4, 'val': 2}
    >>> len(result.harmful)
    0
    """
    dataset = _open(data)
    with notebook_bar("check") as show_progress:
        return check_dataset(dataset, on_progress or show_progress)


def convert(
    data: Dataset | str | Path, to: str, out: str | Path, *, on_check: Callable[[CheckResult], None] | None = None
) -> Conversion:
    """Write a data set in another layout; images are copied as they are. Images that are meant to have no label, as in
    a project of the studio, are left out.

    Parameters
    ----------
    data
        A directory, or a data set that `open_dataset` returned.
    to
        The layout: `"folders"`, `"coco"`, `"voc"`, `"yolo"`, ...
    out
        The directory to write, new or empty. It appears whole or not at all.
    on_check
        Called with what is wrong with `data`, before anything is written.

    Returns
    -------
    Conversion
        How many images were written, and what the new layout does not hold.

    Raises
    ------
    DataError
        There is no data set, or the layout cannot hold its classes.
    OptionError
        No layout is called `to`, or it cannot be written.
    OutputError
        `out` is not empty, or cannot be written.

    Examples
    --------
    >>> import pixelwise as pw
    >>> conversion = pw.convert("photos", "coco", "photos-coco")
    >>> conversion.images
    6
    >>> pw.open_dataset("photos-coco").format
    'coco'
    """
    dataset = _open(data)
    source = check_dataset(dataset)
    if on_check is not None:
        on_check(source)
    dataset = dataset.without(source.unlabelled)
    write_dataset(dataset, to, out)
    written = check_dataset(open_dataset(out, to))
    return Conversion(Path(out), written.images, (*name_changes(dataset), *find_losses(source, written)))


def evaluate(
    model: Predictor | str | Path,
    data: Dataset | str | Path,
    split: str = "test",
    *,
    metrics: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> TaskScores:
    """Measure a model on one split of a data set.

    Parameters
    ----------
    model
        A model file, a run directory, or what `load` returned.
    data
        A directory, or a data set that `open_dataset` returned. Its classes must be the model's.
    split
        `"train"`, `"val"` or `"test"`.
    metrics
        Names of further metrics to report (see `register_metric`).
    on_progress
        Called with (images done, images in all) after each image. A notebook shows a bar without it.

    Returns
    -------
    Scores, InstanceScores or PanopticScores
        Fractions in 0..1 with bootstrap intervals over images: of a semantic model mIoU, accuracies and boundary F1;
        of an instance model average precision and panoptic quality; of a panoptic model panoptic quality of things and
        of stuff, and mIoU.

    Raises
    ------
    OptionError
        The data set has no such split, or no metric has a name.
    DataError
        The classes are not the model's, or an image lacks its labels.
    ModelFileError
        The file is not a model that pixelwise wrote.

    Examples
    --------
    >>> import pixelwise as pw
    >>> scores = pw.evaluate("runs/photos", "photos", "val")
    >>> scores.images
    2
    >>> 0 <= scores.miou <= 1
    True
    """
    from pixelwise.inference.evaluate import evaluate as evaluate_split
    from pixelwise.inference.loading import load

    dataset = _open(data)
    if isinstance(model, (str, Path)):
        model = load(model, at_once=len(dataset.splits.get(split, ())))
    with notebook_bar("evaluate") as show_progress:
        return evaluate_split(model, dataset, split, on_progress or show_progress, metrics=metrics)


def export(
    run: Run | str | Path,
    out: str | Path,
    *,
    fast: bool = False,
    int8: bool = False,
    data: str | Path | None = None,
    on_try: Callable[[Int8], None] | None = None,
) -> Path:
    """Write the model of a run as one self-describing .onnx file, for images of any size.

    Parameters
    ----------
    run
        What `train` returned, or its directory.
    out
        The file to write; its name ends in `.onnx`.
    fast
        Look at an image once, at its own size: a third of the time or less, and less accurate.
    int8
        Compute in 8 bits, as far as the accuracy on the validation images allows.
    data
        With `int8`: the data to calibrate and to measure with, if they have moved since the training.
    on_try
        With `int8`: called with the accuracy of each attempt, the last of which is written.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    OptionError
        `out` does not end in `.onnx`, or `data` is given without `int8`.
    RunError
        The directory holds no finished run.
    ModelFileError
        Nothing in 8 bits is accurate enough.
    MissingDependencyError
        pixelwise was installed without the extra `train`.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.export("runs/photos", "fast.onnx", fast=True)
    PosixPath('fast.onnx')
    """
    out = Path(out)
    if out.suffix != ".onnx":
        remedy = f"Use `out={str(out.with_suffix('.onnx'))!r}`."
        raise OptionError("out", str(out), "a file name ending in .onnx", remedy)
    if data is not None and not int8:
        remedy = "Leave it out: a file in float needs no data."
        raise OptionError("data", str(data), "`int8=True` beside it", remedy)
    require_train_extra("export")
    path = Path(run) if isinstance(run, (str, Path)) else run.path
    if int8:
        from pixelwise.training.posthoc.quantization import export_int8

        export_int8(path, out, fast=fast, data=None if data is None else Path(data), on_try=on_try or (lambda _: None))
    else:
        from pixelwise.training.finish import export_run

        export_run(path, out, fast=fast)
    return out


def _open(data: Dataset | str | Path) -> Dataset:
    return data if isinstance(data, Dataset) else open_dataset(data)
