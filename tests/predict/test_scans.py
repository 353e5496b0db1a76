"""Scans through a model: in parts, at their place on earth, and the mask alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.errors import OptionError
from pixelwise.predict.batch import predict_files
from pixelwise.predict.jobs import plan
from pixelwise.predict.predictor import load

if TYPE_CHECKING:
    from tests.predict.conftest import ColourModel, UInt8

TRANSFORM = from_origin(10.0, 50.0, 0.1, 0.1)


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


def test_a_scan_becomes_a_geotiff_and_a_photo_a_png(
    model_file: Path, colour: ColourModel, image: UInt8, folder: Path, tmp_path: Path
) -> None:
    told: list[int] = []
    jobs = plan([str(folder)], tmp_path / "out", ("mask",))
    assert predict_files(load(model_file), jobs, lambda done, _: told.append(done)) == {}
    assert told == [1, 2]
    with rasterio.open(tmp_path / "out" / "a.tif") as file:
        assert_array_equal(file.read(1), colour.labels(image))
        assert file.transform == TRANSFORM
    with Image.open(tmp_path / "out" / "b.png") as mask:
        assert_array_equal(np.asarray(mask), colour.labels(image[:50, :40]))


def test_a_damaged_scan_is_reported_and_the_rest_done(model_file: Path, folder: Path, tmp_path: Path) -> None:
    scan = folder / "a.tif"
    jobs = plan([str(folder)], tmp_path / "out", ("mask",))
    scan.write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
    failures = predict_files(load(model_file), jobs)
    assert list(failures) == [scan]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]


def test_more_than_the_mask_of_a_scan_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"overlay of .*a\.tif, which is read in parts; expected mask"):
        plan([str(folder)], tmp_path / "out", ("mask", "overlay"))
