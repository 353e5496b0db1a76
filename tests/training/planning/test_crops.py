"""Crops, batches and image scales worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pixelwise.training.planning.crops import batch_size, crop_size, image_scale, object_scale


@pytest.mark.parametrize(
    ("sizes", "crop", "large"),
    [
        # shrunk by 0.989 to 356 x 475: 11.1 and 14.8 times 32; enlarged by 1.5 to 540x720
        ([(360, 480)], (352, 480), (544, 736)),
        # the shape counts, not the resolution; shrunk by 0.761 to 548 x 731: 17.1 and 22.8 times 32
        ([(720, 960)] * 3, (352, 480), (544, 736)),
        ([(480, 360)], (480, 352), (736, 544)),
        ([(512, 512)], (416, 384), (640, 640)),  # shrunk by 0.803 to 411, within the area; enlarged by 1.236 to 633
        ([(64, 96)], (64, 96), (96, 160)),  # small images are taken whole
        ([(100, 140)], (128, 160), (160, 224)),
        ([(10, 100_000)], (32, 5280), (32, 12512)),  # long and thin: a piece of it
        ([(8, 8)], (32, 32), (32, 32)),
        ([(64, 64), (64, 64), (3000, 3000)], (64, 64), (96, 96)),  # the median shape
    ],
)
def test_a_crop_has_the_median_shape_in_multiples_of_32(
    sizes: list[tuple[int, int]], crop: tuple[int, int], large: tuple[int, int]
) -> None:
    assert crop_size(sizes, is_long=False) == crop
    assert crop_size(sizes, is_long=True) == large


@pytest.mark.parametrize(
    ("crop", "images", "batch"),
    [((64, 64), images, batch) for images, batch in [(1, 2), (2, 2), (3, 3), (7, 7), (8, 8), (367, 8)]]
    + [((256, 320), 367, 8), ((352, 480), 367, 4), ((352, 480), 3, 3), ((544, 736), 367, 2), ((1024, 1024), 367, 2)],
)
def test_a_batch_has_up_to_eight_crops_that_two_cores_can_take_and_never_one(
    crop: tuple[int, int], images: int, batch: int
) -> None:
    assert batch_size(crop, images) == batch


@pytest.mark.parametrize(
    ("areas", "factor"),
    [
        ([[113], [113, 113]], 2.0),  # discs 12 across: 24 are wanted
        ([[36, 36, 36, 36, 10_000]], 3.0),  # 6.8 across: 3 is the most
        ([[10, 452, 452, 452, 452]], 1.0),  # a fifth is smaller, a quarter 24 across
        ([[20_000]], 1.0),
    ],
)
def test_small_objects_are_enlarged_to_24_pixels(areas: list[list[int]], factor: float) -> None:
    assert object_scale([np.array(area) for area in areas]) == factor


@pytest.mark.parametrize(
    ("size", "factor"), [((360, 480), 1.5), ((512, 512), (544 * 736) ** 0.5 / 512), ((720, 960), 1.0)]
)
def test_long_runs_magnify_small_images(size: tuple[int, int], factor: float) -> None:
    assert image_scale([size], is_long=True) == pytest.approx(factor)
    assert image_scale([size], is_long=False) == 1
