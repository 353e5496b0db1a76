"""Problems of a data set as a whole: duplicates across splits, empty splits, absent classes, similar class names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.core.text import quantity
from pixelwise.data.dataset import Dataset
from pixelwise.data.problem import Problem, list_paths
from pixelwise.data.references import nfc
from pixelwise.data.splits import LEAST, SMALL
from pixelwise.raster.axes import describe_reading, page_bands

Int64 = npt.NDArray[np.int64]


def duplicate_problem(image: Path, split: str, first: Path, first_split: str) -> Problem:
    """Return the problem for an image of `split` with the same pixels as the image `first` of `first_split`."""
    message = (
        f"found the same pixels in {split} as {first.name} has in {first_split}; expected an image in one split only. "
        f"Take one of them away; `train(skip_bad=True)` leaves out this one, in {split}."
    )
    return Problem(image, "duplicate", message)


def stray_mask_problem(mask: Path) -> Problem:
    """Return the problem for a mask without an image."""
    message = "found no image for this mask; expected one with its stem. Add the image or remove the mask."
    return Problem(mask, "missing_image", message)


def find_similar_names(dataset: Dataset) -> list[Problem]:
    """Return a problem for each group of classes whose names differ only in case, spaces or dashes."""
    groups: dict[str, list[str]] = {}
    for name in dataset.classes.names:
        key = re.sub(r"[\s_-]+", "", nfc(name).casefold())
        groups.setdefault(key, []).append(name)
    remedy = "They are classes of their own here; give them one name where they are one class."
    expected = "names that differ by more than case, spaces or dashes"
    return [
        Problem(
            dataset.root, "assumed", f"found the classes {', '.join(map(repr, names))}; expected {expected}. {remedy}"
        )
        for names in groups.values()
        if len(names) > 1
    ]


def report_axes(dataset: Dataset) -> list[Problem]:
    """Return a remark on TIFFs whose pages are read as the bands of one image, and on TIFFs whose axes are in doubt.

    There is one remark for all files of one number and size of pages or bands.
    """
    if dataset.bands is None:
        return []
    files_of: dict[str, list[Path]] = {}
    for item in itertools.chain.from_iterable(dataset.splits.values()):
        reading = describe_reading(item.image)
        if reading is None and (pages := page_bands(item.image)) is not None:
            count, (height, width) = pages
            reading = (
                f"read as {count} bands of {height}x{width} (height x width), a page each, of which those of another "
                "size or type are left out. If they are images of their own, save each as a file."
            )
        if reading is not None:
            files_of.setdefault(reading, []).append(item.image)
    return [
        Problem(
            files[0],
            "assumed",
            f"found {quantity(len(files), 'file')} ({list_paths(dataset.root, files)}) of several pages or many bands; "
            f"expected the bands of one image, (bands, height, width), and they are {reading}",
        )
        for reading, files in files_of.items()
    ]


def find_empty_splits(dataset: Dataset) -> list[Problem]:
    """Return the problems of splits that training needs and that have no image."""
    remedy = "Add images, name the split folders train/, val/ and test/, or write train.txt and val.txt lists."
    folds = "`train(folds=5)` measures a set that is too small to split."
    purposes = {"train": "images to train on", "val": "images to choose the best weights by"}
    return [
        Problem(
            dataset.root, f"no_{split}", f"found no image in the split {split}; expected {purpose}. {remedy} {folds}"
        )
        for split, purpose in purposes.items()
        if not dataset.splits.get(split)
    ]


def find_absent_classes(root: Path, classes: ClassMap, pixels_by_split: dict[str, Int64]) -> Iterator[Problem]:
    """Yield the problems of classes without a pixel; none where no training pixel is labelled.

    pixels_by_split: the labelled pixels of each class, int64 (num_classes,), under `train`, `val`, `test` and `all`
    (all splits together).
    """
    anywhere, trained, validated, tested = (pixels_by_split[split] > 0 for split in ("all", "train", "val", "test"))
    if not trained.any():
        return

    def problem(kind: str, missing: npt.NDArray[np.bool_], where: str, meaning: str) -> Iterator[Problem]:
        names = ", ".join(name for name, is_missing in zip(classes.names, missing, strict=True) if is_missing)
        if names:
            yield Problem(root, kind, f"found no pixel of {names} {where}; expected some of every class. {meaning}")

    lost = "A class without a pixel cannot be learnt, and each pixel taken for it lowers the mean."
    yield from problem("empty_class", ~anywhere, "in any split", f"{lost} Label some, or take it from the class list.")
    if trained.sum() < 2:
        (name,) = (classes.names[index] for index in np.flatnonzero(trained))
        message = (
            f"found pixels of {name} alone in the training images; expected two classes or more. Check which values of "
            "the masks stand for which class, and that objects are labelled."
        )
        yield Problem(root, "one_class", message)
        return
    unlearnt = "It cannot be learnt, and every pixel of it will be wrong. Move images with it into train."
    yield from problem("class_not_in_train", anywhere & ~trained, "in train, though in other splits", unlearnt)
    if validated.any():
        unmeasured = "Nothing is measured of it. Move images with it into val, or measure with `train(folds=5)`."
        yield from problem("class_not_in_val", trained & ~validated, "in val, though in train", unmeasured)
    if tested.any():
        unmeasured = (
            "Nothing is measured of it, and each test pixel taken for it lowers the mean. Move images with it into "
            "test, or measure with `train(folds=5)`."
        )
        yield from problem("class_not_in_test", trained & ~tested, "in test, though in train", unmeasured)


def describe_splits(dataset: Dataset) -> list[str]:
    """Return remarks on splits that were drawn, and on splits too small for a meaningful score."""
    counts = {split: len(items) for split, items in dataset.splits.items()}
    drawn = [split for split, items in dataset.splits.items() if any(item.auto_split for item in items)]
    remarks = []
    if drawn:
        parts = ", ".join(f"{split} {counts[split]:,}" for split in drawn)
        rule = "by the images' names" + (" and classes" if sum(counts[split] for split in drawn) < SMALL else "")
        only_val = "test" in counts and "test" not in drawn
        named = "The data have no split val" if only_val else "The data name no splits"
        remedy = "To choose them yourself, use folders or lists called train, val and test."
        remarks.append(f"{named}, so they were drawn {rule}: {parts}. {remedy}")
    for split in ("val", "test"):
        if 0 < counts.get(split, 0) < LEAST:
            images = quantity(counts[split], "image")
            reason = f"{split} has {images}: a score on fewer than {LEAST} says little about other images"
            remarks.append(f"{reason}. Add images, or measure on all of them with `train(folds=5)`.")
    return remarks
