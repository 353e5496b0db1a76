"""Choosing the layout of a directory, and checking what layouts of other packages return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError, ExtensionError, MaskError
from pixelwise.core.lookup import count_values
from pixelwise.core.registry import describe_object, extension_errors, extension_remedy
from pixelwise.data.dataset import Dataset, Item, Labels, source_of
from pixelwise.data.layouts import FALLBACK, LAYOUTS
from pixelwise.data.problem import Problem

LABELS = "`Labels` of a label map, uint8 (height, width), and an instance map, int32 (height, width), or `None`"


def recognise_layout(root: Path) -> tuple[str, list[Problem]]:
    """Return the name of the first layout that recognises a directory, `FALLBACK` where none does, and a remark on each
    layout of another package that failed."""
    problems: list[Problem] = []
    for name in LAYOUTS:
        if _is_recognised(name, root, problems):
            return name, problems
    return FALLBACK, problems


def _is_recognised(name: str, root: Path, problems: list[Problem]) -> bool:
    """Return whether a layout recognises a directory. One that fails does not; `problems` gets a remark on it."""
    try:
        recognise = LAYOUTS[name].recognise
        with extension_errors(LAYOUTS.origin(name), "`recognise` to return whether the layout fits"):
            return recognise is not None and bool(recognise(root))
    except ExtensionError as error:
        message = f"{error.where} cannot be used: found {error.found}; expected {error.expected}. {error.remedy}"
        problems.append(Problem(root, "passed_over", message))
        return False


def read_layout(name: str, root: Path, images_root: Path | None) -> Dataset:
    """Read a directory in a layout. For a layout of another package, the data set is checked here and its labels
    whenever they are read.

    Raises `ExtensionError` where such a layout fails, and what its `read` raises.
    """
    origin = LAYOUTS.origin(name)
    with extension_errors(origin, "a `Dataset`"):
        dataset = LAYOUTS[name].read(root, images_root)
    if origin is None:
        return dataset
    if not isinstance(dataset, Dataset):
        raise ExtensionError(origin, f"{describe_object(dataset)} from `read`", "a `Dataset`", extension_remedy(origin))
    read_labels = partial(
        _read_checked, read_labels=dataset.read_labels, origin=origin, num_classes=dataset.classes.num_classes
    )
    return replace(dataset, read_labels=read_labels)


def read_recognised(root: Path, images_root: Path | None) -> Dataset:
    """Read a directory in the layout that recognises it.

    Raises `DataError` where its files are no data set; the message names the layouts of other packages that failed.
    """
    name, problems = recognise_layout(root)
    try:
        dataset = read_layout(name, root, images_root)
    except DataError as error:
        if not problems:
            raise
        remedy = " ".join([error.remedy, *(f"The {problem.message}" for problem in problems)])
        raise DataError(error.where, error.found, error.expected, remedy) from error
    return replace(dataset, problems=(*dataset.problems, *problems)) if problems else dataset


def _read_checked(item: Item, read_labels: Callable[[Item], Labels], origin: str, num_classes: int) -> Labels:
    """Return the labels that a layout of another package reads. Raises `ExtensionError` for anything but `Labels` of
    arrays of the right type, and `MaskError` for values that are no class."""
    with extension_errors(origin, LABELS):
        labels = read_labels(item)
    if not isinstance(labels, Labels):
        found = f"{describe_object(labels)} from `read_labels`"
        raise ExtensionError(origin, found, LABELS, extension_remedy(origin))
    for field, values, dtype in (
        ("label map", labels.label_map, np.uint8),
        ("instance map", labels.instance_map, np.int32),
    ):
        if values is None and field == "instance map":
            continue
        if not isinstance(values, np.ndarray) or values.dtype != dtype or values.ndim != 2:
            found = describe_object(values)
            if isinstance(values, np.ndarray):
                found = f"{values.dtype} {values.shape}"
            raise ExtensionError(origin, f"{found} as the {field}", LABELS, extension_remedy(origin))
    wrong = np.flatnonzero(count_values(labels.label_map)[num_classes:IGNORE_INDEX]) + num_classes
    if wrong.size:
        expected = f"class indices 0..{num_classes - 1}, and {IGNORE_INDEX} where nothing is known"
        remedy = "Correct the mask, or the layout that reads it."
        raise MaskError(source_of(item).path, f"the value {wrong[0]}", expected, remedy)
    return labels
