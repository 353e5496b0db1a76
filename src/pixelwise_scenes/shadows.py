"""The shadows that things cast on the land."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pixelwise_scenes.blend import Float, smooth
from pixelwise_scenes.layout import Things
from pixelwise_scenes.light import Light
from pixelwise_scenes.view import Surface, View

_SLOPE = 4.0
"""Metres that the ground may rise or fall along a shadow."""


class _Blocker(NamedTuple):
    """What stands in the sun's way at (x, z) on ground y.

    Its shadow is `wide` metres to each side of the axis and begins at the part `gap` of its length: more than 0 under
    a crown on its trunk, less than 0 for what is deep itself.
    """

    x: float
    y: float
    z: float
    high: float
    wide: float
    gap: float


def cast_shadows(view: View, light: Light, surface: Surface, things: Things) -> Float:
    """Return the share of the sun's light, 0..1, that reaches the land at each pixel past the objects."""
    sunlit = np.ones(surface.land.shape, np.float32)
    blockers = [_Blocker(t.x, t.y, t.z, t.high, 0.55 * t.slim * t.high, 0.1) for t in things.trees]
    blockers += [_Blocker(h.x, h.y, h.z, h.wall + h.roof, 0.75 * h.length, -0.6) for h in things.houses]
    blockers += [_Blocker(p.x, p.y, p.z, p.high, 0.3, 0.0) for p in things.poles]
    for blocker in blockers:
        _darken(sunlit, view, light, surface, blocker)
    return sunlit


def _darken(sunlit: Float, view: View, light: Light, surface: Surface, blocker: _Blocker) -> None:
    """Darken an ellipse that points away from the sun, and the ground at the object's foot."""
    right, up, ahead = light.toward_sun
    x, y, z, high, wide, gap = blocker
    reach = min(high / up, 4.0 * high)
    end_x, end_z = x - right * reach, z - ahead * reach
    depths = [max(depth, 4.0) for depth in (z - wide, z + wide, end_z - wide, end_z + wide)]
    sides = (x - wide, x + wide, end_x - wide, end_x + wide)
    rows = [view.row(y + slope, depth) for slope in (-_SLOPE, _SLOPE) for depth in depths]
    columns = [view.column(side, depth) for side in sides for depth in depths]
    box = view.box(min(rows), max(rows), min(columns), max(columns))
    if box is None:
        return
    length = math.hypot(end_x - x, end_z - z)
    along_x, along_z = (end_x - x) / length, (end_z - z) / length
    off_x, off_z = surface.x[box] - x, np.minimum(surface.z[box], 1e6) - z
    along = (off_x * along_x + off_z * along_z) * (1.0 / length)
    across = (off_z * along_x - off_x * along_z) * (1.0 / wide)
    span = (along - 0.5 * (1.0 + gap)) * (1.0 / (0.54 - 0.5 * gap))
    sunlit[box] *= 1.0 - 0.9 * smooth(span * span + across * across, 1.15, 0.6)
    sunlit[box] *= 1.0 - 0.6 * smooth((off_x * off_x + off_z * off_z) * (1.0 / (wide * wide)), 1.0, 0.0)
