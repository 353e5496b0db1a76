"""Houses, barns and churches: solids with flat faces, drawn in perspective and lit face by face."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixelwise_scenes.blend import Float, floats, rgb
from pixelwise_scenes.canvas import HOUSE, Canvas

_SMALLEST = 5.0
"""Pixels of width below which a house is left out."""

_FOOTING = 1.3
"""Metres that the walls go on below the ground's height, so that no house hangs over a slope."""

_WALLS = (
    rgb(0.86, 0.82, 0.74),
    rgb(0.80, 0.70, 0.54),
    rgb(0.72, 0.70, 0.67),
    rgb(0.64, 0.36, 0.26),
    rgb(0.88, 0.86, 0.84),
    rgb(0.46, 0.34, 0.25),
)
_ROOFS = (rgb(0.62, 0.31, 0.21), rgb(0.46, 0.27, 0.21), rgb(0.36, 0.37, 0.41), rgb(0.54, 0.42, 0.30))
_GLASS = rgb(0.19, 0.22, 0.27)
_BRICK = rgb(0.50, 0.32, 0.26)

Corner = tuple[float, float, float]
Face = tuple[tuple[Corner, ...], Float, int]
"""Corners (clockwise as seen from outside), albedo, windows in a row."""


@dataclass(frozen=True)
class House:
    """A house of `length` x `depth` x `wall` metres at (x, z) on ground y, turned by `yaw`; a church has a `tower`."""

    x: float
    y: float
    z: float
    yaw: float
    length: float
    depth: float
    wall: float
    roof: float
    wall_color: Float
    roof_color: Float
    tower: float

    def paint(self, canvas: Canvas, instance: int) -> None:
        """Paint the faces that the viewer sees, farthest first."""
        if canvas.view.focal * self.length / self.z < _SMALLEST:
            return
        for corners, color, windows in sorted(self._faces(canvas.view.eye), key=lambda face: -_distance(face[0])):
            normal = _normal(corners)
            lit = canvas.light.shade(color, floats(canvas.light.cosine_to_sun(*normal)))
            self._paint_face(canvas, corners, lit, instance)
            for window in _panes(corners, windows):
                self._paint_face(canvas, window, canvas.light.shade(_GLASS, floats(0.4)), instance)

    def _paint_face(self, canvas: Canvas, corners: tuple[Corner, ...], color: Float, instance: int) -> None:
        points = floats([(canvas.view.row(y, z), canvas.view.column(x, z)) for x, y, z in corners])
        canvas.paint_polygon(points, color, self.z, HOUSE, instance)

    def _faces(self, eye: float) -> list[Face]:
        """Return the faces that the viewer sees."""
        long, deep, top, ridge = 0.5 * self.length, 0.5 * self.depth, self.wall, self.wall + self.roof
        low, over = -_FOOTING, top - 0.3
        faces: list[Face] = []
        for half_turn in (1.0, -1.0):
            x, z, eaves = half_turn * long, half_turn * deep, half_turn * (deep + 0.45)
            front = (x, low, z), (x, top, z), (-x, top, z), (-x, low, z)
            gable = (x, low, -z), (x, top, -z), (x, ridge, 0.0), (x, top, z), (x, low, z)
            slope = (x, over, eaves), (x, ridge, 0.0), (-x, ridge, 0.0), (-x, over, eaves)
            windows = max(1, round(self.length / 2.6))
            faces += [(front, self.wall_color, windows), (gable, self.wall_color, 0), (slope, self.roof_color, 0)]
        if self.tower:
            half = 0.42 * self.depth
            faces += _shaft(long, half, low, self.tower, self.wall_color)
            faces += _spire(long, half, self.tower, self.roof_color)
        else:
            faces += _shaft(0.5 * long, 0.4, top, ridge + 0.8, _BRICK)
        world_faces = [(tuple(self._to_world(*corner) for corner in corners), color, n) for corners, color, n in faces]
        return [face for face in world_faces if _faces_viewer(face[0], eye)]

    def _to_world(self, right: float, up: float, ahead: float) -> Corner:
        """Return a corner of the house in the world."""
        turn, tilt = math.cos(self.yaw), math.sin(self.yaw)
        return self.x + right * turn - ahead * tilt, self.y + up, self.z + right * tilt + ahead * turn


def draw_house(rng: np.random.Generator, at: tuple[float, float, float], *, church: bool) -> House:
    """Draw a house. A church is larger and pale, with a tower and a spire."""
    length, depth = rng.uniform(8, 14), rng.uniform(6, 8.5)
    wall_color, roof_color = _WALLS[rng.integers(len(_WALLS))], _ROOFS[rng.integers(len(_ROOFS))]
    yaw, wall, roof = rng.uniform(-1.2, 1.2), rng.uniform(2.8, 5.2), rng.uniform(2.4, 4.2)
    if church:
        return House(*at, yaw, 15.0, 8.0, 5.5, 4.5, _WALLS[4], roof_color, rng.uniform(13, 17))
    return House(*at, yaw, length, depth, wall, roof, wall_color, roof_color, 0.0)


def _shaft(at: float, half: float, low: float, top: float, walls: Float) -> list[Face]:
    """Return the sides of a square shaft on the ridge at x = `at`."""
    return [
        (((x0, low, z0), (x0, top, z0), (x1, top, z1), (x1, low, z1)), walls, 0)
        for x0, z0, x1, z1 in _square_sides(at, half)
    ]


def _spire(at: float, half: float, base: float, roofs: Float) -> list[Face]:
    """Return the sides of a pyramid on a shaft."""
    return [
        (((x0, base, z0), (at, 1.65 * base, 0.0), (x1, base, z1)), roofs, 0)
        for x0, z0, x1, z1 in _square_sides(at, half)
    ]


def _square_sides(at: float, half: float) -> list[tuple[float, float, float, float]]:
    """Return the sides of a square around x = `at` as (x0, z0, x1, z1), counter-clockwise from above."""
    ring = [(at - half, -half), (at + half, -half), (at + half, half), (at - half, half)]
    return [(*ring[i], *ring[(i + 1) % 4]) for i in range(4)]


def _panes(corners: tuple[Corner, ...], count: int) -> list[tuple[Corner, ...]]:
    """Return `count` window panes on a wall of four corners, given clockwise from the bottom left."""
    bottom_left, top_left, bottom_right = corners[0], corners[1], corners[-1]
    panes = []
    for i in range(count):
        left, right = (i + 0.3) / count, (i + 0.66) / count
        pane = []
        for along, up in ((left, 0.46), (left, 0.76), (right, 0.76), (right, 0.46)):
            axes = zip(bottom_left, bottom_right, top_left, strict=True)
            x, y, z = (start + along * (end - start) + up * (over - start) for start, end, over in axes)
            pane.append((x, y, z))
        panes.append(tuple(pane))
    return panes


def _normal(corners: tuple[Corner, ...]) -> Corner:
    """Return the unit normal that points out of a face."""
    a, b, c = (np.array(corner) for corner in corners[:3])
    normal = np.cross(b - a, c - a)
    x, y, z = (normal / np.linalg.norm(normal)).tolist()
    return x, y, z


def _faces_viewer(corners: tuple[Corner, ...], eye: float) -> bool:
    """Return whether a face looks towards the viewer's eye."""
    x, y, z = _normal(corners)
    at_x, at_y, at_z = corners[1]
    return x * at_x + y * (at_y - eye) + z * at_z < 0


def _distance(corners: tuple[Corner, ...]) -> float:
    """Return the mean distance of the corners."""
    return sum(z for _, _, z in corners) / len(corners)
