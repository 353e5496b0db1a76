"""Predictions that are killed, or made twice at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core import locks
from pixelwise.core.errors import OutputError
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.scan_objects import _allocate_ids
from pixelwise.inference.scans import predict_scan, predict_scans
from pixelwise.raster import scan as raster_scan

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

SLOWED = """
import os, sys, time
from pixelwise.cli.app import main
real = os.fsync

def slow(handle):
    os.write(1, b"half written\\n")  # in one piece, whatever other threads write
    time.sleep(0.2)
    real(handle)

os.fsync = slow
main()
"""
"""Says when a file is written but for its name, and waits: a moment for whoever kills it."""


def predict_slowly(lines: int, *arguments: str | Path) -> None:
    """Start `pixelwise predict`, and kill it when it has said so many times that a file is half-written."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SLOWED, "predict", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline() == "half written\n"
        process.send_signal(signal.SIGKILL)
        process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def scan(image: UInt8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scan, larger than the model's tiles."""
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 2**14)
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0.01)
    height, width, _ = image.shape
    form = {"driver": "GTiff", "count": 3, "height": height, "width": width, "dtype": "uint8", "crs": "EPSG:4326"}
    transform = rasterio.transform.from_origin(10.0, 50.0, 0.1, 0.1)
    with rasterio.open(tmp_path / "a.tif", "w", **form, transform=transform) as file:
        file.write(image.transpose(2, 0, 1))
    return tmp_path / "a.tif"


@pytest.mark.parametrize("lines", [1, 4])
def test_a_killed_prediction_leaves_whole_files_and_is_gone_on_with(
    lines: int, model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(6):
        Image.fromarray(image[: 40 + number, :48]).save(photos / f"{number}.png")
    arguments = (model_file, photos, "--out", out)
    predict_slowly(lines, *arguments)
    assert any(name.startswith(".pixelwise-") for name in names(out))
    for path in out.glob("[0-9]*.png"):
        with Image.open(path) as mask:
            assert_array_equal(np.asarray(mask), colour.labels(image[: 40 + int(path.stem), :48]))
    command = [sys.executable, "-m", "pixelwise", "predict", *map(str, arguments), "--resume"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True)
    assert names(out) == [f"{number}.png" for number in range(6)]


def test_a_second_prediction_of_a_scan_does_not_spoil_the_first(
    model_file: Path, colour: ColourModel, image: UInt8, scan: Path, tmp_path: Path
) -> None:
    """Both would write their rows to one file."""
    out = tmp_path / "out" / "a.tif"
    refusals = []

    def start_another(done: int, total: int) -> None:
        for resume in (False, True):
            with pytest.raises(OutputError, match="found a file that another process is predicting") as error:
                predict_scan(load(model_file), scan, out, resume=resume)
            refusals.append(error)

    predict_scan(load(model_file), scan, out, start_another)
    assert len(refusals) == 2 * 4  # rows of tiles
    with rasterio.open(out) as file:
        assert_array_equal(file.read(1), colour.labels(image))
    assert names(tmp_path / "out") == ["a.tif"]


def test_a_scan_that_is_gone_is_a_failure_of_its_own(model_file: Path, scan: Path, tmp_path: Path) -> None:
    predictor = load(model_file)
    jobs = plan_jobs([str(scan)], tmp_path / "out", ("mask",))
    scan.unlink()
    assert list(predict_scans(predictor, jobs)) == [scan]


def test_a_map_of_objects_has_its_place_on_disk_before_it_is_written(tmp_path: Path) -> None:
    ids = _allocate_ids(tmp_path / "ids", (300, 400))
    assert ids.shape == (300, 400)
    assert not ids.any()
    assert (tmp_path / "ids").stat().st_blocks * 512 >= ids.nbytes
    ids[299, 399] = 7
    assert np.fromfile(tmp_path / "ids", np.int32)[-1] == 7
