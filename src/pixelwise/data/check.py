"""`check`: what is in a data set, and everything that is wrong with it, file by file."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.value_range import ValueRange
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.dataset_problems import (
    describe_splits,
    duplicate_problem,
    find_absent_classes,
    find_empty_splits,
    find_similar_names,
    report_axes,
    stray_mask_problem,
)
from pixelwise.data.exif_orientation import report_ambiguous_orientation
from pixelwise.data.flat_images import report_masks_as_images
from pixelwise.data.inverted_masks import MaskLooks, find_inverted_masks
from pixelwise.data.item_check import HARMLESS, ItemCheck, check_item
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.missing_objects import ObjectCounts, find_missing_objects
from pixelwise.data.problem import Problem, display_path
from pixelwise.data.sparse_labels import ClassLabels, LabelCounts, describe_labels, describe_unlabelled
from pixelwise.raster.image import pixels_in
from pixelwise.raster.limits import PixelBudget
from pixelwise.raster.stack import split_page

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MaskValues:
    """What some values of mask files stand for.

    values: as text, such as "1, 255". label: a class index or `IGNORE_INDEX`. share: their share, 0..1, of the counted
    pixels; `None` where none is counted. why: the evidence, a clause.
    """

    values: str
    label: int
    share: float | None
    why: str


@dataclass(frozen=True)
class DepthUse:
    """The images of one type (see `Depth`): how many, and the range of their values."""

    images: int
    low: float
    high: float


@dataclass
class CheckResult:
    """What is in a data set, and what is wrong with it.

    Pixels and objects are counted over the images that have no harmful problem.

    Attributes
    ----------
    root, format, classes
        The data set's directory, layout and classes.
    splits
        The number of images of each split.
    sizes
        The number of images of each size (height, width), the most frequent first.
    pixels
        The number of all pixels.
    class_pixels, class_objects
        int64 (num_classes,): the labelled pixels, and the objects, of each class.
    train_class_pixels, val_class_pixels
        As `class_pixels`, of these splits.
    class_image_pixels
        int64 (num_classes,): for each class, the number of all pixels of the training images in which it occurs.
        Median-frequency balancing divides by it.
    train_object_areas
        For each training image the areas of its objects in pixels, int64 (objects,).
    problems
        All findings, sorted by file.
    unusable
        The images that training must leave out.
    remarks
        Sentences on what was assumed and what the data allow.
    mask_encoding
        What the values of mask files stand for; `None` without such files.
    depths
        The images deeper than 8 bits, by type.
    value_range
        The values that become 0 and 255 in images deeper than 8 bits.
    unusable_for_objects
        Further images that training on objects must leave out.
    labels
        What is labelled of the images to train on.
    unlabelled
        Images that are meant to have no label (see `LabelCounts.expects_unlabelled`).
    is_sparse
        Whether most pixels of the training images, unlabelled images included, have no label.
    folders
        Where the files lie: under "images" and "labels" the number of items of each folder, or annotation file of
        several images, by its path relative to `root`.
    """

    root: Path
    format: str
    classes: ClassMap
    splits: dict[str, int]
    sizes: dict[tuple[int, int], int]
    pixels: int
    class_pixels: Int64
    class_objects: Int64
    train_class_pixels: Int64
    val_class_pixels: Int64
    class_image_pixels: Int64
    train_object_areas: list[Int64]
    problems: list[Problem]
    unusable: set[Path]
    remarks: list[str]
    mask_encoding: MaskEncoding | None = None
    depths: dict[str, DepthUse] = field(default_factory=dict)
    value_range: ValueRange | None = None
    unusable_for_objects: set[Path] = field(default_factory=set)
    labels: LabelCounts = field(default_factory=lambda: LabelCounts(0))
    unlabelled: set[Path] = field(default_factory=set)
    is_sparse: bool = False
    folders: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def images(self) -> int:
        return sum(self.splits.values())

    @property
    def labelled_share(self) -> float:
        """The share, 0..1, of the counted pixels that have a class; 0 where none is counted."""
        return int(self.class_pixels.sum()) / max(1, self.pixels)

    @property
    def class_shares(self) -> dict[str, float]:
        """Each class's share, 0..1, of the labelled pixels."""
        labelled = max(1, int(self.class_pixels.sum()))
        return {name: int(n) / labelled for name, n in zip(self.classes.names, self.class_pixels, strict=True)}

    @property
    def class_labels(self) -> dict[str, ClassLabels]:
        """What is labelled of each class in the images to train on, by its name."""
        return self.labels.by_class(self.classes.names)

    @property
    def mask_values(self) -> list[MaskValues]:
        """What the values of mask files stand for, for each class and for no label."""
        if self.mask_encoding is None:
            return []
        counts = {
            **dict(enumerate(self.class_pixels.tolist())),
            IGNORE_INDEX: self.pixels - int(self.class_pixels.sum()),
        }
        return [
            MaskValues(
                values, label, count / self.pixels if self.pixels else None, self.mask_encoding.reason_for(label)
            )
            for label, count in counts.items()
            if (values := self.mask_encoding.values_of(label))
        ]

    def name_of(self, label: int) -> str:
        """Return the name of a class index, "no label" of `IGNORE_INDEX`."""
        return "no label" if label == IGNORE_INDEX else self.classes.names[label]

    @property
    def harmful(self) -> list[Problem]:
        """The problems that would harm a training."""
        return [problem for problem in self.problems if problem.kind not in HARMLESS]

    def to_json_dict(self) -> dict[str, Any]:
        """Return what `pixelwise check` prints as JSON."""
        return {
            "format": self.format,
            "images": self.images,
            "folders": self.folders,
            "classes": list(self.classes.names),
            "splits": self.splits,
            "sizes": [{"height": h, "width": w, "images": n} for (h, w), n in self.sizes.items()],
            "labelled_share": self.labelled_share,
            "class_shares": self.class_shares,
            "labels": {
                "sparse": self.is_sparse,
                "share": self.labels.share,
                "labelled_images": self.labels.images,
                "unlabelled_images": self.labels.blank_images,
                "per_class": {name: asdict(entry) for name, entry in self.class_labels.items()},
            },
            "mask_values": [
                {
                    "values": row.values,
                    "class": None if row.label == IGNORE_INDEX else self.name_of(row.label),
                    "share": row.share,
                    "why": row.why,
                }
                for row in self.mask_values
            ],
            "class_objects": dict(zip(self.classes.names, self.class_objects.tolist(), strict=True)),
            "depths": {name: asdict(use) for name, use in self.depths.items()},
            "value_range": None if self.value_range is None else asdict(self.value_range),
            "remarks": self.remarks,
            "problems": [{"file": str(p.file), "kind": p.kind, "message": p.message} for p in self.problems],
        }


def check(dataset: Dataset, on_progress: Callable[[int, int], None] | None = None) -> CheckResult:
    """Read every file of a data set and report what is in it and what is wrong.

    Each processor holds at most one image in memory; of large images fewer are read at a time.

    Parameters
    ----------
    dataset
        The data set.
    on_progress
        Called with (done, total) after every image.

    Returns
    -------
    CheckResult
        The contents and the problems. Nothing is raised for a file that is wrong.
    """
    dataset = dataset.with_value_range()
    result = _empty_result(dataset)
    result.value_range = dataset.value_range
    # Training comes last: of copies in two splits, the one in the later split is reported and left out.
    items = sorted(dataset.items(), key=lambda pair: ("test", "val", "train").index(pair[0]))
    first_of_digest: dict[bytes, tuple[str, Path]] = {}
    object_counts: list[ObjectCounts] = []
    blank: list[tuple[ItemCheck, list[Problem]]] = []
    mask_looks: list[MaskLooks] = []
    images_are_masks: list[bool] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        item_checks = pool.map(partial(_check_within_budget, dataset, PixelBudget()), [item for _, item in items])
        for done, ((split, item), item_check) in enumerate(zip(items, item_checks, strict=True), start=1):
            problems = [*item_check.problems, *_find_duplicate(first_of_digest, item_check, split)]
            harmful_kinds = {problem.kind for problem in problems} - {*HARMLESS}
            is_blank = item_check.size is not None and harmful_kinds in ({"unlabelled"}, {"missing_mask"})
            if is_blank:  # whether this is a mistake is known once all images are
                blank.append((item_check, problems))
            else:
                result.problems += problems
                if harmful_kinds:
                    result.unusable.add(item.image)
            if is_blank or not harmful_kinds:
                _add_labels(result, item_check, split)
            _add_counts(result, item_check, split, is_usable=not harmful_kinds)
            if item_check.mask_looks is not None:
                mask_looks.append(item_check.mask_looks)
            if item_check.image_is_mask is not None:
                images_are_masks.append(item_check.image_is_mask)
            if item_check.object_counts is not None:
                object_counts.append(item_check.object_counts)
            if on_progress is not None:
                on_progress(done, len(items))
    _judge_unlabelled(result, dataset, blank)
    result.problems += report_masks_as_images(dataset.root, images_are_masks)
    for incomplete, problem in find_missing_objects(dataset.root, dataset.classes, object_counts):
        result.problems.append(problem)
        if incomplete is not None:
            result.unusable_for_objects.add(incomplete.image)
    _add_problems_of_dataset(result, dataset, find_inverted_masks(mask_looks))
    result.remarks += describe_splits(dataset)
    if result.is_sparse:
        result.remarks += describe_labels(result.class_labels, result.labels.images)
    result.problems.sort(key=lambda problem: (problem.file, problem.kind))
    result.sizes = dict(sorted(result.sizes.items(), key=lambda pair: (-pair[1], pair[0])))
    return result


def _find_duplicate(
    first_of_digest: dict[bytes, tuple[str, Path]], item_check: ItemCheck, split: str
) -> Iterator[Problem]:
    """Yield the problem of an image whose pixels an earlier image of another split has.

    first_of_digest: the split and the path of the first image of each digest; a new digest is added.
    """
    if item_check.digest is None:
        return
    image = item_check.item.image
    first_split, first = first_of_digest.setdefault(item_check.digest, (split, image))
    if first_split != split:
        yield duplicate_problem(image, split, first, first_split)


def _add_problems_of_dataset(result: CheckResult, dataset: Dataset, inverted: list[Problem] | None) -> None:
    """Add the problems that concern no single item. inverted: those of inverted masks, judged by the images; they
    replace what the layout, which read the masks alone, said of them. `None` where the images do not tell."""
    problems = list(dataset.problems)
    if inverted is not None:
        problems = [problem for problem in problems if problem.kind != "inverted_mask"] + inverted
    result.problems += [stray_mask_problem(mask) for mask in dataset.stray_masks]
    result.problems += [*problems, *find_similar_names(dataset), *report_ambiguous_orientation(dataset)]
    result.problems += [*find_empty_splits(dataset), *report_axes(dataset)]
    pixels = {"all": result.class_pixels, "train": result.train_class_pixels, "val": result.val_class_pixels}
    pixels["test"] = pixels["all"] - pixels["train"] - pixels["val"]
    result.problems += find_absent_classes(result.root, result.classes, pixels)


def _judge_unlabelled(result: CheckResult, dataset: Dataset, blank: Sequence[tuple[ItemCheck, list[Problem]]]) -> None:
    """Decide whether labels are sparse, and whether the `blank` images are meant to have no label. If they are not,
    their problems are added to the result."""
    for item in dataset.unlabelled:
        result.labels.add_blank(math.prod(dataset.image_size(item)))
    is_expected = result.labels.expects_unlabelled(dataset.root)
    result.is_sparse = is_expected and result.labels.is_sparse
    for item_check, problems in blank:
        image = item_check.item.image
        if is_expected:
            result.unlabelled.add(image)
            result.problems += [problem for problem in problems if problem.kind in HARMLESS]
            result.pixels += math.prod(item_check.size or (0,))
        else:
            result.unusable.add(image)
            result.problems += problems
    if count := len(result.unlabelled) + len(dataset.unlabelled):
        is_drawn = any(item.auto_split for _, item in dataset.items())
        total = result.images + len(dataset.unlabelled)
        result.remarks.append(describe_unlabelled(count, total, is_drawn=is_drawn, is_sparse=result.is_sparse))


def _check_within_budget(dataset: Dataset, budget: PixelBudget, item: Item) -> ItemCheck:
    """Check an item when memory allows it."""
    with budget.reserve(pixels_in(item.image)):
        return check_item(dataset, item)


def _empty_result(dataset: Dataset) -> CheckResult:
    """Return a result without images."""

    def zeros() -> Int64:
        return np.zeros(dataset.classes.num_classes, np.int64)

    splits = {split: len(items) for split, items in dataset.splits.items()}
    return CheckResult(
        dataset.root,
        dataset.format,
        dataset.classes,
        splits,
        sizes={},
        pixels=0,
        class_pixels=zeros(),
        class_objects=zeros(),
        train_class_pixels=zeros(),
        val_class_pixels=zeros(),
        class_image_pixels=zeros(),
        train_object_areas=[],
        labels=LabelCounts(dataset.classes.num_classes),
        problems=[],
        unusable=set(),
        remarks=[],
        mask_encoding=dataset.mask_encoding,
        folders=_count_folders(dataset),
    )


def _count_folders(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return where the files of a data set lie (see `CheckResult`)."""
    folders: dict[str, Counter[str]] = {"images": Counter(), "labels": Counter()}
    for item in (item for items in dataset.splits.values() for item in items):
        folders["images"][_folder_of(dataset.root, item.image)] += 1
        if item.mask is not None:
            place = display_path(dataset.root, item.mask) if item.entry else _folder_of(dataset.root, item.mask)
            folders["labels"][place] += 1
    return {kind: dict(counts) for kind, counts in folders.items()}


def _folder_of(root: Path, path: Path) -> str:
    """Return the folder of a file, or of the file that a page is part of, as text with a slash at its end."""
    return f"{display_path(root, split_page(path)[0].parent)}/"


def _add_labels(result: CheckResult, item_check: ItemCheck, split: str) -> None:
    """Count what is labelled of an image to train on: one of `train`, or of a split that was drawn."""
    if item_check.size is not None and (split == "train" or item_check.item.auto_split):
        result.labels.add(math.prod(item_check.size), item_check.class_pixels)


def _add_counts(result: CheckResult, item_check: ItemCheck, split: str, *, is_usable: bool) -> None:
    """Add an item's size and, where it is usable, its pixels and objects to the result."""
    if item_check.size is None:
        return
    pixels = math.prod(item_check.size)
    result.sizes[item_check.size] = result.sizes.get(item_check.size, 0) + 1
    if (depth := item_check.depth) is not None:
        use = result.depths.get(depth.type, DepthUse(0, depth.low, depth.high))
        result.depths[depth.type] = DepthUse(use.images + 1, min(use.low, depth.low), max(use.high, depth.high))
    if is_usable:
        result.pixels += pixels
        result.class_pixels += item_check.class_pixels
        result.class_objects += item_check.class_objects
        if split == "train":
            result.train_class_pixels += item_check.class_pixels
            result.class_image_pixels += pixels * (item_check.class_pixels > 0)
            result.train_object_areas.append(item_check.object_areas)
        elif split == "val":
            result.val_class_pixels += item_check.class_pixels
