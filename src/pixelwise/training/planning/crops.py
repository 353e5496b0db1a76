"""Crops and image scales that suit the sizes of the images and of their objects. Sizes are (height, width)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixelwise.training.planning import defaults

Sizes = Sequence[tuple[float, float]]


def image_scale(image_sizes: Sizes, *, is_long: bool) -> float:
    """Return the factor, 1 or more, by which a run magnifies images of these sizes."""
    height, width = median_size(image_sizes)
    scale = math.sqrt(defaults.LONG_CROP_PIXELS / (height * width))
    return min(max(1.0, scale), defaults.MAX_IMAGE_SCALE) if is_long else 1.0


def object_scale(areas: Sequence[npt.NDArray[np.int64]]) -> float:
    """Return the factor, 1 to 3 in steps of 1/4, by which images with objects of these areas in pixels are magnified.
    It brings the lower quartile of the diameters (of discs of equal area) to `OBJECT_PIXELS`.
    """
    diameter = 2 * math.sqrt(float(np.quantile(np.concatenate(areas), 0.25)) / math.pi)
    return float(np.clip(round(4 * defaults.OBJECT_PIXELS / diameter) / 4, 1.0, defaults.MAX_OBJECT_SCALE))


def crop_size(image_sizes: Sizes, *, is_long: bool) -> tuple[int, int]:
    """Return the size of crops, in multiples of 32.

    They have the images' median shape and the area of `CROP_PIXELS`, in a long run of `LONG_CROP_PIXELS`. A smaller
    image is taken whole, magnified; for a long and thin image, the crop is a shorter piece of it.
    """
    area = defaults.LONG_CROP_PIXELS if is_long else defaults.CROP_PIXELS
    multiple = defaults.CROP_MULTIPLE
    height, width = median_size(image_sizes)
    shrink = math.sqrt(area / (height * width))
    if shrink >= 1:
        scale = image_scale(image_sizes, is_long=is_long)
        return full_crop_size([(scale * height, scale * width)])
    longest = area // multiple
    sides = [_multiple(round(min(side * shrink, longest) / multiple)) for side in (height, width)]
    return sides[0], min(sides[1], _multiple(area // sides[0] // multiple))


def full_crop_size(image_sizes: Sizes) -> tuple[int, int]:
    """Return the size of crops, in multiples of 32, that hold an image of the median size."""
    height, width = median_size(image_sizes)
    return _multiple(math.ceil(height / defaults.CROP_MULTIPLE)), _multiple(math.ceil(width / defaults.CROP_MULTIPLE))


def median_size(image_sizes: Sizes) -> tuple[float, float]:
    """Return the median height and the median width."""
    height, width = np.median(np.array(image_sizes), axis=0).tolist()
    return height, width


def batch_size(crop: tuple[int, int], train_images: int) -> int:
    """Return the number of crops in a step: at most 8, fewer for large crops or few images, and at least two, which
    batch norm needs."""
    return max(2, min(defaults.BATCH, defaults.BATCH_PIXELS // (crop[0] * crop[1]), train_images))


def _multiple(count: int) -> int:
    return max(1, count) * defaults.CROP_MULTIPLE
