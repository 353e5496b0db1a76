"""Logits of an image of any size in bounded memory: square tiles, blended where they overlap.

`run` takes uint8 (N, height, width, C) and returns float32 logits (N, K, height, width). Tiles start at multiples of
the model's stride, so that its sampling grid is that of the whole image. Logits near a cut edge, where padding replaces
the image, are not used. A net whose receptive field reaches no further than 3/8 of the overlap therefore gives the same
logits tiled and whole.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import MAX_CLASSES
from pixelwise.core.errors import ShapeError
from pixelwise.core.prefetch import prefetch
from pixelwise.tiling.grid import Span, Tiling, tile_spans

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Run = Callable[[UInt8], Float32]


class Windows(Protocol):
    """An image that is read in parts, indexed as an array uint8 (height, width, C): `windows[rows, columns]`."""

    shape: tuple[int, ...]
    ndim: int
    size: int
    dtype: np.dtype[Any]

    def __getitem__(self, place: tuple[slice, slice], /) -> UInt8: ...


Image = UInt8 | Windows


@dataclass(frozen=True)
class Block:
    """Final logits of a part of the image, float32 (K, height, width), and the place of their top left corner."""

    row: int
    column: int
    logits: Float32

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns of the image that the block covers."""
        height, width = self.logits.shape[1:]
        return slice(self.row, self.row + height), slice(self.column, self.column + width)


@dataclass(frozen=True)
class LabelBlock:
    """Labels of a part of an image, uint8 (height, width), and the place of their top left corner."""

    row: int
    column: int
    labels: UInt8

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns of the image that the block covers."""
        height, width = self.labels.shape
        return slice(self.row, self.row + height), slice(self.column, self.column + width)


def stitch_blocks(run: Run, image: Image, tiling: Tiling, *, from_row: int = 0) -> Iterator[Block]:
    """Yield an image's logits in blocks, one a tile, row by row of tiles and from left to right; each pixel once.

    A background thread reads and runs the next tile. Memory stays within O(tile^2 * K) and, for the pixels that two
    rows of tiles share, O(overlap * width * K) / 4, whatever the height.

    Parameters
    ----------
    run
        The model: uint8 (N, height, width, C) -> float32 logits (N, K, height, width).
    image
        uint8 (height, width, C). An image no larger than one tile is one call of `run` and one block.
    tiling
        How tiles lie (see `tile_spans`).
    from_row
        Start with the blocks that hold this row. They are the same as without it; from the image's height on there are
        none.

    Raises
    ------
    ShapeError
        For an image of another shape or type, or logits that do not fit their input.
    """
    if image.ndim != 3 or image.size == 0 or image.dtype != np.uint8:
        problem_text = f"{image.dtype} of shape {image.shape}"
        raise ShapeError("image", problem_text, "uint8 of shape (height, width, channels)", "Read it with read_image.")
    height, width, _ = image.shape
    rows, columns = tile_spans(height, tiling), tile_spans(width, tiling)
    return _blocks(run, image, rows, columns, from_row) if from_row < height else iter(())


def stitch_logits(run: Run, image: UInt8, tiling: Tiling) -> Float32:
    """Return the float32 logits (K, height, width) of a whole image. Raises as `stitch_blocks`."""
    blocks = stitch_blocks(run, image, tiling)
    first = next(blocks)
    if first.logits.shape[1:] == image.shape[:2]:
        return first.logits
    logits = np.empty((len(first.logits), *image.shape[:2]), np.float32)
    for block in itertools.chain([first], blocks):
        logits[(slice(None), *block.place)] = block.logits
    return logits


def argmax_labels(scores: Float32) -> UInt8:
    """Return the class with the highest score at each place, uint8 (...), of scores (K, ...). The lowest index wins a
    tie.

    Three times as fast as numpy's argmax over the first axis.

    Examples
    --------
    >>> argmax_labels(np.array([[0.1, 0.5], [0.9, 0.5]], np.float32)).tolist()
    [1, 0]
    """
    largest = scores[0].copy()
    labels = np.zeros(largest.shape, np.uint8)
    for class_index, class_scores in enumerate(scores[1:], start=1):
        labels[class_scores > largest] = class_index
        np.maximum(largest, class_scores, out=largest)
    return labels


def label_blocks(
    blocks: Iterable[Block], size: tuple[int, int], labels: Callable[[Float32], UInt8] = argmax_labels
) -> UInt8:
    """Return the label map, uint8 of `size`, of an image from the blocks of its logits. labels: chooses classes.

    Holds the logits of one tile at a time. Raises `ShapeError` for more than 255 classes.
    """
    label_map = np.empty(size, np.uint8)
    for block in blocks:
        if len(block.logits) > MAX_CLASSES:
            remedy = "Use stitch_logits for outputs that are not classes."
            problem = f"{len(block.logits)} channels"
            raise ShapeError("logits", problem, f"at most {MAX_CLASSES} classes", remedy)
        label_map[block.place] = labels(block.logits)
    return label_map


def _blocks(run: Run, image: Image, rows: list[Span], columns: list[Span], from_row: int) -> Iterator[Block]:
    run_tile = partial(_run_tile, run, image)
    if len(rows) == len(columns) == 1:
        yield Block(0, 0, run_tile((rows[0], columns[0])))
        return
    begin = max(row.first for row in rows if row.first <= from_row)
    # A row of tiles that ends before the first block adds nothing to it.
    needed = [pair for pair in zip(rows, [*rows[1:], None], strict=True) if pair[0].last > begin]
    above: deque[Float32] = deque()  # what the tiles above add to the first rows of this row, a part a column
    with closing(prefetch(run_tile, [(row, column) for row, _ in needed for column in columns])) as tiles:
        for number, (row, below) in enumerate(needed):
            height = (row.last if below is None else below.first) - row.first
            left: Float32 | None = None  # what the tile to the left adds to the first columns of this one
            for column, after in zip(columns, [*columns[1:], None], strict=True):
                width = (column.last if after is None else after.first) - column.first
                logits = _weight_tile(next(tiles)[1].result(), row, column)
                if left is not None:
                    logits[:, :, : left.shape[2]] += left
                left, logits = logits[:, :, width:].copy(), logits[:, :, :width]
                if number:
                    part = above.popleft()
                    logits[:, : part.shape[1]] += part
                above.append(logits[:, height:].copy())
                if row.first >= begin:
                    yield Block(row.first, column.first, logits[:, :height])


def _weight_tile(logits: Float32, row: Span, column: Span) -> Float32:
    """Return a tile's weighted logits where they are used, (K, row.last - row.first, column.last - column.first)."""
    weighted: Float32 = np.require(logits[:, row.used, column.used], requirements="W")
    for rows in _find_runs(row.weights != 1):  # inside a tile all weights are 1
        weighted[:, rows] *= row.weights[rows, None]
    for columns in _find_runs(column.weights != 1):
        weighted[:, :, columns] *= column.weights[columns]
    return weighted


def _find_runs(where: npt.NDArray[np.bool_]) -> list[slice]:
    """Return the runs of true values in `where`, (n,)."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2)]


def _run_tile(run: Run, image: Image, place: tuple[Span, Span]) -> Float32:
    """Run one tile, or a whole image, and return its logits (K, height, width), checked."""
    row, column = place
    tile = image[row.start : row.stop, column.start : column.stop]
    logits = run(np.ascontiguousarray(tile)[None])
    height, width, _ = tile.shape
    if logits.ndim != 4 or logits.shape != (1, logits.shape[1], height, width) or logits.dtype != np.float32:
        problem_text = f"{logits.dtype} of shape {logits.shape}"
        expected = f"float32 of shape (1, classes, {height}, {width}), its input's size"
        raise ShapeError(
            "logits", problem_text, expected, "Export the model again: its output must be as large as its input."
        )
    tile_logits: Float32 = logits[0]
    return tile_logits
