"""`CentreOffsetMaps`: what grouping needs of a net's logits at each pixel, in a third of their bytes or less."""

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


@dataclass(frozen=True)
class CentreOffsetMaps:
    """Maps of an image, each (height, width).

    class_index: uint8, the best class where that is a thing, else `NO_THING`. probability: float32, that of this class
    there. heat: float32, 1 at the centre of an object and less away from it. down, right: int16, rows and columns from
    a pixel to its object's centre.
    """

    class_index: UInt8
    probability: Float32
    heat: Float32
    down: Int16
    right: Int16

    @classmethod
    def from_logits(cls, logits: Float32, things: Sequence[int]) -> CentreOffsetMaps:
        """Return what float32 logits (K + 3, height, width) say: scores of classes, heat, and offsets in pixels.

        Raises `ShapeError` for fewer channels than the things ask for.
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
        for index in reversed(range(num_classes)):  # of a tie the first is best
            class_index[scores[index] == highest] = index if index in things else NO_THING
            total += np.exp(scores[index] - highest)
        return cls(class_index, 1 / total, heat, _whole(down), _whole(right))

    @classmethod
    def empty(cls, size: tuple[int, int]) -> CentreOffsetMaps:
        """Return maps of `size` (height, width), to be filled."""
        return cls(*(np.empty(size, dtype) for dtype in (np.uint8, np.float32, np.float32, np.int16, np.int16)))

    def paste(self, place: tuple[slice, slice], part: CentreOffsetMaps) -> None:
        """Fill rows and columns with those of a part of the image."""
        for field in fields(self):
            getattr(self, field.name)[place] = getattr(part, field.name)


def _whole(distance: Float32) -> Int16:
    limits = np.iinfo(np.int16)
    return np.rint(distance).clip(limits.min, limits.max).astype(np.int16)
