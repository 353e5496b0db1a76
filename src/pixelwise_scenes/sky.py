"""The sky: a gradient, the glow around the sun, and a sheet of clouds in perspective."""

from __future__ import annotations

import math

import numpy as np

from pixelwise_scenes.blend import Float, mix, rgb, smooth
from pixelwise_scenes.light import Light
from pixelwise_scenes.noise import Texture
from pixelwise_scenes.view import View


def paint_sky(view: View, light: Light, air: Texture) -> Float:
    """Return a picture with the sky painted down to the horizon, and its haze below."""
    picture = np.empty((3, view.height, view.width), np.float32)
    picture[:] = light.horizon
    below = min(int(view.horizon) + 1, view.height)
    up = np.maximum((view.horizon - 0.5 - np.arange(below, dtype=np.float32)[:, None]) * (1.0 / view.focal), 0.0)
    across = (np.arange(view.width, dtype=np.float32)[None, :] + 0.5 - 0.5 * view.width) * (1.0 / view.focal)
    sky = mix(light.horizon, light.zenith, 1.0 - np.exp(up * -5.0))
    glow = _glow(across, up, light)
    sky = sky + 0.30 * glow * light.sun

    deep = 1.0 / (up + 0.12)
    u, v = 6.5 * deep, 6.0 * across * deep
    fine = 0.30 * air.at(3.7 * u + 70.0, 3.7 * v)
    thickness = air.at(u, v) + fine
    sunward = air.at(u - 1.5, v + 2.5 * math.copysign(1.0, light.toward_sun[0])) + 0.4 * fine
    high = smooth(up, 0.0, 0.12)
    cover = smooth(thickness + light.clouds, 0.05, 0.95) * (0.3 + 0.7 * high)
    lit = np.clip(0.60 + 0.55 * (thickness - sunward) + 0.25 * glow, 0.10, 1.0)
    bright = np.minimum(0.50 * light.ambient + 0.50 * light.sun + 0.36, 1.06)
    dark = 0.55 * light.ambient + 0.45 * light.horizon * rgb(0.62, 0.66, 0.74)
    cloud = mix(light.horizon, mix(dark, bright, lit), 0.3 + 0.7 * high)
    picture[:, :below] = mix(sky, cloud, cover)
    return picture


def _glow(across: Float, up: Float, light: Light) -> Float:
    right, high, ahead = light.toward_sun
    cosine = (right * across + high * up + ahead) / np.sqrt(across * across + up * up + 1.0)
    return np.maximum(cosine, 0.0) ** 8
