"""Photometric augmentation: brightness, contrast, saturation and white balance as one colour matrix, and a gamma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of R, G, B in luminance (ITU-R BT.601)."""
GRAY = 128.0
"""The value that a change of contrast leaves as it is."""


@dataclass(frozen=True)
class Color:
    """A 3x4 matrix from RGB (0..255) to RGB, row by row, and the exponent applied after it to values in 0..1."""

    matrix: tuple[float, ...]
    gamma: float


@dataclass(frozen=True)
class ColorRanges:
    """How far each factor deviates from 1 at strength 1, and the logarithm of gamma from 0."""

    brightness: float = 0.3
    saturation: float = 0.3
    contrast: float = 0.2
    white_balance: float = 0.06
    """Of each channel separately."""
    gamma: float = 0.2


def draw(
    rng: np.random.Generator, size: tuple[int, int], strength: float = 1.0, ranges: ColorRanges = ColorRanges()
) -> Color:
    """Draw a change whose factors deviate by up to `strength` times `ranges`; `size` has no influence."""
    brightness = 1 + strength * rng.uniform(-ranges.brightness, ranges.brightness)
    saturation = 1 + strength * rng.uniform(-ranges.saturation, ranges.saturation)
    contrast = 1 + strength * rng.uniform(-ranges.contrast, ranges.contrast)
    balance = 1 + strength * rng.uniform(-ranges.white_balance, ranges.white_balance, 3)
    mix = saturation * np.eye(3) + (1 - saturation) * LUMA
    gain = contrast * brightness * balance[:, None] * mix
    offset = np.full((3, 1), GRAY * (1 - contrast))
    gamma = float(np.exp(strength * rng.uniform(-ranges.gamma, ranges.gamma)))
    return Color(tuple(np.hstack([gain, offset]).ravel().tolist()), gamma)


def on_image(image: UInt8, color: Color) -> UInt8:
    """Apply the change to uint8 (H, W, 3)."""
    changed = Image.fromarray(image).convert("RGB", color.matrix)
    table: UInt8 = np.rint(255 * (np.arange(256) / 255) ** color.gamma).astype(np.uint8)
    adjusted: UInt8 = table[np.asarray(changed)]
    return adjusted


def on_label_map(label_map: UInt8, color: Color) -> UInt8:
    """Return uint8 (H, W) unchanged: a change of colours moves no pixel."""
    return label_map


def on_instance_map(instance_map: Int32, color: Color) -> Int32:
    """Return int32 (H, W) unchanged."""
    return instance_map
