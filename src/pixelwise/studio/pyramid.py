"""The pyramid of tiles in which the page shows an image. Level 0 has full resolution, each further level half of it.

Tiles have sides of 512 pixels, or less at the right and lower edges. A pixel of level L stands for a block of 2^L x 2^L
pixels: for labels it shows a labelled pixel of the block, if there is one; for predictions, the pixel in the middle.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.labels.boxes import Box
from pixelwise.labels.tiled_map import TiledMap

UInt8 = npt.NDArray[np.uint8]
TILE = 512
MOST_LEVEL = 10
"""The highest level, at which one value is left of a map's tile."""


def level_count(size: tuple[int, int]) -> int:
    """Return how many levels the pyramid of an image (height, width) has: the last fits into one tile."""
    level = 0
    while -(-max(size) // 2**level) > TILE:
        level += 1
    return level + 1


def tile_box(size: tuple[int, int], level: int, row: int, column: int) -> Box | None:
    """Return the box of a tile in pixels of its level; `None` where there is none."""
    if not 0 <= level < level_count(size) or min(row, column) < 0:
        return None
    height, width = (-(-side // 2**level) for side in size)
    top, left = row * TILE, column * TILE
    if top >= height or left >= width:
        return None
    return top, left, min(top + TILE, height), min(left + TILE, width)


def full_box(size: tuple[int, int], level: int, row: int, column: int) -> Box | None:
    """Return the box of a tile in pixels of the image; `None` where there is none."""
    box_tlbr = tile_box(size, level, row, column)
    if box_tlbr is None:
        return None
    top, left, bottom, right = (side * 2**level for side in box_tlbr)
    return top, left, min(bottom, size[0]), min(right, size[1])


def map_tile(values: TiledMap, level: int, row: int, column: int) -> npt.NDArray[np.generic] | None:
    """Return a tile of a label map or instance map; `None` where there is none."""
    box_tlbr = tile_box(values.size, level, row, column)
    if box_tlbr is None or level > MOST_LEVEL:
        return None
    tile: npt.NDArray[np.generic] = values.read_level(level, box_tlbr)
    return tile


def sampled_pixels(size: tuple[int, int], level: int, box_tlbr: Box) -> tuple[npt.NDArray[np.intp], ...]:
    """Return the rows and the columns of the image whose predictions are shown in a box of a level."""
    top, left, bottom, right = box_tlbr
    step = 2**level
    spans = ((top, bottom, size[0]), (left, right, size[1]))
    return tuple(np.minimum(np.arange(start, stop) * step + step // 2, side - 1) for start, stop, side in spans)


def encode_labels(tile: npt.NDArray[np.generic]) -> bytes:
    """Return class indices as an 8-bit gray PNG."""
    return _png(np.ascontiguousarray(tile, np.uint8))


def encode_objects(tile: npt.NDArray[np.generic]) -> bytes:
    """Return object ids as a PNG: the higher byte in red, the lower in green."""
    ids = tile.astype(np.int64)
    return _png(np.stack([ids >> 8 & 255, ids & 255, np.zeros_like(ids)], axis=2).astype(np.uint8))


def encode_prediction(label_map: UInt8, uncertainty: UInt8) -> bytes:
    """Return a prediction as a PNG: class indices in red, the uncertainty in green."""
    return _png(np.stack([label_map, uncertainty, np.zeros_like(label_map)], axis=2))


def _png(pixels: UInt8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
