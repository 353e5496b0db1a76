"""Images with a place on earth that fit into memory: every kind of output, as GeoTIFFs at their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.features import rasterize
from rasterio.transform import from_origin

from pixelwise.inference.batch import predict_files
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

TRANSFORM = from_origin(500_000, 5_500_000, 2, 2)
PLACE = {"crs": "EPSG:25832", "transform": TRANSFORM}


def save(path: Path, image: UInt8, **place: Any) -> Path:
    height, width, count = image.shape
    size = {"count": count, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
        file.write(image.transpose(2, 0, 1))
    return path


def predicted(model: Path, image: Path, out: Path, *kinds: str) -> dict[str, Path]:
    (job,) = plan_jobs([str(image)], out, kinds)
    assert job.placed
    assert not job.scan
    assert predict_files(load(model), [job]) == {}
    return job.outputs


def test_all_kinds_of_a_semantic_model(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    result = load(model_file).predict(image)
    kinds = ("mask", "overlay", "probabilities", "entropy", "geojson")
    files = predicted(model_file, save(tmp_path / "a.tif", image, **PLACE), tmp_path / "out", *kinds)
    expected = {
        "mask": result.label_map[None],
        "overlay": result.overlay().transpose(2, 0, 1),
        "probabilities": np.rint(result.probabilities * 65535),
    }
    for kind in kinds[:-1]:
        with rasterio.open(files[kind]) as file:
            assert (file.transform, file.crs.to_epsg()) == (TRANSFORM, 25832)
            if kind in expected:
                assert_array_equal(file.read(), expected[kind])
    collection = json.loads(files["geojson"].read_text())
    assert collection["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::25832"
    names = result.info.classes.names
    painted = [(feature["geometry"], names.index(feature["properties"]["class"])) for feature in collection["features"]]
    assert_array_equal(rasterize(painted, result.label_map.shape, transform=TRANSFORM), result.label_map)


def test_all_kinds_of_an_instance_model(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    whole = load(blob_file).predict(blob_image).instances
    assert whole is not None
    kinds = ("mask", "instances", "instances32", "objects", "geojson", "overlay", "coco", "labelme")
    files = predicted(blob_file, save(tmp_path / "a.tif", blob_image, **PLACE), tmp_path / "out", *kinds)
    for kind in ("instances", "instances32"):
        with rasterio.open(files[kind]) as file:
            assert_array_equal(file.read(1), whole.instance_map)
            assert (file.transform, file.dtypes[0]) == (TRANSFORM, "uint16" if kind == "instances" else "int32")
    assert len(files["objects"].read_text().splitlines()) == 1 + len(whole)
    features = json.loads(files["geojson"].read_text())["features"]
    painted = [(feature["geometry"], feature["properties"]["id"]) for feature in features]
    assert_array_equal(rasterize(painted, whole.instance_map.shape, transform=TRANSFORM), whole.instance_map)
    assert all(path.is_file() for path in files.values())


def test_there_is_nothing_where_the_file_has_no_data(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", blob_image, **PLACE)
    with rasterio.open(path, "r+") as file:
        file.write_mask(np.broadcast_to(np.arange(150) >= 30, (5, 150)))
    files = predicted(blob_file, path, tmp_path / "out", "mask", "instances", "geojson")
    with rasterio.open(files["mask"]) as file:
        mask = file.read(1)
        assert file.nodata == 255
    assert (mask[:, :30] == 255).all()
    assert (mask[:, 30:] < 255).all()
    with rasterio.open(files["instances"]) as file:
        assert np.unique(file.read(1)[:, :30]).tolist() == [0]
        assert file.read(1).max() == 2  # of three the first is gone
    assert [feature["properties"]["id"] for feature in json.loads(files["geojson"].read_text())["features"]] == [1, 2]


def test_control_points_stay_and_place_the_polygons(
    model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    height, width, _ = image.shape
    corners = [(0, 0), (0, width), (height, 0), (height, width)]
    points = [GroundControlPoint(row, column, 8 + column / 1000, 48 - row / 1000) for row, column in corners]
    path = save(tmp_path / "a.tif", image, crs="EPSG:4326", gcps=points)
    files = predicted(model_file, path, tmp_path / "out", "mask", "geojson")
    with rasterio.open(files["mask"]) as file:
        stored, system = file.gcps
        assert_array_equal(file.read(1), colour.labels(image))
    assert [(point.row, point.col, point.x, point.y) for point in stored] == [(p.row, p.col, p.x, p.y) for p in points]
    assert system.to_epsg() == 4326
    features = json.loads(files["geojson"].read_text())["features"]
    assert len(features) > 1000
    rings = np.concatenate([np.array(ring) for feature in features for ring in feature["geometry"]["coordinates"]])
    assert_allclose([rings.min(axis=0), rings.max(axis=0)], [[8, 47.85], [8.201, 48]], atol=1e-9)


def test_a_png_with_a_world_file(model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path) -> None:
    Image.fromarray(image).save(tmp_path / "w.png")
    (tmp_path / "w.pgw").write_text("2\n0\n0\n-2\n500001\n5499999\n")
    files = predicted(model_file, tmp_path / "w.png", tmp_path / "out", "mask")
    with rasterio.open(files["mask"]) as file:
        assert file.transform == TRANSFORM
        assert_array_equal(file.read(1), colour.labels(image))


def test_every_page_of_a_stack_is_predicted(
    model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    pages = [image[: 40 + i, i:60] for i in range(3)]
    first, *others = map(Image.fromarray, pages)
    first.save(tmp_path / "s.tif", save_all=True, append_images=others)
    jobs = plan_jobs([str(tmp_path / "s.tif")], tmp_path / "out", ("mask",))
    assert predict_files(load(model_file), jobs) == {}
    for number, page in enumerate(pages):
        assert_array_equal(np.asarray(Image.open(tmp_path / "out" / f"s_{number}.png")), colour.labels(page))
