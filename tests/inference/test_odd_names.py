"""`predict` and `evaluate` with names that are no text, too long for outputs, or act on a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.data.class_list import write_classes

if TYPE_CHECKING:
    from tests.inference.conftest import BlobModel, ColourModel, UInt8

BYTES = os.fsdecode(b"caf\xe9")
ESCAPE, LINES, MARKUP = "a\x1b[31mb", "c\nd", "[red]g[bold]:smile:"
LONG = "l" * 251
NAMES = (BYTES, ESCAPE, LINES, MARKUP, LONG)
Run = Callable[..., int]


@pytest.fixture
def photos(image: UInt8, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for rows, name in enumerate(NAMES, start=40):
        Image.fromarray(image[:rows]).save(folder / f"{name}.png")
    return folder


def test_every_image_gets_its_mask_and_is_told_by_its_name(
    run: Run,
    model_file: Path,
    photos: Path,
    tmp_path: Path,
    image: UInt8,
    colour: ColourModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (photos / f"{ESCAPE}.bad.png").write_bytes(b"no image")
    assert run("predict", model_file, photos, "--out", tmp_path / "out", "--as", "mask,overlay,geojson,labelme") == 1
    output, errors = capsys.readouterr()
    assert output == f"5 images predicted into {tmp_path / 'out'}, 1 failed\n"
    assert r"a\x1b[31mb.bad.png: found" in errors
    assert "\x1b" not in errors
    for rows, name in enumerate(NAMES, start=40):
        with Image.open(tmp_path / f"out/{name}.png") as mask:
            assert_array_equal(np.asarray(mask), colour.labels(image[:rows]))
    (overlay,) = (tmp_path / "out").glob("llll*_overlay.png")
    assert len(overlay.name) == 255
    assert f"so its files are named {LONG}.png, {overlay.name}, " in errors
    assert len(list((tmp_path / "out").iterdir())) == 4 * len(NAMES)
    content = json.loads((tmp_path / f"out/{BYTES}.json").read_text(encoding="utf-8"))
    assert content["imagePath"] == os.path.relpath(photos / f"{BYTES}.png", tmp_path / "out")


def test_resumed_the_files_of_a_long_name_are_known(
    run: Run, model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("predict", model_file, photos, "--out", tmp_path / "out", "--as", "overlay")
    assert run(*arguments) == 0
    capsys.readouterr()
    assert run(*arguments, "--resume") == 0
    assert capsys.readouterr().out == f"0 images predicted into {tmp_path / 'out'}, 5 there already\n"


def test_json_has_the_names_themselves(
    run: Run, model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", model_file, photos, "--out", tmp_path / "out", "--json") == 0
    told = json.loads(capsys.readouterr().out)["predictions"]
    assert {entry["image"] for entry in told} == {str(photos / f"{name}.png") for name in NAMES}
    assert all(Path(entry["mask"]).is_file() for entry in told)


def test_a_name_that_the_file_system_does_not_take_costs_that_image_alone(
    run: Run,
    model_file: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On eCryptfs names have 143 bytes, and elsewhere a name may fit and its whole path not."""
    monkeypatch.setattr("pixelwise.inference.jobs.file_name", lambda stem, ending: f"{stem}{'x' * 4}{ending}")
    assert run("predict", model_file, photos, "--out", tmp_path / "out", "--json") == 1
    output, errors = capsys.readouterr()
    told = json.loads(output)
    assert [failure["file"] for failure in told["failures"]] == [str(photos / f"{LONG}.png")]
    assert "File name too long; expected a name that the file system takes" in told["failures"][0]["message"]
    assert len(told["predictions"]) == len(NAMES) - 1
    assert errors.startswith("error: ")


@pytest.mark.parametrize("name", [BYTES, ESCAPE, MARKUP])
def test_a_geotiff_of_any_name_is_predicted_or_costs_itself_alone(
    run: Run, model_file: Path, tmp_path: Path, image: UInt8, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for stem in ("first", "plain"):
        with rasterio.open(
            folder / f"{stem}.tif",
            "w",
            driver="GTiff",
            width=60,
            height=40,
            count=3,
            dtype="uint8",
            crs="EPSG:32632",
            transform=from_origin(500000, 5000000, 1, 1),
        ) as file:
            file.write(image[:40, :60].transpose(2, 0, 1))
    (folder / "first.tif").rename(folder / f"{name}.tif")
    assert run("predict", model_file, folder, "--out", tmp_path / "out") == (1 if name == BYTES else 0)
    _, errors = capsys.readouterr()
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"plain.tif"} | ({f"{name}.tif"} if name != BYTES else set())
    assert (r"caf\xe9.tif: found a name that is not UTF-8; expected one that GDAL takes" in errors) == (name == BYTES)
    assert "\x1b" not in errors


def test_evaluate_tells_classes_and_images_by_their_names(
    run: Run, model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / BYTES
    for folder in ("images", "masks"):
        (root / "test" / folder).mkdir(parents=True)
    for rows, name in enumerate(NAMES, start=40):
        Image.fromarray(image[:rows]).save(root / f"test/images/{name}.png")
        Image.fromarray(colour.labels(image[:rows])).save(root / f"test/masks/{name}.png")
    write_classes(root / "classes.yaml", colour.info.classes)
    assert run("evaluate", model_file, root) == 0
    assert rf"on test of {tmp_path}/caf\xe9" in capsys.readouterr().out
    assert run("evaluate", model_file, root, "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["miou"] == 1
    assert {row["name"] for row in scores["per_image"]} == set(NAMES)


def test_a_model_file_has_a_name_in_utf_8(
    run: Run, model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, code in ((ESCAPE, 0), (BYTES, 2)):
        model = tmp_path / f"{name}.onnx"
        model.write_bytes(model_file.read_bytes())
        assert run("predict", model, photos / f"{MARKUP}.png", "--out", tmp_path / name) == code
    assert r"caf\xe9.onnx: found a name that is not UTF-8; expected one that engines take." in capsys.readouterr().err
    assert (tmp_path / ESCAPE / f"{MARKUP}.png").is_file()


def test_objects_of_a_class_that_is_a_formula(run: Run, blobs: BlobModel, blob_image: UInt8, tmp_path: Path) -> None:
    """Other programs would run it; the apostrophe says that it is text, and comes off again."""
    import csv
    import dataclasses

    classes = dataclasses.replace(blobs.info.classes, names=("background", "=cmd|' /C calc'!A0"))
    blobs.info = dataclasses.replace(blobs.info, classes=classes)
    model = blobs.save(tmp_path / "blobs.onnx")
    Image.fromarray(blob_image).save(tmp_path / "a.png")
    assert run("predict", model, tmp_path / "a.png", "--out", tmp_path / "out", "--as", "objects") == 0
    with (tmp_path / "out/a_objects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert all(float(row["area"]) > 0 for row in rows)


def test_options_without_effect_are_refused(
    run: Run, model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", model_file, photos, "--out", tmp_path / "out", "--seed", "3") == 2
    assert "error: --seed: found 3; expected --uncertainty beside it." in capsys.readouterr().err
    assert run("predict", model_file, photos, "--out", tmp_path / "out", "--resume", "--overwrite") == 2
    assert "error: --resume: found --overwrite; expected one of the two." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_on_earth_needs_an_out_that_gdal_can_name(
    run: Run, model_file: Path, tmp_path: Path, image: UInt8, capsys: pytest.CaptureFixture[str]
) -> None:
    form = {"driver": "GTiff", "width": 60, "height": 40, "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    with rasterio.open(tmp_path / "a.tif", "w", transform=from_origin(500000, 5000000, 1, 1), **form) as file:
        file.write(image[:40, :60].transpose(2, 0, 1))
    assert run("predict", model_file, tmp_path / "a.tif", "--out", tmp_path / BYTES) == 2
    assert r"caf\xe9/a.tif: found a name that is not UTF-8; expected one that GDAL takes." in capsys.readouterr().err
