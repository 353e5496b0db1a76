"""The connected regions of a label map of any size, with their outlines, in constant memory.

GDAL traces the map in bands of rows. An outline that continues in the next band is cut at the line between the bands,
into chains that are joined there. Outlines of unfinished regions are stored in a file.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.instances.polygons import Ring, signed_area, split_ring

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]
BAND_PIXELS = 2**22
"""The number of pixels that are traced at a time."""
LEFT, RIGHT = 0, 1
"""The ends of a part of a seam."""
Joint = tuple[int, int, int]
"""Where chains of two bands meet: the seam's row, the number of its part, and `LEFT` or `RIGHT`."""
Cut = tuple[int, Joint, Joint]
"""The place where a ring continues in another band: the corner before, the joint where it leaves this band, and the
joint where it returns."""
NONE = -1
"""The place that means no ring."""
_NEXT, _HEAD = struct.Struct("<q"), struct.Struct("<qq")
"""The header of each ring in the file: the place of the next ring of its region, and its number of corners."""


@dataclass(frozen=True)
class Region:
    """A 4-connected region of one value. area: its number of pixels. rings, corners: the numbers of its outlines, and
    of all their corners. outlines: yields them, closed rings along pixel edges, float64 (n, 2): the outer one, then its
    holes. Call it before the next region is requested.
    """

    value: int
    area: int
    rings: int
    corners: int
    outlines: Callable[[], Iterator[Ring]]


def trace_regions(
    rows_of: Callable[[slice], UInt8], shape: tuple[int, int], file: IO[bytes], *, multiple: int = 1
) -> Iterator[Region]:
    """Yield the regions of a label map, each after its last row was traced. Pixels of `IGNORE_INDEX` belong to no
    region.

    Parameters
    ----------
    rows_of
        Returns rows of the map, uint8 (rows, width).
    shape
        The (height, width) of the map.
    file
        A file, open for reading and writing, for the outlines of unfinished regions.
    multiple
        The rows of a band are a multiple of this, such as the height of the map's tiles.
    """
    height, width = shape
    band = max(1, BAND_PIXELS // width // multiple) * multiple
    store = _RingStore(file)
    above = _Seam(0)
    for top in range(0, height, band):
        bottom = min(top + band, height)
        rows = rows_of(slice(top, min(bottom + 1, height)))
        labels, following = rows[: bottom - top], rows[bottom - top :]
        below = _seam_between(bottom, labels[-1], following[0]) if len(following) else _Seam(bottom)
        yield from _trace_band(labels, above, below, store)
        above = below


class _RingStore:
    """Rings, and parts of rings, in a file, each with the place of the next one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = 0

    def add(self, corners: Ring) -> int:
        """Write corners, and return their place in the file."""
        place, content = self._end, corners.astype("<i4").tobytes()
        self._file.seek(place)
        self._file.write(_HEAD.pack(NONE, len(corners)) + content)
        self._end += _HEAD.size + len(content)
        return place

    def link(self, place: int, following: int) -> None:
        """Store that a ring is followed by another."""
        self._file.seek(place)
        self._file.write(_NEXT.pack(following))

    def read(self, place: int) -> tuple[int, Ring]:
        """Return the place of the next ring, and the corners of this one, float64 (n, 2)."""
        self._file.seek(place)
        following, count = _HEAD.unpack(self._file.read(_HEAD.size))
        return following, np.frombuffer(self._file.read(8 * count), "<i4").reshape(-1, 2).astype(np.float64)


@dataclass(eq=False)
class _OpenRegion:
    """A region that continues in the next band. outer, first_hole, last_hole: the places of its rings, if there are
    any. into: the region into which it was merged.
    """

    value: int
    area: int = 0
    rings: int = 0
    corners: int = 0
    outer: int = NONE
    first_hole: int = NONE
    last_hole: int = NONE
    into: _OpenRegion | None = None

    def root(self) -> _OpenRegion:
        """Return the region into which it was merged, or itself."""
        region = self
        while region.into is not None:
            region = region.into
        if region is not self:
            self.into = region
        return region

    def add(self, ring: Ring, store: _RingStore) -> None:
        """Add a closed outline, clockwise or as a hole; one that touches itself is divided into several."""
        for part in split_ring(ring):
            area = round(signed_area(part))
            self.area, self.rings, self.corners = self.area + area, self.rings + 1, self.corners + len(part) + 1
            place = store.add(part)
            if area > 0:
                self.outer = place
            else:
                self._add_holes(place, place, store)

    def unite(self, other: _OpenRegion, store: _RingStore) -> None:
        """Merge two regions. Neither has an outer ring yet, since that is closed with the last row."""
        first, second = self.root(), other.root()
        if first is second:
            return
        first.area, first.rings = first.area + second.area, first.rings + second.rings
        first.corners += second.corners
        if second.first_hole != NONE:
            first._add_holes(second.first_hole, second.last_hole, store)
        second.into = first

    def close(self, store: _RingStore) -> Region:
        """Return the region after all of it was traced."""
        return Region(self.value, self.area, self.rings, self.corners, partial(self._outlines, store))

    def _add_holes(self, first: int, last: int, store: _RingStore) -> None:
        if self.last_hole == NONE:
            self.first_hole = first
        else:
            store.link(self.last_hole, first)
        self.last_hole = last

    def _outlines(self, store: _RingStore) -> Iterator[Ring]:
        yield _as_gdal(store.read(self.outer)[1])
        place = self.first_hole
        while place != NONE:
            place, hole = store.read(place)
            yield _as_gdal(hole)


@dataclass(eq=False)
class _Chain:
    """A part of an outline between two joints: the places of its corners in the file, in order."""

    start: Joint
    end: Joint
    places: deque[int]
    region: _OpenRegion


@dataclass
class _Seam:
    """The line between two bands, below row `y` - 1.

    starts, stops: the columns of its parts, along which a region continues, in ascending order. All of the band above:
    regions by part, chains_to and chains_from by the joint where they end or begin.
    """

    y: int
    starts: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    stops: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    regions: dict[int, _OpenRegion] = field(default_factory=dict)
    chains_to: dict[Joint, _Chain] = field(default_factory=dict)
    chains_from: dict[Joint, _Chain] = field(default_factory=dict)

    def column(self, joint: Joint) -> int:
        """Return the column of a joint."""
        return int((self.starts, self.stops)[joint[2]][joint[1]])


def _seam_between(y: int, above: UInt8, below: UInt8) -> _Seam:
    values = np.where(above == below, above, IGNORE_INDEX)
    edges = np.flatnonzero(np.diff(values)) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(values)]])
    goes_on = values[starts] != IGNORE_INDEX
    return _Seam(y, starts[goes_on], stops[goes_on])


def _trace_band(labels: UInt8, above: _Seam, below: _Seam, store: _RingStore) -> Iterator[Region]:
    """Yield the regions whose last row is in a band, and add unfinished ones to `below`."""
    from affine import Affine
    from rasterio.features import shapes

    regions = list(above.regions.values())
    chains: list[_Chain] = []
    transform = Affine.translation(0, above.y)
    for geometry, value in shapes(labels, mask=labels != IGNORE_INDEX, transform=transform):
        rings = [np.array(ring, np.float64) for ring in geometry["coordinates"]]
        cuts: list[Cut] = []
        if rings[0][:, 1].min() == above.y or rings[0][:, 1].max() == below.y:
            outer = _turn(rings[0][:-1], clockwise=True)
            cuts = _find_cuts(outer, above, below)
        if not cuts:
            yield _whole_region(int(value), rings)
            continue
        region = _OpenRegion(int(value))
        for hole in rings[1:]:
            region.add(_turn(hole[:-1], clockwise=False), store)
        for _, end, _ in cuts:
            if end[0] == below.y:
                below.regions[end[1]] = region
            else:
                region.unite(above.regions[end[1]], store)
        regions.append(region)
        for start, corners, end in _cut_ring(outer, cuts, above, below):
            chains.append(_Chain(start, end, deque([store.add(corners)]), region))
    _join_chains(chains, above, below, store)
    open_regions = {id(region.root()) for region in below.regions.values()}
    for region in dict.fromkeys(region.root() for region in regions):
        if id(region) not in open_regions:
            yield region.close(store)


def _whole_region(value: int, rings: list[Ring]) -> Region:
    outer, *holes = (round(abs(signed_area(ring[:-1]))) for ring in rings)
    return Region(value, outer - sum(holes), len(rings), sum(map(len, rings)), lambda: iter(rings))


def _as_gdal(ring: Ring) -> Ring:
    """Return a ring in GDAL's form: closed, in the other direction, starting at its first corner in the first row."""
    first = int(np.lexsort((ring[:, 0], ring[:, 1]))[0])
    turned = np.roll(ring[::-1], first + 1, axis=0)
    return np.concatenate([turned, turned[:1]])


def _turn(ring: Ring, *, clockwise: bool) -> Ring:
    return ring if (signed_area(ring) > 0) == clockwise else ring[::-1]


def _find_cuts(ring: Ring, above: _Seam, below: _Seam) -> list[Cut]:
    """Return the cuts of a clockwise ring, in its order; along the seam above it runs to the right."""
    y, x = ring[:, 1], ring[:, 0].astype(np.int64)
    along = (y == np.roll(y, -1)) & ((y == above.y) | (y == below.y))
    cuts: list[Cut] = []
    for corner in np.flatnonzero(along).tolist():
        seam, leave, back = (above, LEFT, RIGHT) if y[corner] == above.y else (below, RIGHT, LEFT)
        ends = sorted((int(x[corner]), int(x[(corner + 1) % len(x)])))
        first, stop = np.searchsorted(seam.starts, ends).tolist()
        parts = range(first, stop) if seam is above else range(stop - 1, first - 1, -1)
        cuts += [(corner, (seam.y, part, leave), (seam.y, part, back)) for part in parts]
    return cuts


def _cut_ring(ring: Ring, cuts: list[Cut], above: _Seam, below: _Seam) -> Iterator[tuple[Joint, Ring, Joint]]:
    """Yield the chains between the cuts of a ring: the joint where each begins, its corners, and the joint where it
    ends."""

    def place_of(joint: Joint) -> tuple[int, int]:
        return (above if joint[0] == above.y else below).column(joint), joint[0]

    following = [*cuts[1:], cuts[0]]
    for index, ((corner, _, start), (next_corner, end, _)) in enumerate(zip(cuts, following, strict=True)):
        if next_corner > corner or (next_corner == corner and index < len(cuts) - 1):
            between = ring[corner + 1 : next_corner + 1]
        else:
            between = np.concatenate([ring[corner + 1 :], ring[: next_corner + 1]])
        yield start, np.concatenate([[place_of(start)], between, [place_of(end)]]), end


def _join_chains(chains: list[_Chain], above: _Seam, below: _Seam, store: _RingStore) -> None:
    """Join the chains of a band with those of the band above. Closed rings are added to their regions, the rest to
    `below`."""
    chains_to = above.chains_to | {chain.end: chain for chain in chains}
    chains_from = above.chains_from | {chain.start: chain for chain in chains}
    for joint in ((above.y, part, side) for part in range(len(above.starts)) for side in (LEFT, RIGHT)):
        first, second = chains_to.pop(joint), chains_from.pop(joint)
        if first is second:
            first.region.root().add(_close_ring([store.read(place)[1] for place in first.places]), store)
            continue
        if len(first.places) >= len(second.places):
            first.places.extend(second.places)
            joined = _Chain(first.start, second.end, first.places, first.region)
        else:
            second.places.extendleft(reversed(first.places))
            joined = _Chain(first.start, second.end, second.places, first.region)
        chains_from[joined.start] = chains_to[joined.end] = joined
    below.chains_to, below.chains_from = chains_to, chains_from


def _close_ring(parts: list[Ring]) -> Ring:
    """Return a ring from consecutive parts, with corners only at turns."""
    ring = np.concatenate(parts)
    ring = ring[(ring != np.roll(ring, -1, axis=0)).any(axis=1)]
    steps = np.sign(np.roll(ring, -1, axis=0) - ring)
    turns: Ring = ring[(steps != np.roll(steps, 1, axis=0)).any(axis=1)]
    return turns
