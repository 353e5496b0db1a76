"""The data of a training, without images that would spoil it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pixelwise.core.errors import DataError, OptionError
from pixelwise.core.text import is_text, quantity
from pixelwise.data.check import CheckResult, check
from pixelwise.data.dataset import Dataset
from pixelwise.data.label_regions import hold_out_regions
from pixelwise.data.sparse_labels import separate_unlabelled
from pixelwise.tasks import DEFAULT_TASK, TASKS
from pixelwise.training.options import TrainOptions
from pixelwise.training.progress_display import Display

SHOWN_PROBLEMS = 5
LEAST_FOR_VAL = 10
"""With fewer sparsely labelled images than this, strokes are held out for validation instead of images."""
OF_SPLITS = ("no_val", "class_not_in_train", "class_not_in_val", "class_not_in_test")
"""Kinds of problems that do not concern a cross-validation, which splits the images itself."""


def require_text(name: str, path: Path | None) -> None:
    """Raise `OptionError` for a path, of the option `name`, that text files such as config.yaml cannot store."""
    if not is_text(path):
        remedy = "Rename it; where the locale is not UTF-8, set LC_ALL=C.UTF-8."
        raise OptionError(name, f"{path}, which is not UTF-8", "a path in UTF-8", remedy)


def select_usable_data(
    dataset: Dataset, check_result: CheckResult, options: TrainOptions, display: Display
) -> tuple[Dataset, CheckResult, list[tuple[str, str]]]:
    """Return the data to train on, without bad images if `skip_bad` is set. For a cross-validation, problems of splits
    are not reported. Images whose objects have no ids are bad only for training on objects.
    """
    _apply_task(check_result, options)
    if options.folds is not None:
        check_result.remarks.clear()
        check_result.problems = [problem for problem in check_result.problems if problem.kind not in OF_SPLITS]
    for remark in check_result.remarks:
        display.message(f"  {remark}")
    for problem in check_result.problems[:SHOWN_PROBLEMS]:
        display.message(f"  {problem.kind}: {problem.file}: {problem.message}")
    if len(check_result.problems) > SHOWN_PROBLEMS:
        display.message(f"  ... and {len(check_result.problems) - SHOWN_PROBLEMS} more: pixelwise check {dataset.root}")
    skipped: list[tuple[str, str]] = []
    if check_result.unusable:
        bad = [problem for problem in check_result.harmful if problem.file != dataset.root]
        if not options.skip_bad:
            raise DataError(
                dataset.root,
                f"{quantity(len(check_result.unusable), 'image')} that would spoil the training (the first: "
                f"{bad[0].message})",
                "images with fitting masks",
                f"Run `pixelwise check {dataset.root}` and correct them, or leave them out with `skip_bad=True`.",
            )
        skipped = [(str(problem.file), problem.message) for problem in bad]
        dataset = dataset.without(check_result.unusable)
        check_result = check(dataset)
        _apply_task(check_result, options)
    if check_result.unlabelled:
        dataset = separate_unlabelled(dataset, check_result.unlabelled)
        check_result = check(dataset)
        _apply_task(check_result, options)
    if not dataset.splits.get("train"):
        remedy = "Put images with masks into train/, or let a single folder be split by pixelwise."
        raise DataError(dataset.root, "no image to train on", "at least one in the split train", remedy)
    for problem in (problem for problem in check_result.problems if problem.kind == "one_class"):
        remedy = f"Run `pixelwise check {dataset.root}`."
        raise DataError(
            dataset.root, "training images of a single class", "two classes or more", f"{problem.message} {remedy}"
        )
    if options.folds is None and _has_too_few_labels_for_val(dataset, check_result):
        dataset, remark = _hold_out_labels(dataset)
        check_result.remarks.append(remark)
        display.message(f"  {remark}")
    if not dataset.splits.get("val") and options.folds is None:
        measured = "" if dataset.splits.get("test") else " and nothing is measured"
        display.message(f"  no validation images: the last weights are kept{measured}; add a val/ folder")
    return dataset, check_result, skipped


def _has_too_few_labels_for_val(dataset: Dataset, check_result: CheckResult) -> bool:
    """Return whether there are too few sparsely labelled images to hold some out for validation."""
    is_drawn = all(item.auto_split for item in dataset.splits.get("val", ()))
    images = sum(split == "train" or item.auto_split for split, item in dataset.items())
    return check_result.is_sparse and check_result.labels.has_strokes and is_drawn and images < LEAST_FOR_VAL


def _hold_out_labels(dataset: Dataset) -> tuple[Dataset, str]:
    """Return the data set with all labelled images in train and some of their strokes held out, and a remark about
    it."""
    train = sorted((*dataset.splits["train"], *dataset.splits.get("val", ())), key=lambda item: item.name)
    splits = {split: items for split, items in dataset.splits.items() if split != "val"}
    dataset = hold_out_regions(replace(dataset, splits={**splits, "train": tuple(train)}))
    images = f"only {quantity(len(train), 'image')} have labels" if len(train) > 1 else "only 1 image has labels"
    if not dataset.splits.get("val"):
        return dataset, f"{images}, of too few strokes to hold some out: nothing is validated. Label further images."
    return dataset, (
        f"{images}: one in five strokes or labelled regions of each class is held out for validation, and the score "
        f"says how well the model completes these images, not how it does on others. From {LEAST_FOR_VAL} labelled "
        "images on whole images are held out."
    )


def _apply_task(check_result: CheckResult, options: TrainOptions) -> None:
    """Count images whose objects have no ids as unusable if the task has objects."""
    if TASKS[options.task or DEFAULT_TASK].has_objects:
        check_result.unusable |= check_result.unusable_for_objects
    else:
        check_result.problems = [problem for problem in check_result.problems if problem.kind != "missing_objects"]
