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
"""Labels are sparse where a smaller share of the pixels of the training images has one."""
LEAST_IMAGES = 5
"""In fewer images with labels of a class one appearance of it outweighs the others."""
LEAST_PIXELS = 50
"""Fewer labelled pixels of a class are too few to learn from."""
PROJECT = ".studio"
"""The folder that tells a studio's project, whose images are labelled one after the other."""
PENDING = "pending"
"""A file in it that is there while some masks have the class indices of before a change of the classes."""


@dataclass(frozen=True)
class ClassLabels:
    """What is labelled of a class to train on: pixels, images that show one of them, and the share, 0..1, of all pixels
    of all images to train on."""

    pixels: int
    images: int
    share: float


class LabelCounts:
    """The labels of the images to train on: of the split train, and of all splits that were drawn.

    Attributes
    ----------
    images, pixels
        The images with a label, and all of their pixels.
    blank_images, blank_pixels
        The images without one, and their pixels.
    class_pixels, class_images
        int64 (num_classes,): the labelled pixels of each class, and the images that have some.
    """

    def __init__(self, num_classes: int) -> None:
        self.images = self.pixels = self.blank_images = self.blank_pixels = 0
        self.class_pixels = np.zeros(num_classes, np.int64)
        self.class_images = np.zeros(num_classes, np.int64)

    def add(self, pixels: int, class_pixels: Int64) -> None:
        """Count an image of so many pixels, and labelled pixels of each class, int64 (num_classes,)."""
        if not class_pixels.any():
            self.add_blank(pixels)
            return
        self.images += 1
        self.pixels += pixels
        self.class_pixels += class_pixels
        self.class_images += class_pixels > 0

    def add_blank(self, pixels: int) -> None:
        """Count an image of so many pixels without a label."""
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
        """Whether most pixels have no label, those of images without any among them."""
        return 0 < self.labelled < SPARSE_SHARE * (self.pixels + self.blank_pixels)

    @property
    def has_strokes(self) -> bool:
        """Whether most pixels of the images with a label have none."""
        return self.labelled < SPARSE_SHARE * self.pixels

    def expects_unlabelled(self, root: Path) -> bool:
        """Return whether images without a label are meant to have none, rather than forgotten.

        They are where most pixels of the other images have no label either, where they outnumber the others, and in a
        studio's project. In a set whose other images are labelled densely, a missing mask is a mistake.
        """
        return self.labelled > 0 and (self.has_strokes or self.blank_images > self.images or (root / PROJECT).is_dir())


def separate_unlabelled(dataset: Dataset, images: set[Path]) -> Dataset:
    """Return the data set with its training images among `images`, those without a label, in `unlabelled`.

    Splits that were drawn are drawn anew from the images with labels. Nothing can be measured on images without a label
    in a named val or test: they are left out.
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


def describe_unlabelled(count: int, total: int, *, is_drawn: bool) -> str:
    """Return a remark on the images without a label."""
    drawn = " The splits are drawn from the images with labels." if is_drawn else ""
    return (
        f"{count:,} of {quantity(total, 'image')} have no label: training learns from them what the model is sure of "
        f"(self-training).{drawn} Where an image shows the first class alone, add a mask that says so."
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
    wanted = min(LEAST_IMAGES, images)
    for name, entry in labels.items():
        here = f"{name} has {quantity(entry.pixels, 'labelled pixel')} in {quantity(entry.images, 'image')}"
        if entry.images < wanted:
            yield f"{here}: label it in {LEAST_IMAGES} or more, where it looks different each time."
        elif entry.pixels < LEAST_PIXELS:
            yield f"{here}: label {LEAST_PIXELS} pixels or more."
        elif entry.images < LEAST_IMAGES:
            yield f"{here}: label further images, where it looks different."


def format_share(share: float) -> str:
    """Return a share in percent, with two digits that say something."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{share:.0%}"


def _by_name(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: item.name))
