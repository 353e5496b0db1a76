"""Files of polygons with attributes, in coordinates on earth or in pixels, written feature by feature."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pixelwise.core.files import write_atomically
from pixelwise.raster.place import PlaceOnEarth

Self = TypeVar("Self", bound="Features")
Polygon = list[npt.NDArray[np.float64]]
"""Closed rings of (x, y), float64 (n, 2), the outer one first, then its holes."""
AT_ONCE = 50_000
"""The number of corners that are transformed at a time."""


class Features(ABC):
    """A file of polygons, written feature by feature; it appears whole or not at all. Subclasses define the format.
    Raises `OutputError` if it cannot be written.
    """

    def __init__(self, path: Path, place: PlaceOnEarth | None) -> None:
        self._path = path
        self._place = place
        self._stack = ExitStack()
        self._waiting: list[tuple[list[Polygon], dict[str, Any]]] = []
        self._corners = 0

    def __enter__(self: Self) -> Self:
        with ExitStack() as stack:
            self._begin(stack.enter_context(write_atomically(self._path)), stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._flush()
            self._end()

    def add(self, polygons: list[Polygon], properties: dict[str, Any]) -> None:
        """Write the polygons of one object, in pixels, with its properties."""
        self._waiting.append((polygons, properties))
        self._corners += sum(len(ring) for polygon in polygons for ring in polygon)
        if self._corners >= AT_ONCE:
            self._flush()

    def add_rings(
        self, rings: Iterator[npt.NDArray[np.float64]], counts: tuple[int, int], properties: dict[str, Any]
    ) -> None:
        """Write one polygon, in pixels, from its closed rings; `counts` are the numbers of its rings and of all their
        corners. A polygon with many corners is never in memory at once."""
        if counts[1] < AT_ONCE:
            self.add([list(rings)], properties)
            return
        self._flush()
        self._write_rings(self._place_rings(rings), counts[0], properties)

    def _place_rings(self, rings: Iterator[npt.NDArray[np.float64]]) -> Iterator[npt.NDArray[np.float64]]:
        """Yield rings in the file's coordinates, about `AT_ONCE` corners of them at a time."""
        waiting: list[npt.NDArray[np.float64]] = []
        corners = 0
        for ring in rings:
            waiting.append(ring)
            corners += len(ring)
            if corners >= AT_ONCE:
                yield from self._place_all(waiting)
                waiting, corners = [], 0
        yield from self._place_all(waiting)

    def _place_all(self, rings: list[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
        if self._place is None or not rings:
            return rings
        corners = self._place_corners(self._place, np.concatenate(rings))
        return np.split(corners, np.cumsum([len(ring) for ring in rings[:-1]], dtype=np.intp))

    def _flush(self) -> None:
        rings = [ring for polygons, _ in self._waiting for polygon in polygons for ring in polygon]
        following = iter(self._place_all(rings))
        for polygons, properties in self._waiting:
            placed = [list(itertools.islice(following, len(polygon))) for polygon in polygons]
            self._write(placed, properties)
        self._waiting, self._corners = [], 0

    @abstractmethod
    def _begin(self, temporary: Path, stack: ExitStack) -> None:
        """Open the file; contexts that are entered in `stack` are closed before the file gets its final name."""

    @abstractmethod
    def _place_corners(self, place: PlaceOnEarth, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return points (x, y) in pixels, float64 (n, 2), in the file's coordinates."""

    @abstractmethod
    def _write(self, polygons: list[Polygon], properties: dict[str, Any]) -> None:
        """Write a feature whose polygons are in the file's coordinates."""

    @abstractmethod
    def _write_rings(self, rings: Iterator[npt.NDArray[np.float64]], count: int, properties: dict[str, Any]) -> None:
        """Write a feature of one polygon, whose `count` rings are in the file's coordinates."""

    @abstractmethod
    def _end(self) -> None:
        """Write the end of the file, after the features."""
