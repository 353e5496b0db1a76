"""Conversion of masks to polygons and back, without loss. Pixel corners have integer coordinates, pixel centres lie at
halves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Ring = npt.NDArray[np.float64]
"""The corners of a closed polygon, (n, 2), each (x, y) from the image's top left corner."""
FARTHEST = 2.0**31
"""The largest coordinate, in pixels. No image is as large, and float64 is exact enough up to it."""
MAX_CROSSINGS = 3 * 10**7
"""Rows that the edges of an outline may cross in all, at most; four for each pixel where an image allows more."""
_AT_ONCE = 2**20
"""Crossings that are computed at a time."""
LEAST_MEETING = 8
"""Least number of corners of a ring along pixel edges that meets itself."""
STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Steps (rows, columns) to the right, down, left and up: clockwise."""


def fill_rings(rings: Sequence[Ring], size: tuple[int, int]) -> Mask:
    """Return the pixels, boolean of `size` (height, width), whose centres lie inside the rings by the even-odd rule.

    A ring inside another is a hole, and so is an area that a self-intersecting ring encloses twice. Parts outside the
    image are cut off. Raises `ValueError` for edges that cross more rows than `MAX_CROSSINGS` allows.
    """
    height, width = size
    starts = np.concatenate([np.empty((0, 2)), *rings])
    ends = np.concatenate([np.empty((0, 2)), *(np.roll(ring, -1, axis=0) for ring in rings)])
    upper = np.where(starts[:, 1:] <= ends[:, 1:], starts, ends)
    lower = np.where(starts[:, 1:] <= ends[:, 1:], ends, starts)
    first, stop = (np.clip(np.ceil(side[:, 1] - 0.5), 0, height).astype(np.intp) for side in (upper, lower))
    ends_at = np.cumsum(stop - first)
    total = int(ends_at[-1]) if len(ends_at) else 0
    if total > max(MAX_CROSSINGS, 4 * height * width):
        raise ValueError(f"an outline whose lines cross {total:,} rows of pixels")
    crossings = np.zeros(height * (width + 1), np.intp)
    parts = np.searchsorted(ends_at, np.arange(0, total, _AT_ONCE), side="right").tolist()
    for start, end in pairwise([*parts, len(starts)]):
        chunk = slice(start, end)
        spans = (stop - first)[chunk]
        edge = np.repeat(np.arange(len(spans)), spans)  # once for every row of pixel centres that it crosses
        row = np.arange(len(edge)) - np.repeat(np.cumsum(spans) - stop[chunk], spans)
        (x, y), (x_end, y_end) = upper[chunk][edge].T, lower[chunk][edge].T
        crossing = x + (row + 0.5 - y) * (x_end - x) / (y_end - y)
        column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)  # the first centre beyond the crossing
        crossings += np.bincount(row * (width + 1) + column, minlength=len(crossings))
    mask: Mask = np.cumsum(crossings.reshape(height, width + 1), axis=1)[:, :width] % 2 == 1
    return mask


def signed_area(ring: Ring) -> float:
    """Return a ring's area in pixels: positive for a ring that runs clockwise in the image, as around pixels, negative
    for one around a hole.

    Examples
    --------
    >>> signed_area(np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)]))
    2.0
    """
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def split_ring(ring: Ring) -> list[Ring]:
    """Return the rings into which a ring along pixel edges is split at the corners where it meets itself, where two
    pixels touch only at a corner.

    Examples
    --------
    >>> bow = np.array([(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1)])
    >>> [part.tolist() for part in split_ring(bow)]
    [[[1, 1], [2, 1], [2, 2], [1, 2]], [[0, 0], [1, 0], [1, 1], [0, 1]]]
    """
    if len(ring) < LEAST_MEETING:
        return [ring]
    keys = ring[:, 1].astype(np.int64) << 32 | ring[:, 0].astype(np.int64)
    ordered = np.sort(keys)
    if (ordered[1:] != ordered[:-1]).all():
        return [ring]
    _, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
    meeting = np.flatnonzero(counts[numbers] > 1)
    path = [ring[: meeting[0]]]  # pieces of the ring, each up to the next corner where it meets itself
    at: dict[int, int] = {}  # the place in `path` of the piece that begins at each such corner
    rings: list[Ring] = []
    for start, stop in pairwise([*meeting.tolist(), len(ring)]):
        number = int(numbers[start])
        if number in at:
            first = at[number]
            rings.append(np.concatenate(path[first:]))
            at = {key: place for key, place in at.items() if place < first}
            del path[first:]
        at[number] = len(path)
        path.append(ring[start:stop])
    return [*rings, np.concatenate(path)]


def trace_outlines(mask: Mask) -> list[Ring]:
    """Return the rings along pixel edges from which `fill_rings` restores the mask, boolean (height, width).

    A ring runs clockwise around each 4-connected part and counterclockwise around each hole, with a corner at each
    turn.
    """
    height, width = mask.shape
    framed = np.pad(mask, 1)
    beside = (framed[:-2, 1:-1], framed[1:-1, 2:], framed[2:, 1:-1], framed[1:-1, :-2])
    shape = (4, height + 1, width + 1)
    leaving = np.zeros(shape, bool)  # (direction, row, column): whether an edge leaves this corner in this direction
    for direction, (other, (down, right)) in enumerate(zip(beside, ((0, 0), (0, 1), (1, 1), (1, 0)), strict=True)):
        leaving[direction, down : down + height, right : right + width] = mask & ~other
    edges = dict.fromkeys(np.flatnonzero(leaving).tolist())
    corners, row_step = (height + 1) * (width + 1), width + 1
    steps = [down * row_step + right for down, right in STEPS]
    rings = []
    while edges:
        direction, at = divmod(next(iter(edges)), corners)
        start, turns = (direction, at), []
        while True:
            del edges[direction * corners + at]
            at += steps[direction]
            turn = next(
                (turn for turn in (1, 0, 3) if (direction + turn) % 4 * corners + at in edges),
                (start[0] - direction) % 4,
            )
            if turn:
                turns.append(at)
                direction = (direction + turn) % 4
            if (direction, at) == start:
                break
        rows, columns = np.divmod(np.array(turns), row_step)
        rings.append(np.stack([columns, rows], axis=1).astype(np.float64))
    return rings
