"""`fruit`: one seeded table of fruit seen from above, for objects that touch and lie on one another."""

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
APART = 0.75
"""How near two fruits' centres may lie, over the sum of their radii: one hides a part of the other, not most of it."""


@dataclass(frozen=True)
class _Kind:
    """radius: the least and the most, over the picture's height. long: length over breadth. colours: between which a
    fruit's lies; its cheek has the last. gloss: how much of the lamp it mirrors."""

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
    class_index: int
    row: float
    column: float
    radius: float
    angle: float
    color: Float
    cheek: Float


def fruit(key: int | tuple[int, ...], size: tuple[int, int] = SIZE) -> Scene:
    """Return the table of a key, at (height, width) pixels; its classes are `FRUIT_CLASSES`.

    Raises `ShapeError` for a side below 32 pixels.
    """
    height, width = size
    require_size("fruit", size)
    rng = np.random.default_rng(key)
    grain, lamp = Texture(rng, 0.9), rng.uniform(0, 2 * np.pi)
    toward_lamp = floats((0.62 * np.sin(lamp), 0.62 * np.cos(lamp), 0.78))
    rows, columns = (np.arange(side, dtype=np.float32) + np.float32(0.5) for side in size)
    place = rows[:, None] / height, columns[None, :] / height
    picture = _table(rng, grain, *place)
    label_map, instance_map = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    for number, own in enumerate(_laid(rng, width / height), start=1):
        _paint(picture, label_map, instance_map, place, own, number, grain, toward_lamp)
    return Scene(expose(rng, picture), label_map, instance_map)


def _laid(rng: np.random.Generator, aspect: float) -> list[_Fruit]:
    """Return up to `MOST` fruits, the lowest first, some of them in a heap; lengths are over the picture's height."""
    count, heap = int(rng.integers(6, MOST + 1)), rng.uniform((0.25, 0.25 * aspect), (0.75, 0.75 * aspect))
    laid: list[_Fruit] = []
    for _ in range(8 * MOST):
        class_index = int(rng.integers(1, FRUIT_CLASSES.num_classes))
        kind = _KINDS[class_index]
        row, column = rng.normal(heap, 0.16) if rng.random() < 0.5 else rng.uniform((0, 0), (1, aspect))
        radius, angle = rng.uniform(*kind.radius), rng.uniform(0, np.pi)
        start, end, cheek = (rgb(*color) for color in kind.colors)
        own = _Fruit(class_index, row, column, radius, angle, mix(start, end, float(rng.random())), cheek)
        inside = 0.04 < row < 0.96 and 0.04 < column < aspect - 0.04
        if inside and all(np.hypot(o.row - row, o.column - column) > APART * (o.radius + radius) for o in laid):
            laid.append(own)
        if len(laid) == count:
            break
    return laid


def _table(rng: np.random.Generator, grain: Texture, down: Float, across: Float) -> Float:
    """Return boards of wood, (3, height, width)."""
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


def _paint(
    picture: Float,
    label_map: npt.NDArray[np.uint8],
    instance_map: npt.NDArray[np.int32],
    place: tuple[Float, Float],
    own: _Fruit,
    number: int,
    grain: Texture,
    toward_lamp: Float,
) -> None:
    """Lay a fruit, an ellipsoid under a lamp, and its shadow over the picture; a pixel covered by half is its own."""
    kind, (rows, columns) = _KINDS[own.class_index], place
    reach = 1.6 * own.radius * kind.long + 2 / len(rows)
    box = tuple(
        slice(*np.searchsorted(values.ravel(), (middle - reach, middle + reach)))
        for values, middle in ((rows, own.row), (columns, own.column))
    )
    down, across = rows[box[0]] - np.float32(own.row), columns[:, box[1]] - np.float32(own.column)
    cos, sin = np.float32(np.cos(own.angle)), np.float32(np.sin(own.angle))
    along = (down * sin + across * cos) / np.float32(own.radius * kind.long)
    over = (down * cos - across * sin) / np.float32(own.radius)
    distance = np.hypot(along, over)
    edge = np.float32(1 / (own.radius * len(rows)))  # a pixel
    alpha = np.clip((1 - distance) / edge + np.float32(0.5), 0, 1)

    shift = np.float32(0.35 * own.radius)
    shadow = np.hypot(down + shift * toward_lamp[0], across + shift * toward_lamp[1]) / np.float32(own.radius)
    canvas = picture[(slice(None), *box)]
    canvas *= 1 - np.float32(0.55) * (1 - smooth(shadow, 0.7, 1.45))

    height = np.sqrt(np.maximum(1 - distance**2, 0))
    slope_down, slope_across = along * sin + over * cos, along * cos - over * sin
    facing = slope_down * toward_lamp[0] + slope_across * toward_lamp[1] + height * toward_lamp[2]
    spots = grain.at(90 * along + 17 * number, 90 * over)
    skin = mix(own.color, own.cheek, smooth(along + np.float32(0.25) * spots, 0.1, 0.9))
    shaded = skin * (np.float32(0.35) + np.float32(0.75) * np.maximum(facing, 0) + np.float32(0.04) * spots)
    shaded = shaded + np.float32(kind.gloss) * np.maximum(2 * facing * height - toward_lamp[2], 0) ** 24
    picture[(slice(None), *box)] = mix(canvas, shaded, alpha)
    covered = alpha > 0.5
    label_map[box][covered] = own.class_index
    instance_map[box][covered] = number
