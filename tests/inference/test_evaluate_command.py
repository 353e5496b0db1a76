"""`pixelwise evaluate`: a table to read, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pixelwise.cli.app import main
from pixelwise.core.classes import ClassMap
from pixelwise.data.class_list import write_classes

if TYPE_CHECKING:
    from tests.conftest import Outcome
    from tests.inference.conftest import ColourModel, Int32, UInt8


@pytest.fixture
def data(colour: ColourModel, image: UInt8, tmp_path: Path) -> Path:
    """Folders of masks: in `test`, every third row of the truth is "blue" whatever the image shows."""
    root = tmp_path / "data"
    for i, split in enumerate(("train", "val", "test")):
        (root / split / "images").mkdir(parents=True)
        (root / split / "masks").mkdir()
        photo = image[i : i + 60]
        mask = colour.labels(photo)
        if split == "test":
            mask[::3] = 3
        Image.fromarray(photo).save(root / split / f"images/{split}.png")
        Image.fromarray(mask).save(root / split / f"masks/{split}.png")
    write_classes(root / "classes.yaml", colour.info.classes)
    return root


@pytest.fixture
def evaluate(model_file: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `pixelwise evaluate MODEL DATA ...` in this process and return its exit code."""

    def run(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["pixelwise", "evaluate", str(model_file), str(data), *options])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


def expected_accuracy(colour: ColourModel, image: UInt8) -> float:
    labels = colour.labels(image[2:62])
    right = 201 * 40 + int((labels[::3] == 3).sum())  # two rows of three are as predicted
    return right / labels.size


def test_json_is_one_object_and_nothing_else(
    evaluate: Callable[..., int], colour: ColourModel, image: UInt8, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--json") == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    report = json.loads(output)
    assert report["global_accuracy"] == pytest.approx(expected_accuracy(colour, image), abs=1e-12)
    assert report["images"] == 1
    assert report["pixels"] == 60 * 201
    assert set(report) >= {"miou", "global_accuracy", "class_accuracy", "boundary_f1", "per_class", "images", "pixels"}
    assert set(report["per_class"]) == {"dark", "red", "green", "blue"}
    assert set(report["per_class"]["red"]) >= {"iou", "accuracy", "dice", "precision", "recall", "missed_images"}
    assert report["intervals"] == dict.fromkeys(("miou", "global_accuracy", "class_accuracy", "boundary_f1"))
    assert [row["name"] for row in report["per_image"]] == ["test"]


def test_the_table_names_every_measure_and_class(
    evaluate: Callable[..., int],
    model_file: Path,
    data: Path,
    colour: ColourModel,
    image: UInt8,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate() == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert output.splitlines()[0] == f"{model_file} on test of {data}"
    rows = {cells[0]: cells[1:] for line in output.splitlines() if len(cells := split_row(line)) > 1}
    assert rows["global accuracy"] == [f"{expected_accuracy(colour, image):.3f}", "-"]
    assert rows["labelled pixels"] == ["12,060", ""]
    assert rows["red"][3:] == ["1.000", "0 of 1", "0"]  # what is red in the truth was predicted so
    assert "Measured on 1 image: fewer than 20 say little" in output
    assert {"mean IoU", "class accuracy", "boundary F1", "images", "dark", "green", "blue"} <= set(rows)


def test_every_score_of_a_class_with_objects_is_shown_in_80_columns(
    blob_file: Path,
    blob_image: UInt8,
    blob_map: Int32,
    tmp_path: Path,
    cli: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The truth is what the model says, but for one of three blobs that is not there."""
    truth = np.where(blob_map == 3, 0, blob_map)
    for split in ("train", "test"):
        for folder, pixels in (("images", blob_image), ("masks", truth > 0), ("instances", truth.astype(np.uint16))):
            (tmp_path / split / folder).mkdir(parents=True)
            Image.fromarray(pixels.astype(np.uint8) if folder == "masks" else pixels).save(
                tmp_path / split / folder / "a.png"
            )
    write_classes(tmp_path / "classes.yaml", ClassMap(("background", "blob"), ((0, 0, 0), (200, 0, 0))))
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli("evaluate", blob_file, tmp_path)
    assert (shown.code, shown.err) == (0, "")
    assert max(map(len, shown.out.splitlines()[1:])) <= 80
    rows = [cells for line in shown.out.splitlines() if len(cells := split_row(line)) > 1]
    assert ["class", "AP75", "SQ", "RQ"] in rows
    assert ["blob", "1.000", "1.000", "0.800"] in rows  # two matches, one invented: RQ = 2 / (2 + 1 / 2)


def split_row(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]]


def test_a_perfect_split(evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--split", "val", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["miou"] == report["global_accuracy"] == report["boundary_f1"] == 1.0


def test_an_unknown_split_ends_with_exit_code_2(
    evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--split", "tests") == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("error: --split: found 'tests'")
    assert "expected one of train, val, test" in errors
