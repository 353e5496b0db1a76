"""Splits and folds in which every class occurs in every part, as far as it has enough images.

Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-label Data", ECML PKDD 2011, algorithm 1: the class with
the fewest images left comes first, and each of its images goes to the part that lacks it most.

Differs from the paper: a part without any image of the class comes before those with some, the largest first, so that
no part lacks a class that has an image for each. Ties go to the part that comes first, not to one at random, so that
the same data are split the same way each time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from pixelwise.core.errors import OptionError, PixelwiseError
from pixelwise.core.lookup import count_values
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.splits import SMALL, SPLITS, hash_fraction

Classes = frozenset[int]
"""The class indices that occur in an image."""


def stratify_splits(dataset: Dataset) -> Dataset:
    """Return the data set with its classes spread over the splits that were drawn, whose sizes stay the same.

    Only a small set is changed, one of fewer than `SMALL` drawn images.
    """
    chosen = {split: [item for item in items if item.auto_split] for split, items in dataset.splits.items()}
    chosen = {split: members for split, members in chosen.items() if members}
    pool = _sort_by_hash([item for members in chosen.values() for item in members])
    if len(chosen) < 2 or len(pool) >= SMALL:
        return dataset
    parts = stratify(pool, classes_of(dataset, pool), {split: len(members) for split, members in chosen.items()})
    splits = {
        split: tuple(
            sorted(
                [item for item in dataset.splits.get(split, ()) if not item.auto_split] + parts.get(split, []),
                key=lambda item: item.name,
            )
        )
        for split in SPLITS
    }
    return replace(dataset, splits={split: members for split, members in splits.items() if members})


def folds(dataset: Dataset, count: int) -> list[Dataset]:
    """Return `count` data sets for cross-validation, each with one part of the images as test and the others as train.

    The parts are disjoint, and their sizes differ by one image at most. Images in a test split that the data name are
    in no part. Raises `OptionError` for fewer than 2 folds, or for more folds than images.
    """
    pool = _sort_by_hash([item for split, item in dataset.items() if split != "test" or item.auto_split])
    if not 2 <= count <= len(pool):
        remedy = "Give 5, or as many as there are images if these are fewer."
        raise OptionError("folds", str(count), f"2 to {len(pool)}, the number of images", remedy)
    sizes = {str(fold): len(pool[fold::count]) for fold in range(count)}
    parts = stratify(pool, classes_of(dataset, pool), sizes)
    return [
        replace(
            dataset,
            splits={
                "train": tuple(_sort_by_name([item for other in parts if other != fold for item in parts[other]])),
                "test": tuple(_sort_by_name(members)),
            },
        )
        for fold, members in parts.items()
    ]


def stratify(items: Sequence[Item], classes: Sequence[Classes], sizes: Mapping[str, int]) -> dict[str, list[Item]]:
    """Return the items by part: as many as `sizes` says, each class in proportion to them as far as possible.

    classes: those of each item. Of equally good items the one that comes first in `items` is taken first.
    """
    places = dict(sizes)
    total = max(1, sum(sizes.values()))
    counts = Counter(index for item_classes in classes for index in item_classes)
    lacking = {part: {index: n * size / total for index, n in counts.items()} for part, size in sizes.items()}
    parts: dict[str, list[Item]] = {part: [] for part in sizes}
    part_classes: dict[str, set[int]] = {part: set() for part in sizes}
    left = dict(enumerate(classes))
    while left:
        remaining = Counter(index for item_classes in left.values() for index in item_classes)
        rarest = min(remaining, key=lambda index: (remaining[index], index)) if remaining else None
        for position in [p for p, item_classes in left.items() if rarest is None or rarest in item_classes]:
            part = max(
                (part for part, free in places.items() if free),
                key=lambda part: (
                    (rarest is not None and rarest not in part_classes[part]),
                    0.0 if rarest is None else lacking[part][rarest],
                    places[part] / sizes[part],
                ),
            )
            part_classes[part] |= left[position]
            parts[part].append(items[position])
            places[part] -= 1
            for index in left.pop(position):
                lacking[part][index] -= 1
    return parts


def classes_of(dataset: Dataset, items: Sequence[Item]) -> list[Classes]:
    """Return the classes that occur in each item; none where its labels cannot be read, which `check` reports."""

    def present(item: Item) -> Classes:
        try:
            label_map = dataset.read_labels(item).label_map
        except PixelwiseError:
            return frozenset()
        return frozenset(np.flatnonzero(count_values(label_map)[: dataset.classes.num_classes]).tolist())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(present, items))


def _sort_by_hash(items: Sequence[Item]) -> list[Item]:
    """Return the items in an order that depends on their names, but not on the alphabet."""
    return sorted(items, key=lambda item: (hash_fraction(item.name), item.name))


def _sort_by_name(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.name)
