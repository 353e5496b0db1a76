"""Labels for a training on objects, and labelled pixels that belong to no object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.text import join_first, quantity
from pixelwise.data.border_class import border_class, classes_of_objects, without_index
from pixelwise.data.masks.missing_objects import apart_from_objects
from pixelwise.instances.objects import renumber
from pixelwise.labels.boxes import Box, cut_into_squares
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.project import Project
from pixelwise.labels.proposals import object_classes
from pixelwise.labels.strokes import Mask, UInt8
from pixelwise.labels.tiled_map import TiledMap

BLOCK = 4096
"""Regions are searched in blocks of this side, in pixels."""
_NAMED = 3
"""Number of images or regions that a message names."""
_BOTH_WAYS = np.ones((3, 3), bool)
"""The structure of 8-connectedness."""


@dataclass(frozen=True)
class LooseRegion:
    """A labelled region without an object. point: (row, column) of a pixel of it, near its middle."""

    image: str
    point: tuple[int, int]
    class_name: str
    pixels: int


@dataclass(frozen=True)
class LooseLabels:
    """Labelled pixels of classes with objects that belong to no object.

    pixels: their number, by image. regions: those that look like whole objects, the largest first.
    """

    pixels: dict[str, int]
    regions: tuple[LooseRegion, ...]

    def describe(self) -> str:
        """Return one or two sentences; nothing where there are no such pixels."""
        sentences = []
        if self.pixels:
            images = join_first(list(self.pixels), _NAMED)
            amount = quantity(sum(self.pixels.values()), "labelled pixel")
            verb = "belongs" if sum(self.pixels.values()) == 1 else "belong"
            sentences.append(f"{amount} of {images} {verb} to no object and so count as unlabelled here.")
        if self.regions:
            places = [
                f"{region.image} at row {region.point[0]}, column {region.point[1]} ({region.class_name}, "
                f"{quantity(region.pixels, 'pixel')})"
                for region in self.regions[:_NAMED]
            ]
            more = len(self.regions) - len(places)
            others = f", and {more:,} more" if more else ""
            remedy = "Make each an object (Objects, Add), then train again."
            sentences.append(f"Of the size of an object: {'; '.join(places)}{others}. {remedy}")
        return " ".join(sentences)


class ObjectLabels:
    """The label maps of a project's images for a training on objects.

    A class that marks the border between objects (see `data.border_class`) helps to label; as a class to learn it
    would contradict the objects. Inside objects it becomes their class, elsewhere no label. In images that are labelled
    to a half or more, pixels of a class with objects that belong to no object get no label, since nobody knows whether
    an object is there.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._names = project.classes.names
        self.border = border_class(project.classes)
        self._things, self._least_area = self._look_at_objects()

    def _look_at_objects(self) -> tuple[list[int], int]:
        """Return the classes that have objects, and the area of the smallest object."""
        things: set[int] = set()
        least = np.iinfo(np.int64).max
        for image in self._project.images:
            if not self._project.object_count(image.name):
                continue
            labels = self._project.labels(image.name)
            least = min(least, *labels.instance_map.counts().values())
            for box_tlbr in cut_into_squares(labels.size, BLOCK):
                numbers, class_of = self._classes_of_objects(labels, box_tlbr)
                things |= set(class_of[np.unique(numbers)].tolist())
        return sorted((things & set(object_classes(self._project.classes))) - {0}), int(least)

    def _classes_of_objects(self, labels: ImageLabels, box_tlbr: Box) -> tuple[npt.NDArray[np.int32], UInt8]:
        """Return the objects in a box, numbered from 1, and the class that most pixels of each have."""
        values, ids = labels.label_map.read(box_tlbr), labels.instance_map.read(box_tlbr)
        numbers, _ = renumber(ids)
        return numbers, classes_of_objects(values, numbers, self.border)

    def read(self, name: str) -> tuple[TiledMap, LooseLabels]:
        """Return the label map of an image, its classes numbered without the border, and its loose labels."""
        labels = self._project.labels(name)
        label_map = TiledMap(labels.size, np.dtype(np.uint8), IGNORE_INDEX)
        is_partly = is_partly_labelled(labels.label_map.counts(), labels.size)
        things = [] if is_partly or not labels.instance_map.counts() else self._things
        pixels, regions = 0, list[LooseRegion]()
        for box_tlbr in cut_into_squares(labels.size, BLOCK):
            values = labels.label_map.read(box_tlbr)
            numbers, class_of = self._classes_of_objects(labels, box_tlbr)
            if self.border is not None:
                is_border = values == self.border
                values[is_border] = class_of[numbers[is_border]]
            loose = np.isin(values, things) & (numbers == 0)
            if loose.any():
                pixels += int(loose.sum())
                regions += self._find_regions(name, values, loose, numbers > 0, box_tlbr)
                values[loose] = IGNORE_INDEX
            label_map.write(box_tlbr, values if self.border is None else without_index(values, self.border))
        return label_map, LooseLabels({name: pixels} if pixels else {}, tuple(regions))

    def _find_regions(
        self, name: str, values: UInt8, loose: Mask, in_object: Mask, box_tlbr: Box
    ) -> Iterator[LooseRegion]:
        """Yield regions larger than the smallest object that are no rim of an object."""
        beside = ndimage.binary_dilation(in_object, _BOTH_WAYS)
        for index in np.unique(values[loose]).tolist():
            regions, count = ndimage.label(loose & (values == index), _BOTH_WAYS)
            areas = np.bincount(regions.ravel(), minlength=count + 1)
            apart = apart_from_objects(regions, beside)
            for number in np.flatnonzero(apart & (areas > self._least_area)).tolist():
                places = np.argwhere(regions == number)
                row, column = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))].tolist()
                point = box_tlbr[0] + row, box_tlbr[1] + column
                yield LooseRegion(name, point, self._names[index], int(areas[number]))


def is_partly_labelled(pixels: Mapping[int, int], size: tuple[int, int]) -> bool:
    """Return whether most pixels of an image have no label.

    pixels: the number of pixels of each class. size: (height, width).
    """
    return 2 * sum(pixels.values()) < size[0] * size[1]


def join_loose(parts: list[LooseLabels]) -> LooseLabels:
    """Return the loose labels of several images together."""
    pixels = {name: count for part in parts for name, count in part.pixels.items()}
    regions = sorted((region for part in parts for region in part.regions), key=lambda region: -region.pixels)
    return LooseLabels(pixels, tuple(regions))
