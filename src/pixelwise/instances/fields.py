"""`CentreOffsetMaps`: the maps that center-offset grouping reads, in at most a third of the bytes of the logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ShapeError
from pixelwise.instances.grouping_parameters import CHANNELS

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]
NO_THING = 255
"""The value in `CentreOffsetMaps.class_index` of a pixel whose best class is not a thing."""


@dataclass(frozen=True)
class CentreOffsetMaps:
    """The maps of one image from which objects are grouped, each (height, width).

    class_index: uint8, the best class where it is a thing, else `NO_THING`. probability: float32, the probability of
    the best class, 0..1. heat: float32, 1 at an object's centre and lower away from it. down, right: int16, the offset
    in rows and columns from a pixel to the centre of its object.
    """

    class_index: UInt8
    probability: Float32
    heat: Float32
    down: Int16
    right: Int16

    @classmethod
    def from_logits(cls, logits: Float32, things: Sequence[int]) -> CentreOffsetMaps:
        """Return the maps of float32 logits (K + 3, height, width): K class scores, heat, and offsets in pixels.

        Raises `ShapeError` for fewer channels than `things` need.
        """
        num_classes = len(logits) - CHANNELS
        if logits.ndim != 3 or num_classes <= max(things):
            expected = f"({max(things) + 1 + CHANNELS} or more, height, width)"
            raise ShapeError(
                "logits", str(logits.shape), expected, "Pass the logits of an instance model, one image's."
            )
        scores, (heat, down, right) = logits[:num_classes], logits[num_classes:]
        highest = scores.max(axis=0)
        class_index = np.full(highest.shape, NO_THING, np.uint8)
        total = np.zeros_like(highest)
        for index in reversed(range(num_classes)):  # the lowest index wins a tie
            class_index[scores[index] == highest] = index if index in things else NO_THING
            total += np.exp(scores[index] - highest)
        return cls(class_index, 1 / total, heat, _round_offsets(down), _round_offsets(right))

    @classmethod
    def empty(cls, size: tuple[int, int]) -> CentreOffsetMaps:
        """Return maps of `size` (height, width) whose values are not set yet."""
        return cls(*(np.empty(size, dtype) for dtype in (np.uint8, np.float32, np.float32, np.int16, np.int16)))

    def paste(self, place: tuple[slice, slice], part: CentreOffsetMaps) -> None:
        """Write the maps of a part of the image into rows and columns `place`."""
        for field in fields(self):
            getattr(self, field.name)[place] = getattr(part, field.name)


def _round_offsets(distance: Float32) -> Int16:
    limits = np.iinfo(np.int16)
    return np.rint(distance).clip(limits.min, limits.max).astype(np.int16)
