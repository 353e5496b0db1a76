"""Sparse labels: strokes, points, boxes and partial masks, and images without any label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.text import quantity
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.splits import SPLITS, draw_splits, part_sizes
from pixelwise.data.stratify import stratify_splits

Int64 = npt.NDArray[np.int64]
SPARSE_SHARE = 0.5
"""Labels are sparse where less than this share of the training images' pixels has a label."""
LEAST_IMAGES = 5
"""A class should have labels in this many images, so that no single appearance of it dominates."""
LEAST_PIXELS = 50
"""Labelled pixels of a class that are needed to learn it."""
PROJECT = ".studio"
"""The folder by which a project of the studio is recognised. Its images are labelled one after the other."""
PENDING = "pending"
"""A file in that folder, which exists while some masks have the class indices of before the last change of classes."""


@dataclass(frozen=True)
class ClassLabels:
    """What is labelled of a class: its pixels, the images that have some, and its share, 0..1, of all pixels of all
    images to train on."""

    pixels: int
    images: int
    share: float


class LabelCounts:
    """The labels of the images to train on: those of the split train, and of all splits that were drawn.

    Attributes
    ----------
    images, pixels
        The number of images with a label, and of all of their pixels.
    blank_images, blank_pixels
        The number of images without a label, and of their pixels.
    class_pixels, class_images
        int64 (num_classes,): the labelled pixels of each class, and the images that have some.
    """

    def __init__(self, num_classes: int) -> None:
        self.images = self.pixels = self.blank_images = self.blank_pixels = 0
        self.class_pixels = np.zeros(num_classes, np.int64)
        self.class_images = np.zeros(num_classes, np.int64)

    def add(self, pixels: int, class_pixels: Int64) -> None:
        """Count an image with its number of pixels and its labelled pixels of each class, int64 (num_classes,)."""
        if not class_pixels.any():
            self.add_blank(pixels)
            return
        self.images += 1
        self.pixels += pixels
        self.class_pixels += class_pixels
        self.class_images += class_pixels > 0

    def add_blank(self, pixels: int) -> None:
        """Count an image without a label, with its number of pixels."""
        self.blank_images += 1
        self.blank_pixels += pixels

    @property
    def labelled(self) -> int:
        """The labelled pixels."""
        return int(self.class_pixels.sum())

    @property
    def share(self) -> float:
        """The share, 0..1, of the pixels that have a label; 0 without any pixel."""
        return self.labelled / max(1, self.pixels + self.blank_pixels)

    def by_class(self, names: Sequence[str]) -> dict[str, ClassLabels]:
        """Return what is labelled of each class, by its name."""
        total = max(1, self.pixels + self.blank_pixels)
        rows = zip(names, self.class_pixels.tolist(), self.class_images.tolist(), strict=True)
        return {name: ClassLabels(count, images, count / total) for name, count, images in rows}

    @property
    def is_sparse(self) -> bool:
        """Whether there are labels, but most pixels of all images, unlabelled ones included, have none."""
        return 0 < self.labelled < SPARSE_SHARE * (self.pixels + self.blank_pixels)

    @property
    def has_strokes(self) -> bool:
        """Whether most pixels of the images that have a label have none, as strokes leave them."""
        return self.labelled < SPARSE_SHARE * self.pixels

    def expects_unlabelled(self, root: Path) -> bool:
        """Return whether images without a label are meant to have none, rather than forgotten.

        That is so where the other images have strokes, where the images without a label are in the majority, and in a
        project of the studio. Elsewhere a missing mask is a mistake.
        """
        return self.labelled > 0 and (self.has_strokes or self.blank_images > self.images or (root / PROJECT).is_dir())


def separate_unlabelled(dataset: Dataset, images: set[Path]) -> Dataset:
    """Return the data set with `images`, which have no label, moved from its splits to `unlabelled`.

    Splits that were drawn are drawn anew from the images with labels. Of a val or test that the data name, images
    without a label are left out: nothing can be measured on them.
    """
    if not images:
        return dataset
    unlabelled = [
        item for split, item in dataset.items() if item.image in images and (split == "train" or item.auto_split)
    ]
    with_test = any(item.auto_split for item in dataset.splits.get("test", ()))
    labelled = dataset.without(images)
    named = {split: [item for item in items if not item.auto_split] for split, items in labelled.splits.items()}
    drawn = [item for _, item in labelled.items() if item.auto_split]
    parts = draw_splits(drawn, part_sizes(len(drawn), test=with_test)) if drawn else {}
    splits = {split: [*named.get(split, []), *parts.get(split, [])] for split in SPLITS}
    return stratify_splits(
        replace(
            labelled,
            splits={split: _by_name(items) for split, items in splits.items() if items},
            unlabelled=_by_name(unlabelled),
        )
    )


def describe_unlabelled(count: int, total: int, *, is_drawn: bool, is_sparse: bool) -> str:
    """Return a remark on the images without a label. is_sparse: whether most pixels of all images have none."""
    use = "training does not use them, since most pixels of all images have labels"
    if is_sparse:
        use = "where a model is sure of their classes, training learns from these, too (pseudo-labels)"
    drawn = " The splits are drawn from the images with labels." if is_drawn else ""
    return (
        f"{count:,} of {quantity(total, 'image')} have no label: {use}.{drawn} Where an image shows the first class "
        "alone, add a mask that says so."
    )


def describe_labels(labels: Mapping[str, ClassLabels], images: int) -> Iterator[str]:
    """Yield a remark on how sparse labels are, and one on each class with few: what to add.

    images: those with a label.
    """
    pixels = sum(entry.pixels for entry in labels.values())
    share = sum(entry.share for entry in labels.values())
    yield (
        f"The labels are sparse: {quantity(pixels, 'pixel')}, {format_share(share)} of all, in "
        f"{quantity(images, 'image')}. The loss is taken at the labelled pixels."
    )
    least_images = min(LEAST_IMAGES, images)
    for name, entry in labels.items():
        here = f"{name} has {quantity(entry.pixels, 'labelled pixel')} in {quantity(entry.images, 'image')}"
        if entry.images < least_images:
            yield f"{here}: label it in {LEAST_IMAGES} or more, where it looks different each time."
        elif entry.pixels < LEAST_PIXELS:
            yield f"{here}: label {LEAST_PIXELS} pixels or more."
        elif entry.images < LEAST_IMAGES:
            yield f"{here}: label further images, where it looks different."


def format_share(share: float) -> str:
    """Return a share, 0..1, in percent, with two significant digits."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{share:.0%}"


def _by_name(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: item.name))
