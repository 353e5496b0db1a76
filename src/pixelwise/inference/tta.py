"""Test-time augmentation: the mean over several sizes of an image, each with its mirror image (flip TTA)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.inference.engines.base import Engine

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

Pixels = TypeVar("Pixels", UInt8, Float32)

SCALES = (0.75, 1.0, 1.25)


class AugmentedEngine(Engine):
    """Averages the logits of another engine over `SCALES` of each image and of its mirror image.

    offsets: the last two channels are distances (down, right) in pixels.
    """

    def __init__(self, engine: Engine, *, offsets: bool) -> None:
        self._engine = engine
        self._offsets = offsets

    def __call__(self, images: UInt8) -> Float32:
        return np.stack([np.mean([self._logits(image, scale) for scale in SCALES], axis=0) for image in images])

    def _logits(self, image: UInt8, scale: float) -> Float32:
        """Return logits (K, height, width) of an image (height, width, C), predicted at another size."""
        height, width, _ = image.shape
        size = max(1, round(scale * height)), max(1, round(scale * width))
        scaled = _resize(image.transpose(2, 0, 1), size).transpose(1, 2, 0)
        plain, mirror = (self._engine(np.ascontiguousarray(view)[None])[0] for view in (scaled, scaled[:, ::-1]))
        mirror = mirror[:, :, ::-1]
        if self._offsets:
            mirror[-1] *= -1
        logits = (plain + mirror) / np.float32(2)
        if self._offsets:
            logits[-2:] *= np.array([height / size[0], width / size[1]], np.float32)[:, None, None]
        return _resize(logits, (height, width))


def _resize(channels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return channels (K, height, width) at another size, interpolated bilinearly."""
    if channels.shape[1:] == size:
        return channels
    resized = (Image.fromarray(channel).resize(size[::-1], Image.Resampling.BILINEAR) for channel in channels)
    return np.stack([np.asarray(channel) for channel in resized])
