from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Cli = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (tmp_path / split / folder).mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (4, 6, 3)).astype(np.uint8)).save(tmp_path / split / "images" / "a.png")
        mask = np.array([[0, 0, 0, 1, 1, 2]] * 4, np.uint8)
        Image.fromarray(mask).save(tmp_path / split / "masks" / "a.png")
    (tmp_path / "classes.yaml").write_text("classes: [sky, road, '[bold]']")
    return tmp_path


def test_the_report_says_what_is_in_it(cli: Cli, data: Path) -> None:
    result = cli("check", data)
    assert result.code == 0
    assert "images    2 (train 1, val 1)\n" in result.out
    files = "files     images in train/images/ (1), val/images/ (1); labels in train/masks/ (1), val/masks/ (1)\n"
    assert files in result.out
    assert "4x6: 2 (height x width)" in result.out
    assert "100.0% of the pixels" in result.out
    rows = [[cell.strip() for cell in line.split("│")] for line in result.out.splitlines() if "%" in line]
    shares = {row[2]: (row[3], len(row[4])) for row in rows if len(row) > 4}
    assert shares == {"sky": ("50.00%", 30), "road": ("33.33%", 20), "[bold]": ("16.67%", 10)}
    assert "No problems found." in result.out


def test_problems_are_named_and_end_with_exit_code_1(cli: Cli, data: Path) -> None:
    (data / "train" / "masks" / "a.png").unlink()
    result = cli("check", data)
    assert result.code == 1
    assert "train/images/a.png  [missing_mask]\n    found no mask; expected" in result.out
    assert "1 problem (missing_mask 1). Correct them, or leave 1 image out with train --skip-bad." in result.out


def test_a_problem_that_many_files_have_is_told_once(cli: Cli, data: Path) -> None:
    for name in "bcde":
        (data / "train" / "images" / f"{name}.png").write_bytes(bytes([ord(name)]))
    result = cli("check", data)
    names = "".join(f"{Path('train/images', name + '.png')}  [unreadable]\n" for name in "bcd")
    assert f"{names}and 1 more file  [unreadable]\n    found a file that is no image" in result.out
    assert result.out.count("found a file that is no image") == 1


def test_skip_bad_is_not_offered_where_it_leaves_nothing(cli: Cli, data: Path) -> None:
    for split in ("train", "val"):
        (data / split / "images" / "a.png").write_bytes(b"")
    assert cli("check", data).out.endswith("2 problems (unreadable 2). Correct them.\n")


def test_a_mask_without_an_image_is_nothing_to_leave_out(cli: Cli, data: Path) -> None:
    (data / "train" / "masks" / "b.png").write_bytes((data / "train" / "masks" / "a.png").read_bytes())
    result = cli("check", data)
    assert result.code == 1
    assert result.out.endswith("1 problem (missing_image 1). Correct them.\n")


def test_a_missing_val_split_is_told_and_is_no_failure(cli: Cli, data: Path) -> None:
    (data / "val").rename(data / "test")
    result = cli("check", data)
    assert result.code == 0
    assert "[no_val]" in result.out
    assert "none that spoils training" in result.out


def test_json_is_one_object_and_nothing_else(cli: Cli, data: Path) -> None:
    (data / "val" / "images" / "a.png").write_bytes(b"")
    result = cli("check", data, "--json", "--format", "folders")
    assert result.code == 1
    report = json.loads(result.out)
    assert report["splits"] == {"train": 1, "val": 1}
    assert [(p["file"], p["kind"]) for p in report["problems"]] == [(str(data / "val/images/a.png"), "unreadable")]


def test_mistakes_are_told(cli: Cli, data: Path) -> None:
    missing = cli("check", data / "none")
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith(f"error: {data / 'none'}: found no such directory")
    unknown = cli("check", data, "--format", "nothing")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("error: --format: found 'nothing'")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8"])
def test_the_report_can_be_printed_in_any_encoding(data: Path, encoding: str) -> None:
    (data / "classes.yaml").write_text("classes: [Straße, 道路, car]", encoding="utf-8")
    command = [sys.executable, "-c", "from pixelwise.cli.app import main; main()", "check", str(data)]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    plain = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert "50.00%" in plain.stdout.decode(encoding)
    assert ("█" if encoding == "utf-8" else "####") in plain.stdout.decode(encoding)
    as_json = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True)
    assert json.loads(as_json.stdout)["classes"] == ["Straße", "道路", "car"]


def test_a_bad_file_outside_the_data_is_named_by_its_path(cli: Cli, tmp_path: Path) -> None:
    """A folder of images that the user allows, beside labelme's files."""
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    image = tmp_path / "far/a.png"
    image.write_bytes(b"no image")
    square = {"label": "cell", "points": [[1, 1], [5, 1], [5, 5]], "shape_type": "polygon"}
    content = {"shapes": [square], "imagePath": "../../far/a.png", "imageHeight": 8, "imageWidth": 8}
    (tmp_path / "data/train/a.json").write_text(json.dumps(content))
    result = cli("check", tmp_path / "data", "--images-root", image.parent)
    assert result.code == 1
    assert f"{image}  [unreadable]" in result.out
    refused = cli("check", tmp_path / "data")
    assert refused.code == 2
    assert "outside the data set" in refused.err
    assert f"--images-root {image.parent}" in refused.err


def test_bands_without_a_place_on_earth_are_no_news(tmp_path: Path) -> None:
    """rasterio warns of each such file, here as loudly as it can."""
    rasterio = pytest.importorskip("rasterio")
    for folder in ("images", "masks"):
        (tmp_path / "train" / folder).mkdir(parents=True)
    form = {"driver": "GTiff", "width": 8, "height": 6, "count": 5, "dtype": "uint16"}
    for number in range(3):
        values = np.random.default_rng(number).integers(0, 9000, (5, 6, 8), np.uint16)
        with (
            pytest.warns(rasterio.errors.NotGeoreferencedWarning),
            rasterio.open(tmp_path / f"train/images/{number}.tif", "w", **form) as file,
        ):
            file.write(values)
        Image.fromarray((values[0] % 2).astype(np.uint8)).save(tmp_path / f"train/masks/{number}.png")
    command = [sys.executable, "-W", "always", "-m", "pixelwise", "check", str(tmp_path), "--bands", "5,3,1", "--debug"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert "NotGeoreferenced" not in done.stderr
