"""Tiled equals whole, for stand-ins of a net whose result is known at every pixel."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import uniform_filter

from pixelwise.core.errors import ShapeError
from pixelwise.tiling.grid import Tiling
from pixelwise.tiling.stitch import label_blocks, stitch_blocks, stitch_logits

Run = Callable[[np.ndarray], np.ndarray]
TILING = Tiling(64, overlap=32, stride=8)
SIZES = [(1, 1), (1, 200), (64, 64), (65, 64), (64, 65), (63, 129), (150, 97), (97, 150), (203, 311)]


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def each_pixel(images: np.ndarray) -> np.ndarray:
    """Logits that depend on nothing but the pixel: its channels and a constant."""
    channels = images.transpose(0, 3, 1, 2).astype(np.float32)
    return np.concatenate([channels, np.full_like(channels[:, :1], 100)], axis=1)


def box(radius: int) -> Run:
    """A net with a receptive field of 2 * radius + 1, which pads its input with zeros."""

    def run(images: np.ndarray) -> np.ndarray:
        side = (2 * radius + 1,) * 2
        planes = images.transpose(0, 3, 1, 2).astype(np.float64)
        return uniform_filter(planes, (1, 1, *side), mode="constant").astype(np.float32)

    return run


def cells(images: np.ndarray) -> np.ndarray:
    """A net of stride 8: each cell of 8x8 pixels, counted from the upper left, gets its maximum."""
    planes = images.transpose(0, 3, 1, 2).astype(np.float32)
    height, width = planes.shape[2:]
    padded = np.pad(planes, ((0, 0), (0, 0), (0, -height % 8), (0, -width % 8)))
    blocks = padded.reshape(*padded.shape[:2], padded.shape[2] // 8, 8, padded.shape[3] // 8, 8).max(axis=(3, 5))
    return blocks.repeat(8, 2).repeat(8, 3)[:, :, :height, :width]


def noting(run: Run, sizes: list[tuple[int, ...]]) -> Run:
    def noted(images: np.ndarray) -> np.ndarray:
        assert images.dtype == np.uint8
        assert images.flags.c_contiguous
        sizes.append(images.shape)
        return run(images)

    return noted


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("run", [each_pixel, cells, box(12)], ids=["pixel", "stride", "receptive field"])
def test_tiled_equals_whole(run: Run, size: tuple[int, int]) -> None:
    image = picture(*size)
    logits = stitch_logits(run, image, TILING)
    assert logits.dtype == np.float32
    assert_allclose(logits, run(image[None])[0], rtol=1e-6, atol=1e-5)  # values up to 255 in float32


def test_a_net_that_sees_further_than_the_margin_would_be_found_out() -> None:
    image = picture(200, 200)
    assert np.abs(stitch_logits(box(16), image, TILING) - box(16)(image[None])[0]).max() > 1


def test_an_image_that_fits_is_one_call_and_passed_on_as_it_is() -> None:
    sizes: list[tuple[int, ...]] = []
    image = picture(64, 40)
    (block,) = stitch_blocks(noting(each_pixel, sizes), image, TILING)
    assert (block.row, block.column, sizes) == (0, 0, [(1, 64, 40, 3)])
    assert_array_equal(block.logits, each_pixel(image[None])[0])


def test_each_tile_is_run_once() -> None:
    sizes: list[tuple[int, ...]] = []
    stitch_logits(noting(each_pixel, sizes), picture(65, 150), TILING)
    # Down: 0..64 and 8..65. Across: 150 - 64 = 86 rounds up to 88, 11 strides, in steps of at most 4: 0, 24, 56, 88.
    assert sizes == [(1, 64, 64, 3)] * 3 + [(1, 64, 62, 3)] + [(1, 57, 64, 3)] * 3 + [(1, 57, 62, 3)]


def test_each_pixel_comes_once_and_as_soon_as_it_is_done() -> None:
    sizes: list[tuple[int, ...]] = []
    image = picture(300, 100)
    expected = each_pixel(image[None])[0]
    times, calls = np.zeros((300, 100), int), []
    for block in stitch_blocks(noting(each_pixel, sizes), image, TILING):
        assert_allclose(block.logits, expected[(slice(None), *block.place)], rtol=1e-6)
        times[block.place] += 1
        calls.append(len(sizes))
    assert_array_equal(times, 1)
    # Three tiles across; down, 300 - 64 = 236 rounds up to 240, 30 strides, in steps of at most 4: 8 steps, 9 tiles.
    assert len(calls) == 27
    assert all(done <= begun <= done + 1 for done, begun in enumerate(calls, start=1)), "one tile ahead at most"


@pytest.mark.parametrize("tiling", [TILING, Tiling(64, overlap=48, stride=8)], ids=["two meet", "four meet"])
@pytest.mark.parametrize("from_row", [0, 1, 40, 75, 149, 150, 151])
def test_begun_at_a_row_the_blocks_are_the_same(from_row: int, tiling: Tiling) -> None:
    image = picture(150, 97)
    every = list(stitch_blocks(box(3), image, tiling))
    begun = list(stitch_blocks(box(3), image, tiling, from_row=from_row))
    expected = [block for block in every if block.row + block.logits.shape[1] > from_row]
    assert [(block.row, block.column) for block in begun] == [(block.row, block.column) for block in expected]
    for actual, other in zip(begun, expected, strict=True):
        assert_array_equal(actual.logits, other.logits)


@pytest.mark.parametrize("size", [(20_000, 64), (64, 20_000), (1500, 1500)])
def test_memory_is_a_few_tiles_whatever_the_size(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)

    def eight_classes(images: np.ndarray) -> np.ndarray:
        return np.ones((1, 8, *images.shape[1:3]), np.float32)

    tracemalloc.start()
    label_map = label_blocks(stitch_blocks(eight_classes, image, TILING), size)
    peak = tracemalloc.get_traced_memory()[1] - label_map.nbytes
    tracemalloc.stop()
    tile, shared = 8 * 64 * 64 * 4, 8 * 8 * size[1] * 4  # of 41 MB and more that all logits would take
    assert peak < 10 * tile + (3 * shared if size[0] > 64 else 0)  # what two rows of tiles share, gathered and joined


def test_a_picture_of_extreme_shape() -> None:
    sizes: list[tuple[int, ...]] = []
    image = picture(50_000, 8)
    label_map = label_blocks(stitch_blocks(noting(each_pixel, sizes), image, Tiling(512, 128, 32)), image.shape[:2])
    assert_array_equal(label_map, each_pixel(image[None])[0].argmax(axis=0))
    # 50000 - 512 = 49488 rounds up to 1547 strides, in steps of at most 12.
    assert len(sizes) == 130
    assert max(sizes) == (1, 512, 8, 3)


@pytest.mark.parametrize("size", [(40, 50), (100, 90)])
def test_label_map_gives_a_tie_to_the_lowest_class(size: tuple[int, int]) -> None:
    def tied(images: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.float32([0, 3, 3, 1])[None, :, None, None], (1, 4, *images.shape[1:3]))

    label_map = label_blocks(stitch_blocks(tied, picture(*size), TILING), size)
    assert_array_equal(label_map, np.ones(size, np.uint8))
    assert label_map.dtype == np.uint8


def test_an_image_seen_backwards_is_handed_on_in_order() -> None:
    image = picture(100, 90)
    logits = stitch_logits(noting(each_pixel, []), image[::-1, ::-1], TILING)
    assert_allclose(logits, each_pixel(image[None, ::-1, ::-1])[0], rtol=1e-6)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 5), np.uint8), np.zeros((0, 5, 3), np.uint8), np.zeros((4, 5, 3)), np.zeros((1, 4, 5, 3), np.uint8)],
    ids=["grey", "empty", "float", "batch"],
)
def test_images_that_are_none(image: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"image: found .* expected uint8 of shape \(height, width, channels\)"):
        stitch_blocks(each_pixel, image, TILING)


@pytest.mark.parametrize(
    "broken",
    [lambda y: y[0], lambda y: y[:, :, ::2], lambda y: y.astype(np.float64), lambda y: y.repeat(2, 0)],
    ids=["no batch", "half the height", "float64", "batch of two"],
)
@pytest.mark.parametrize("size", [(40, 50), (100, 90)])
def test_logits_that_do_not_fit(broken: Callable[[np.ndarray], np.ndarray], size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=r"logits: found .* expected float32 of shape \(1, classes, "):
        stitch_logits(lambda images: broken(each_pixel(images)), picture(*size), TILING)


def test_more_classes_than_a_label_map_holds() -> None:
    def many(images: np.ndarray) -> np.ndarray:
        return np.zeros((1, 256, *images.shape[1:3]), np.float32)

    with pytest.raises(ShapeError, match="found 256 channels; expected at most 255 classes"):
        label_blocks(stitch_blocks(many, picture(4, 5), TILING), (4, 5))
