from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.convert import convert
from pixelwise.errors import DataError, OptionError, OutputError
from pixelwise.formats import open_dataset

APP = typer.Typer()
APP.command()(convert)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("train", "trainannot"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "in/train/a.png")
    Image.fromarray(np.array([[0, 5, 11], [3, 3, 10]], np.uint8)).save(tmp_path / "in/trainannot/a.png")
    return tmp_path / "in"


def test_there_and_back(data: Path, tmp_path: Path) -> None:
    folders, camvid = tmp_path / "folders", tmp_path / "camvid"
    there = CliRunner().invoke(APP, [str(data), "--to", "folders", "--out", str(folders)])
    assert there.exit_code == 0
    assert there.stdout == f"1 image written to {folders} in the layout folders\n"
    dataset = open_dataset(folders)
    assert dataset.read(dataset.splits["train"][0]).label_map.tolist() == [[0, 5, 255], [3, 3, 10]]
    back = CliRunner().invoke(APP, [str(folders), "--to", "camvid", "--out", str(camvid), "--format", "folders"])
    assert back.exit_code == 0
    with Image.open(camvid / "trainannot" / "a.png") as mask:
        assert np.asarray(mask).tolist() == [[0, 5, 11], [3, 3, 10]]


def test_mistakes_are_typed_errors(data: Path, tmp_path: Path) -> None:
    def error_of(*arguments: str) -> BaseException | None:
        return CliRunner().invoke(APP, list(arguments)).exception

    new = str(tmp_path / "new")
    assert isinstance(error_of(str(data), "--to", "folders", "--out", str(data)), OutputError)
    assert isinstance(error_of(str(data), "--to", "nothing", "--out", new), OptionError)
    assert isinstance(error_of(str(tmp_path), "--to", "folders", "--out", new), DataError)
    assert not Path(new).exists()
