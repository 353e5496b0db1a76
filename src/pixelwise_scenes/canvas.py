"""`Canvas`: the colours, labels and objects of a picture in the making, and the distance of the land behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise_scenes.blend import Float, floats, mix
from pixelwise_scenes.light import Light
from pixelwise_scenes.noise import Texture
from pixelwise_scenes.view import View

SCENE_CLASSES = ClassMap(
    ("sky", "hill", "meadow", "water", "road", "tree", "house", "pole"),
    (
        (142, 190, 230),
        (128, 112, 168),
        (164, 204, 92),
        (42, 122, 196),
        (92, 92, 106),
        (30, 122, 76),
        (224, 98, 74),
        (250, 202, 66),
    ),
)
SKY, HILL, MEADOW, WATER, ROAD, TREE, HOUSE, POLE = range(SCENE_CLASSES.num_classes)
THINGS = frozenset({TREE, HOUSE, POLE})

Box = tuple[slice, slice]


@dataclass
class Canvas:
    """A picture in the making. Objects are painted from far to near; the land hides what stands behind it."""

    view: View
    light: Light
    grain: Texture
    rgb: Float
    label_map: npt.NDArray[np.uint8]
    instance_map: npt.NDArray[np.int32]
    land_z: Float

    def paint(self, box: Box, alpha: Float, color: Float, z: float, class_index: int | None, instance: int = 0) -> None:
        """Paint `color`, one or one for each pixel, over `box`. A pixel covered by more than half changes its label.

        A `class_index` of `None` changes colours alone, for things too thin to label, such as wires.
        """
        alpha = np.where(self.land_z[box] > 0.965 * z, alpha, np.float32(0.0))
        hazy = self.light.add_haze(color, floats(z))
        self.rgb[(slice(None), *box)] = mix(self.rgb[(slice(None), *box)], hazy, alpha)
        if class_index is not None:
            covered = alpha > 0.5
            self.label_map[box][covered] = class_index
            self.instance_map[box][covered] = instance

    def paint_polygon(self, points: Float, color: Float, z: float, class_index: int | None, instance: int = 0) -> None:
        """Paint a convex polygon with smooth edges. points: its corners (row, column) in pixels, in either
        direction."""
        (top, left), (bottom, right) = points.min(axis=0), points.max(axis=0)
        box = self.view.box(float(top), float(bottom), float(left), float(right))
        if box is not None:
            self.paint(box, polygon_alpha(points, box), color, z, class_index, instance)


def grid(box: Box) -> tuple[Float, Float]:
    """Return the rows (n, 1) and columns (1, m) of the pixel centres in `box`."""
    rows = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] + 0.5
    columns = np.arange(box[1].start, box[1].stop, dtype=np.float32)[None, :] + 0.5
    return rows, columns


def polygon_alpha(points: Float, box: Box) -> Float:
    """Return the share of each pixel in `box` that the convex polygon covers, from its distance to the nearest edge."""
    rows, columns = grid(box)
    following = np.roll(points, -1, axis=0)
    area = np.sum(points[:, 1] * following[:, 0] - following[:, 1] * points[:, 0])
    alpha = np.ones((rows.shape[0], columns.shape[1]), np.float32)
    for (row, column), (down, across) in zip(points, (following - points) * np.sign(area), strict=True):
        length = np.float32(np.hypot(down, across))
        if length > 1e-3:
            inside = ((rows - row) * across - (columns - column) * down) / length
            np.minimum(alpha, inside + np.float32(0.65), out=alpha)
    return np.maximum(alpha, np.float32(0.0))
