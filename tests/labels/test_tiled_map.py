"""Tiled maps against plain arrays."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.labels import tiled_map
from pixelwise.labels.boxes import union
from pixelwise.labels.tiled_map import TiledMap, write_map

SIZE = (70, 100)


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(tiled_map, "SIDE", 16)


def test_random_writes_agree_with_an_array():
    rng = np.random.default_rng(0)
    tiled, plain = TiledMap(SIZE, np.dtype(np.uint8), 255), np.full(SIZE, 255, np.uint8)
    for _ in range(60):
        top, bottom = sorted(rng.integers(0, SIZE[0] + 1, 2).tolist())
        left, right = sorted(rng.integers(0, SIZE[1] + 1, 2).tolist())
        box, shape = (top, left, bottom, right), (bottom - top, right - left)
        mask, values = rng.random(shape) < 0.5, rng.integers(0, 256, shape, np.uint8)
        part = plain[top:bottom, left:right]
        kind = rng.integers(4)
        if kind == 0:
            tiled.paint(box, mask, 9)
            part[mask] = 9
        elif kind == 1:
            tiled.write(box, values, skip=255)
            part[values != 255] = values[values != 255]
        elif kind == 2:
            tiled.write(box, values)
            part[...] = values
        else:
            tiled.paint(box, np.ones(shape, bool), 255)
            part[...] = 255
        assert_array_equal(tiled.read((0, 0, *SIZE)), plain)
        assert_array_equal(tiled.read(box), part)
        values, numbers = np.unique(plain[plain != 255], return_counts=True)
        assert tiled.counts() == dict(zip(values.tolist(), numbers.tolist(), strict=True))


def test_empty_tiles_take_no_memory():
    tiled = TiledMap((20_000, 20_000), np.dtype(np.uint8), 255)
    tiled.paint((500, 500, 502, 502), np.ones((2, 2), bool), 1)
    assert tiled.nbytes == 256
    tiled.paint((500, 500, 502, 502), np.ones((2, 2), bool), 255)
    assert tiled.nbytes == 0


def test_snapshot_stays_as_it_was():
    tiled = TiledMap(SIZE, np.dtype(np.uint8), 255)
    tiled.paint((0, 0, 20, 20), np.ones((20, 20), bool), 1)
    snapshot = tiled.snapshot()
    tiled.paint((5, 5, 30, 30), np.ones((25, 25), bool), 2)
    tiled.replace(np.arange(256, dtype=np.uint8)[::-1].copy()[::-1])
    tiled.fill_empty(3)
    expected = np.full(SIZE, 255, np.uint8)
    expected[:20, :20] = 1
    assert_array_equal(snapshot.read((0, 0, *SIZE)), expected)
    assert snapshot.counts() == {1: 400}
    assert tiled.counts() == {1: 400 - 225, 2: 625, 3: 7000 - 400 - 625 + 225}


def test_fill_and_clear_tell_what_changed():
    tiled = TiledMap(SIZE, np.dtype(np.uint8), 255)
    assert tiled.clear() is None
    assert tiled.fill_empty(4) == (0, 0, *SIZE)
    assert tiled.fill_empty(5) is None
    assert tiled.clear() == (0, 0, *SIZE)


def test_boxes_are_united():
    assert union(None, None) is None
    assert union((1, 2, 3, 4), None) == (1, 2, 3, 4)
    assert union((1, 2, 3, 4), (0, 3, 2, 9)) == (0, 2, 3, 9)


def test_maps_are_written_as_pillow_reads_them(tmp_path):
    rng = np.random.default_rng(2)
    labels, ids = rng.integers(0, 4, SIZE, np.uint8), rng.integers(0, 65_536, SIZE).astype(np.int32)
    tiled = TiledMap(SIZE, np.dtype(np.uint8), 255)
    tiled.write((0, 0, *SIZE), labels)
    palette = rng.integers(0, 256, (256, 3), np.uint8)
    write_map(tmp_path / "labels.png", tiled, palette, {"pixelwise-action": "7"})
    with Image.open(tmp_path / "labels.png") as image:
        assert image.text["pixelwise-action"] == "7"
        assert_array_equal(np.asarray(image), labels)
        assert_array_equal(np.array(image.getpalette()).reshape(-1, 3), palette)
    objects = TiledMap(SIZE, np.dtype(np.int32), 0)
    objects.write((0, 0, *SIZE), ids)
    write_map(tmp_path / "ids.png", objects, None, {})
    with Image.open(tmp_path / "ids.png") as image:
        assert_array_equal(np.asarray(image), ids)
