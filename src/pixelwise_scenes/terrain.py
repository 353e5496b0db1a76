"""The land: a valley with a road and a lake, and hills behind. Metres; x runs right, y up, z ahead of the viewer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixelwise_scenes.blend import Float, floats, mix, smooth
from pixelwise_scenes.noise import Texture

_DROP = 11.0
"""Depth of the valley below the viewer's rise, in metres."""


@dataclass(frozen=True)
class Road:
    """A winding road with its middle at x = `middle(z)`."""

    start: float
    bends: tuple[tuple[float, float, float], ...]
    half_width: float
    end: float
    paved: bool

    def middle(self, z: Float) -> Float:
        """Return x of the middle at the distances z, in metres."""
        wide = z / (z + 50.0)
        x = self.start + 0.0 * z
        for metres, length, phase in self.bends:
            x = x + metres * wide * np.sin(z * (1.0 / length) + phase)
        return x

    def offset(self, x: Float, z: Float) -> Float:
        """Return the signed distance from the middle in metres; right is positive."""
        slope = self.middle(z + 1.0) - self.middle(z)
        return (x - self.middle(z)) / np.sqrt(1.0 + slope * slope)


@dataclass(frozen=True)
class Lake:
    """A lake around (x, z): an ellipse with a ragged shore."""

    x: float
    z: float
    half_width: float
    half_depth: float

    def away(self, x: Float, z: Float, land: Texture) -> Float:
        """Return the distance from the lake's middle, scaled to 1 at the shore."""
        across, along = (x - self.x) * (1.0 / self.half_width), (z - self.z) * (1.0 / self.half_depth)
        away: Float = np.sqrt(across * across + along * along) + 0.14 * land.at(x * 0.8 + 31.0, z * 0.8 + 77.0)
        return away


@dataclass(frozen=True)
class Terrain:
    """Heights above the plane, in metres, relative to the valley's mean."""

    land: Texture
    road: Road
    lake: Lake
    roll: float
    hills_at: float
    hills_high: float

    def hills(self, x: Float, z: Float) -> Float:
        """Return the height of the hills above the valley, 0 in the valley."""
        far = z > self.hills_at
        x, rise = x[far], np.zeros_like(z)
        z = z[far]
        ramp = smooth(z, self.hills_at, 5.0 * self.hills_at)
        ridge = 0.55 + 0.75 * self.land.at(x * 0.045, z * 0.045 + 9.0) - 0.22 * np.abs(self.land.at(x * 0.17, z * 0.17))
        rise[far] = np.maximum(self.hills_high * ramp * ridge, 0.0)
        return rise

    def height(self, x: Float, z: Float) -> Float:
        swells, bumps = self.land.at(x * 0.25, z * 0.25), self.land.at(x * 1.6 + 50.0, z * 1.6)
        valley: Float = self.roll * (1.5 * swells + 0.35 * bumps)
        offset = self.road.offset(x, z) * (1.0 / 14.0)
        level = 0.7 * self.roll * self.land.at(0.25 * self.road.middle(z), z * 0.25)
        valley = mix(valley, level, np.exp(-offset * offset))
        valley = valley - _DROP * smooth(z, 15.0, 170.0)
        ashore = smooth(self.lake.away(x, z, self.land), 0.95, 2.2)
        return mix(np.full_like(valley, -_DROP - 2.0), valley, ashore) + self.hills(x, z)


def draw_terrain(rng: np.random.Generator) -> Terrain:
    """Draw a land with a road that begins near the viewer and passes the lake on one side."""
    start = rng.uniform(-6.0, 6.0)
    bends = (
        (rng.uniform(14, 34), rng.uniform(38, 75), rng.uniform(0, 2 * math.pi)),
        (rng.uniform(3, 9), rng.uniform(14, 26), rng.uniform(0, 2 * math.pi)),
    )
    road = Road(start, bends, rng.uniform(2.3, 3.4), rng.uniform(350, 700), bool(rng.random() < 0.6))
    z, half_width = rng.uniform(110, 200), rng.uniform(45, 100)
    bank = float(road.middle(floats([z]))[0]) + float(rng.choice((-1.0, 1.0))) * (half_width + rng.uniform(10, 22))
    lake = Lake(bank, z, half_width, rng.uniform(35, 70))
    land = Texture(rng, 1.75)
    return Terrain(land, road, lake, rng.uniform(0.6, 1.7), rng.uniform(300, 560), rng.uniform(130, 420))
