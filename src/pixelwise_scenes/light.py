"""The light of a scene: the sun's direction and colour, the sky, haze and clouds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixelwise_scenes.blend import Float, mix, rgb


@dataclass(frozen=True)
class Light:
    """The light of one sky. Directions are (right, up, ahead).

    haze_metres: the distance at which haze has replaced 63 % of a colour. clouds: from -1, a clear sky, to 1, an
    overcast one.
    """

    toward_sun: tuple[float, float, float]
    sun: Float
    ambient: Float
    zenith: Float
    horizon: Float
    haze_metres: float
    clouds: float

    def shade(self, albedo: Float, lambert: Float) -> Float:
        """Return the colour of surfaces of `albedo` at a cosine `lambert` to the sun; below 0 they face away."""
        return albedo * (self.ambient + self.sun * np.maximum(lambert, 0.0))

    def add_haze(self, color: Float, metres: Float) -> Float:
        """Return `color` as it appears from `metres` away."""
        clear = np.exp(metres * (-1.0 / self.haze_metres))
        return mix(0.97 * mix(self.horizon, self.zenith, 0.28), color, clear)

    def cosine_to_sun(self, right: float, up: float, ahead: float) -> float:
        """Return the cosine between the sun and a unit normal, at least 0."""
        return max(0.0, right * self.toward_sun[0] + up * self.toward_sun[1] + ahead * self.toward_sun[2])


@dataclass(frozen=True)
class _Weather:
    sun: Float
    ambient: Float
    zenith: Float
    horizon: Float
    haze_metres: float
    clouds: float
    degrees: tuple[float, float]


_NOON = _Weather(
    rgb(0.86, 0.80, 0.68), rgb(0.44, 0.49, 0.57), rgb(0.22, 0.45, 0.76), rgb(0.76, 0.86, 0.93), 3200, -0.25, (34, 58)
)
_GOLDEN = _Weather(
    rgb(1.12, 0.84, 0.50), rgb(0.47, 0.47, 0.55), rgb(0.33, 0.50, 0.72), rgb(0.98, 0.84, 0.62), 2100, -0.2, (13, 24)
)
_DAWN = _Weather(
    rgb(0.92, 0.70, 0.58), rgb(0.56, 0.54, 0.60), rgb(0.46, 0.57, 0.76), rgb(0.96, 0.82, 0.76), 1250, -0.4, (9, 18)
)
_OVERCAST = _Weather(
    rgb(0.22, 0.22, 0.21), rgb(0.76, 0.78, 0.80), rgb(0.62, 0.67, 0.72), rgb(0.83, 0.85, 0.86), 1300, 0.9, (30, 55)
)
_STORM = _Weather(
    rgb(1.00, 0.86, 0.60), rgb(0.44, 0.47, 0.53), rgb(0.31, 0.38, 0.48), rgb(0.72, 0.73, 0.72), 2600, 0.55, (20, 34)
)
_DUSK = _Weather(
    rgb(0.86, 0.52, 0.34), rgb(0.50, 0.47, 0.58), rgb(0.26, 0.31, 0.52), rgb(0.94, 0.66, 0.52), 1500, -0.1, (6, 11)
)
_WEATHERS = (_NOON, _GOLDEN, _DAWN, _OVERCAST, _STORM, _DUSK)
_SHARES = (0.32, 0.26, 0.12, 0.10, 0.12, 0.08)


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a weather, mixed with a second one for variety, and a sun to the side of the view."""
    first, second = (_WEATHERS[i] for i in rng.choice(len(_WEATHERS), 2, p=_SHARES))
    part = rng.uniform(0.0, 0.35)
    elevation = math.radians(rng.uniform(*first.degrees))
    azimuth = math.radians(rng.uniform(35, 125)) * float(rng.choice((-1.0, 1.0)))
    level = math.cos(elevation)
    return Light(
        toward_sun=(level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)),
        sun=mix(first.sun, second.sun, part),
        ambient=mix(first.ambient, second.ambient, part),
        zenith=mix(first.zenith, second.zenith, part),
        horizon=mix(first.horizon, second.horizon, part),
        haze_metres=first.haze_metres * rng.uniform(0.75, 1.3),
        clouds=first.clouds + rng.uniform(-0.35, 0.35),
    )
