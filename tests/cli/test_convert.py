from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset

Cli = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("train", "trainannot"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "in/train/a.png")
    Image.fromarray(np.array([[0, 5, 11], [3, 3, 10]], np.uint8)).save(tmp_path / "in/trainannot/a.png")
    return tmp_path / "in"


def test_there_and_back(cli: Cli, data: Path, tmp_path: Path) -> None:
    folders, camvid = tmp_path / "folders", tmp_path / "camvid"
    there = cli("convert", data, "--to", "folders", "--out", folders)
    assert there.code == 0
    assert there.out == f"1 image written to {folders} in the layout folders\n"
    dataset = open_dataset(folders)
    assert dataset.read(dataset.splits["train"][0]).label_map.tolist() == [[0, 5, 255], [3, 3, 10]]
    back = cli("convert", folders, "--to", "camvid", "--out", camvid, "--format", "folders")
    assert back.code == 0
    with Image.open(camvid / "trainannot" / "a.png") as mask:
        assert np.asarray(mask).tolist() == [[0, 5, 11], [3, 3, 10]]


def test_mistakes_are_told(cli: Cli, data: Path, tmp_path: Path) -> None:
    new, empty = tmp_path / "new", tmp_path / "empty"
    empty.mkdir()
    for arguments, message in (
        ((data, "--to", "folders", "--out", data), f"{data}: found a directory that is not empty"),
        ((data, "--to", "nothing", "--out", new), "--to: found 'nothing'"),
        ((empty, "--to", "folders", "--out", new), f"{empty}: found "),
    ):
        refused = cli("convert", *arguments)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.splitlines()[-1].startswith(f"error: {message}")
    assert not new.exists()


def test_what_the_layout_cannot_hold_is_told(cli: Cli, tmp_path: Path) -> None:
    """YOLO holds objects alone: of the car's five pixels three are one, and what has no label becomes background."""
    maps = {
        "masks": np.array([[0, 1, 1, 1, 255, 255], [0, 0, 1, 1, 2, 2]], np.uint8),
        "instances": np.array([[0, 7, 7, 7, 0, 0], [0, 0, 0, 0, 0, 0]], np.uint16),
    }
    for folder, pixels in (maps | {"images": np.zeros((2, 6, 3), np.uint8)}).items():
        (tmp_path / "in" / "train" / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "in" / "train" / folder / "a.png")
    (tmp_path / "in" / "classes.txt").write_text("road\ncar\ntree\n")
    result = cli("convert", tmp_path / "in", "--to", "yolo", "--out", tmp_path / "out")
    assert result.out.splitlines()[1:] == [
        "  the class road is called background",
        "  car: 2 of 5 labelled pixels are not kept",
        "  tree: 2 of 2 labelled pixels are not kept",
        "  2 of 2 pixels without a label are not kept",
    ]


def test_images_without_labels_are_left_out(cli: Cli, tmp_path: Path) -> None:
    """Strokes on one image of three, as a project of the studio has them."""
    (tmp_path / "in" / "masks").mkdir(parents=True)
    (tmp_path / "in" / "images").mkdir()
    for number, name in enumerate("abc"):
        image = np.full((8, 9, 3), 50 * number, np.uint8)
        Image.fromarray(image).save(tmp_path / "in" / "images" / f"{name}.png")
    mask = np.full((8, 9), 255, np.uint8)
    mask[2, 2:6], mask[5, 2:6] = 0, 1
    Image.fromarray(mask).save(tmp_path / "in" / "masks" / "a.png")
    (tmp_path / "in" / "classes.yaml").write_text("classes: [ground, leaf]\nignore: 255\n")
    result = cli("convert", tmp_path / "in", "--to", "folders", "--out", tmp_path / "out")
    assert (result.code, result.out.splitlines()[0].partition(" ")[0]) == (0, "1")
    assert any("images are not kept" in line for line in result.out.splitlines()[1:])
    ((_, item),) = open_dataset(tmp_path / "out").items()
    assert item.name == "a"


def test_names_that_become_one_are_made_distinct_and_counted(cli: Cli, tmp_path: Path) -> None:
    """Each image keeps its own mask, whatever the layout; `A` and `a` are one name to Windows and macOS."""
    names = ("a/b_c.png", "a_b/c.png", "A_B/C.png")
    for number, name in enumerate(names):
        for folder, pixels in (("images", np.full((4, 5, 3), number * 9)), ("masks", np.full((4, 5), number))):
            path = tmp_path / "in/train" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    for layout in ("folders", "voc", "coco", "yolo", "labelme", "cvat"):
        out = tmp_path / layout
        result = cli("convert", tmp_path / "in", "--to", layout, "--out", out)
        assert result.code == 0
        assert f"3 images written to {out}" in " ".join(result.out.split())
        assert "2 names got a number" in result.out
        items = open_dataset(out, layout).splits["train"]
        assert len({item.name.casefold() for item in items}) == 3
        samples = [open_dataset(out, layout).read(item) for item in items]
        assert sorted(sample.image[0, 0, 0] // 9 for sample in samples) == [0, 1, 2]
        assert all((sample.label_map == sample.image[0, 0, 0] // 9).all() for sample in samples)


def test_what_was_assumed_is_told_on_standard_error(cli: Cli, tmp_path: Path) -> None:
    """One mask of 0 and 1, one of 0 and 255."""
    for folder in ("images", "masks"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    for name, value in (("a", 1), ("b", 255)):
        Image.fromarray(np.full((2, 3, 3), value, np.uint8)).save(tmp_path / f"in/images/{name}.png")
        Image.fromarray(np.array([[0, 0, value]] * 2, np.uint8)).save(tmp_path / f"in/masks/{name}.png")
    done = cli("convert", tmp_path / "in", "--to", "folders", "--out", tmp_path / "out")
    assert done.code == 0
    assert done.err.startswith(f"assumed: {tmp_path / 'in'}: found 255 in 1 mask (masks/b.png)")
    dataset = open_dataset(tmp_path / "out")
    assert [dataset.read(item).label_map.tolist() for _, item in dataset.items()] == [[[0, 0, 1]] * 2] * 2


def test_what_would_spoil_a_training_is_told_on_standard_error(cli: Cli, tmp_path: Path) -> None:
    for name, size in (("a", (4, 5)), ("b", (5, 4))):
        for folder, pixels in (("images", np.full((4, 5, 3), ord(name))), ("masks", np.eye(*size))):
            (tmp_path / "in" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "in" / folder / f"{name}.png")
    done = cli("convert", tmp_path / "in", "--to", "folders", "--out", tmp_path / "out")
    assert done.code == 0
    assert f"size_mismatch: {tmp_path / 'in/masks/b.png'}: found" in done.err
