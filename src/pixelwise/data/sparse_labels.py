"""Sparse labels: strokes, points, boxes and partial masks, and images without any label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixelwise.core.text import quantity
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.splits import SPLITS, draw_splits, part_sizes
from pixelwise.data.stratify import stratify_splits

SPARSE_SHARE = 0.5
"""Labels are sparse where a smaller share of the pixels of the training images has one."""
LEAST_IMAGES = 5
"""In fewer images with labels of a class one appearance of it outweighs the others."""
LEAST_PIXELS = 50
"""Fewer labelled pixels of a class are too few to learn from."""
PROJECT = ".studio"
"""The folder that tells a studio's project, whose images are labelled one after the other."""


@dataclass(frozen=True)
class ClassLabels:
    """What is labelled of a class: pixels, images that show one of them, and the share, 0..1, of all pixels."""

    pixels: int
    images: int
    share: float


@dataclass
class LabelCounts:
    """Of the images to train on: those with a label, their pixels, how many of these are labelled; and the images
    without a label, and their pixels."""

    images: int = 0
    pixels: int = 0
    labelled: int = 0
    blank_images: int = 0
    blank_pixels: int = 0

    def add(self, pixels: int, labelled: int) -> None:
        """Count an image of so many pixels."""
        if labelled:
            self.images += 1
            self.pixels += pixels
            self.labelled += labelled
        else:
            self.blank_images += 1
            self.blank_pixels += pixels

    @property
    def is_sparse(self) -> bool:
        """Whether most pixels have no label, those of images without any among them."""
        return 0 < self.labelled < SPARSE_SHARE * (self.pixels + self.blank_pixels)

    def expects_unlabelled(self, root: Path) -> bool:
        """Return whether images without a label are meant to have none, rather than forgotten.

        They are where most pixels of the other images have no label either, where they outnumber the others, and in a
        studio's project. In a set whose other images are labelled densely, a missing mask is a mistake.
        """
        has_strokes = self.labelled < SPARSE_SHARE * self.pixels
        return self.labelled > 0 and (has_strokes or self.blank_images > self.images or (root / PROJECT).is_dir())


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
        f"{quantity(images, 'image')}. Training looks at the labelled pixels alone, and at what the model is sure of."
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
