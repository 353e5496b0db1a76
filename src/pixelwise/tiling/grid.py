"""The tiles along one side of an image: where they lie, and the weight of each at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError


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


def tile_spans(length: int, tile: int, overlap: int, stride: int) -> list[Span]:
    """Return the tiles of at most `tile` pixels that cover a side of `length` pixels.

    A side that fits is one span. Otherwise starts are multiples of `stride`, as evenly spaced as that allows, and
    neighbours share at least `overlap` pixels. Only the last span may be shorter than `tile`, by less than one stride.
    At each pixel the weights of all spans sum to 1. Neighbours are blended over a quarter of `overlap` in the middle of
    the pixels they share; at least the outer three eighths of the overlap are not used. Raises `OptionError` unless
    stride >= 1, tile is a multiple of it, and 0 <= overlap <= tile - stride.

    Examples
    --------
    >>> [(span.start, span.stop) for span in tile_spans(100, tile=64, overlap=16, stride=4)]
    [(0, 64), (36, 100)]
    """
    _require_grid(tile, overlap, stride)
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


def _require_grid(tile: int, overlap: int, stride: int) -> None:
    remedy = "Choose a larger tile or a smaller overlap."
    if stride < 1:
        raise OptionError("stride", str(stride), "at least 1", "Give the stride of the model.")
    if tile < 1 or tile % stride:
        raise OptionError("tile", str(tile), f"a positive multiple of the stride, {stride}", "Round the tile up.")
    if not 0 <= overlap <= tile - stride:
        raise OptionError("overlap", str(overlap), f"0..{tile - stride}, the tile less one stride", remedy)
