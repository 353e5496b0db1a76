"""The places of objects: groves and single trees, a village by the road, a line of poles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise_scenes.blend import Float, floats
from pixelwise_scenes.ground import Season
from pixelwise_scenes.houses import House, draw_house
from pixelwise_scenes.poles import Pole
from pixelwise_scenes.terrain import Terrain
from pixelwise_scenes.trees import Tree, draw_tree


@dataclass(frozen=True)
class Things:
    """The objects of a scene, farthest first within each kind."""

    trees: list[Tree]
    houses: list[House]
    poles: list[Pole]


def draw_things(rng: np.random.Generator, terrain: Terrain, season: Season) -> Things:
    """Draw the objects. None stands on the road or in the lake, and no tree grows through a house."""
    houses = _village(rng, terrain)
    taken = [(house.x, house.z, 0.6 * house.length) for house in houses]
    return Things(_woods(rng, terrain, season, taken), houses, _line_of_poles(rng, terrain))


def _village(rng: np.random.Generator, terrain: Terrain) -> list[House]:
    """Return houses near one place of the road; in some villages one is a church."""
    count, church = int(rng.integers(3, 9)), int(rng.integers(0, 14))
    z = np.maximum(rng.uniform(60, 150) + rng.normal(0, 26, count), 38.0).astype(np.float32)
    x = terrain.road.middle(z) + _sides(rng, count) * rng.uniform(10, 34, count).astype(np.float32)
    houses: list[House] = []
    for i, (at, dry) in enumerate(_places(terrain, x, z, 9.0)):
        house = draw_house(rng, at, church=i == church)
        apart = all((house.x - other.x) ** 2 + (house.z - other.z) ** 2 > 17.0**2 for other in houses)
        if dry and apart:
            houses.append(house)
    return houses


def _woods(
    rng: np.random.Generator, terrain: Terrain, season: Season, taken: list[tuple[float, float, float]]
) -> list[Tree]:
    """Return groves of one kind each, trees scattered between them, and mostly one large tree that frames the view."""
    spots: list[tuple[float, float, int]] = []
    for _ in range(rng.integers(4, 8)):
        z = float(np.exp(rng.uniform(np.log(45), np.log(380))))
        x, kind, spread = rng.uniform(-0.6, 0.6) * z, int(rng.choice(3, p=(0.55, 0.33, 0.12))), rng.uniform(5, 20)
        grove = rng.normal((x, z), (1.6 * spread, spread), (int(rng.integers(4, 11)), 2)).tolist()
        spots += [(tree_x, tree_z, kind) for tree_x, tree_z in grove]
    for _ in range(rng.integers(6, 16)):
        z = float(np.exp(rng.uniform(np.log(32), np.log(300))))
        spots.append((rng.uniform(-0.65, 0.65) * z, z, int(rng.choice(3, p=(0.72, 0.2, 0.08)))))
    if rng.random() < 0.65:
        z = rng.uniform(17, 27)
        side = float(rng.choice((-1.0, 1.0))) * rng.uniform(0.34, 0.58)
        spots.append((side * z, z, int(rng.choice(2, p=(0.8, 0.2)))))
    trees = []
    places = _places(terrain, floats([spot[0] for spot in spots]), floats([spot[1] for spot in spots]), 4.0)
    for ((x, y, z), dry), (_, _, kind) in zip(places, spots, strict=True):
        tree = draw_tree(rng, (x, y - 0.15, z), season.leaves, kind)
        free = all(abs(x - at_x) > near or abs(z - at_z) > near for at_x, at_z, near in taken)
        if z > 15 and free and dry:
            trees.append(tree)
    return trees


def _line_of_poles(rng: np.random.Generator, terrain: Terrain) -> list[Pole]:
    side, high = float(_sides(rng, 1)[0]) * rng.uniform(4.5, 7.0), rng.uniform(7.0, 9.0)
    z = (rng.uniform(20, 32) + rng.uniform(24, 34) * np.arange(rng.integers(4, 8))).astype(np.float32)
    poles: list[Pole] = []
    for (at_x, at_y, at_z), _ in _places(terrain, terrain.road.middle(z) + np.float32(side), z, 0.0):
        poles.append(Pole(at_x, at_y - 0.1, at_z, high, poles[-1] if poles else None))
    return poles


def _places(terrain: Terrain, x: Float, z: Float, clear: float) -> list[tuple[tuple[float, float, float], bool]]:
    """Return ((x, y, z), dry) for each place on the ground: dry is ashore, and half of `clear` metres off the road."""
    y = terrain.height(x, z)
    off_road = np.abs(terrain.road.offset(x, z)) > terrain.road.half_width + 0.5 * clear
    dry = off_road & (terrain.lake.away(x, z, terrain.land) > 1.08)
    return list(zip(zip(x.tolist(), y.tolist(), z.tolist(), strict=True), dry.tolist(), strict=True))


def _sides(rng: np.random.Generator, count: int) -> Float:
    """Return -1 (left) or 1 (right), `count` times."""
    return rng.choice(floats([-1.0, 1.0]), count)
