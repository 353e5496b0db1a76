"""Tiles: their sizes, their pixels, and what 16-bit images look like."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from starlette.testclient import TestClient

from pixelwise.labels.boxes import tile_boxes
from pixelwise.labels.project import open_project
from pixelwise.labels.tiled_map import TiledMap
from pixelwise.studio.app import build_app
from pixelwise.studio.prediction_store import TilePrediction
from pixelwise.studio.pyramid import full_box, level_count, map_tile, tile_box
from pixelwise.studio.state import Studio


def pixels(answer):
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_pyramid_ends_in_one_tile():
    assert [level_count((1, side)) for side in (1, 512, 513, 1024, 1025, 20_000)] == [1, 1, 2, 2, 3, 7]


def test_tiles_at_the_edges_are_cropped():
    size = (1100, 700)
    assert tile_box(size, 0, 2, 1) == (1024, 512, 1100, 700)
    assert tile_box(size, 1, 1, 0) == (512, 0, 550, 350)
    assert full_box(size, 1, 1, 0) == (1024, 0, 1100, 700)
    assert tile_box(size, 2, 0, 0) == (0, 0, 275, 175)
    for place in ((0, 3, 0), (0, 0, 2), (3, 0, 0)):
        assert tile_box(size, *place) is None


def test_thin_line_is_there_at_every_level():
    size = (1100, 2100)
    line = TiledMap(size, np.dtype(np.uint8), 255)
    line.write((700, 0, 701, 2100), np.full((1, 2100), 3, np.uint8))
    for level in range(level_count(size)):
        tile = map_tile(line, level, 0 if level else 1, 0)
        row = (700 >> level) - (0 if level else 512)
        assert (tile[row] == 3).all()
        assert (np.delete(tile, row, axis=0) == 255).all()


def test_level_prefers_the_last_of_four_and_then_the_first():
    values = np.array([[1, 2, 5, 255, 7], [3, 4, 6, 255, 255], [8, 255, 255, 255, 9]], np.uint8)
    tiled = TiledMap((3, 5), np.dtype(np.uint8), 255)
    tiled.write((0, 0, 3, 5), values)
    assert_array_equal(tiled.read_level(1, (0, 0, 2, 3)), [[4, 5, 7], [8, 255, 9]])
    assert_array_equal(tiled.read_level(2, (0, 0, 1, 2)), [[4, 9]])
    tiled.paint((1, 1, 2, 2), np.ones((1, 1), bool), 255)
    assert_array_equal(tiled.read_level(1, (0, 0, 2, 3)), [[1, 5, 7], [8, 255, 9]])


def test_labels_and_objects_of_an_image(client, studio):
    client.post(
        "/api/actions",
        json={
            "client": "c",
            "image": 1,
            "type": "polygon",
            "points": [[2, 3], [2, 9], [5, 9], [5, 3]],
            "class_index": 1,
        },
    )
    answer = client.get("/api/images/1/labels/0/0/0.png?v=1")
    expected = np.full((90, 140), 255, np.uint8)
    expected[2:5, 3:9] = 1
    assert answer.headers["x-number"] == "1"
    assert_array_equal(pixels(answer), expected)
    objects = client.get("/api/images/1/objects/0/0/0.png?v=1")
    assert objects.status_code == 204


def test_proposed_objects_of_a_tile_are_new_and_whole(tmp_path):
    """Two squares side by side, one across the edge of two tiles; the first is an object already."""
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((64, 1040, 3), np.uint8)).save(tmp_path / "photos" / "wide.png")
    predicted = np.zeros((64, 1040), np.uint8)
    predicted[10:40, 100:130] = predicted[10:40, 490:530] = 1
    studio = Studio(open_project(tmp_path / "photos", classes=["background", "cell"]))
    address = "/api/images/0/proposals/{}/0/{}.png?v=1"
    try:
        client = TestClient(build_app(studio), base_url="http://127.0.0.1:8765")
        assert client.get(address.format(0, 0)).status_code == 204  # no prediction
        for number, (top, left, bottom, right) in enumerate(tile_boxes((64, 1040))):
            part = predicted[top:bottom, left:right]
            coarse = np.zeros((2, -(-part.shape[0] // 4), -(-part.shape[1] // 4)), np.float16)
            studio.live.store.put(0, number, TilePrediction(1, part, np.zeros_like(part), coarse))
        first, second, half = (pixels(client.get(address.format(*place))) for place in ((0, 0), (0, 1), (1, 0)))
        assert_array_equal(first[..., 1] > 0, predicted[:, :512] == 1)
        assert_array_equal(second[..., 1] > 0, predicted[:, 512:1024] == 1)
        assert_array_equal(half[..., 1] > 0, predicted[1::2, 1:1024:2] == 1)
        assert len(np.unique(first[..., 1])) == 3
        accept = {"client": "c", "image": 0, "type": "object_accept", "point": [20, 110]}
        assert client.post("/api/actions", json=accept).status_code == 200
        left = pixels(client.get(address.format(0, 0)))[..., 1] > 0
        assert_array_equal(left, (predicted[:, :512] == 1) & (np.arange(512) > 200))
    finally:
        studio.close()


def test_picture_and_thumbnail(client, photos):
    tile = pixels(client.get("/api/images/0/tiles/0/0/0.jpg"))
    picture = np.asarray(Image.open(photos / "p0.png"))
    assert tile.shape == picture.shape
    assert abs(tile.astype(float) - picture).mean() < 12  # noise, through JPEG
    thumbnail = pixels(client.get("/api/images/0/thumbnail.jpg"))
    assert thumbnail.shape == (90, 140, 3)


@pytest.mark.parametrize(
    "path",
    [
        "/api/images/3/tiles/0/0/0.jpg",
        "/api/images/0/tiles/1/0/0.jpg",
        "/api/images/0/tiles/0/9/0.jpg",
        "/api/images/0/labels/0/0/1.png",
        "/api/images/-1/thumbnail.jpg",
        "/static/..%2fapp.py",
        "/api/nothing",
    ],
)
def test_what_is_not_there_is_told(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_contrast_of_16_bits_is_chosen_by_percentiles(tmp_path):
    from pixelwise.labels.project_images import ImageRecord
    from pixelwise.studio.pictures import Pictures

    values = np.linspace(100, 1100, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    pictures = Pictures([ImageRecord("deep.png", tmp_path / "deep.png", (64, 64))], tmp_path / "cache")

    def shown(low, high):
        content = pictures.tile(0, (0, 0, 0), (low, high)).content
        return np.asarray(Image.open(io.BytesIO(content))).astype(int)[..., 0]

    assert pictures.is_deep(0)
    flat = values.astype(float)
    for low, high in ((0, 100), (1, 99), (25, 75)):
        first, last = np.percentile(flat, (low, high))
        expected = np.clip((flat - first) / (last - first), 0, 1) * 255
        assert abs(shown(low, high) - expected).max() < 6  # of JPEG
    assert shown(0, 100).min() < 6
    assert shown(0, 100).max() > 249


def test_reduced_tiles_are_means(tmp_path):
    from pixelwise.labels.project_images import ImageRecord
    from pixelwise.studio.pictures import Pictures

    picture = np.zeros((600, 1040, 3), np.uint8)
    picture[::2] = 200
    Image.fromarray(picture).save(tmp_path / "a.png")
    pictures = Pictures([ImageRecord("a.png", tmp_path / "a.png", (600, 1040))], tmp_path / "cache")
    tile = np.asarray(Image.open(io.BytesIO(pictures.tile(0, (1, 0, 0), (1, 99)).content)))
    assert tile.shape == (300, 512, 3)
    assert abs(tile.astype(int) - 100).max() <= 2


def test_large_photo_is_decoded_once(tmp_path, monkeypatch):
    from pixelwise.labels.project_images import ImageRecord
    from pixelwise.studio import pictures as module

    monkeypatch.setattr(module, "MAPPED_PIXELS", 100)
    picture = np.random.default_rng(4).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    record = ImageRecord("a.png", tmp_path / "a.png", (60, 80))
    opened: list[Path] = []
    open_reader = module.open_reader
    monkeypatch.setattr(module, "open_reader", lambda path, **_: opened.append(path) or open_reader(path))
    for _ in range(2):
        pictures = module.Pictures([record], tmp_path / "cache")
        assert_array_equal(pictures.read(0, (10, 20, 30, 50)), picture[10:30, 20:50])
    assert opened == [record.path]


def test_changed_file_has_another_key(tmp_path):
    from pixelwise.labels.project_images import ImageRecord
    from pixelwise.studio.pictures import Pictures

    record = ImageRecord("a.png", tmp_path / "a.png", (8, 8))
    keys = set()
    for value in (0, 200):
        Image.fromarray(np.full((8, 8, 3), value, np.uint8)).resize((8 + value // 100, 8)).save(record.path)
        keys.add(Pictures([record], tmp_path / "cache").key(0))
    assert len(keys) == 2


def test_pictures_are_shown_where_nothing_can_be_kept(client, studio, monkeypatch):
    (studio.project.folder.studio / "tiles").write_text("a file where the folder should be")
    assert client.get("/api/images/0/thumbnail.jpg").status_code == 200


def test_image_that_became_another_or_is_gone_is_told_and_the_others_are_there(client, studio, photos):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(studio.project.images[0].path)
    studio.project.images[1].path.unlink()
    assert [image["id"] for image in client.get("/api/project").json()["images"]] == [0, 1, 2]
    answer = client.get("/api/images/0/tiles/0/0/0.jpg")
    assert (answer.status_code, "9x9" in answer.json()["error"]["found"]) == (400, True)
    assert client.get("/api/images/1/tiles/0/0/0.jpg").status_code == 400
    assert client.get("/api/images/2/tiles/0/0/0.jpg").status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_names_of_any_bytes_are_answered(tmp_path):
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(folder / "caf\udce9 <script>.png")
    opened = Studio(open_project(folder))
    client = TestClient(build_app(opened), base_url="http://127.0.0.1:8765")
    content = client.get("/api/project").json()
    assert (content["name"], content["images"][0]["name"]) == ("caf\\xe9-labels", "caf\udce9 <script>.png")
    action = {"type": "clean", "image": 5, "image_name": "caf\udce9 <script>.png", "class_index": 1}
    body = json.dumps(action)
    assert client.post("/api/actions", content=body, headers={"Content-Type": "application/json"}).status_code == 200
    opened.close()
