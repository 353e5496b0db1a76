"""The random crop: values by hand, image and label map aligned, draws that follow from their key."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import maximum_filter, minimum_filter

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.nn.augment import crop
from pixelwise.nn.augment.crop import Crop

UInt8 = npt.NDArray[np.uint8]
FILL = (124, 116, 104)
OUTSIDE = 256
"""Higher than any label: it tells the outermost pixels, whose neighbours are cut off, from the interior."""
PALETTE = np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), FILL], np.uint8)


def pixels(*shape: int, seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def whole(image: UInt8, size: tuple[int, int], *, flipped: bool = False) -> Crop:
    """The whole image, resized to `size`."""
    height, width = image.shape[:2]
    return Crop((0, 0, width, height), size, (0, 0), size, flipped, 0)


def test_at_scale_one_the_pixels_are_the_images_own() -> None:
    image, label_map = pixels(40, 50, 3), pixels(40, 50, seed=1)
    window = Crop((7, 5, 39, 29), (24, 32), (0, 0), (24, 32), flipped=False, turns=0)
    assert_array_equal(crop.on_image(image, window, FILL), image[5:29, 7:39])
    assert_array_equal(crop.on_label_map(label_map, window), label_map[5:29, 7:39])


def test_a_draw_at_scale_one_of_the_images_own_size_is_the_image() -> None:
    image = pixels(40, 50, 3)
    window = crop.draw(np.random.default_rng(3), (40, 50), (40, 50), (1.0, 1.0))
    expected = image[:, ::-1] if window.flipped else image
    assert_array_equal(crop.on_image(image, window, FILL), expected)


def test_a_flip_mirrors_both() -> None:
    image, label_map = pixels(4, 6, 3), pixels(4, 6, seed=1)
    window = whole(image, (4, 6), flipped=True)
    assert_array_equal(crop.on_image(image, window, FILL), image[:, ::-1])
    assert_array_equal(crop.on_label_map(label_map, window), label_map[:, ::-1])


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_turn_all_alike(turns: int) -> None:
    image, label_map, instance_map = pixels(4, 6, 3), pixels(4, 6, seed=1), pixels(4, 6, seed=2).astype(np.int32)
    window = Crop((0, 0, 6, 4), (4, 6), (0, 0), (4, 6), flipped=True, turns=turns)
    assert_array_equal(crop.on_image(image, window, FILL), np.rot90(image[:, ::-1], turns))
    assert_array_equal(crop.on_label_map(label_map, window), np.rot90(label_map[:, ::-1], turns))
    assert_array_equal(crop.on_instance_map(instance_map, window), np.rot90(instance_map[:, ::-1], turns))


def test_rotated_draws_have_the_size_asked_for_and_each_of_the_eight_ways_round() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    drawn = [crop.draw(np.random.default_rng(key), (40, 50), (24, 32), (0.5, 1.5), rotate=True) for key in range(80)]
    assert {(one.flipped, one.turns) for one in drawn} == {(flipped, turns) for flipped in (0, 1) for turns in range(4)}
    assert {crop.on_image(image, one, FILL).shape for one in drawn} == {(24, 32, 3)}
    assert {crop.draw(np.random.default_rng(key), (40, 50), (24, 32), (0.5, 1.5)).turns for key in range(80)} == {0}


def test_twice_the_size_repeats_labels_and_interpolates_colours() -> None:
    image, label_map = pixels(6, 8, 3), pixels(6, 8, seed=1)
    window = whole(image, (12, 16))
    assert_array_equal(crop.on_label_map(label_map, window), label_map.repeat(2, 0).repeat(2, 1))

    expected = np.empty((12, 16, 3))
    for row, column in np.ndindex(12, 16):  # pixel centres: (p + 0.5) / 2 - 0.5, held inside the image
        y, x = np.clip((row + 0.5) / 2 - 0.5, 0, 5), np.clip((column + 0.5) / 2 - 0.5, 0, 7)
        top, left = min(int(y), 4), min(int(x), 6)
        down, right = y - top, x - left
        upper = (1 - right) * image[top, left] + right * image[top, left + 1].astype(float)
        lower = (1 - right) * image[top + 1, left] + right * image[top + 1, left + 1].astype(float)
        expected[row, column] = (1 - down) * upper + down * lower
    assert_allclose(crop.on_image(image, window, FILL), expected, atol=1.01)  # Pillow rounds after each axis


def test_half_the_size_takes_the_label_nearest_to_the_centre_of_each_four() -> None:
    label_map = pixels(8, 12)
    assert_array_equal(crop.on_label_map(label_map, whole(label_map, (4, 6))), label_map[1::2, 1::2])


def test_what_the_image_does_not_cover_is_fill_and_ignored() -> None:
    image, label_map = pixels(4, 6, 3), np.zeros((4, 6), np.uint8)
    window = Crop((0, 0, 6, 4), (4, 6), (3, 1), (9, 8), flipped=False, turns=0)
    canvas, labels = np.full((9, 8, 3), FILL, np.uint8), np.full((9, 8), IGNORE_INDEX, np.uint8)
    canvas[3:7, 1:7], labels[3:7, 1:7] = image, 0
    assert_array_equal(crop.on_image(image, window, FILL), canvas)
    assert_array_equal(crop.on_label_map(label_map, window), labels)


@pytest.mark.parametrize("image_size", [(90, 130), (40, 50)])
def test_image_and_label_map_stay_aligned(image_size: tuple[int, int]) -> None:
    """Each class has its colour: away from the borders of classes and crop the colour of a pixel tells its label."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 5, (-(-image_size[0] // 18), -(-image_size[1] // 18)))
    label_map = np.kron(blocks, np.ones((18, 18), int))[: image_size[0], : image_size[1]].astype(np.uint8)
    image = PALETTE[label_map]
    compared = 0
    for key in range(60):
        window = crop.draw(np.random.default_rng(key), image_size, (64, 80), (0.5, 1.5))
        labels = crop.on_label_map(label_map, window).astype(int)
        colours = crop.on_image(image, window, FILL).astype(float)
        nearest = np.linalg.norm(colours[:, :, None] - PALETTE, axis=-1).argmin(-1)
        decoded = np.where(nearest == 5, IGNORE_INDEX, nearest)
        interior = minimum_filter(labels, 3) == maximum_filter(labels, 3, mode="constant", cval=OUTSIDE)
        assert_array_equal(decoded[interior], labels[interior])
        compared += interior.sum()
    assert compared > 60 * 64 * 80 / 2


@pytest.mark.parametrize("image_size", [(100, 150), (30, 400), (1, 1), (33, 47)])
def test_a_draw_lies_inside_the_image_and_inside_the_crop(image_size: tuple[int, int]) -> None:
    for key in range(200):
        window = crop.draw(np.random.default_rng(key), image_size, (64, 96), (0.5, 1.5))
        left, top, right, bottom = window.box_xyxy
        assert 0 <= left < right <= image_size[1]
        assert 0 <= top < bottom <= image_size[0]
        for start, extent, side in zip(window.corner, window.part, window.size, strict=True):
            assert extent >= 1
            assert 0 <= start <= start + extent <= side


def test_the_scale_lies_in_its_range_and_its_inverse_is_uniform() -> None:
    draws = [crop.draw(np.random.default_rng(key), (1000, 1000), (64, 64), (0.5, 2.0)) for key in range(400)]
    factors = np.array([64 / (window.box_xyxy[2] - window.box_xyxy[0]) for window in draws])
    assert factors.min() >= 0.5
    assert factors.max() <= 2.0
    # the inverse is uniform in 0.5..2: mean 1.25, and 400 draws put theirs within 4 standard errors, 0.087
    assert np.mean(1 / factors) == pytest.approx(1.25, abs=0.087)
    assert 140 < sum(window.flipped for window in draws) < 260  # 200 +- 6 standard deviations


def test_an_image_that_is_too_small_is_taken_whole() -> None:
    window = crop.draw(np.random.default_rng(0), (20, 30), (64, 96), (1.0, 1.0))
    assert window.box_xyxy == (0, 0, 30, 20)
    assert window.part == (20, 30)


def test_a_draw_follows_from_its_key() -> None:
    first, again, other = (crop.draw(np.random.default_rng(key), (90, 130), (64, 80), (0.5, 1.5)) for key in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_arguments_stay_untouched() -> None:
    image, label_map = pixels(40, 50, 3), pixels(40, 50, seed=1)
    copies = image.copy(), label_map.copy()
    window = crop.draw(np.random.default_rng(0), (40, 50), (64, 80), (0.5, 1.5))
    results = crop.on_image(image, window, FILL), crop.on_label_map(label_map, window)
    for result in results:
        result[:] = 0
    assert_array_equal(image, copies[0])
    assert_array_equal(label_map, copies[1])


def test_an_aimed_crop_holds_the_pixel_wherever_it_lies() -> None:
    """In the corners too; the window keeps its size and stays within the image."""
    for key, pixel in enumerate([(0, 0), (89, 129), (0, 129), (44, 60), (89, 3)] * 8):
        rng = np.random.default_rng(key)
        drawn = crop.draw(rng, (90, 130), (32, 40), (0.5, 2.0), rotate=True)
        left, top, right, bottom = crop.aim(rng, drawn, (90, 130), pixel).box_xyxy
        assert 0 <= left <= pixel[1] + 0.5 <= right <= 130
        assert 0 <= top <= pixel[0] + 0.5 <= bottom <= 90
        before = drawn.box_xyxy
        assert_allclose((right - left, bottom - top), (before[2] - before[0], before[3] - before[1]))


def test_an_aimed_crop_puts_the_pixel_anywhere_in_it() -> None:
    """Its rows in the crop are spread over all of them."""
    rows = []
    for key in range(300):
        rng = np.random.default_rng(key)
        aimed = crop.aim(rng, crop.draw(rng, (200, 200), (50, 50), (1.0, 1.0)), (200, 200), (100, 100))
        rows.append(100.5 - aimed.box_xyxy[1])
    assert_allclose(np.quantile(rows, [0.1, 0.5, 0.9]), [5, 25, 45], atol=4)


def test_labelled_pixels_of_a_window_that_is_made_smaller_have_a_place_each() -> None:
    """A window of 8x12 at half its size, put two pixels to the right of the canvas's corner."""
    label_map = np.full((10, 20), IGNORE_INDEX, np.uint8)
    labelled = [(1, 5), (2, 6), (4, 4), (8, 15), (9, 10), (3, 16)]  # the last two lie outside
    for value, pixel in enumerate(labelled):
        label_map[pixel] = value
    window = Crop((4, 1, 16, 9), (4, 6), (0, 2), (4, 8), flipped=False, turns=0)
    sources, places = crop.label_positions(label_map, window)
    pairs = dict(zip(map(tuple, sources.T.tolist()), map(tuple, places.T.tolist()), strict=True))
    assert pairs == {(1, 5): (0, 2), (2, 6): (0, 3), (4, 4): (1, 2), (8, 15): (3, 7)}


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flipped", [False, True])
def test_places_of_labelled_pixels_are_those_of_the_cropped_label_map(turns: int, flipped: bool) -> None:
    """At scale one nearest neighbour loses nothing, so both agree on every pixel."""
    label_map = np.where(np.random.default_rng(0).random((30, 40)) < 0.1, pixels(30, 40) % 9, IGNORE_INDEX)
    window = Crop((7, 5, 31, 21), (16, 24), (3, 2), (20, 30), flipped, turns)
    cropped = crop.on_label_map(label_map.astype(np.uint8), window)
    sources, places = crop.label_positions(label_map.astype(np.uint8), window)
    assert_array_equal(cropped[tuple(places)], label_map[tuple(sources)])
    assert len(places.T) == (cropped != IGNORE_INDEX).sum() > 0
