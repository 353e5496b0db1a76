"""The ground: meadow and fields, hills, the road and the lake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise_scenes.blend import Float, mix, rgb, smooth
from pixelwise_scenes.canvas import HILL, MEADOW, ROAD, SKY, WATER
from pixelwise_scenes.light import Light
from pixelwise_scenes.noise import Texture
from pixelwise_scenes.terrain import Terrain
from pixelwise_scenes.view import Surface, View


@dataclass(frozen=True)
class Season:
    """The colours of what grows (albedo): grass, ripe fields, the hills' wood and heath, flowers, leaves."""

    grass: Float
    field: Float
    wood: Float
    heath: Float
    flower: Float
    leaves: tuple[Float, ...]


_SPRING = Season(
    rgb(0.37, 0.48, 0.20),
    rgb(0.62, 0.62, 0.20),
    rgb(0.20, 0.33, 0.17),
    rgb(0.42, 0.47, 0.27),
    rgb(1.0, 0.92, 0.55),
    (rgb(0.28, 0.42, 0.16), rgb(0.38, 0.48, 0.20), rgb(0.20, 0.35, 0.16), rgb(0.78, 0.66, 0.66)),
)
_SUMMER = Season(
    rgb(0.42, 0.49, 0.19),
    rgb(0.80, 0.67, 0.34),
    rgb(0.18, 0.29, 0.16),
    rgb(0.46, 0.43, 0.27),
    rgb(0.95, 0.38, 0.25),
    (rgb(0.21, 0.36, 0.13), rgb(0.29, 0.41, 0.16), rgb(0.15, 0.27, 0.13)),
)
_LATE_SUMMER = Season(
    rgb(0.57, 0.53, 0.25),
    rgb(0.76, 0.62, 0.36),
    rgb(0.23, 0.29, 0.16),
    rgb(0.50, 0.38, 0.38),
    rgb(0.72, 0.52, 0.78),
    (rgb(0.28, 0.36, 0.15), rgb(0.36, 0.38, 0.17), rgb(0.17, 0.26, 0.14)),
)
_AUTUMN = Season(
    rgb(0.50, 0.46, 0.21),
    rgb(0.56, 0.43, 0.27),
    rgb(0.42, 0.30, 0.16),
    rgb(0.51, 0.36, 0.24),
    rgb(0.86, 0.80, 0.62),
    (rgb(0.66, 0.40, 0.12), rgb(0.60, 0.25, 0.12), rgb(0.70, 0.54, 0.18), rgb(0.24, 0.31, 0.15)),
)
_SEASONS = (_SPRING, _SUMMER, _LATE_SUMMER, _AUTUMN)


@dataclass(frozen=True)
class Landscape:
    """What a scene's ground depends on."""

    view: View
    terrain: Terrain
    season: Season
    light: Light
    grain: Texture


def draw_season(rng: np.random.Generator) -> Season:
    """Draw a season."""
    return _SEASONS[rng.choice(len(_SEASONS), p=(0.28, 0.34, 0.14, 0.24))]


def paint_land(picture: Float, surface: Surface, sunlit: Float, landscape: Landscape) -> npt.NDArray[np.uint8]:
    """Paint the visible land into `picture`, and return the label map so far.

    sunlit: (height, width), 0 in the shadow of an object, else 1.
    """
    terrain, light, grain = landscape.terrain, landscape.light, landscape.grain
    x, z = surface.x[surface.land], surface.z[surface.land]
    high, offset, away = terrain.hills(x, z), terrain.road.offset(x, z), terrain.lake.away(x, z, terrain.land)
    metres_per_pixel = z * (1.0 / landscape.view.focal)
    hill = smooth(high + 3.0 * terrain.land.at(x * 0.5, z * 0.5), 5.0, 17.0)
    edge = terrain.road.half_width + 0.12 * grain.at(x * 4.0, z * 4.0) - np.abs(offset)
    road = np.clip(edge / metres_per_pixel + 0.5, 0.0, 1.0) * ((z < terrain.road.end) & (hill < 0.5))

    albedo = np.empty((3, 1, len(x)), np.float32)
    is_low, is_high, is_road = hill < 1.0, hill > 0.0, road > 0.0
    albedo[..., is_low] = _meadow(x[is_low], z[is_low], offset[is_low], away[is_low], landscape)
    slope = _hillside(x[is_high], z[is_high], high[is_high], landscape)
    albedo[..., is_high] = mix(np.where(is_low[is_high], albedo[..., is_high], np.float32(0.0)), slope, hill[is_high])
    way = _roadway(x[is_road], z[is_road], offset[is_road], landscape, metres_per_pixel[is_road])
    albedo[..., is_road] = mix(albedo[..., is_road], way, road[is_road])

    clouds = 1.0 - 0.6 * smooth(terrain.land.at(x * 0.33 + 120.0, z * 0.22 + 40.0) + light.clouds, 0.2, 0.9)
    lambert, shade = surface.lambert[surface.land], sunlit[surface.land]
    lit = light.shade(albedo * (0.66 + 0.34 * shade), lambert * shade * clouds)
    picture[:, surface.land] = light.add_haze(lit, z)[:, 0]
    label = np.where(hill > 0.5, np.uint8(HILL), np.uint8(MEADOW))
    label[(away < 1.0) & (label == MEADOW)] = WATER
    label[road > 0.5] = ROAD
    label_map = np.full(surface.land.shape, SKY, np.uint8)
    label_map[surface.land] = label
    return label_map


def _meadow(x: Float, z: Float, offset: Float, away: Float, landscape: Landscape) -> Float:
    """Return the colours of grass in patches, of distant fields with furrows, near tufts and flowers, and sand along
    the shore."""
    terrain, season, grain = landscape.terrain, landscape.season, landscape.grain
    rotated_x, rotated_z = 0.94 * x + 0.34 * z, 0.94 * z - 0.34 * x
    bend = 9.0 * terrain.land.at(x * 0.5, z * 0.5)
    plot = grain.at(np.floor((rotated_x + bend) * (1 / 62.0)) * 7.3, np.floor((rotated_z + bend) * (1 / 85.0)) * 11.7)
    farmed = smooth(z, 70.0, 110.0) * (np.abs(offset) > 9.0)
    crop = smooth(plot, 0.25, 0.5) * farmed
    furrow = np.sin(rotated_x * 1.35) * np.exp(z * (-1 / 130.0)) * farmed
    patch = terrain.land.at(x * 2.3 + 19.0, z * 2.3)
    color = mix(season.grass, season.field, np.clip(crop * 0.85 + 0.16 + 0.16 * patch, 0.0, 1.0))
    near = np.exp(z * (-1 / 45.0))
    blades = grain.at(x * 12.0, z * 3.7)
    tuft = blades * (0.04 + 0.24 * near) + grain.at(x * 0.9, z * 0.9) * 0.07
    color = color * (1.0 + tuft + 0.07 * furrow + 0.10 * farmed * plot)
    bloom = smooth(grain.at(x * 3.1 + 7.0, z * 1.7) + 0.7 * patch, 2.1, 2.7) * smooth(blades, 0.0, 1.0) * near
    color = mix(color, season.flower, bloom)
    return mix(color, rgb(0.60, 0.54, 0.42), 0.7 * smooth(away, 1.18, 1.02))


def _hillside(x: Float, z: Float, high: Float, landscape: Landscape) -> Float:
    """Return the colours of hills: woods below, heath between, bare rock on top."""
    terrain, season, grain = landscape.terrain, landscape.season, landscape.grain
    wooded = smooth(grain.at(x * 0.11, z * 0.05 + 3.0) + terrain.land.at(x * 0.4, z * 0.2), -0.5, 0.5)
    color = mix(season.heath, season.wood, wooded)
    bare = smooth(high + 40.0 * grain.at(x * 0.07, z * 0.03), 200.0, 330.0)
    color = mix(color, rgb(0.52, 0.50, 0.49), bare)
    return color * (1.0 + 0.13 * grain.at(x * 0.3, z * 0.12))


def _roadway(x: Float, z: Float, offset: Float, landscape: Landscape, metres_per_pixel: Float) -> Float:
    """Return the colours of asphalt with its markings, or of a track with grass between the ruts."""
    road, season, grain = landscape.terrain.road, landscape.season, landscape.grain
    side = np.abs(offset)
    worn = 1.0 + 0.06 * grain.at(x * 7.0, z * 7.0) + 0.07 * grain.at(x * 0.8, z * 0.8)
    if road.paved:
        stripe = np.clip((0.10 - side) / metres_per_pixel + 0.6, 0.0, 1.0) * ((z % 8.0) < 4.5)
        stripe = stripe + np.clip((0.09 - np.abs(side - road.half_width + 0.35)) / metres_per_pixel + 0.6, 0.0, 1.0)
        faded = 0.75 * np.clip(stripe, 0.0, 1.0) * np.exp(z * (-1 / 120.0))
        return mix(rgb(0.43, 0.43, 0.44) * worn, rgb(0.92, 0.91, 0.86), faded)
    rut = smooth(np.abs(side - 0.52 * road.half_width), 0.55, 0.20)
    middle = smooth(side, 0.42, 0.20) * 0.7 * np.exp(z * (-1 / 90.0))
    earth = rgb(0.66, 0.57, 0.44) * (worn + 0.10 * rut)
    return mix(earth, season.grass, middle)


def paint_water(
    picture: Float, label_map: npt.NDArray[np.uint8], surface: Surface, light: Light, grain: Texture
) -> None:
    """Paint the water of `label_map`: a mirror of what stands above its far shore, broken by ripples."""
    water = label_map == WATER
    rows, columns = np.nonzero(water)
    shore = np.argmax(water, axis=0)[columns]
    x, z = surface.x[water], surface.z[water]
    ripple = grain.at(x * 0.45, z * 1.3) + 0.6 * grain.at(x * 1.7 + 40.0, z * 3.1)
    depth = (rows - shore).astype(np.float32)
    mirrored = shore - 1.0 - depth * 1.3 - np.abs(ripple) * (0.8 + 0.12 * depth)
    reflected = picture[:, np.maximum(mirrored, 0.0).astype(np.int64), columns][:, None]
    open_sky = mix(light.zenith, light.horizon, 0.25) * rgb(0.86, 0.96, 1.0)
    color = mix(reflected, open_sky, np.clip(0.52 + 0.16 * ripple, 0.2, 0.9))
    glitter = smooth(ripple, 1.6, 2.6) * (0.35 * max(light.toward_sun[2], 0.25))
    picture[:, water] = light.add_haze(0.94 * color + glitter * light.sun, 0.5 * z)[:, 0]
