"""Elastic deformation: the field against an independent spline, sampling against loops over pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import CubicSpline
from scipy.ndimage import maximum_filter, minimum_filter

from pixelwise.nn.augment import elastic
from pixelwise.nn.augment.elastic import Elastic

UInt8 = npt.NDArray[np.uint8]
NOTHING = (0.0,) * 9
SIZES = [(33, 47), (64, 20), (3, 3), (1, 5), (1, 1)]
PALETTE = np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)], np.uint8)


def pixels(*shape: int, seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def drawn(key: int, sigma: float = 10.0) -> Elastic:
    return elastic.draw(np.random.default_rng(key), (20, 30), sigma)


def constant(down: float, right: float) -> Elastic:
    return Elastic((down,) * 9, (right,) * 9)


def mirrored(position: int, side: int) -> int:
    """Walk to `position`, turning round at the first and the last pixel of a side."""
    if side == 1:
        return 0
    period = 2 * side - 2
    return min(position % period, -position % period)


def test_the_field_passes_through_its_nodes() -> None:
    deformation = drawn(0)
    field = elastic.displacements(deformation, (41, 61))
    assert field.shape == (2, 41, 61)
    assert_allclose(field[0, ::20, ::30].ravel(), deformation.down, atol=1e-10)
    assert_allclose(field[1, ::20, ::30].ravel(), deformation.right, atol=1e-10)


@pytest.mark.parametrize("size", [(41, 61), (40, 33), (3, 100)])
def test_the_field_is_the_cubic_spline_that_is_level_at_the_border(size: tuple[int, int]) -> None:
    deformation = drawn(1)
    height, width = size
    for field, nodes in zip(
        elastic.displacements(deformation, size), (deformation.down, deformation.right), strict=True
    ):
        down = CubicSpline(range(3), np.reshape(nodes, (3, 3)), axis=0, bc_type="clamped")(np.linspace(0, 2, height))
        expected = CubicSpline(range(3), down, axis=1, bc_type="clamped")(np.linspace(0, 2, width))
        assert_allclose(field, expected, atol=1e-10)


@pytest.mark.parametrize("size", SIZES)
def test_no_displacement_changes_nothing(size: tuple[int, int]) -> None:
    still = Elastic(NOTHING, NOTHING)
    image, label_map = pixels(*size, 3), pixels(*size)
    instance_map = pixels(*size).astype(np.int32) * 70_000
    assert_array_equal(elastic.on_image(image, still), image)
    assert_array_equal(elastic.on_label_map(label_map, still), label_map)
    deformed = elastic.on_instance_map(instance_map, still)
    assert_array_equal(deformed, instance_map)
    assert deformed.dtype == np.int32


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [(2, -3), (-70, 55), (0, 1)])
def test_one_displacement_for_all_is_a_shift_of_the_mirrored_image(
    size: tuple[int, int], shift: tuple[int, int]
) -> None:
    image, label_map = pixels(*size, 3), pixels(*size)
    instance_map = label_map.astype(np.int32) * 70_000
    rows = [mirrored(row + shift[0], size[0]) for row in range(size[0])]
    columns = [mirrored(column + shift[1], size[1]) for column in range(size[1])]
    taken = np.ix_(rows, columns)
    assert_array_equal(elastic.on_image(image, constant(*shift)), image[taken])
    assert_array_equal(elastic.on_label_map(label_map, constant(*shift)), label_map[taken])
    assert_array_equal(elastic.on_instance_map(instance_map, constant(*shift)), instance_map[taken])


def test_between_pixels_colours_are_interpolated_and_labels_are_the_nearest() -> None:
    image, label_map, deformation = pixels(24, 31, 3), pixels(24, 31, seed=1), drawn(2)
    field = elastic.displacements(deformation, (24, 31))
    colours, labels = np.empty((24, 31, 3)), np.empty((24, 31), np.uint8)
    for row, column in np.ndindex(24, 31):
        y, x = row + field[0, row, column], column + field[1, row, column]
        top, left = int(np.floor(y)), int(np.floor(x))
        down, right = y - top, x - left
        rows, columns = [[mirrored(start + i, side) for i in (0, 1)] for start, side in ((top, 24), (left, 31))]
        corners = image[np.ix_(rows, columns)].astype(float)
        colours[row, column] = np.einsum("i,j,ijc", [1 - down, down], [1 - right, right], corners)
        labels[row, column] = label_map[rows[int(down >= 0.5)], columns[int(right >= 0.5)]]
    assert_allclose(elastic.on_image(image, deformation), colours, atol=0.5 + 1e-6)  # rounded to whole levels
    assert_array_equal(elastic.on_label_map(label_map, deformation), labels)


def test_image_and_labels_stay_aligned() -> None:
    """Each class has its colour: away from the borders of classes the colour of a pixel tells its label."""
    blocks = np.random.default_rng(0).integers(0, 5, (6, 8))
    label_map = np.kron(blocks, np.ones((30, 30), int)).astype(np.uint8)
    for key in range(5):
        colours = elastic.on_image(PALETTE[label_map], drawn(key)).astype(float)
        labels = elastic.on_label_map(label_map, drawn(key)).astype(int)
        nearest = np.linalg.norm(colours[:, :, None] - PALETTE, axis=-1).argmin(-1)
        interior = minimum_filter(labels, 3) == maximum_filter(labels, 3)
        assert_array_equal(nearest[interior], labels[interior])
        assert interior.mean() > 0.5
        assert_array_equal(elastic.on_instance_map(label_map.astype(np.int32), drawn(key)), labels)


def test_an_image_of_one_channel_is_that_channel() -> None:
    image = pixels(20, 30, 3)
    assert_array_equal(elastic.on_image(image[..., 1:2], drawn(0))[..., 0], elastic.on_image(image, drawn(0))[..., 1])


def test_displacements_are_gaussian_of_ten_pixels() -> None:
    draws = np.array([(deformation.down, deformation.right) for deformation in map(drawn, range(500))])
    # 9000 numbers: mean within 4 standard errors of 10 / sqrt(9000), deviation within 4 of 10 / sqrt(18000)
    assert abs(draws.mean()) < 0.42
    assert abs(draws.std() - 10) < 0.3
    assert abs(np.corrcoef(draws[:, 0].ravel(), draws[:, 1].ravel())[0, 1]) < 0.06  # 4 / sqrt(4500)
    assert_allclose(drawn(3, 1.0).down, np.array(drawn(3).down) / 10)


def test_a_draw_follows_from_its_key() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_the_arguments_stay_untouched() -> None:
    image, label_map = pixels(20, 30, 3), pixels(20, 30)
    elastic.on_image(image, drawn(0))[:] = 0
    elastic.on_label_map(label_map, drawn(0))[:] = 0
    assert_array_equal(image, pixels(20, 30, 3))
    assert_array_equal(label_map, pixels(20, 30))
