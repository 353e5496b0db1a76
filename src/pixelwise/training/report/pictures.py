"""Pictures for the report: reduced, overlaid with classes or errors, and encoded as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.tasks.base import Labelled, Map, Prediction, Task

UInt8 = npt.NDArray[np.uint8]

LONGEST_SIDE = 480
"""Longest side in pixels: twice the size at which the page shows a picture on a wide screen."""

MOST_BYTES = 40_000
"""Largest JPEG file of a picture, so that a report with 12 examples of 4 pictures stays below 3 MB."""


@dataclass(frozen=True)
class Example:
    """One image with its labels and its prediction.

    image: uint8 (height, width, 3) RGB. score: the task's `image_score`, 0..1.
    """

    name: str
    image: UInt8
    target: Prediction
    prediction: Prediction
    score: float


@dataclass(frozen=True)
class Picture:
    """A caption, the data URI of a JPEG file and its size in pixels."""

    caption: str
    uri: str
    width: int
    height: int


def pictures(example: Example, classes: ClassMap, task: Task) -> list[Picture]:
    """Return the image, the overlays of truth and prediction, and the errors, each with sides of at most 480 pixels.

    Maps are scaled by nearest neighbour before they are drawn, so that outlines stay one pixel wide.
    """
    height, width = example.image.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    image = np.asarray(Image.fromarray(example.image).resize(size_wh, Image.Resampling.LANCZOS))

    def shrink(values: Map) -> Map:
        return np.asarray(Image.fromarray(values).resize(size_wh, Image.Resampling.NEAREST))

    def small(labels: Prediction) -> Labelled:
        objects = labels.instances
        shrunk = None if objects is None else replace(objects, instance_map=shrink(objects.instance_map))
        return Labelled(shrink(labels.label_map), shrunk)

    drawn = {
        "image": image,
        "truth": task.overlay(image, small(example.target), classes),
        "prediction": task.overlay(image, small(example.prediction), classes),
        "errors": task.errors(image, example.prediction, example.target, shrink),
    }
    return [Picture(caption, data_uri(pixels), *size_wh) for caption, pixels in drawn.items()]


def data_uri(image: UInt8) -> str:
    """Return a picture, uint8 (height, width, 3), as the data URI of a JPEG file of the best quality within
    `MOST_BYTES`. Colours are stored at full resolution, since they show classes and outlines of one pixel.
    """
    data = b""
    for quality in (85, 70, 55, 40, 25):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
        data = buffer.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
