"""What is in a data set, and everything that is wrong with it, by file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
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
from pixelwise.data.exif_orientation import report_ambiguous_orientation
from pixelwise.data.item_check import HARMLESS, ItemCheck, check_item
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.missing_objects import ObjectCounts, find_missing_objects
from pixelwise.data.problem import Problem
from pixelwise.data.references import nfc
from pixelwise.data.splits import LEAST, SMALL
from pixelwise.raster.image import pixels_in
from pixelwise.raster.limits import PixelBudget

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MaskValues:
    """The values of mask files, such as "1, 255", that stand for a class index or `IGNORE_INDEX`; its share of the
    counted pixels, 0..1, `None` where none is counted; and what that was concluded from."""

    values: str
    label: int
    share: float | None
    why: str


@dataclass(frozen=True)
class DepthUse:
    """How many images have a type, and between which values theirs lie (see `Depth`)."""

    images: int
    low: float
    high: float


@dataclass
class CheckResult:
    """What `check` found.

    splits: number of images. sizes: number of images by (height, width). Pixels are counted over the pairs without a
    harmful problem: `pixels` are all of them; `class_pixels`, int64 (num_classes,), the labelled ones by class;
    `train_class_pixels` and `val_class_pixels` those of these splits; `class_image_pixels`, int64 (num_classes,), the
    pixels of the training images in which each class occurs (median-frequency balancing divides by it).
    `class_objects`, int64 (num_classes,), counts objects; `train_object_areas` are those of the training split in
    pixels, int64 (objects,) an image. `problems` are sorted by file; `unusable` are the images that training must leave
    out, `unusable_for_objects` those that training on objects must leave out too. `remarks` are sentences on what was
    assumed and on what the data allow. `mask_encoding` says what the values of mask files stand for, where there are
    such files. `depths` tells of images deeper than 8 bits, by their type, and
    `value_range` what becomes 0 and 255 of them.
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
    def mask_values(self) -> list[MaskValues]:
        """What the values of mask files stand for: each class, and no label."""
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
        """The problems under which training would suffer."""
        return [problem for problem in self.problems if problem.kind not in HARMLESS]

    def to_json_dict(self) -> dict[str, Any]:
        """Return what `pixelwise check` prints as JSON."""
        return {
            "format": self.format,
            "images": self.images,
            "classes": list(self.classes.names),
            "splits": self.splits,
            "sizes": [{"height": h, "width": w, "images": n} for (h, w), n in self.sizes.items()],
            "labelled_share": self.labelled_share,
            "class_shares": self.class_shares,
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
            "depths": {name: asdict(own) for name, own in self.depths.items()},
            "value_range": None if self.value_range is None else asdict(self.value_range),
            "remarks": self.remarks,
            "problems": [{"file": str(p.file), "kind": p.kind, "message": p.message} for p in self.problems],
        }


def check(dataset: Dataset, on_progress: Callable[[int, int], None] | None = None) -> CheckResult:
    """Read every file of a data set and report what is in it and what is wrong.

    `on_progress` is told (done, total) after every image. At most one image a processor is in memory at a time, of
    large ones fewer.
    """
    dataset = dataset.with_value_range()
    result = _nothing_yet(dataset)
    result.value_range = dataset.value_range
    # Of copies in two splits the one nearer to training is left out, so that one comes later here.
    items = sorted(dataset.items(), key=lambda pair: ("test", "val", "train").index(pair[0]))
    seen: dict[bytes, tuple[str, Path]] = {}
    numberings: list[ObjectCounts] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        examined = pool.map(partial(_examined, dataset, PixelBudget()), [item for _, item in items])
        for done, ((split, item), found) in enumerate(zip(items, examined, strict=True), start=1):
            problems = list(found.problems)
            if found.digest is not None:
                first_split, first = seen.setdefault(found.digest, (split, item.image))
                if first_split != split:
                    problems.append(_duplicate(item.image, split, first, first_split))
            result.problems += problems
            spoilt = any(problem.kind not in HARMLESS for problem in problems)
            if spoilt:
                result.unusable.add(item.image)
            _count(result, found, split, counts=not spoilt)
            if found.numbering is not None:
                numberings.append(found.numbering)
            if on_progress is not None:
                on_progress(done, len(items))
    for lacking, problem in find_missing_objects(dataset.root, dataset.classes, numberings):
        result.problems.append(problem)
        if lacking is not None:
            result.unusable_for_objects.add(lacking.image)
    result.problems += [_stray(mask) for mask in dataset.stray_masks]
    result.problems += [*dataset.problems, *_similar_names(dataset), *report_ambiguous_orientation(dataset)]
    result.problems += [*_empty_splits(dataset), *_missing_classes(result)]
    result.remarks += describe_splits(dataset)
    result.problems.sort(key=lambda problem: (problem.file, problem.kind))
    result.sizes = dict(sorted(result.sizes.items(), key=lambda pair: (-pair[1], pair[0])))
    return result


def _examined(dataset: Dataset, budget: PixelBudget, item: Item) -> ItemCheck:
    """Examine an item when it is its turn."""
    with budget.reserve(pixels_in(item.image)):
        return check_item(dataset, item)


def _nothing_yet(dataset: Dataset) -> CheckResult:
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
        problems=[],
        unusable=set(),
        remarks=[],
        mask_encoding=dataset.mask_encoding,
    )


def _count(result: CheckResult, found: ItemCheck, split: str, counts: bool) -> None:
    """Add an item's size and, where it `counts`, its pixels to the result."""
    if found.size is None:
        return
    result.sizes[found.size] = result.sizes.get(found.size, 0) + 1
    if (depth := found.depth) is not None:
        use = result.depths.get(depth.type, DepthUse(0, depth.low, depth.high))
        result.depths[depth.type] = DepthUse(use.images + 1, min(use.low, depth.low), max(use.high, depth.high))
    if counts:
        pixels = found.size[0] * found.size[1]
        result.pixels += pixels
        result.class_pixels += found.class_pixels
        result.class_objects += found.class_objects
        if split == "train":
            result.train_class_pixels += found.class_pixels
            result.class_image_pixels += pixels * (found.class_pixels > 0)
            result.train_object_areas.append(found.object_areas)
        elif split == "val":
            result.val_class_pixels += found.class_pixels


def _duplicate(image: Path, split: str, first: Path, first_split: str) -> Problem:
    found = f"found the same pixels in {split} as {first.name} has in {first_split}"
    remedy = f"Take one of them away; `train(skip_bad=True)` leaves out this one, in {split}."
    return Problem(image, "duplicate", f"{found}; expected an image in one split only. {remedy}")


def _stray(mask: Path) -> Problem:
    message = "found no image for this mask; expected one with its stem. Add the image or remove the mask."
    return Problem(mask, "missing_image", message)


def _similar_names(dataset: Dataset) -> list[Problem]:
    """Return a remark for each group of classes whose names differ by case, spaces or dashes alone."""
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


def _empty_splits(dataset: Dataset) -> list[Problem]:
    remedy = "Add images, name the split folders train/, val/ and test/, or write train.txt and val.txt lists."
    folds = "`train(folds=5)` measures a set that is too small to split."
    wanted = {"train": "images to train on", "val": "images to choose the best weights by"}
    return [
        Problem(
            dataset.root, f"no_{split}", f"found no image in the split {split}; expected {purpose}. {remedy} {folds}"
        )
        for split, purpose in wanted.items()
        if not dataset.splits.get(split)
    ]


def _missing_classes(result: CheckResult) -> Iterator[Problem]:
    """Yield what classes without a pixel mean, where it could be counted."""
    anywhere, trained, validated = (
        pixels > 0 for pixels in (result.class_pixels, result.train_class_pixels, result.val_class_pixels)
    )
    if not trained.any():
        return

    def problem(kind: str, missing: npt.NDArray[np.bool_], where: str, meaning: str) -> Iterator[Problem]:
        names = ", ".join(name for name, is_missing in zip(result.classes.names, missing, strict=True) if is_missing)
        if names:
            found = f"found no pixel of {names} {where}; expected some of every class"
            yield Problem(result.root, kind, f"{found}. {meaning}")

    lost = "A class without a pixel cannot be learnt, and each pixel taken for it lowers the mean."
    yield from problem("empty_class", ~anywhere, "in any split", f"{lost} Label some, or take it from the class list.")
    if trained.sum() < 2:
        (name,) = (result.classes.names[index] for index in np.flatnonzero(trained))
        found = f"found pixels of {name} alone in the training images; expected two classes or more"
        remedy = "Check which values of the masks stand for which class, and that objects are labelled."
        yield Problem(result.root, "one_class", f"{found}. {remedy}")
        return
    unlearnt = "It cannot be learnt, and every pixel of it will be wrong. Move images with it into train."
    yield from problem("class_not_in_train", anywhere & ~trained, "in train, though in other splits", unlearnt)
    if validated.any():
        unmeasured = "Nothing is measured of it. Move images with it into val, or measure with `train(folds=5)`."
        yield from problem("class_not_in_val", trained & ~validated, "in val, though in train", unmeasured)


def describe_splits(dataset: Dataset) -> list[str]:
    """Return which splits were drawn, and which are too small for a score that says much."""
    counts = {split: len(items) for split, items in dataset.splits.items()}
    drawn = [split for split, items in dataset.splits.items() if any(item.auto_split for item in items)]
    remarks = []
    if drawn:
        parts = ", ".join(f"{split} {counts[split]:,}" for split in drawn)
        rule = "by the images' names" + (" and classes" if sum(counts[split] for split in drawn) < SMALL else "")
        named = "The data name no val" if "test" in counts and "test" not in drawn else "The data name no splits"
        remedy = "Folders or lists called train, val and test say otherwise."
        remarks.append(f"{named}: these were drawn {rule}: {parts}. {remedy}")
    for split in ("val", "test"):
        if 0 < counts.get(split, 0) < LEAST:
            images = "1 image" if counts[split] == 1 else f"{counts[split]} images"
            worth = f"{split} has {images}: a score on fewer than {LEAST} says little about other images"
            remarks.append(f"{worth}. Add images, or measure on all of them with `train(folds=5)`.")
    return remarks
