"""The tiles along one side of an image: where they lie, and the weight of each at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError


@dataclass(frozen=True)
class Tiling:
    """Square tiles over an image, in pixels.

    Parameters
    ----------
    tile
        Side of a tile, a multiple of `stride`.
    overlap
        How many pixels neighbours share at least, at most one stride less than the tile.
    stride
        Tiles start at its multiples. It is the stride of the model: the sampling grid is then that of the whole image.

    Raises
    ------
    OptionError
        For tiles that cannot be laid.
    """

    tile: int
    overlap: int
    stride: int

    def __post_init__(self) -> None:
        remedy = "Choose a larger tile or a smaller overlap."
        if self.stride < 1:
            raise OptionError("stride", str(self.stride), "at least 1", "Give the stride of the model.")
        if self.tile < 1 or self.tile % self.stride:
            expected = f"a positive multiple of the stride, {self.stride}"
            raise OptionError("tile", str(self.tile), expected, "Round the tile up.")
        if not 0 <= self.overlap <= self.tile - self.stride:
            expected = f"0..{self.tile - self.stride}, the tile less one stride"
            raise OptionError("overlap", str(self.overlap), expected, remedy)

    def with_tile(self, tile: int) -> Tiling:
        """Return the tiling with tiles of another side, and an overlap that fits them."""
        return Tiling(tile, min(self.overlap, tile - self.stride), self.stride)


@dataclass(frozen=True)
class Span:
    """One tile along one side of the image, in pixels.

    A net sees start..stop (stop excluded). Of its result first..last is used, times `weights`, float32 (last - first,).
    The rest is too near the tile's edge to have enough context.
    """

    start: int
    stop: int
    first: int
    last: int
    weights: npt.NDArray[np.float32]

    @property
    def used(self) -> slice:
        """first..last, counted from the start of the tile."""
        return slice(self.first - self.start, self.last - self.start)


def tile_spans(length: int, tiling: Tiling) -> list[Span]:
    """Return the tiles that cover a side of `length` pixels.

    A side that fits is one span. Otherwise starts are multiples of the stride, as evenly spaced as that allows, and
    neighbours share at least the overlap. Only the last span may be shorter than a tile, by less than one stride.
    At each pixel the weights of all spans sum to 1. Neighbours are blended over a quarter of the overlap in the middle
    of the pixels they share; at least the outer three eighths of the overlap are not used.

    Examples
    --------
    >>> [(span.start, span.stop) for span in tile_spans(100, Tiling(64, overlap=16, stride=4))]
    [(0, 64), (36, 100)]
    """
    tile, overlap, stride = tiling.tile, tiling.overlap, tiling.stride
    if length <= tile:
        return [Span(0, length, 0, length, np.ones(length, np.float32))]
    last_start = -((tile - length) // stride)  # in strides, rounded up; so are the starts until they are multiplied
    steps = -(-last_start // ((tile - overlap) // stride))
    starts = [last_start * i // steps * stride for i in range(steps + 1)]
    stops = [min(start + tile, length) for start in starts]
    seams = [
        (start + stop) / 2 for start, stop in zip(starts[1:], stops, strict=False)
    ]  # the middle of what neighbours share
    ramp = max(overlap / 4, 1)
    return [_span(*row, ramp) for row in zip(starts, stops, [-np.inf, *seams], [*seams, np.inf], strict=True)]


def _span(start: int, stop: int, seam_before: float, seam_after: float, ramp: float) -> Span:
    """Return the span start..stop, blended with its neighbours over `ramp` pixels around the two seams.

    Its weight is the ramp at the seam before minus the ramp at the seam after. The sum over spans telescopes to 1,
    however many meet at a pixel. All ramps are equally wide, so no difference is negative.
    """
    centers = np.arange(start, stop) + 0.5
    share = ((centers - seam_before) / ramp + 0.5).clip(0, 1) - ((centers - seam_after) / ramp + 0.5).clip(0, 1)
    used = np.flatnonzero(share)
    first, last = int(used[0]), int(used[-1]) + 1
    return Span(start, stop, start + first, start + last, share[first:last].astype(np.float32))
