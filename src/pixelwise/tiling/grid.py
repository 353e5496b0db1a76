"""Where the tiles of a side stand, and how much each counts at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError


@dataclass(frozen=True)
class Span:
    """One tile along one side of the image, in pixels.

    A net sees start..stop (stop excluded). Of its result first..last is used, times `weights`, float32
    (last - first,); the rest lies so near the tile's edge that it lacks context.
    """

    start: int
    stop: int
    first: int
    last: int
    weights: npt.NDArray[np.float32]

    @property
    def used(self) -> slice:
        """Where first..last lies within the tile itself."""
        return slice(self.first - self.start, self.last - self.start)


def tile_spans(length: int, tile: int, overlap: int, stride: int) -> list[Span]:
    """Lay tiles of at most `tile` pixels over a side of `length` pixels, from its start to its end.

    A side that fits is one span. Otherwise starts are multiples of `stride`, as evenly apart as that allows,
    neighbours share at least `overlap` pixels, and the last span alone may be shorter than `tile`, by less than one
    stride. At each pixel the weights of all spans sum to 1. Between two neighbours the weights cross over a quarter
    of `overlap`, amid the pixels they share: the outer three eighths of the overlap, at least, are not used.
    Raises `OptionError` unless stride >= 1, tile is a multiple of it, and 0 <= overlap <= tile - stride.
    """
    _require_grid(tile, overlap, stride)
    if length <= tile:
        return [Span(0, length, 0, length, np.ones(length, np.float32))]
    last_start = -((tile - length) // stride)  # in strides, rounded up, as are all starts up to the next line
    steps = -(-last_start // ((tile - overlap) // stride))
    starts = [last_start * i // steps * stride for i in range(steps + 1)]
    stops = [min(start + tile, length) for start in starts]
    seams = [(start + stop) / 2 for start, stop in zip(starts[1:], stops, strict=False)]  # amid what neighbours share
    ramp = max(overlap / 4, 1)
    return [_span(*row, ramp) for row in zip(starts, stops, [-np.inf, *seams], [*seams, np.inf], strict=True)]


def _span(start: int, stop: int, seam_before: float, seam_after: float, ramp: float) -> Span:
    """Return the span start..stop that is blended with its neighbours over `ramp` pixels around the two seams.

    What the seam before hands over, less what the seam after takes away: so the sum over spans telescopes to 1,
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
