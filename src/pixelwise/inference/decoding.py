"""From logits to label maps and objects. A `Predictor` chooses its decoding once, by the task of its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.scan_rows import FIELDS, LABELS, pack_records
from pixelwise.inference.thresholds import apply_thresholds
from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.instances.objects import Objects
from pixelwise.modelfile.info import ModelInfo
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import Task
from pixelwise.tiling.stitch import Block, argmax_labels, label_blocks

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


class Decoding(Protocol):
    """Turns logits (K or more, height, width) into label map and objects. has_objects: whether it returns objects.
    is_argmax: whether each pixel has the class with the highest score. pixel: the dtype of the values that `encode`
    stores.
    """

    @property
    def has_objects(self) -> bool: ...
    @property
    def is_argmax(self) -> bool: ...
    @property
    def pixel(self) -> np.dtype[np.generic]: ...

    def labels(self, logits: Float32) -> UInt8:
        """Return the class indices, uint8 (height, width)."""
        ...

    def choose(self, probabilities: Float32) -> UInt8:
        """Return the class indices, uint8 (height, width), of probabilities (K, height, width)."""
        ...

    def decode(self, blocks: Iterable[Block], size: tuple[int, int]) -> tuple[UInt8, Objects | None]:
        """Return the label map, uint8 of `size`, and the objects of an image, from the blocks of its logits."""
        ...

    def encode(self, logits: Float32) -> npt.NDArray[np.generic]:
        """Return what is stored of a part of a scan until all parts are predicted, `pixel` (height, width)."""
        ...


@dataclass(frozen=True)
class PixelDecoding:
    """Decodes each pixel by itself, by the rule of the task, or by `thresholds` by class index (see
    `apply_thresholds`)."""

    task: Task
    info: ModelInfo
    thresholds: Mapping[int, float] = field(default_factory=dict)
    has_objects = False
    pixel = LABELS

    @property
    def is_argmax(self) -> bool:
        return not self.thresholds and not self.task.channels

    def labels(self, logits: Float32) -> UInt8:
        if self.thresholds:
            return self.choose(softmax(logits[: self.info.classes.num_classes]))
        return self.task.labels(logits, self.info)

    def choose(self, probabilities: Float32) -> UInt8:
        return apply_thresholds(probabilities, self.thresholds) if self.thresholds else argmax_labels(probabilities)

    def decode(self, blocks: Iterable[Block], size: tuple[int, int]) -> tuple[UInt8, Objects | None]:
        return label_blocks(blocks, size, self.labels), None

    def encode(self, logits: Float32) -> UInt8:
        return self.labels(logits)


@dataclass(frozen=True)
class ObjectDecoding:
    """Decodes objects, too. They are grouped on the whole image, so that no tile border cuts one."""

    task: Task
    info: ModelInfo
    grouping: GroupingParameters
    has_objects = True
    is_argmax = False
    pixel = FIELDS

    def labels(self, logits: Float32) -> UInt8:
        return self.task.labels(logits, self.info)

    def choose(self, probabilities: Float32) -> UInt8:
        return argmax_labels(probabilities)

    def decode(self, blocks: Iterable[Block], size: tuple[int, int]) -> tuple[UInt8, Objects | None]:
        from pixelwise.instances.grouping import group_pixels  # which loads scipy

        labels, fields = np.empty(size, np.uint8), CentreOffsetMaps.empty(size)
        for block in blocks:
            labels[block.place] = self.labels(block.logits)
            fields.paste(block.place, CentreOffsetMaps.from_logits(block.logits, self.grouping.things))
        objects = group_pixels(fields, self.grouping)
        return self.task.label_objects(labels, objects.instance_map, objects.class_index), objects

    def encode(self, logits: Float32) -> npt.NDArray[np.generic]:
        return pack_records(self.labels(logits), CentreOffsetMaps.from_logits(logits, self.grouping.things))


def decoding_of(info: ModelInfo) -> PixelDecoding | ObjectDecoding:
    """Return the decoding of a model file."""
    task = TASKS[info.task]
    return PixelDecoding(task, info) if info.grouping is None else ObjectDecoding(task, info, info.grouping)
