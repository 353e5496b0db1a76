from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset
from pixelwise.data.layouts.camvid import CLASSES, is_camvid, open_camvid, write_camvid

MASK = np.arange(48).reshape(6, 8) % 12
LABEL_MAP = np.where(MASK == 11, 255, MASK)


@pytest.fixture
def camvid(save, tmp_path: Path) -> Path:
    for split, stems in {"train": "ab", "val": "c", "test": "d"}.items():
        lines = ""
        for stem in stems:
            save(f"{split}/{stem}.png")
            save(f"{split}annot/{stem}.png", MASK)
            lines += f"/SegNet/CamVid/{split}/{stem}.png /SegNet/CamVid/{split}annot/{stem}.png\n"
        (tmp_path / f"{split}.txt").write_text(lines)
    return tmp_path


def names(dataset: Dataset) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in dataset.splits.items()}


def test_void_is_ignored_and_the_classes_are_known(camvid: Path) -> None:
    dataset = open_dataset(str(camvid))
    assert dataset.format == "camvid"
    assert names(dataset) == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
    assert " ".join(dataset.classes.names) == (
        "sky building pole road pavement tree sign fence car pedestrian bicyclist"
    )
    for item in (item for items in dataset.splits.values() for item in items):
        assert_array_equal(dataset.read(item).label_map, LABEL_MAP)


def test_values_above_void_are_refused(camvid: Path, save) -> None:
    save("trainannot/a.png", np.full((6, 8), 12))
    dataset = open_camvid(camvid)
    with pytest.raises(MaskError, match=r"value 12 in 48 pixels, .*; expected a class or no label: 0\.\.11"):
        dataset.read(dataset.splits["train"][0])


def test_lists_leave_images_out_and_folders_alone_do_as_well(camvid: Path) -> None:
    (camvid / "train.txt").write_text("x/train/b.png x/trainannot/b.png\n")
    assert names(open_camvid(camvid))["train"] == ["b"]
    for split in ("train", "val", "test"):
        (camvid / f"{split}.txt").unlink()
    (camvid / "train" / "a.png").unlink()
    (camvid / "valannot" / "c.png").unlink()
    dataset = open_camvid(camvid)
    assert names(dataset) == {"train": ["b"], "val": ["c"], "test": ["d"]}
    assert dataset.splits["val"][0].mask is None
    assert dataset.stray_masks == (camvid / "trainannot" / "a.png",)


def test_a_class_list_says_that_it_is_something_else(camvid: Path) -> None:
    assert is_camvid(camvid)
    (camvid / "classes.txt").write_text("".join(f"class {i}\n" for i in range(12)))
    assert not is_camvid(camvid)
    dataset = open_dataset(camvid)
    assert (dataset.format, dataset.classes.num_classes) == ("folders", 12)
    with pytest.raises(DataError, match="trainannot/"):
        open_dataset(camvid, format="camvid")


def test_a_line_without_a_pair_is_named(camvid: Path) -> None:
    (camvid / "val.txt").write_text("c\n")
    with pytest.raises(DataError, match="the line 'c' for val"):
        open_camvid(camvid)


def test_what_is_written_is_read_back(camvid: Path, tmp_path: Path) -> None:
    before = open_camvid(camvid)
    write_camvid(before, tmp_path / "out")
    after = open_dataset(tmp_path / "out")
    assert after.format == "camvid"
    assert names(after) == names(before)
    for (_, old), (_, new) in zip(before.items(), after.items(), strict=True):
        assert old.image.read_bytes() == new.image.read_bytes()
    with Image.open(tmp_path / "out" / "trainannot" / "a.png") as mask:
        assert mask.mode == "L"
        assert_array_equal(np.asarray(mask), MASK)


def test_some_of_the_classes_in_another_order_find_their_values(save, tmp_path: Path) -> None:
    save("in/images/a.png")
    save("in/masks/a.png", [[0, 1, 2, 255, 0, 0, 0, 0]] * 6)
    (tmp_path / "in" / "classes.txt").write_text("car\nsky\nroad\n")
    write_camvid(open_dataset(tmp_path / "in"), tmp_path / "out")
    dataset = open_camvid(tmp_path / "out")
    assert_array_equal(dataset.read(next(dataset.items())[1]).label_map[0], [8, 0, 3, 255, 8, 8, 8, 8])


def test_other_classes_do_not_fit(camvid: Path, tmp_path: Path) -> None:
    dataset = open_camvid(camvid)
    other = Dataset(camvid, "folders", ClassMap.from_names(("sky", "cow")), dataset.splits, dataset.read_labels)
    with pytest.raises(DataError, match="'cow'"):
        write_camvid(other, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert CLASSES.num_classes == 11


def test_names_with_spaces_and_images_that_no_list_names(camvid: Path, save) -> None:
    for name in ("b 1", "left out"):
        save(f"train/{name}.png")
        save(f"trainannot/{name}.png", MASK)
    (camvid / "train.txt").write_text("x/train/b 1.png x/trainannot/b 1.png\nx/train/a.png x/trainannot/a.png\n")
    dataset = open_camvid(camvid)
    assert names(dataset)["train"] == ["a", "b 1"]
    assert all(item.mask is not None for item in dataset.splits["train"])
    (problem,) = dataset.problems
    assert "found 2 images (train/b.png, train/left out.png), 2 with a mask" in problem.message
    (camvid / "val.txt").write_text("x/val/gone 1.png x/valannot/gone 1.png\n")
    with pytest.raises(DataError, match=r"the line 'x/val/gone 1\.png .*' for val, no part of which is an image"):
        open_camvid(camvid)
