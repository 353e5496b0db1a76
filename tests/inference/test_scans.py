"""Scans through a model: in parts, at their place on earth, and the mask alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image
from rasterio.features import rasterize
from rasterio.transform import from_origin

from pixelwise.core.errors import ModelFileError
from pixelwise.inference.batch import predict_files
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.jobs import plan_jobs, unfinished_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.scans import predict_scan, predict_scans
from pixelwise.raster import scan as raster_scan

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

TRANSFORM = from_origin(10.0, 50.0, 0.1, 0.1)


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan need not be as large here."""
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 2**14)


@pytest.fixture
def folder(image: UInt8, tmp_path: Path) -> Path:
    """A scan, larger than the model's tiles, beside a photo."""
    folder = tmp_path / "scans"
    folder.mkdir()
    height, width, _ = image.shape
    form = {"driver": "GTiff", "count": 3, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(folder / "a.tif", "w", **form, crs="EPSG:4326", transform=TRANSFORM) as file:
        file.write(image.transpose(2, 0, 1))
    Image.fromarray(image[:50, :40]).save(folder / "b.png")
    return folder


def test_a_scan_becomes_a_geotiff_at_its_place(
    model_file: Path, colour: ColourModel, image: UInt8, folder: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    jobs = plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("mask",))
    assert predict_scans(load(model_file), jobs, lambda *pixels: told.append(pixels)) == {}
    height, width, _ = image.shape
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (height * width, height * width)
    assert len(told) == 4  # rows of tiles
    with rasterio.open(tmp_path / "out" / "a.tif") as file:
        assert_array_equal(file.read(1), colour.labels(image))
        assert file.transform == TRANSFORM


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_zarr_becomes_a_tiff(model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path) -> None:
    height, width, _ = image.shape
    form = {"driver": "Zarr", "count": 3, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(tmp_path / "slide.zarr", "w", **form) as file:
        file.write(image.transpose(2, 0, 1))
    jobs = plan_jobs([str(tmp_path / "slide.zarr")], tmp_path / "out", ("mask",))
    assert predict_scans(load(model_file), jobs) == {}
    with rasterio.open(tmp_path / "out" / "slide.tif") as mask:
        assert_array_equal(mask.read(1), colour.labels(image))


def test_photos_and_scans_are_told_apart(folder: Path, tmp_path: Path) -> None:
    jobs = plan_jobs([str(folder)], tmp_path / "out", ("mask",))
    assert [(job.image.name, job.scan) for job in jobs] == [("a.tif", True), ("b.png", False)]


def test_a_damaged_scan_is_reported_and_the_rest_done(model_file: Path, folder: Path, tmp_path: Path) -> None:
    scan = folder / "a.tif"
    shutil.copy(scan, folder / "c.tif")
    jobs = plan_jobs([str(folder / "*.tif")], tmp_path / "out", ("mask",))
    scan.write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
    failures = predict_scans(load(model_file), jobs)
    assert list(failures) == [scan]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["c.tif"]


def test_what_needs_the_whole_image_fails_for_the_scan_alone(model_file: Path, folder: Path, tmp_path: Path) -> None:
    jobs = plan_jobs([str(folder)], tmp_path / "out", ("mask", "entropy"))
    scans = [job for job in jobs if job.scan]
    (error,) = predict_scans(load(model_file), scans).values()
    assert "read in parts, of which entropy is asked; expected some of mask, geojson, gpkg, overlay, prob" in str(error)
    assert predict_files(load(model_file), [job for job in jobs if not job.scan]) == {}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.png", "b_entropy.png"]


def test_overlay_and_probabilities_of_a_scan_are_those_of_the_image(
    model_file: Path, image: UInt8, folder: Path, tmp_path: Path
) -> None:
    predictor = load(model_file)
    assert (
        predict_scans(predictor, plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("overlay", "probabilities")))
        == {}
    )
    result = predictor.predict(image)
    with rasterio.open(tmp_path / "out" / "a_overlay.tif") as file:
        assert_array_equal(file.read().transpose(1, 2, 0), result.overlay())
        assert (file.transform, file.crs.to_epsg()) == (TRANSFORM, 4326)
    with rasterio.open(tmp_path / "out" / "a_probabilities.tif") as file:
        assert_array_equal(file.read(), np.rint(result.probabilities * 65535))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.tif",
        "a_overlay.tif",
        "a_probabilities.tif",
    ]


def test_polygons_of_a_scan_are_its_mask_at_its_place(model_file: Path, folder: Path, tmp_path: Path) -> None:
    jobs = plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("geojson",))
    assert predict_scans(load(model_file), jobs) == {}
    collection = json.loads((tmp_path / "out" / "a.geojson").read_text())
    assert collection["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::4326"
    names = load(model_file).classes.names
    painted = [(feature["geometry"], names.index(feature["properties"]["class"])) for feature in collection["features"]]
    with rasterio.open(tmp_path / "out" / "a.tif") as file:
        assert_array_equal(rasterize(painted, file.shape, fill=255, transform=TRANSFORM), file.read(1))


def test_polygons_that_are_missing_are_made_of_the_mask_that_is_there(
    model_file: Path, colour: ColourModel, image: UInt8, folder: Path, tmp_path: Path
) -> None:
    predictor = load(model_file)
    predict_scans(predictor, plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("mask",)))
    jobs = plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("mask", "geojson"))
    assert unfinished_jobs(jobs) == jobs
    idle = Predictor(Stops(colour, 0), predictor.info, model_file)
    predict_scans(idle, jobs, resume=True)
    assert unfinished_jobs(jobs) == []
    (tmp_path / "out" / "a.geojson").unlink()
    (tmp_path / "out" / "a.tif").write_text("no TIFF")
    (error,) = predict_scans(idle, jobs, resume=True).values()
    assert "found a file that is no TIFF" in str(error)


class Stopped(Exception):
    pass


class Stops(Engine):
    """An engine that works for so many tiles and then is stopped, as by Ctrl-C."""

    def __init__(self, colour: ColourModel, tiles: int) -> None:
        self.colour, self.left, self.seen = colour, tiles, 0

    def __call__(self, images: UInt8) -> npt.NDArray[np.float32]:
        if self.seen == self.left:
            raise Stopped
        self.seen += 1
        return self.colour.logits(images[0])[None]


@pytest.mark.parametrize("tiles", [0, 7, 13, 23])
def test_stopped_and_resumed_it_ends_in_the_same_bytes_with_less_work(
    model_file: Path, colour: ColourModel, folder: Path, tmp_path: Path, tiles: int
) -> None:
    whole, out = tmp_path / "whole.tif", tmp_path / "out" / "a.tif"
    everything = Stops(colour, 10**6)
    predict_scan(Predictor(everything, colour.info, model_file), folder / "a.tif", whole)
    with pytest.raises(Stopped):
        predict_scan(Predictor(Stops(colour, tiles), colour.info, model_file), folder / "a.tif", out)
    assert not out.exists()
    rest = Stops(colour, 10**6)
    predict_scan(Predictor(rest, colour.info, model_file), folder / "a.tif", out, resume=True)
    assert out.read_bytes() == whole.read_bytes()
    assert everything.seen == 24  # four rows of six; the last one that is done runs again, for what it adds to the next
    assert rest.seen == 24 - 6 * max(0, tiles // 6 - 1)
    assert [path.name for path in out.parent.iterdir()] == ["a.tif"]


def test_rows_of_another_scan_are_predicted_anew(
    model_file: Path, colour: ColourModel, image: UInt8, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.tif"
    with pytest.raises(Stopped):
        predict_scan(Predictor(Stops(colour, 9), colour.info, model_file), folder / "a.tif", out)
    with rasterio.open(folder / "a.tif", "r+") as file:
        file.write(image[::-1].transpose(2, 0, 1))
    predict_scan(load(model_file), folder / "a.tif", out, resume=True)
    with rasterio.open(out) as file:
        assert_array_equal(file.read(1), colour.labels(image[::-1]))


def test_rows_of_other_thresholds_are_predicted_anew(
    model_file: Path, colour: ColourModel, image: UInt8, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.tif"
    with pytest.raises(Stopped):
        predict_scan(Predictor(Stops(colour, 9), colour.info, model_file), folder / "a.tif", out)
    thresholded = load(model_file).with_thresholds({"red": 0.001})
    predict_scan(thresholded, folder / "a.tif", out, resume=True)
    with rasterio.open(out) as file:
        assert_array_equal(file.read(1), thresholded.label_map(image))


def test_resumed_jobs_are_those_without_their_files(folder: Path, tmp_path: Path) -> None:
    jobs = plan_jobs([str(folder)], tmp_path / "out", ("mask",))
    assert unfinished_jobs(jobs) == jobs
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.tif").touch()
    assert [job.image.name for job in unfinished_jobs(jobs)] == ["b.png"]


def test_a_scan_too_wide_for_a_row_of_tiles_is_refused(
    model_file: Path, image: UInt8, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """201 columns, tiles of 64 rows."""
    jobs = plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("mask",))
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", str(201 * 64))
    assert predict_scans(load(model_file), jobs) == {}
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", str(201 * 64 - 1))
    (error,) = predict_scans(load(model_file), jobs).values()
    assert "found 201 columns, of which 64 rows are worked on at a time; expected at most 200 columns" in str(error)


def test_scores_of_a_scan_that_are_no_numbers_name_model_and_scan(
    model_file: Path, folder: Path, tmp_path: Path
) -> None:
    model = onnx.load(str(model_file))
    (bias,) = (tensor for tensor in model.graph.initializer if tensor.name == "bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([0, np.nan, 0, 0], np.float32), "bias"))
    onnx.save(model, str(model_file))
    jobs = plan_jobs([str(folder / "a.tif")], tmp_path / "out", ("mask",))
    with pytest.raises(ModelFileError, match=r"colour\.onnx on .*a\.tif: found scores that are no finite numbers"):
        predict_scans(load(model_file), jobs)
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix == ".tif"]
