"""`scene`: a seeded landscape, composed from the sky to the nearest tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ShapeError
from pixelwise_scenes.camera import expose
from pixelwise_scenes.canvas import Canvas
from pixelwise_scenes.ground import Landscape, draw_season, paint_land, paint_water
from pixelwise_scenes.houses import House
from pixelwise_scenes.layout import Things, draw_things
from pixelwise_scenes.light import draw_light
from pixelwise_scenes.noise import Texture
from pixelwise_scenes.poles import Pole
from pixelwise_scenes.shadows import cast_shadows
from pixelwise_scenes.sky import paint_sky
from pixelwise_scenes.terrain import draw_terrain
from pixelwise_scenes.trees import Tree
from pixelwise_scenes.view import View, project_surface

SIZE = (192, 256)
_SMALLEST_SIDE = 32


@dataclass(frozen=True)
class Scene:
    """A picture with its labels.

    image: uint8 (height, width, 3) RGB. label_map: uint8 (height, width), class indices. instance_map: int32 (height,
    width), 1..n for the visible objects, 0 elsewhere.
    """

    image: npt.NDArray[np.uint8]
    label_map: npt.NDArray[np.uint8]
    instance_map: npt.NDArray[np.int32]


def require_size(where: str, size: tuple[int, int]) -> None:
    """Raise `ShapeError`, which names `where`, for (height, width) with a side below 32 pixels."""
    if min(size) < _SMALLEST_SIDE:
        problem_text, expected = f"size {size[0]}x{size[1]}", f"at least {_SMALLEST_SIDE}x{_SMALLEST_SIDE} pixels"
        raise ShapeError(where, problem_text, expected, "Ask for a larger picture.")


def scene(key: int | tuple[int, ...], size: tuple[int, int] = SIZE) -> Scene:
    """Return the landscape of a key, at (height, width) pixels, with classes `SCENE_CLASSES`.

    The key alone determines the content. Another size changes the detail and the noise alone. Raises `ShapeError` for a
    side below 32 pixels.
    """
    height, width = size
    require_size("scene", size)
    rng = np.random.default_rng(key)
    light, season, terrain = draw_light(rng), draw_season(rng), draw_terrain(rng)
    air, grain = Texture(rng, 1.4), Texture(rng, 0.6)
    eye, horizon = rng.uniform(7.0, 14.0), rng.uniform(0.36, 0.48)
    things = draw_things(rng, terrain, season)

    view = View(height, width, 1.2 * height, horizon * height, eye)
    surface = project_surface(view, terrain, light.toward_sun)
    picture = paint_sky(view, light, air)
    sunlit = cast_shadows(view, light, surface, things)
    label_map = paint_land(picture, surface, sunlit, Landscape(view, terrain, season, light, grain))
    paint_water(picture, label_map, surface, light, grain)
    instance_map = np.zeros(size, np.int32)
    canvas = Canvas(view, light, grain, picture, label_map, instance_map, surface.z)
    _paint_things(canvas, things)
    instances = np.searchsorted(np.union1d(0, instance_map), instance_map).astype(np.int32)
    return Scene(expose(rng, canvas.rgb), label_map, instances)


def _paint_things(canvas: Canvas, things: Things) -> None:
    """Paint all objects, farthest first."""
    everything: list[Tree | House | Pole] = [*things.trees, *things.houses, *things.poles]
    for instance, thing in enumerate(sorted(everything, key=lambda thing: -thing.z), start=1):
        thing.paint(canvas, instance)
