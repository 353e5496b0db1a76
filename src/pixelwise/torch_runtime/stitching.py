"""Labels of an image of any size in bounded memory, tiles blended on the device of the net.

What `pixelwise.tiling.stitch` does in numpy, and the same labels: logits stay on the device, and a byte a pixel comes
back. One thread reads tiles while the device computes others, and the caller takes the labels meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.prefetch import prefetch
from pixelwise.tiling.grid import Span, Tiling, tile_spans
from pixelwise.tiling.stitch import Image, LabelBlock

UInt8 = npt.NDArray[np.uint8]
Place = tuple[Span, Span]


def stitch_labels(
    run: Callable[[UInt8], torch.Tensor], image: Image, tiling: Tiling, *, at_once: int = 1, from_row: int = 0
) -> Iterator[LabelBlock]:
    """Yield the label of each pixel in blocks, one a tile, in the order of `stitch_blocks`.

    run: uint8 (N, height, width, C) -> float32 logits (N, K, height, width) on a device; it is given up to `at_once`
    tiles of one row of them at a time.
    """
    height, width, _ = image.shape
    rows, columns = tile_spans(height, tiling), tile_spans(width, tiling)
    if from_row >= height:
        return
    begin = max(row.first for row in rows if row.first <= from_row)
    needed = [pair for pair in zip(rows, [*rows[1:], None], strict=True) if pair[0].last > begin]
    groups = [group for row, _ in needed for group in _groups(row, columns, at_once)]
    above: deque[torch.Tensor] = deque()
    with closing(_tile_logits(run, image, groups)) as tiles:
        for number, (row, below) in enumerate(needed):
            used_rows = (row.last if below is None else below.first) - row.first
            left: torch.Tensor | None = None
            for column, after in zip(columns, [*columns[1:], None], strict=True):
                used_columns = (column.last if after is None else after.first) - column.first
                logits = _weigh(next(tiles), row, column)
                if left is not None:
                    logits[:, :, : left.shape[2]] += left
                left, logits = logits[:, :, used_columns:].clone(), logits[:, :, :used_columns]
                if number:
                    part = above.popleft()
                    logits[:, : part.shape[1]] += part
                above.append(logits[:, used_rows:].clone())
                if row.first >= begin:
                    labels = logits[:, :used_rows].argmax(0).to(torch.uint8)
                    yield LabelBlock(row.first, column.first, labels.cpu().numpy())


def _groups(row: Span, columns: list[Span], at_once: int) -> list[list[Place]]:
    """Return the tiles of a row in groups of one size, `at_once` at most."""
    groups: list[list[Place]] = []
    for column in columns:
        last = groups[-1] if groups else None
        if last and len(last) < at_once and last[0][1].stop - last[0][1].start == column.stop - column.start:
            last.append((row, column))
        else:
            groups.append([(row, column)])
    return groups


def _tile_logits(
    run: Callable[[UInt8], torch.Tensor], image: Image, groups: list[list[Place]]
) -> Generator[torch.Tensor, None, None]:
    """Yield the logits (K, height, width) of each tile; a thread reads the tiles of the next groups meanwhile."""

    def read(group: list[Place]) -> UInt8:
        return np.stack([image[row.start : row.stop, column.start : column.stop] for row, column in group])

    with closing(prefetch(read, groups)) as coming:
        for _, pixels in coming:
            yield from run(pixels.result())


def _weigh(logits: torch.Tensor, row: Span, column: Span) -> torch.Tensor:
    """Return a tile's weighted logits where they are used, (K, row.last - row.first, column.last - column.first)."""
    down, across = (torch.from_numpy(span.weights).to(logits.device) for span in (row, column))
    return logits[:, row.used, column.used] * down[:, None] * across
