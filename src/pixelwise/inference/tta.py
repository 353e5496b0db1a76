"""Test-time augmentation: the mean of what a model says of an image at several sizes, each both ways round."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.inference.engines.onnxruntime import Engine

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

Pixels = TypeVar("Pixels", UInt8, Float32)

SCALES = (0.75, 1.0, 1.25)


class AugmentedEngine:
    """An engine that asks another for logits of each image at `SCALES`, left and right exchanged as well, and gives
    their mean. `offsets`: the last two channels are distances (down, right) in pixels."""

    def __init__(self, engine: Engine, *, offsets: bool) -> None:
        self._engine = engine
        self._offsets = offsets

    def __call__(self, images: UInt8) -> Float32:
        return np.stack([np.mean([self._seen(image, scale) for scale in SCALES], axis=0) for image in images])

    def _seen(self, image: UInt8, scale: float) -> Float32:
        """Return logits (K, height, width) of an image (height, width, C), looked at in another size."""
        height, width, _ = image.shape
        size = max(1, round(scale * height)), max(1, round(scale * width))
        seen = _resized(image.transpose(2, 0, 1), size).transpose(1, 2, 0)
        plain, mirror = (self._engine(np.ascontiguousarray(own)[None])[0] for own in (seen, seen[:, ::-1]))
        mirror = mirror[:, :, ::-1]
        if self._offsets:
            mirror[-1] *= -1
        logits = (plain + mirror) / np.float32(2)
        if self._offsets:
            logits[-2:] *= np.array([height / size[0], width / size[1]], np.float32)[:, None, None]
        return _resized(logits, (height, width))


def _resized(channels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return channels (K, height, width) at another size, each from its neighbours by weights of distance."""
    if channels.shape[1:] == size:
        return channels
    resized = (Image.fromarray(own).resize(size[::-1], Image.Resampling.BILINEAR) for own in channels)
    return np.stack([np.asarray(own) for own in resized])
