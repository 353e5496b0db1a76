"""`Result`: what a model says of one image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixelwise.instances.objects import Objects
from pixelwise.predict.sampling import Sampling
from pixelwise.render import object_overlay, overlay, visible

if TYPE_CHECKING:
    from pixelwise.predict.predictor import Predictor

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Result:
    """A prediction. image: uint8 (height, width, 3) RGB, of a model of bands (height, width, C); label_map: uint8
    (height, width) class indices.

    variance: float32 (height, width), 0..0.25, of the passes that `sampling` asked for (see `Predictor.sampled`).
    instances: the objects, of an instance model. source: the image's file, where it came from one.
    """

    image: UInt8
    label_map: UInt8
    predictor: Predictor
    sampling: Sampling | None = None
    variance: Float32 | None = None
    instances: Objects | None = None
    source: Path | None = None
    known_probabilities: Float32 | None = None

    @cached_property
    def probabilities(self) -> Float32:
        """Float32 (K, height, width) that sum to 1 over the K classes.

        Unless they were asked for at once they are worked out now, by running the model once more.
        """
        if self.known_probabilities is not None:
            return self.known_probabilities
        return self.predictor.probabilities(self.image, self.sampling)

    def overlay(self) -> UInt8:
        """Return the image under its classes' colours, of an instance model with its objects numbered in colours of
        their own; uint8 (height, width, 3).
        """
        if self.instances is not None:
            return object_overlay(visible(self.image), self.instances.instance_map, numbered=True)
        return overlay(visible(self.image), self.label_map, self.predictor.classes)
