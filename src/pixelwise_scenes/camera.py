"""The camera: lens, exposure, white balance and the noise of the sensor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise_scenes.blend import Float, rgb

_MIDDLE = 0.50
"""The target of the exposure: the mean brightness."""


def expose(rng: np.random.Generator, scene: Float) -> npt.NDArray[np.uint8]:
    """Return a picture (3, height, width) in 0..1 as the uint8 photograph of a small camera.

    The noise is drawn last, so that the size changes no other draw.
    """
    height, width = scene.shape[1:]
    exposure, vignette = rng.uniform(0.85, 1.15), rng.uniform(0.08, 0.24)
    balance = rgb(*rng.normal(1.0, 0.025, 3))
    sharpness, grain = rng.uniform(0.38, 0.60), rng.uniform(0.004, 0.014)
    sigma = sharpness * max(height / 192, 1.0) ** 0.5
    picture = ndimage.gaussian_filter(scene, (0.0, sigma, sigma), truncate=3.0)
    exposure *= min(max((_MIDDLE / float(picture.mean())) ** 0.7, 0.8), 1.6)
    down = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    picture *= balance * (exposure * (1.0 - 0.5 * vignette * (down * down + across * across)))
    picture = _apply_tone_curve(picture)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    picture += noise * (grain * (0.5 + np.sqrt(np.maximum(picture, 0.0))))
    photograph = np.clip(picture * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(photograph.transpose(1, 2, 0))


def _apply_tone_curve(picture: Float) -> Float:
    """Compress the highlights, so that a bright sky keeps its colour, and deepen the shadows a little."""
    soft = np.where(picture > 0.75, 0.75 + 0.25 * np.tanh((picture - 0.75) * 3.2), picture)
    return soft + 0.10 * (soft - 0.5) * (1.0 - soft) * soft * 4.0
