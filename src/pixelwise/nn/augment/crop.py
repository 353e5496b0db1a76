"""A crop at a random scale, optionally flipped: drawn once, applied to the image and to its labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.metrics.pixels import counted_pixels

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]
Pixels = TypeVar("Pixels", UInt8, Int32)


@dataclass(frozen=True)
class Crop:
    """The window `box_xyxy` of the image, in pixels, is resized to `part` and placed at `corner` of a canvas of `size`.
    The canvas is flipped left to right if `flipped`, then rotated by `turns` quarter turns. Sizes are (height, width),
    `corner` is (row, column).
    """

    box_xyxy: tuple[float, float, float, float]
    part: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, int]
    flipped: bool
    turns: int


def draw(
    rng: np.random.Generator,
    image_size: tuple[int, int],
    size: tuple[int, int],
    scale: tuple[float, float],
    *,
    rotate: bool = False,
    flip_probability: float = 0.5,
) -> Crop:
    """Draw a crop of `size` from an image of `image_size`, magnified by a factor in the range `scale`.

    It is flipped left to right with `flip_probability`, and with `rotate` rotated by a random multiple of 90 degrees.
    The side of the window is drawn uniformly, so its inverse, the magnification, is more often small. If the magnified
    image is smaller than the crop, it is taken whole, at a random place.
    """
    turns = int(rng.integers(4)) if rotate else 0
    if turns % 2:
        size = size[::-1]
    factor = 1 / float(rng.uniform(1 / scale[1], 1 / scale[0]))
    window = [min(full, wanted / factor) for full, wanted in zip(image_size, size, strict=True)]
    part = [min(wanted, max(1, round(extent * factor))) for wanted, extent in zip(size, window, strict=True)]
    top, left = (rng.uniform(0, full - extent) for full, extent in zip(image_size, window, strict=True))
    row, column = (int(rng.integers(0, wanted - taken + 1)) for wanted, taken in zip(size, part, strict=True))
    box_xyxy = (left, top, min(left + window[1], image_size[1]), min(top + window[0], image_size[0]))
    return Crop(box_xyxy, (part[0], part[1]), (row, column), size, bool(rng.random() < flip_probability), turns)


def aim(rng: np.random.Generator, crop: Crop, image_size: tuple[int, int], pixel: tuple[int, int]) -> Crop:
    """Return the crop with its window moved to a random place in the image where it contains the centre of `pixel`,
    (row, column)."""
    left, top, right, bottom = crop.box_xyxy
    starts = []
    for full, extent, index in zip(image_size, (bottom - top, right - left), pixel, strict=True):
        least, most = max(0.0, index + 0.5 - extent), min(full - extent, index + 0.5)
        starts.append(float(rng.uniform(least, max(least, most))))
    row, column = starts
    ends = min(column + right - left, image_size[1]), min(row + bottom - top, image_size[0])
    return replace(crop, box_xyxy=(column, row, *ends))


def on_image(image: UInt8, crop: Crop, fill: tuple[int, ...]) -> UInt8:
    """Crop uint8 (H, W, C), bilinear; `fill` outside of the image."""
    canvas = np.empty((*crop.size, image.shape[2]), np.uint8)
    if crop.part != crop.size:
        canvas[:] = fill
    if image.shape[2] == 3:
        return _place(canvas, _resize(image, crop, Image.Resampling.BILINEAR), crop)
    bands = [_resize(image[..., band], crop, Image.Resampling.BILINEAR) for band in range(image.shape[2])]
    return _place(canvas, np.stack(bands, axis=2), crop)


def on_label_map(label_map: UInt8, crop: Crop) -> UInt8:
    """Crop uint8 (H, W), nearest neighbour; `IGNORE_INDEX` outside of the label map."""
    canvas = np.full(crop.size, IGNORE_INDEX, np.uint8)
    return _place(canvas, _resize(label_map, crop, Image.Resampling.NEAREST), crop)


def on_instance_map(instance_map: Int32, crop: Crop) -> Int32:
    """Crop int32 (H, W), nearest neighbour; 0, no object, outside of the map."""
    canvas = np.zeros(crop.size, np.int32)
    return _place(canvas, _resize(instance_map, crop, Image.Resampling.NEAREST), crop)


def label_positions(label_map: UInt8, crop: Crop) -> tuple[Indices, Indices]:
    """Return the source and target positions of the labelled pixels in a crop's window.

    Nearest-neighbour resizing drops pixels when it reduces an image; these positions tell where they belong.

    Parameters
    ----------
    label_map
        The label map of the image, uint8 (H, W).
    crop
        The crop.

    Returns
    -------
    tuple of numpy.ndarray
        (row, column) in the label map and in the crop, int64 (2, n) each, of the n labelled pixels whose centre lies in
        the window.
    """
    left, top, right, bottom = crop.box_xyxy
    first_row, first_column = int(top), int(left)
    touched = label_map[first_row : int(np.ceil(bottom)), first_column : int(np.ceil(right))]
    sources: Indices = np.array(np.nonzero(counted_pixels(touched)), np.int64)
    sources += [[first_row], [first_column]]
    extent, part = np.array([[bottom - top], [right - left]]), np.array(crop.part)[:, None]
    inside: Indices = np.floor((sources + 0.5 - [[top], [left]]) / extent * part).astype(np.int64)
    is_inside = ((inside >= 0) & (inside < part)).all(axis=0)
    rows, columns = (inside + np.array(crop.corner)[:, None])[:, is_inside]
    if crop.flipped:
        columns = crop.size[1] - 1 - columns
    height, width = crop.size
    for _ in range(crop.turns):  # counter-clockwise, as `numpy.rot90`
        rows, columns, height, width = width - 1 - columns, rows, width, height
    return sources[:, is_inside], np.stack([rows, columns])


def _resize(pixels: Pixels, crop: Crop, resampling: Image.Resampling) -> Pixels:
    """Resize the window; only the rows and columns that it touches are passed to Pillow."""
    left, top, right, bottom = crop.box_xyxy
    x, y = int(left), int(top)
    touched = Image.fromarray(pixels[y : int(np.ceil(bottom)), x : int(np.ceil(right))])
    box = (left - x, top - y, right - x, bottom - y)
    return np.asarray(touched.resize(crop.part[::-1], resampling, box=box))


def _place(canvas: Pixels, part: Pixels, crop: Crop) -> Pixels:
    row, column = crop.corner
    height, width = crop.part
    canvas[row : row + height, column : column + width] = part
    if crop.flipped:
        canvas = canvas[:, ::-1]
    return np.ascontiguousarray(np.rot90(canvas, crop.turns))
