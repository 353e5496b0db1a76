"""Predictions in memory: assembled from tiles, sampled, interpolated, and let go."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.labels.boxes import tile_boxes
from pixelwise.studio import prediction_store
from pixelwise.studio.prediction_store import PredictionStore, TilePrediction, tiles_in

SIZE = (1100, 2100)


def prediction(box, number, value, classes=2):
    height, width = box[2] - box[0], box[3] - box[1]
    label_map = np.full((height, width), value, np.uint8)
    coarse = np.zeros((classes, -(-height // 4), -(-width // 4)), np.float16)
    coarse[value] = 1
    return TilePrediction(number, label_map, np.full((height, width), 10 * value, np.uint8), coarse)


def test_tiles_are_those_of_the_live_model(tmp_path):
    from pixelwise.labels.features import ArrayImage
    from pixelwise.labels.live import LiveModel

    model = LiveModel(2, tmp_path)
    for size in (SIZE, (1024, 1025), (5, 7)):
        model.add_image(str(size), ArrayImage(np.zeros((*size, 3), np.uint8)))
        assert list(model.tiles(str(size))) == tile_boxes(size)
        assert tiles_in(size, (0, 0, *size)) == list(range(len(tile_boxes(size))))


def test_tiles_of_a_box():
    assert tiles_in(SIZE, (0, 0, 1, 1)) == [0]
    assert tiles_in(SIZE, (1000, 1000, 1030, 1030)) == [0, 1, 3, 4]
    assert tiles_in(SIZE, (5, 5, 5, 9)) == []


def test_box_over_several_tiles_and_what_is_not_known():
    store, grid = PredictionStore([SIZE]), tile_boxes(SIZE)
    store.put(0, 0, prediction(grid[0], 4, 0))
    store.put(0, 1, prediction(grid[1], 3, 1))
    label_map, uncertainty = store.of(0).read((1020, 1020, 1028, 1030))
    expected = np.full((8, 10), 255)
    expected[:4, :4], expected[:4, 4:] = 0, 1
    assert_array_equal(label_map, expected)
    assert_array_equal(uncertainty, np.where(expected == 255, 255, 10 * expected))
    assert store.number_of(0, 1) == 3
    assert store.number_of(0, 5) == 0
    probabilities = store.of(0).probabilities((10, 1000, 12, 1048))
    assert_array_equal(probabilities[1][:, :24], 0)
    assert_array_equal(probabilities[1][:, 24:], 1)


def test_pyramid_tile_shows_the_oldest_number_in_it():
    store, grid = PredictionStore([SIZE]), tile_boxes(SIZE)
    store.put(0, 0, prediction(grid[0], 4, 0))
    store.put(0, 1, prediction(grid[1], 3, 1))
    label_map, _, number = store.of(0).read_tile(2, 0, 0)
    assert number == 3
    assert label_map.shape == (275, 512)
    assert label_map[0, 255] == 0
    assert label_map[0, 256] == 1
    assert label_map[260, 0] == 255
    assert store.of(0).read_tile(0, 2, 4) is None
    assert store.of(0).read_tile(9, 0, 0) is None


def test_probabilities_are_interpolated_between_their_pixels():
    store = PredictionStore([(8, 8)])
    coarse = np.array([[[0, 1], [0, 1]]], np.float16)
    zeros = np.zeros((8, 8), np.uint8)
    store.put(0, 0, TilePrediction(1, zeros, zeros, coarse))
    row = store.of(0).probabilities((3, 0, 4, 8))[0, 0]
    assert row == pytest.approx([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])


def test_older_tiles_are_packed_and_read_the_same(monkeypatch):
    monkeypatch.setattr(prediction_store, "LOOSE_BYTES", 3_000_000)
    store, grid = PredictionStore([SIZE]), tile_boxes(SIZE)
    tiles = {tile: prediction(grid[tile], 1 + tile, tile % 2) for tile in range(4)}
    for tile, content in tiles.items():
        store.put(0, tile, content)
    assert store._bytes < 3_000_000
    assert store.number_of(0, 0) == 1
    for tile, content in tiles.items():
        again = store.read(0, tile)
        assert_array_equal(again.label_map, content.label_map)
        assert_array_equal(again.uncertainty, content.uncertainty)
        assert_array_equal(again.probabilities, content.probabilities)
        assert again.number == content.number


def test_oldest_tiles_go_first():
    rng = np.random.default_rng(0)
    store = PredictionStore([SIZE], most_bytes=2_500_000)
    for tile in (0, 1):
        noise = rng.integers(0, 256, (2, 1024, 1024), np.uint8)
        store.put(0, tile, TilePrediction(1, noise[0], noise[1], np.zeros((1, 256, 256), np.float16)))
    assert store.number_of(0, 0) == 0
    assert store.number_of(0, 1) == 1
    assert store.doubt(0) == pytest.approx(0.5, abs=0.01)
    store.clear()
    assert store.doubt(0) is None
