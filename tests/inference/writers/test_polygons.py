"""GeoPackages of predictions have what the GeoJSON files of the same predictions have."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.inference.batch import predict_files
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.scans import predict_scans
from pixelwise.inference.writers.polygons import polygons_of
from pixelwise.instances.objects import Objects
from pixelwise.instances.polygons import signed_area
from pixelwise.raster import scan as raster_scan

if TYPE_CHECKING:
    from tests.inference.conftest import UInt8

TRANSFORM = from_origin(500_000, 5_500_000, 2, 2)


def save(path: Path, image: UInt8, crs: str | None) -> Path:
    height, width, _ = image.shape
    form = {"driver": "GTiff", "count": 3, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(path, "w", **form, crs=crs, transform=TRANSFORM) as file:
        file.write(image.transpose(2, 0, 1))
    return path


def in_json(path: Path) -> list[dict[str, Any]]:
    """Each feature's attributes and how many corners and which extent it has."""
    features = []
    for feature in json.loads(path.read_text())["features"]:
        kind, polygons = feature["geometry"]["type"], feature["geometry"]["coordinates"]
        rings = [ring for polygon in ([polygons] if kind == "Polygon" else polygons) for ring in polygon]
        corners = np.concatenate([np.array(ring) for ring in rings])
        ends = [*corners.min(axis=0), *corners.max(axis=0)]
        features.append({**feature["properties"], "corners": len(corners), "ends": ends})
    return features


def in_geopackage(path: Path, layer: str) -> list[dict[str, Any]]:
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    features = []
    for row in database.execute(f"SELECT * FROM {layer} ORDER BY fid"):
        values = {key: row[key] for key in ("class", "id", "score", "area") if row[key] is not None}
        left, right, top, bottom = struct.unpack_from("<4d", row["geom"], 8)
        # 40 bytes of header, 9 of the whole and of each polygon, 4 of each ring, 16 of each corner.
        corners, at = 0, 49
        for _ in range(struct.unpack_from("<I", row["geom"], 45)[0]):
            rings, at = struct.unpack_from("<I", row["geom"], at + 5)[0], at + 9
            for _ in range(rings):
                count = struct.unpack_from("<I", row["geom"], at)[0]
                corners, at = corners + count, at + 4 + 16 * count
        features.append({**values, "corners": corners, "ends": [left, top, right, bottom]})
    database.close()
    return features


@pytest.mark.parametrize("scan", [False, True])
def test_regions_of_a_semantic_model(
    model_file: Path, image: UInt8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan: bool
) -> None:
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 100 if scan else 10**9)
    path = save(tmp_path / "a.tif", image[:40, :50], "EPSG:25832")
    (job,) = plan_jobs([str(path)], tmp_path / "out", ("geojson", "gpkg"))
    assert job.scan == scan
    predictor = load(model_file)
    assert (predict_scans if scan else predict_files)(predictor, [job]) == {}
    expected = in_json(job.outputs["geojson"])
    assert sum(feature["area"] for feature in expected) == 40 * 50
    assert in_geopackage(job.outputs["gpkg"], "regions") == expected
    assert list((tmp_path / "out").glob(".*")) == []


@pytest.mark.parametrize("scan", [False, True])
def test_objects_of_an_instance_model(
    blob_file: Path, blob_image: UInt8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan: bool
) -> None:
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 100 if scan else 10**9)
    path = save(tmp_path / "a.tif", blob_image, "EPSG:25832")
    (job,) = plan_jobs([str(path)], tmp_path / "out", ("geojson", "gpkg"))
    predictor = load(blob_file)
    assert (predict_scans if scan else predict_files)(predictor, [job]) == {}
    expected = in_json(job.outputs["geojson"])
    assert [feature["area"] for feature in expected] == [9, 18, 18]
    assert [feature["id"] for feature in expected] == [1, 2, 3]
    assert expected[0]["ends"] == [500_004, 5_499_992, 500_010, 5_499_998]  # columns 2 to 5, rows 1 to 4, of 2 m
    assert in_geopackage(job.outputs["gpkg"], "objects") == expected


def test_images_without_a_place_and_pages(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    first, second = Image.fromarray(image[:20, :30]), Image.fromarray(image[20:40, :30])
    first.save(tmp_path / "s.tif", save_all=True, append_images=[second])
    first.save(tmp_path / "a.png")
    jobs = plan_jobs([str(tmp_path / "s.tif"), str(tmp_path / "a.png")], tmp_path / "out", ("geojson", "gpkg"))
    assert predict_files(load(model_file), jobs) == {}
    names = []
    for job in jobs:
        assert in_geopackage(job.outputs["gpkg"], "regions") == in_json(job.outputs["geojson"])
        database = sqlite3.connect(job.outputs["gpkg"])
        names += database.execute("SELECT DISTINCT image FROM regions").fetchall()
        assert database.execute("SELECT srs_id FROM gpkg_contents").fetchall() == [(-1,)]
        database.close()
    assert names == [("s.tif/0",), ("s.tif/1",), ("a.png",)]


def test_a_ring_that_meets_itself_becomes_an_outline_and_a_hole() -> None:
    """The first object's ends touch at a corner, the second has two holes that do."""
    instance_map = np.zeros((6, 10), np.int32)
    instance_map[0:3, 0:3], instance_map[1:5, 4:8] = 1, 2
    instance_map[1, 1] = instance_map[2, 2] = instance_map[2, 5] = instance_map[3, 6] = 0
    objects = Objects(instance_map, np.ones(2, np.int32), np.ones(2, np.float32))
    (one,), (two,) = polygons_of(objects)
    assert [len(ring) - 1 for ring in one] == [6, 4]
    assert sorted(map(tuple, one[1][1:])) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert (3, 3) not in {tuple(corner) for corner in one[0]}
    assert [len(ring) - 1 for ring in two] == [4, 4, 4]
    assert [signed_area(ring[1:]) for ring in (*one, *two)] == [8, -1, 16, -1, -1]
