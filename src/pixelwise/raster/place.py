"""The place of an image on earth, in any form that GDAL supports: transform, control points, world files,
`.aux.xml`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError
from pixelwise.raster.gdal import has_rasterio, image_errors, open_file
from pixelwise.raster.image import orientation_of
from pixelwise.raster.reader import TURNS
from pixelwise.raster.stack import STACK_ENDINGS, split_page
from pixelwise.raster.zarr import is_zarr

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.control import GroundControlPoint
    from rasterio.crs import CRS
    from rasterio.io import DatasetReader, DatasetWriter
    from rasterio.rpc import RPC

LONGITUDE_LATITUDE = "OGC:CRS84"
"""GeoJSON's default coordinate system (RFC 7946)."""


@dataclass(frozen=True)
class PlaceOnEarth:
    """A coordinate system, and the mapping to it from (x, y) in pixels from the image's top left corner: a transform,
    else control points, else `rpcs`, a camera's polynomials."""

    crs: CRS | None
    transform: Affine | None
    points: tuple[GroundControlPoint, ...] = ()
    rpcs: RPC | None = None

    def profile(self) -> dict[str, Any]:
        """Return rasterio's keywords of the place for a file to write; `add_to` completes it."""
        return {} if self.transform is None else {"crs": self.crs, "transform": self.transform}

    def add_to(self, file: DatasetWriter) -> None:
        """Add the control points or polynomials to a file that was opened with `profile`."""
        if self.points:
            file.gcps = (list(self.points), self.crs)
        if self.rpcs is not None:
            file.rpcs = self.rpcs

    def turn(self, orientation: int, size: tuple[int, int]) -> PlaceOnEarth:
        """Return the place of an image that is shown in another orientation than it is stored in; `size` is its
        (height, width) as shown."""
        from affine import Affine

        if orientation == 1:
            return self
        swapped, rows, columns = TURNS[orientation]
        height, width = size
        stored = Affine(-1 if columns else 1, 0, width if columns else 0, 0, -1 if rows else 1, height if rows else 0)
        if swapped:
            stored = Affine(0, 1, 0, 1, 0, 0) * stored
        points = []
        for point in self.points:
            x, y = ~stored * (point.col, point.row)
            points.append(type(point)(row=y, col=x, x=point.x, y=point.y, z=point.z, id=point.id, info=point.info))
        transform = None if self.transform is None else self.transform * stored
        return replace(self, transform=transform, points=tuple(points), rpcs=None)

    def to_earth(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return places (x, y) of points (x, y) in pixels, float64 (n, 2): in the coordinate system if that has a code,
        else in longitude and latitude; without a system, in the units of the transform.
        """
        from rasterio.warp import transform as reprojected

        placed = self.in_system(xy)
        if self.system and self.code is None and self._is_on_earth:
            x, y = (column.tolist() for column in placed.T)
            placed = np.stack(list(map(np.asarray, reprojected(self.system, LONGITUDE_LATITUDE, x, y))), axis=1)
        return placed.astype(np.float64)

    def in_system(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return places (x, y) of points (x, y) in pixels, float64 (n, 2), in `system`; without a system, in the units
        of the transform; in pixels if only a camera's polynomials are known.
        """
        from rasterio.transform import GCPTransformer

        if self.transform is not None:
            a, b, c, d, e, f = self.transform[:6]
            x, y = a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f
        elif self.points:
            with GCPTransformer(list(self.points)) as transformer:
                x, y = map(np.asarray, transformer.xy(xy[:, 1], xy[:, 0], offset="ul"))
        else:
            return xy
        return np.stack([x, y], axis=1).astype(np.float64)

    def geojson_member(self) -> dict[str, Any]:
        """Return the member `crs` of a GeoJSON file in the coordinates of `to_earth`; nothing if it needs none."""
        if self.code is not None:
            return {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{self.code}"}}}
        if self.system and not self._is_on_earth:
            return {"crs": {"type": "name", "properties": {"name": self.system.to_wkt()}}}
        return {}

    def remark(self) -> str | None:
        """Return a sentence on the coordinates that a reader of the GeoJSON must know; `None` if the file states
        them."""
        if self.transform is None and not self.points:
            return "its place is known by a camera's polynomials (RPC) alone; coordinates are in pixels"
        if not self.crs:
            return "no coordinate system is known; coordinates are in the units of its transform or world file"
        if self.code is None and not self._is_on_earth:
            return "its coordinate system is a local one without a code; its WKT is given in its place"
        return None

    @property
    def system(self) -> CRS | None:
        """The coordinate system of `in_system`; `None` if there is none, or if the coordinates are in pixels."""
        return self.crs or None if self.transform is not None or self.points else None

    @property
    def code(self) -> str | None:
        """The code of `system`, such as "EPSG::25832"."""
        authority = self.system.to_authority() if self.system else None
        return "::".join(authority) if authority else None

    @property
    def _is_on_earth(self) -> bool:
        return bool(self.system and (self.system.is_geographic or self.system.is_projected))


def place_of(path: Path) -> PlaceOnEarth | None:
    """Return the place of an image; `None` if it is unknown, if the file cannot be read, or if rasterio is missing."""
    if not has_rasterio() or not (may_be_placed(path) or has_world_file(path)):
        return None
    file, number = split_page(path)
    try:
        with image_errors(path), open_file(f"GTIFF_DIR:{number + 1}:{file}" if number else file) as source:
            place = place_in(source)
            if place is None:
                return None
            orientation = orientation_of(path)
            size = (source.width, source.height) if orientation > 4 else (source.height, source.width)
            return place.turn(orientation, size)
    except ImageError:
        return None  # the reader of the image reports the problem


def place_in(file: DatasetReader) -> PlaceOnEarth | None:
    """Return the place of an open file, for its stored orientation."""
    points, system = file.gcps
    if not file.transform.is_identity:
        return PlaceOnEarth(file.crs, file.transform)
    if points and _are_solvable(points):
        return PlaceOnEarth(system or file.crs, None, tuple(points), file.rpcs)
    if file.rpcs is not None:
        return PlaceOnEarth(file.crs, None, rpcs=file.rpcs)
    return PlaceOnEarth(file.crs, file.transform) if file.crs else None


def _are_solvable(points: Sequence[GroundControlPoint]) -> bool:
    """Return whether GDAL can fit a polynomial to control points: of order 1, or of order 2 from six points on. It
    cannot for fewer than three points, for points on a line, and for NaN.
    """
    numbers = np.array([(point.col, point.row, point.x, point.y) for point in points], np.float64)
    if not np.isfinite(numbers).all():
        return False
    centred = numbers[:, :2] - numbers[:, :2].mean(axis=0)
    x, y = (centred / max(float(np.abs(centred).max()), 1e-9)).T
    terms = [np.ones(len(x)), x, y] + ([x * y, x**2, y**2] if len(x) >= 6 else [])
    return bool(np.linalg.matrix_rank(np.stack(terms)) == len(terms))


def may_be_placed(path: Path) -> bool:
    """Return whether a file has a format that can contain a place."""
    return is_zarr(path) or split_page(path)[0].suffix.lower() in STACK_ENDINGS


def has_world_file(path: Path) -> bool:
    """Return whether a file with its place, a world file or `.aux.xml`, may exist beside an image."""
    return any(
        os.path.isfile(companion) for companion in _companions(path)
    )  # their names may be too long for the file system


def _companions(path: Path) -> Iterator[Path]:
    ending = path.suffix[1:]
    yield path.with_name(path.name + ".aux.xml")
    for ending_form in (f"{ending[:1]}{ending[-1:]}w", f"{ending}w", "wld"):
        for name in {ending_form.lower(), ending_form.upper()}:
            yield path.with_suffix(f".{name}")
