"""Bands from training to prediction: a net that tells classes by a channel that no photo has."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image
from rasterio.transform import from_origin
from typer.testing import CliRunner

from pixelwise.cli.app import app
from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.training.config import RunConfig
from pixelwise.training.run import train

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIZE, NUMBERS = 64, (5, 2, 3, 4)


def field(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return five bands of 12 bits, noise but for a block in the fifth, and the mask of the block."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    row, column = rng.integers(0, SIZE // 2, 2)
    mask[row : row + 32, column : column + 32] = 1
    values = rng.integers(500, 3000, (5, SIZE, SIZE))
    values[4] = np.where(mask, 2400, 800) + rng.integers(-200, 200, mask.shape)
    return values.astype(np.uint16), mask


def write(path: Path, values: np.ndarray) -> None:
    form = {"driver": "GTiff", "count": 5, "height": SIZE, "width": SIZE, "dtype": "uint16"}
    with rasterio.open(path, "w", **form) as file:
        file.write(values)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight training, two validation and two test images of five bands."""
    root, rng = tmp_path_factory.mktemp("fields"), np.random.default_rng(0)
    for split, count in {"train": 8, "val": 2, "test": 2}.items():
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            values, mask = field(rng)
            write(root / split / "images" / f"{index}.tif", values)
            Image.fromarray(mask).save(root / split / "masks" / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "fields"
    dataset = open_dataset(data, bands=NUMBERS)
    train(dataset, out=out, model="fpn", encoder="test_resnet", pretrained=False, epochs=30, quiet=True)
    return out


def test_the_band_that_tells_is_learnt(data: Path, run: Path) -> None:
    scores = evaluate(load(run), open_dataset(data), "test").to_json_dict()
    assert scores["miou"] > 0.9


def test_the_model_file_knows_its_bands_and_their_range(run: Path) -> None:
    bands = RunConfig.load(run / "config.yaml").bands
    assert bands is not None
    assert bands.numbers == NUMBERS
    assert 600 <= bands.low[0] < 700  # of 600 to 2600
    assert 2500 < bands.high[0] <= 2600
    info = load(run).info
    assert info.bands == bands
    assert info.in_channels == 4


def test_files_are_predicted_as_photos_are(data: Path, run: Path, tmp_path: Path) -> None:
    images, out = data / "test" / "images", tmp_path / "out"
    answer = CliRunner().invoke(app, ["predict", str(run), str(images), "--out", str(out), "--as", "mask,overlay"])
    assert answer.exit_code == 0
    for index in range(2):
        with Image.open(out / f"{index}.png") as mask, Image.open(data / f"test/masks/{index}.png") as target:
            assert (np.asarray(mask) == np.asarray(target)).mean() > 0.9
        with Image.open(out / f"{index}_overlay.png") as overlay:
            assert overlay.size == (SIZE, SIZE)


def test_a_scan_of_bands_keeps_its_place(data: Path, run: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan.tif"
    with rasterio.open(data / "test/images/0.tif") as file:
        form = file.profile | {"crs": "EPSG:4326", "transform": from_origin(10, 50, 0.1, 0.1)}
        with rasterio.open(scan, "w", **form) as copy:
            copy.write(file.read())
    answer = CliRunner().invoke(app, ["predict", str(run), str(scan), "--out", str(tmp_path / "out")])
    assert answer.exit_code == 0
    with rasterio.open(tmp_path / "out/scan.tif") as file:
        assert file.crs.to_epsg() == 4326
        assert_array_equal(file.read(1), load(run).predict(data / "test/images/0.tif").label_map)


def test_check_looks_at_the_bands_it_is_told_of(data: Path) -> None:
    answer = CliRunner().invoke(app, ["check", str(data), "--bands", "5,1", "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["problems"] == []
    answer = CliRunner().invoke(app, ["check", str(data), "--json"])
    assert answer.exit_code == 1
    assert {problem["kind"] for problem in json.loads(answer.stdout)["problems"]} == {"unreadable"}


def test_a_run_goes_on_with_its_own_bands(data: Path, run: Path, tmp_path: Path) -> None:
    config = run / "config.yaml"
    again = train(data, out=tmp_path / "again", config=config, quiet=True)
    assert RunConfig.load(again.path / "config.yaml").bands == RunConfig.load(config).bands
    assert again.score is not None
