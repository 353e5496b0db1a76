"""Prediction of an image of any size in bounded memory: square tiles, blended where they overlap.

`run` takes uint8 (N, height, width, C) and returns float32 logits (N, K, height, width). Tiles start at multiples of
the model's stride, so that its sampling grid lies as on the whole image, and what a tile says near a cut edge, where
padding inside the net takes the place of the image, is not used. A net whose receptive field reaches no further than
3/8 of the overlap therefore gives the same logits tiled and whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from pixelwise.classes import MAX_CLASSES
from pixelwise.errors import ShapeError
from pixelwise.tiling.grid import Span, spans

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Run = Callable[[UInt8], Float32]


def stitched_rows(run: Run, image: UInt8, *, tile: int, overlap: int, stride: int) -> Iterator[tuple[int, Float32]]:
    """Yield (row, logits (K, rows, width)) from top to bottom, each band as soon as no later tile touches it.

    image is uint8 (height, width, C); tile, overlap and stride are in pixels. An image no larger than tile x tile is
    one call of `run` and one band. Otherwise memory stays within O(tile * width * K), whatever the height.
    Raises `OptionError` for a grid that cannot be laid (see `spans`), and `ShapeError` for an image of another shape
    or type, or where `run` returns logits that do not fit its input.
    """
    if image.ndim != 3 or image.size == 0 or image.dtype != np.uint8:
        found = f"{image.dtype} of shape {image.shape}"
        raise ShapeError("image", found, "uint8 of shape (height, width, channels)", "Read it with read_image.")
    height, width, _ = image.shape
    rows, columns = spans(height, tile, overlap, stride), spans(width, tile, overlap, stride)
    return _bands(run, image, rows, columns)


def stitch_logits(run: Run, image: UInt8, *, tile: int, overlap: int, stride: int) -> Float32:
    """Return the float32 logits (K, height, width) of a whole image. Raises as `stitched_rows`."""
    bands = stitched_rows(run, image, tile=tile, overlap=overlap, stride=stride)
    return np.concatenate([band for _, band in bands], axis=1)


def stitch_label_map(run: Run, image: UInt8, *, tile: int, overlap: int, stride: int) -> UInt8:
    """Return the uint8 (height, width) label map of a whole image; the lowest class wins a tie.

    Logits are held for one band at a time. Raises as `stitched_rows`, and `ShapeError` for more than 255 classes.
    """
    label_map = np.empty(image.shape[:2], np.uint8)
    for row, logits in stitched_rows(run, image, tile=tile, overlap=overlap, stride=stride):
        if len(logits) > MAX_CLASSES:
            remedy = "Use stitch_logits for outputs that are not classes."
            raise ShapeError("logits", f"{len(logits)} channels", f"at most {MAX_CLASSES} classes", remedy)
        label_map[row : row + logits.shape[1]] = logits.argmax(axis=0)
    return label_map


def _bands(run: Run, image: UInt8, rows: list[Span], columns: list[Span]) -> Iterator[tuple[int, Float32]]:
    if len(rows) == len(columns) == 1:
        yield 0, _logits(run, image)[0]
        return
    shared = None  # with the row of tiles above, the last rows of its band
    for row, below in zip(rows, [*rows[1:], None], strict=True):
        band = _band(run, image, row, columns)
        if shared is not None:
            band[:, : shared.shape[1]] += shared
        final = (row.last if below is None else below.first) - row.first
        yield row.first, band[:, :final]
        shared = band[:, final:]


def _band(run: Run, image: UInt8, row: Span, columns: list[Span]) -> Float32:
    """Return one row of tiles, (K, row.last - row.first, width): blended along the row and weighted down it."""
    for column in columns:
        logits = _logits(run, image[row.start : row.stop, column.start : column.stop])[0]
        if column is columns[0]:
            band = np.zeros((len(logits), row.last - row.first, image.shape[1]), np.float32)
        weights = row.weights[:, None] * column.weights
        band[:, :, column.first : column.last] += logits[:, row.used, column.used] * weights
    return band


def _logits(run: Run, image: UInt8) -> Float32:
    """Run one image or tile and return its logits (1, K, height, width), checked."""
    logits = run(np.ascontiguousarray(image)[None])
    height, width, _ = image.shape
    if logits.ndim != 4 or logits.shape != (1, logits.shape[1], height, width) or logits.dtype != np.float32:
        found = f"{logits.dtype} of shape {logits.shape}"
        expected = f"float32 of shape (1, classes, {height}, {width}), its input's size"
        raise ShapeError("logits", found, expected, "Export the model again: its output must be as large as its input.")
    return logits
