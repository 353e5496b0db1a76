"""Pictures for the report: scaled down, drawn over with classes or errors, and packed into data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.instances.objects import Objects
from pixelwise.metrics.instances import matched
from pixelwise.render import errors_map, object_errors, object_overlay, overlay

UInt8 = npt.NDArray[np.uint8]
Labels = TypeVar("Labels", npt.NDArray[np.uint8], npt.NDArray[np.int32])

LONGEST_SIDE = 480
"""In pixels: twice the size at which the page shows a picture on a wide screen."""

MOST_BYTES = 40_000
"""Of one picture's JPEG file, so that a report with 12 examples of 4 pictures stays below 3 MB."""


@dataclass(frozen=True)
class Example:
    """One validation image and its prediction.

    image: uint8 (height, width, 3) RGB. target, prediction: uint8 label maps (height, width). score: the mean IoU of
    this image alone, 0..1, over the classes that are present.
    """

    name: str
    image: UInt8
    target: UInt8
    prediction: UInt8
    score: float


@dataclass(frozen=True)
class ObjectExample:
    """One validation image and its objects. score: TP / (TP + FN + FP) at an IoU of 0.5 in this image alone, 0..1."""

    name: str
    image: UInt8
    target: Objects
    prediction: Objects
    score: float


@dataclass(frozen=True)
class Picture:
    """A caption, the data URI of a JPEG file and its size in pixels."""

    caption: str
    uri: str
    width: int
    height: int


def pictures(example: Example | ObjectExample, classes: ClassMap) -> list[Picture]:
    """Return the image, the truth and the prediction over it, and the errors, each at most 480 pixels long.

    Maps are scaled by nearest neighbour before they are drawn, so that outlines stay one pixel wide.
    """
    height, width = example.image.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    image = _resized(example.image, size_wh, Image.Resampling.LANCZOS)
    if isinstance(example, ObjectExample):
        drawn = {"image": image, **_objects_drawn(image, example, size_wh)}
    else:
        target, prediction = (_small(own, size_wh) for own in (example.target, example.prediction))
        drawn = {
            "image": image,
            "truth": overlay(image, target, classes),
            "prediction": overlay(image, prediction, classes),
            "errors": errors_map(image, prediction, target),
        }
    return [Picture(caption, data_uri(pixels), *size_wh) for caption, pixels in drawn.items()]


def _objects_drawn(image: UInt8, example: ObjectExample, size_wh: tuple[int, int]) -> dict[str, UInt8]:
    """Return the pictures of objects."""
    target, prediction = (_small(own.instance_map, size_wh) for own in (example.target, example.prediction))
    return {
        "truth": object_overlay(image, target),
        "prediction": object_overlay(image, prediction),
        "errors": object_errors(image, prediction, target, *matched(example.prediction, example.target)),
    }


def data_uri(image: UInt8) -> str:
    """Return a picture, uint8 (height, width, 3), as the data URI of a JPEG file, as good as `MOST_BYTES` allows.

    Colours are stored at full resolution: they carry the classes, down to outlines one pixel wide.
    """
    data = b""
    for quality in (85, 70, 55, 40, 25):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
        data = buffer.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def _resized(array: UInt8, size_wh: tuple[int, int], how: Image.Resampling) -> UInt8:
    return np.asarray(Image.fromarray(array).resize(size_wh, how))


def _small(labels: Labels, size_wh: tuple[int, int]) -> Labels:
    return np.asarray(Image.fromarray(labels).resize(size_wh, Image.Resampling.NEAREST))
