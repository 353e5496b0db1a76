"""Labels as a person would give them, simulated from true label maps: strokes, and single pixels.

The results are a function of label map and seed: they are the same on every machine with the same versions of numpy and
scipy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import OptionError
from pixelwise.labels.strokes import Mask, Point, Stroke, UInt8, stroke_mask
from pixelwise.metrics.pixels import counted_pixels

Float32 = npt.NDArray[np.float32]
_EIGHT = np.ones((3, 3), bool)
_STEP = 1.0
"""Distance in pixels between two points of a simulated stroke. It is at most 1, so that the next point is in the same
pixel or a neighbour."""
_AHEAD = 4.0
"""How far the simulated hand looks ahead, in pixels."""
_COMFORT = 6.0
"""Distance in pixels from which on the edge of the region does not influence the hand."""
_TURNS = np.linspace(-0.6, 0.6, 13)
"""Changes of direction that are possible at a step, in radians."""
_BEND = 0.15
"""Standard deviation of the hand's change of direction a step, in radians."""
_STEADINESS = 4.0
"""The cost of changing the direction by one radian, in pixels of distance to the edge."""
_STARTS = 64
"""The number of candidate places for another stroke in a region; the one farthest from the earlier strokes is taken."""


@dataclass(frozen=True)
class _Region:
    """A connected region of one class: its top left corner, its mask with a frame of one pixel, and the distance of
    each pixel's centre to the nearest pixel outside.
    """

    top: int
    left: int
    mask: Mask
    clearance: Float32


def simulate_strokes(
    label_map: UInt8, seed: int, *, per_class: int = 3, length: float = 50, width: float = 3.0
) -> list[tuple[Stroke, int]]:
    """Return strokes inside the true regions of a label map, as a person would draw them.

    A stroke is a smooth path within one 8-connected region. It keeps away from the region's edge where the region is
    wide enough. It is shorter than `length` in a small region, and thinner than `width` in a narrow one, so that no
    stroke has a pixel of another class, or of none. Large regions come first. A region that is much larger than the
    others of its class gets a second stroke, away from the first.

    Parameters
    ----------
    label_map
        The truth, uint8 (height, width); `IGNORE_INDEX` is no class.
    seed
        The strokes are a function of the label map and the seed.
    per_class
        Strokes of each class that occurs.
    length, width
        Length and width of a stroke, in pixels.

    Returns
    -------
    strokes
        (stroke, class index), in the order of classes.

    Raises
    ------
    OptionError
        `per_class` is below 1, or `length` is negative.

    Examples
    --------
    >>> label_map = np.zeros((40, 60), np.uint8)
    >>> label_map[:, 30:] = 1
    >>> [class_index for _, class_index in simulate_strokes(label_map, seed=0, per_class=2)]
    [0, 0, 1, 1]
    """
    if per_class < 1 or length < 0:
        expected = "a stroke or more a class, of a length of 0 pixels or more"
        raise OptionError("per_class", f"{per_class} strokes of {length:g} pixels", expected, "Ask for more.")
    strokes: list[tuple[Stroke, int]] = []
    for class_index in np.unique(label_map[counted_pixels(label_map)]).tolist():
        rng = np.random.default_rng((seed, class_index))
        regions, counts = _largest_regions(label_map == class_index, per_class)
        for region, count in zip(regions, counts, strict=True):
            drawn: list[Point] = []
            for _ in range(count):
                path = _draw_path(region, drawn, length, rng)
                drawn += path
                stroke = _fit_into_region(path, region, width)
                strokes.append((_shift(stroke, region.top - 1, region.left - 1), class_index))
    return strokes


def sample_pixels(label_map: UInt8, seed: int, count: int) -> UInt8:
    """Return a label map with `count` random labelled pixels of another one, or with all if it has no more.

    Parameters
    ----------
    label_map
        The truth, uint8 (height, width).
    seed
        The choice is a function of the seed and of which pixels have a label.
    count
        Number of pixels, 0 or more.

    Returns
    -------
    sparse
        uint8 (height, width), `IGNORE_INDEX` elsewhere.

    Examples
    --------
    >>> sparse = sample_pixels(np.ones((5, 5), np.uint8), seed=0, count=3)
    >>> (sparse == 1).sum(), (sparse == 255).sum()
    (np.int64(3), np.int64(22))
    """
    if count < 0:
        raise OptionError("count", str(count), "0 or more pixels", "Ask for more.")
    places = np.flatnonzero(counted_pixels(label_map))
    chosen = np.random.default_rng((seed, 1)).choice(places, min(count, len(places)), replace=False)
    sparse = np.full(label_map.shape, IGNORE_INDEX, np.uint8)
    sparse.ravel()[chosen] = label_map.ravel()[chosen]
    return sparse


def _largest_regions(mask: Mask, strokes: int) -> tuple[list[_Region], list[int]]:
    """Return the regions that get strokes, the largest first, and the number of each.

    Each stroke goes to the region with the largest sqrt(area) per stroke, counting the new one.
    """
    parts, count = ndimage.label(mask, _EIGHT)
    areas = np.bincount(parts.ravel())[1:]
    shares = np.sqrt(areas)[:, None] / np.arange(1, strokes + 1)
    order = np.argsort(-shares, axis=None, kind="stable")[:strokes]
    numbers = np.bincount(order // strokes, minlength=count)
    chosen = sorted(np.flatnonzero(numbers).tolist(), key=lambda index: -areas[index])
    boxes = ndimage.find_objects(parts)
    regions = []
    for index in chosen:
        rows, columns = boxes[index]
        region = np.pad(parts[rows, columns] == index + 1, 1)
        clearance = ndimage.distance_transform_edt(region).astype(np.float32)
        regions.append(_Region(rows.start, columns.start, region, clearance))
    return regions, [int(numbers[index]) for index in chosen]


def _draw_path(region: _Region, drawn: list[Point], length: float, rng: np.random.Generator) -> list[Point]:
    """Return a smooth path in a region, in pixels of its mask, away from the pixels in `drawn`."""
    start = _start(region, drawn, rng)
    headings = float(rng.uniform(0, 2 * np.pi)) + np.linspace(0, 2 * np.pi, 16, endpoint=False)
    both_ways = sum(np.maximum(_room(region, start, way), 0) for way in (headings, headings + np.pi))
    heading = float(headings[np.argmax(both_ways)])
    steps = int(length / _STEP)
    ahead = _walk(region, start, heading, rng.normal(0, _BEND, steps))
    behind = _walk(region, start, heading + np.pi, rng.normal(0, _BEND, steps - len(ahead)))
    return [*reversed(behind), start, *ahead]


def _start(region: _Region, drawn: list[Point], rng: np.random.Generator) -> Point:
    """Return the centre of a random pixel well inside a region; of many candidates the one farthest from what is
    drawn."""
    least = min(float(region.clearance.max()) / 2, _COMFORT)
    rows, columns = np.nonzero(region.clearance >= max(least, 1))
    chosen = rng.integers(len(rows), size=_STARTS)
    candidates = np.stack([rows[chosen], columns[chosen]], axis=1) + 0.5
    if not drawn:
        row, column = candidates[0].tolist()
    else:
        squares = ((candidates[:, None] - np.array(drawn)[None]) ** 2).sum(axis=2)
        row, column = candidates[squares.min(axis=1).argmax()].tolist()
    return row, column


def _walk(region: _Region, start: Point, heading: float, bends: npt.NDArray[np.float64]) -> list[Point]:
    """Return the points after `start` of a walk that turns gently, and away from the region's edge. bends: the random
    change of direction at each step, in radians. The walk ends early where the region does not go on ahead.
    """
    path: list[Point] = []
    at = start
    for bend in bends.tolist():
        headings = heading + _TURNS
        room = _room(region, at, headings)
        best = int((room - _STEADINESS * np.abs(_TURNS - bend)).argmax())
        if room[best] <= 0:
            break
        heading = float(headings[best])
        at = (at[0] + _STEP * float(np.sin(heading)), at[1] + _STEP * float(np.cos(heading)))
        path.append(at)
    return path


def _room(region: _Region, at: Point, headings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return, for each direction, the sum of the distances to the edge after one step and after `_AHEAD` pixels, each
    capped at `_COMFORT`; -inf where one of the two is outside the region.
    """
    directions = np.stack([np.sin(headings), np.cos(headings)])
    limits = np.array(region.mask.shape)[:, None] - 1
    room = np.zeros(len(headings))
    for distance in (_STEP, _AHEAD):
        rows, columns = np.clip(np.floor(np.array(at)[:, None] + distance * directions), 0, limits).astype(np.intp)
        clearance = region.clearance[rows, columns]
        room += np.where(clearance > 0, np.minimum(clearance, _COMFORT), -np.inf)
    return room


def _fit_into_region(path: list[Point], region: _Region, width: float) -> Stroke:
    """Return the stroke along a path, as wide as the region allows, `width` at most."""
    for share in (1, 2 / 3, 1 / 3):
        stroke = Stroke(tuple(path), width * share)
        if _lies_within(stroke, region.mask):
            return stroke
    # On a path through the centres of neighbouring pixels, no other pixel's centre is within half a pixel.
    centres = [(float(np.floor(row)) + 0.5, float(np.floor(column)) + 0.5) for row, column in path]
    return Stroke(tuple(centre for centre, _ in groupby(centres)), min(width, 1.0))


def _lies_within(stroke: Stroke, mask: Mask) -> bool:
    (top, left, bottom, right), pixels = stroke_mask(stroke, (mask.shape[0], mask.shape[1]))
    return bool(mask[top:bottom, left:right][pixels].all())


def _shift(stroke: Stroke, down: int, right: int) -> Stroke:
    return Stroke(tuple((row + down, column + right) for row, column in stroke.points), stroke.width)
