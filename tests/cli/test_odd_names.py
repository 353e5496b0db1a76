"""`check` and `convert` on names that are no text, too long for outputs, or act on a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset

BYTES = os.fsdecode(b"caf\xe9")
ESCAPE, LINES, BIDI, MARKUP = "a\x1b[31mb", "c\nd", "e\u202ef", "[red]g[bold]:smile:"
LONG = "l" * 249
NAMES = (BYTES, ESCAPE, LINES, BIDI, MARKUP, LONG)
SHOWN = (r"caf\xe9", r"a\x1b[31mb", r"c\nd", r"e\u202ef", MARKUP, LONG)
Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An image of its own colours for each of the names, with its mask, in train, and classes with such names."""
    root = tmp_path / "data"
    for folder in ("images", "masks"):
        (root / "train" / folder).mkdir(parents=True)
    for number, name in enumerate(NAMES):
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).save(root / f"train/images/{name}.png")
        mask = np.array([[0, 0, 0, 0, 1, 1, 2, 2]] * 6, np.uint8)
        mask[: number + 1] = 0
        Image.fromarray(mask).save(root / f"train/masks/{name}.png")
    classes = ["sky", "\N{SMILING FACE WITH SMILING EYES}", "[bold]z[/bold]:smile:"]
    (root / "classes.yaml").write_text(json.dumps({"classes": classes}, ensure_ascii=False), encoding="utf-8")
    return root


def test_check_prints_names_as_what_they_are(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(NAMES):  # sizes that differ, so that each file has a message of its own
        Image.new("L", (9 + number, 6)).save(data / f"train/masks/{name}.png")
    assert run("check", data) == 1
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "\x1b" not in output
    assert "\u202e" not in output
    for name in SHOWN:
        assert f"train/masks/{name}.png  [size_mismatch]\n" in output
    assert "[bold]z[/bold]:smile:" in output


def test_check_as_json_has_the_names_themselves(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        (data / f"train/images/{name}.png").write_bytes(b"no image")
    assert run("check", data, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    unreadable = {problem["file"] for problem in report["problems"] if problem["kind"] == "unreadable"}
    assert unreadable == {str(data / f"train/images/{name}.png") for name in NAMES}


def test_a_data_set_in_a_folder_that_is_not_utf_8(
    run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.rename(tmp_path / BYTES)
    assert run("check", tmp_path / BYTES) == 0
    assert rf"{tmp_path}/caf\xe9 (layout: folders)" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["folders", "voc", "coco", "yolo", "cvat", "labelme", "camvid", "dsb", "cityscapes"])
def test_converted_names_are_names_in_every_layout(
    run: Run, data: Path, tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "classes.yaml").write_text("classes: [background, road, car]", encoding="utf-8")
    if layout in ("camvid", "cityscapes", "dsb"):
        _as_objects_or_fixed_classes(data, layout)
    out = tmp_path / "out"
    assert run("convert", data, "--to", layout, "--out", out) == 0
    output, errors = capsys.readouterr()
    assert f"{len(NAMES)} images written to {out}" in output
    assert "4 names were changed, since they are too long or have characters that lists or annotations" in output
    assert "\x1b" not in output + errors
    written = open_dataset(out, layout)
    images = [item.image for _, item in written.items()]
    assert len(images) == len(NAMES)
    pixels = {path.read_bytes() for path in (data / "train/images").iterdir()}
    assert {path.read_bytes() for path in images} == pixels
    names = {item.name for _, item in written.items()}
    assert all(name.isprintable() or "\u202e" in name for name in names)
    assert any("caf%E9" in name for name in names)


def _as_objects_or_fixed_classes(data: Path, layout: str) -> None:
    """Make the data such as these layouts hold."""
    if layout == "dsb":
        (data / "train/instances").mkdir()
        for mask in (data / "train/masks").iterdir():
            with Image.open(mask) as picture:
                ids = (np.asarray(picture) > 0).astype(np.uint16)
            Image.fromarray(ids).save(data / "train/instances" / mask.name)
            Image.fromarray(ids.astype(np.uint8)).save(mask)
        (data / "classes.yaml").write_text("classes: [background, nucleus]", encoding="utf-8")
        return
    from pixelwise.data.layouts import camvid, cityscapes

    classes = {"camvid": camvid, "cityscapes": cityscapes}[layout].CLASSES
    (data / "classes.yaml").write_text(json.dumps({"classes": list(classes.names)}), encoding="utf-8")
