"""Strokes and other labelled regions held out for validation, where too few images have labels to hold out images.

A region is a connected part of the pixels of one class: a stroke, a point, a box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.lookup import count_values
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.splits import hash_fraction
from pixelwise.instances.parts import label_components

SHARE = 0.2
"""Share of the regions of each class that is held out."""
Region = tuple[int, int]
"""A class, and the number of one of its regions in an image, from 1 on."""


def hold_out_regions(dataset: Dataset) -> Dataset:
    """Return the data set with the labelled regions of its training images divided between train and val.

    A fifth of each class's regions is held out for val, chosen by hashes of the images' names; none of a class with
    fewer than five regions. An image with regions in val is in both splits, under the same name.
    """
    regions: defaultdict[int, list[tuple[float, Path, Region]]] = defaultdict(list)
    items = dataset.splits.get("train", ())
    for item in items:
        for class_index, components in class_regions(dataset.read_labels(item).label_map).items():
            for number in range(1, int(components.max()) + 1):
                key = hash_fraction(f"{item.name}/{class_index}/{number}")
                regions[class_index].append((key, item.image, (class_index, number)))
    held_out: defaultdict[Path, set[Region]] = defaultdict(set)
    for entries in regions.values():
        for _, image, region in sorted(entries)[: int(SHARE * len(entries))]:
            held_out[image].add(region)
    if not held_out:
        return dataset
    read_labels = _PartialLabels(dataset.read_labels, {image: frozenset(parts) for image, parts in held_out.items()})
    train = tuple(replace(item, held_out=False) for item in items)
    val = tuple(replace(item, held_out=True) for item in items if item.image in held_out)
    return replace(dataset, splits={**dataset.splits, "train": train, "val": val}, read_labels=read_labels)


@dataclass(frozen=True)
class _PartialLabels:
    """A `read_labels` that returns the held-out labels of an item, or the others, as `Item.held_out` says."""

    read: Callable[[Item], Labels]
    held_out: Mapping[Path, frozenset[Region]]

    def __call__(self, item: Item) -> Labels:
        labels = self.read(item)
        if item.held_out is None:
            return labels
        label_map = labels.label_map
        is_held_out = np.zeros(label_map.shape, np.bool_)
        regions = self.held_out.get(item.image, frozenset())
        for class_index, components in class_regions(label_map).items():
            numbers = [number for region_class, number in regions if region_class == class_index]
            is_held_out |= np.isin(components, numbers)
        remaining = np.where(is_held_out == item.held_out, label_map, np.uint8(IGNORE_INDEX))
        return replace(labels, label_map=remaining)


def class_regions(label_map: npt.NDArray[np.uint8]) -> dict[int, npt.NDArray[np.int32]]:
    """Return the 4-connected parts of each class of a label map, numbered from 1 on, int32 (height, width)."""
    classes = np.flatnonzero(count_values(label_map)[:IGNORE_INDEX]).tolist()
    return {class_index: label_components(label_map == class_index) for class_index in classes}
