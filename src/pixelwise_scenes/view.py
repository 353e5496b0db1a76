"""The camera's geometry: projects the world into the picture, and finds the ground that each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise_scenes.blend import Float
from pixelwise_scenes.terrain import Terrain

_FAR = 6000.0


@dataclass(frozen=True)
class View:
    """A level pinhole camera. Rows and columns are in pixels; `eye` is its height in metres."""

    height: int
    width: int
    focal: float
    horizon: float
    eye: float

    def row(self, y: float, z: float) -> float:
        return self.horizon + self.focal * (self.eye - y) / z

    def column(self, x: float, z: float) -> float:
        return 0.5 * self.width + self.focal * x / z

    def box(self, top: float, bottom: float, left: float, right: float) -> tuple[slice, slice] | None:
        """Return the pixels that a rectangle touches, with a margin of one pixel; `None` outside the picture."""
        first_row, last_row = max(int(top) - 1, 0), min(int(bottom) + 2, self.height)
        first_column, last_column = max(int(left) - 1, 0), min(int(right) + 2, self.width)
        if first_row >= last_row or first_column >= last_column:
            return None
        return slice(first_row, last_row), slice(first_column, last_column)


@dataclass(frozen=True)
class Surface:
    """The ground that the pixels show. land: where they show any. x, z: its place in metres. lambert: the sun's
    cosine."""

    land: npt.NDArray[np.bool_]
    x: Float
    z: Float
    lambert: Float


def project_surface(view: View, terrain: Terrain, toward_sun: tuple[float, float, float]) -> Surface:
    """Return the ground that each pixel of `view` shows; sky pixels have z = infinity.

    The land is cut into slices of growing distance. A slice is visible where it rises above all nearer ones, so the
    running minimum of the slices' rows gives the slice of each pixel of a column.
    """
    nearest = 0.55 * view.focal * view.eye / (view.height - view.horizon)
    near = 1.0 / np.linspace(1.0 / nearest, 1.0 / 160.0, view.height * 2 // 5, dtype=np.float32)
    far = np.geomspace(160.0, _FAR, 52 + view.height // 4, dtype=np.float32)[1:]
    z = np.concatenate((near, far))
    across = (np.arange(view.width, dtype=np.float32) + 0.5 - 0.5 * view.width) / np.float32(view.focal)
    x = z[:, None] * across
    height = terrain.height(x, np.broadcast_to(z[:, None], x.shape))
    slice_rows = view.horizon + view.focal * (view.eye - height) / z[:, None]
    upper = np.minimum.accumulate(slice_rows, axis=0)

    first = np.clip(np.ceil(upper - 0.5), 0, view.height).astype(np.int64)
    counts = np.bincount((first * view.width + np.arange(view.width)).ravel(), minlength=(view.height + 1) * view.width)
    index = len(z) - np.cumsum(counts.reshape(view.height + 1, view.width)[:-1], axis=0)
    land = index < len(z)

    behind = np.minimum(index, len(z) - 1)
    before = np.maximum(behind - 1, 0)
    columns = np.arange(view.width)
    rows = np.arange(view.height, dtype=np.float32)[:, None] + 0.5
    low, high = upper[before, columns], upper[behind, columns]
    part = np.clip((low - rows) / np.maximum(low - high, 1e-3), 0.0, 1.0)
    pixel_z = 1.0 / (1.0 / z[before] * (1.0 - part) + 1.0 / z[behind] * part)
    lambert = _lambert(height, z, across, toward_sun)[behind, columns]
    return Surface(land, pixel_z * across, np.where(land, pixel_z, np.float32(np.inf)), lambert)


def _lambert(height: Float, z: Float, across: Float, toward_sun: tuple[float, float, float]) -> Float:
    """Return the sun's cosine on each (slice, column); a column is a ray, so z grows along it and x with it."""
    along_row = np.gradient(height, across, axis=1) / z[:, None]
    ahead = np.gradient(height, z, axis=0) - across * along_row
    right, up, forward = toward_sun
    return (up - right * along_row - forward * ahead) / np.sqrt(1.0 + along_row * along_row + ahead * ahead)
