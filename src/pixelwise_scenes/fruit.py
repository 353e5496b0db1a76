"""`fruit`: a seeded table of fruit seen from above, for objects that touch and overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise_scenes.blend import Float, floats, mix, rgb, smooth
from pixelwise_scenes.camera import expose
from pixelwise_scenes.compose import SIZE, Scene, require_size
from pixelwise_scenes.noise import Texture

FRUIT_CLASSES = ClassMap(
    ("table", "apple", "lemon", "plum"), ((148, 120, 92), (214, 62, 54), (244, 202, 58), (112, 72, 168))
)
MOST = 18
"""Fruits on a table."""
APART = 0.75
"""Least distance of two fruits' centres, relative to the sum of their radii, so that none hides most of another."""


@dataclass(frozen=True)
class _Kind:
    """radius: least and most, relative to the picture's height. long: length over breadth. colors: a fruit's colour
    lies between the first two; its cheek has the last. gloss: the share of the lamp's light that it reflects.
    """

    radius: tuple[float, float]
    long: float
    colors: tuple[tuple[float, float, float], ...]
    gloss: float


_KINDS = {
    1: _Kind((0.085, 0.12), 1.0, ((0.72, 0.10, 0.09), (0.62, 0.20, 0.10), (0.55, 0.58, 0.16)), 0.35),
    2: _Kind((0.065, 0.085), 1.35, ((0.92, 0.74, 0.13), (0.86, 0.80, 0.28), (0.80, 0.72, 0.10)), 0.20),
    3: _Kind((0.055, 0.075), 1.18, ((0.25, 0.12, 0.34), (0.36, 0.12, 0.30), (0.20, 0.14, 0.38)), 0.15),
}


@dataclass(frozen=True)
class _Fruit:
    """One fruit; lengths are relative to the picture's height."""

    class_index: int
    row: float
    column: float
    radius: float
    angle: float
    color: Float
    cheek: Float


def fruit(key: int | tuple[int, ...], size: tuple[int, int] = SIZE) -> Scene:
    """Return the table of a key, at (height, width) pixels, with classes `FRUIT_CLASSES`.

    Raises `ShapeError` for a side below 32 pixels.
    """
    height, width = size
    require_size("fruit", size)
    rng = np.random.default_rng(key)
    grain, lamp = Texture(rng, 0.9), rng.uniform(0, 2 * np.pi)
    toward_lamp = floats((0.62 * np.sin(lamp), 0.62 * np.cos(lamp), 0.78))
    rows, columns = (np.arange(side, dtype=np.float32) + np.float32(0.5) for side in size)
    rows, columns = rows[:, None] / height, columns[None, :] / height
    picture = _draw_boards(rng, grain, rows, columns)
    label_map, instance_map = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    table = _Table(rows, columns, picture, label_map, instance_map, grain, toward_lamp)
    for number, single in enumerate(_draw_fruits(rng, width / height), start=1):
        table.paint(single, number)
    return Scene(expose(rng, picture), label_map, instance_map)


def _draw_fruits(rng: np.random.Generator, aspect: float) -> list[_Fruit]:
    """Return up to `MOST` fruits, the lowest first, some of them in a heap."""
    count, heap = int(rng.integers(6, MOST + 1)), rng.uniform((0.25, 0.25 * aspect), (0.75, 0.75 * aspect))
    fruits: list[_Fruit] = []
    for _ in range(8 * MOST):
        class_index = int(rng.integers(1, FRUIT_CLASSES.num_classes))
        kind = _KINDS[class_index]
        row, column = rng.normal(heap, 0.16) if rng.random() < 0.5 else rng.uniform((0, 0), (1, aspect))
        radius, angle = rng.uniform(*kind.radius), rng.uniform(0, np.pi)
        start, end, cheek = (rgb(*color) for color in kind.colors)
        single = _Fruit(class_index, row, column, radius, angle, mix(start, end, float(rng.random())), cheek)
        inside = 0.04 < row < 0.96 and 0.04 < column < aspect - 0.04
        if inside and all(
            np.hypot(other.row - row, other.column - column) > APART * (other.radius + radius) for other in fruits
        ):
            fruits.append(single)
        if len(fruits) == count:
            break
    return fruits


def _draw_boards(rng: np.random.Generator, grain: Texture, down: Float, across: Float) -> Float:
    """Return a table of wooden boards, (3, height, width)."""
    angle, wide = rng.uniform(0, np.pi), rng.uniform(0.16, 0.30)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    along, over = down * cos + across * sin, across * cos - down * sin
    board = np.floor(over / wide)
    fibre = grain.at(40 * along + 31 * board, 500 * over)
    seam = smooth(np.abs(over / wide - board - np.float32(0.5)), 0.48, 0.5)
    light = rgb(0.62, 0.48, 0.34) * rgb(*rng.normal(1.0, 0.06, 3)) * float(rng.uniform(0.8, 1.2))
    dark = rgb(0.28, 0.19, 0.12)
    tone = np.float32(0.5) + np.float32(0.15) * fibre + np.float32(0.08) * np.sin(12.9898 * board)
    return mix(mix(dark, light, np.clip(tone, 0, 1)), np.float32(0.5) * dark, seam)


@dataclass(frozen=True)
class _Table:
    """The picture in the making. rows, columns: places of pixels, relative to the height. toward_lamp: a unit
    vector."""

    rows: Float
    columns: Float
    picture: Float
    label_map: npt.NDArray[np.uint8]
    instance_map: npt.NDArray[np.int32]
    grain: Texture
    toward_lamp: Float

    def paint(self, single: _Fruit, number: int) -> None:
        """Paint a fruit, an ellipsoid under a lamp, and its shadow. A pixel belongs to it where it covers half."""
        kind, rows, columns = _KINDS[single.class_index], self.rows, self.columns
        reach = 1.6 * single.radius * kind.long + 2 / len(rows)
        box = tuple(
            slice(*np.searchsorted(values.ravel(), (middle - reach, middle + reach)))
            for values, middle in ((rows, single.row), (columns, single.column))
        )
        down, across = rows[box[0]] - np.float32(single.row), columns[:, box[1]] - np.float32(single.column)
        cos, sin = np.float32(np.cos(single.angle)), np.float32(np.sin(single.angle))
        along = (down * sin + across * cos) / np.float32(single.radius * kind.long)
        over = (down * cos - across * sin) / np.float32(single.radius)
        distance = np.hypot(along, over)
        edge = np.float32(1 / (single.radius * len(rows)))  # a pixel
        alpha = np.clip((1 - distance) / edge + np.float32(0.5), 0, 1)

        shift = np.float32(0.35 * single.radius)
        shadow = np.hypot(down + shift * self.toward_lamp[0], across + shift * self.toward_lamp[1]) / np.float32(
            single.radius
        )
        canvas = self.picture[(slice(None), *box)]
        canvas *= 1 - np.float32(0.55) * (1 - smooth(shadow, 0.7, 1.45))

        height = np.sqrt(np.maximum(1 - distance**2, 0))
        slope_down, slope_across = along * sin + over * cos, along * cos - over * sin
        facing = slope_down * self.toward_lamp[0] + slope_across * self.toward_lamp[1] + height * self.toward_lamp[2]
        spots = self.grain.at(90 * along + 17 * number, 90 * over)
        skin = mix(single.color, single.cheek, smooth(along + np.float32(0.25) * spots, 0.1, 0.9))
        shaded = skin * (np.float32(0.35) + np.float32(0.75) * np.maximum(facing, 0) + np.float32(0.04) * spots)
        shaded = shaded + np.float32(kind.gloss) * np.maximum(2 * facing * height - self.toward_lamp[2], 0) ** 24
        self.picture[(slice(None), *box)] = mix(canvas, shaded, alpha)
        covered = alpha > 0.5
        self.label_map[box][covered] = single.class_index
        self.instance_map[box][covered] = number
