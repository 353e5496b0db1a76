"""`Result`: what a model says of one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.instances.objects import Objects
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.place import PlaceOnEarth
from pixelwise.render import object_overlay, overlay, to_rgb

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Result:
    """A prediction. image: uint8 (height, width, 3) RGB, of a model of bands (height, width, C); label_map: uint8
    (height, width) class indices.

    info: what the model file says of itself. work_out: what gives the probabilities when they are asked for. variance:
    float32 (height, width), 0..0.25, of the passes that `mc_dropout` asked for (see `Predictor.sampled`). instances:
    the objects, of an instance model. source: the image's file, where it came from one. place: where on earth it lies;
    what is written of it is then a GeoTIFF there, and `label_map` is `IGNORE_INDEX` where the file has no data.
    """

    image: UInt8
    label_map: UInt8
    info: ModelInfo
    work_out: Callable[[], Float32]
    variance: Float32 | None = None
    instances: Objects | None = None
    source: Path | None = None
    place: PlaceOnEarth | None = None

    @cached_property
    def probabilities(self) -> Float32:
        """Float32 (K, height, width) that sum to 1 over the K classes.

        Unless they were asked for at once they are worked out now, by running the model once more.
        """
        return self.work_out()

    def overlay(self) -> UInt8:
        """Return the image under its classes' colours, of an instance model with its objects numbered in colours of
        their own; uint8 (height, width, 3).
        """
        if self.instances is not None:
            return object_overlay(to_rgb(self.image), self.instances.instance_map, numbered=True)
        return overlay(to_rgb(self.image), self.label_map, self.info.classes)
