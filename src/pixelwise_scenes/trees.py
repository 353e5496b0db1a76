"""Trees: crowns of leafy clumps, conifers in tiers, poplars; each lit from the side of the sun."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixelwise_scenes.blend import Float, floats, mix, rgb, smooth
from pixelwise_scenes.canvas import TREE, Canvas, grid

_SMALLEST = 6.0
"""Least height in pixels. Smaller trees are left out."""

_NEEDLES, _BARK = rgb(0.16, 0.27, 0.15), rgb(0.34, 0.27, 0.21)
_BROAD, _CONIFER, _POPLAR = range(3)

Clump = tuple[float, float, float]


@dataclass(frozen=True)
class Tree:
    """One tree at (x, z) on ground y. `clumps` are (right, up, radius), in half widths and heights of the crown."""

    x: float
    y: float
    z: float
    high: float
    kind: int
    leaves: Float
    slim: float
    clumps: tuple[Clump, ...]
    seed: float

    def paint(self, canvas: Canvas, instance: int) -> None:
        """Paint crown and trunk. Trees that are small in the picture have fewer clumps."""
        view = canvas.view
        high = view.focal * self.high / self.z
        base, middle = view.row(self.y, self.z), view.column(self.x, self.z)
        wide = 0.5 * high * self.slim
        box = view.box(base - 1.12 * high, base, middle - 1.25 * wide, middle + 1.25 * wide)
        if high < _SMALLEST or box is None:
            return
        rows, columns = grid(box)
        up, across = (base - rows) * (1.0 / high), (columns - middle) * (1.0 / wide)
        texels_up, texels_across = min(high * 0.7, 110.0), min(wide * 0.7, 60.0)
        leaf = canvas.grain.at(up * texels_up + self.seed, across * texels_across + 2.0 * self.seed)
        clumps = self.clumps[: 3 + int(high / 8.0)]
        body, lit = self._crown(up, across, leaf, canvas.light.toward_sun, clumps)
        alpha = np.clip(body * (0.5 * high) + 0.5, 0.0, 1.0)
        crown = _leaf_color(canvas, self.leaves, lit + 0.16 * leaf, up)
        trunk = self._trunk(up, across, wide) * (1.0 - alpha)
        bark = canvas.light.shade(_BARK, floats(0.35))
        total = alpha + trunk
        color = mix(bark, crown, alpha / np.maximum(total, 1e-3))
        canvas.paint(box, total, color, self.z, TREE, instance)

    def _crown(
        self, up: Float, across: Float, leaf: Float, sun: tuple[float, float, float], clumps: tuple[Clump, ...]
    ) -> tuple[Float, Float]:
        """Return the signed depth of the crown (positive inside), and how much its surface faces the sun, about
        -1..1."""
        if self.kind == _CONIFER:
            tier = (up * 7.0 + 0.35 * np.abs(across) + self.seed) % 1.0
            half = np.clip(1.0 - up, 0.0, 1.0) * (0.72 + 0.36 * (1.0 - tier)) * (up > 0.06)
            body = (half - np.abs(across) - 0.03) * 0.35 + 0.22 * leaf * half
            return body, 0.8 * sun[0] * across / (half + 0.1) + 0.55 * (0.6 - tier) + 0.1 - 0.25 * sun[2]
        if self.kind == _POPLAR:
            span = (up - 0.54) * (1.0 / 0.47)
            body = (1.0 - across * across - span * span) * 0.35 + 0.09 * leaf
            return body, 0.9 * sun[0] * across + 0.5 * sun[1] * span + 0.25 - 0.25 * sun[2]
        body = np.full(leaf.shape, -1.0, np.float32)
        lit = np.zeros_like(body)
        up, across = up + 0.02 * leaf, across - 0.06 * leaf
        for right, high, radius in clumps:
            side, rise = (across - right) * (1.0 / radius), (up - high) * (2.0 / (radius * self.slim))
            depth = (1.0 - side * side - rise * rise) * radius
            facing = sun[0] * side + (0.35 + sun[1]) * rise - 0.35 * sun[2] + 0.5 * (high - 0.55)
            lit = np.where(depth > body, facing, lit)
            body = np.maximum(body, depth)
        return 0.4 * body + 0.09 * leaf - 0.02, lit

    def _trunk(self, up: Float, across: Float, wide: float) -> Float:
        half = 0.05 + 0.02 / max(self.slim, 0.3)
        return np.clip((half - np.abs(across)) * wide + 0.5, 0.0, 1.0) * ((up < 0.5) & (up > 0.0))


def draw_tree(rng: np.random.Generator, at: tuple[float, float, float], leaves: tuple[Float, ...], kind: int) -> Tree:
    """Draw one tree of a kind, 0 broad-leaved, 1 conifer, 2 poplar, and of one of the season's `leaves`."""
    high = rng.uniform(*((6.0, 11.5), (8.0, 15.0), (10.0, 16.0))[kind])
    slim = rng.uniform(*((0.75, 1.1), (0.36, 0.5), (0.2, 0.28))[kind])
    color = leaves[rng.integers(len(leaves))] if kind == _BROAD else _NEEDLES
    clumps = [(0.0, 0.57, 0.64)]
    for angle, out, radius in rng.uniform((0.0, 0.3, 0.26), (2 * math.pi, 0.62, 0.46), (7, 3)).tolist():
        clumps.append((out * math.cos(angle), 0.58 + 0.38 * out * math.sin(angle), radius))
    color = color * rng.uniform(0.85, 1.15)
    return Tree(*at, high, kind, color, slim, tuple(clumps), rng.uniform(0, 200))


def _leaf_color(canvas: Canvas, leaves: Float, lit: Float, up: Float) -> Float:
    """Return the colour of leaves: cool and dark inside, warm in the sun."""
    shade = 0.70 + 0.34 * smooth(up, 0.1, 0.8)
    color = canvas.light.shade(leaves, smooth(lit, -0.55, 0.95) * 1.15)
    return color * (shade * (0.80 + 0.30 * smooth(lit, -0.8, 0.6)))
