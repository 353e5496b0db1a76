"""Objects of scans: grouped in windows, they are those of the whole image, whatever the windows cut."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.features import rasterize
from rasterio.transform import from_origin

from pixelwise.inference import scan_objects
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.scans import predict_scans
from pixelwise.raster import scan as raster_scan

if TYPE_CHECKING:
    from tests.inference.conftest import BlobModel, UInt8

TRANSFORM = from_origin(500_000, 5_500_000, 2, 2)
KINDS = ("mask", "instances", "instances32", "objects", "geojson", "overlay")


def squares(height: int, width: int, count: int, side: int) -> UInt8:
    """Pairs of squares that touch, of up to `side` pixels, an odd number, each with its centre in green."""
    rng = np.random.default_rng(3)
    image = np.zeros((height, width, 3), np.uint8)
    for _ in range(count):
        edge = int(rng.integers(side // 2 - 1, side // 2 + 1)) * 2 + 1
        top, left = rng.integers(side, height - 2 * side), rng.integers(side, width - 3 * side)
        if image[top - side : top + edge + side, left - side : left + 2 * edge + side, 0].any():
            continue
        image[top : top + edge, left : left + 2 * edge, 0] = 255
        image[top + edge // 2, [left + edge // 2, left + edge + edge // 2], 1] = 255
    return image


def written(path: Path, image: UInt8) -> Path:
    height, width, _ = image.shape
    place = {"crs": "EPSG:25832", "transform": TRANSFORM}
    with rasterio.open(path, "w", driver="GTiff", count=3, height=height, width=width, dtype="uint8", **place) as file:
        file.write(image.transpose(2, 0, 1))
    return path


@pytest.mark.parametrize(("core", "margin", "side"), [(32, 24, 7), (50, 16, 5), (64, 4, 15)])
def test_objects_in_windows_are_those_of_the_whole_image(
    blob_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, core: int, margin: int, side: int
) -> None:
    for name, value in (("CORE", core), ("MARGIN", margin), ("MAX_MARGIN", 64)):
        monkeypatch.setattr(scan_objects, name, value)
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 1000)
    image = squares(270, 310, 400, side)
    whole = load(blob_file).predict(image).instances
    assert whole is not None
    jobs = plan_jobs([str(written(tmp_path / "a.tif", image))], tmp_path / "out", KINDS)
    assert predict_scans(load(blob_file), jobs) == {}
    with rasterio.open(tmp_path / "out" / "a_instances.tif") as file:
        ids = file.read(1)
        assert (file.transform, file.dtypes) == (TRANSFORM, ("uint16",))
    assert len(np.unique(ids)) - 1 == len(whole) > 20
    pairs = np.unique(np.stack([ids, whole.instance_map]).reshape(2, -1), axis=1)
    assert len(pairs[0]) == len(whole) + 1  # each has one partner, and nothing the nothing
    with rasterio.open(tmp_path / "out" / "a_instances32.tif") as file:
        assert_array_equal(file.read(1), ids)
    features = json.loads((tmp_path / "out" / "a.geojson").read_text())["features"]
    painted = [(feature["geometry"], feature["properties"]["id"]) for feature in features]
    assert_array_equal(rasterize(painted, ids.shape, transform=TRANSFORM), ids)
    assert [feature["properties"]["area"] for feature in features] == np.bincount(ids.ravel())[1:].tolist()
    rows = list(csv.DictReader((tmp_path / "out" / "a_objects.csv").read_text().splitlines()))
    assert [int(row["id"]) for row in rows] == list(range(1, len(whole) + 1))
    for row in rows:
        places = np.nonzero(ids == int(row["id"]))
        assert [float(row["row"]), float(row["column"])] == pytest.approx([axis.mean() for axis in places], abs=0.006)
        assert [int(row[key]) for key in ("left", "top")] == [places[1].min(), places[0].min()]
    assert not list((tmp_path / "out").glob(".*"))


def test_there_are_no_objects_where_there_is_no_data(
    blob_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 100)
    image = squares(60, 60, 20, 5)
    scan = written(tmp_path / "a.tif", image)
    with rasterio.open(scan, "r+") as file:
        file.write_mask(np.repeat(np.arange(60)[:, None] < 30, 60, axis=1))
    predict_scans(load(blob_file), plan_jobs([str(scan)], tmp_path / "out", ("instances",)))
    with rasterio.open(tmp_path / "out" / "a_instances.tif") as file:
        ids = file.read(1)
    assert ids[:25].any()
    assert not ids[30:].any()


def test_an_object_larger_than_a_window_sees_is_told(
    blob_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("CORE", 16), ("MARGIN", 4), ("MAX_MARGIN", 8)):
        monkeypatch.setattr(scan_objects, name, value)
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 100)
    image = np.zeros((70, 70, 3), np.uint8)
    image[5:65, 5:65, 0] = 255
    image[35, 35, 1] = 255
    told: list[str] = []
    jobs = plan_jobs([str(written(tmp_path / "a.tif", image))], tmp_path / "out", ("instances",))
    predict_scans(load(blob_file), jobs, on_remark=told.append)
    (text,) = told
    assert "larger than a window of the grouping were cut" in text


def test_a_panoptic_model_labels_a_scan_as_the_whole_image(
    blobs: BlobModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blob without a centre is background, in a scan as in an image."""
    for name, value in (("CORE", 50), ("MARGIN", 16), ("MAX_MARGIN", 64)):
        monkeypatch.setattr(scan_objects, name, value)
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 1000)
    blobs.info = dataclasses.replace(blobs.info, task="panoptic")
    model = blobs.save(tmp_path / "panoptic.onnx")
    image = squares(270, 310, 400, 5)
    image[:20, :20] = 0
    image[4:6, 4:6, 0] = 255  # smaller than every blob with a centre, and apart from them
    whole = load(model).predict(image)
    assert whole.instances is not None
    assert_array_equal(whole.label_map == 1, whole.instances.instance_map > 0)
    assert (image[..., 0] > 100).sum() > (whole.label_map == 1).sum() > 0
    jobs = plan_jobs([str(written(tmp_path / "a.tif", image))], tmp_path / "out", ("mask", "instances", "overlay"))
    assert predict_scans(load(model), jobs) == {}
    with rasterio.open(tmp_path / "out" / "a.tif") as mask, rasterio.open(tmp_path / "out" / "a_instances.tif") as ids:
        assert_array_equal(mask.read(1), whole.label_map)
        assert_array_equal(ids.read(1) > 0, whole.label_map == 1)
