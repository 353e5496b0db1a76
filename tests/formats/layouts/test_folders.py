from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.classes import ClassMap
from pixelwise.errors import DataError, ImageError, MaskError, OutputError
from pixelwise.formats.dataset import Dataset
from pixelwise.formats.layouts.folders import open_folders, write_folders
from pixelwise.formats.splits import hashed_fraction

MASK = np.array([[0, 1, 2, 255, 0, 0, 0, 0]] * 6)


def names(dataset: Dataset) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in dataset.splits.items()}


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("{}/images", "{}/masks"),
        ("images/{}", "masks/{}"),
        ("{}/imgs", "{}/labels"),
        ("{}/JPEGImages", "{}/SegmentationClass"),
        ("{}", "{}_masks"),
        ("{}", "{}annot"),
        ("{}_images", "labels-{}"),
        ("{}/img", "gt"),
    ],
)
def test_split_folders_above_and_below(save, tmp_path: Path, images: str, masks: str) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("valid", "c"), ("Test", "d")):
        save(f"{images.format(split)}/{name}.bmp")
        save(f"{masks.format(split)}/{name}.png", MASK)
    dataset = open_folders(tmp_path)
    assert names(dataset) == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
    for item in (item for items in dataset.splits.values() for item in items):
        assert_array_equal(dataset.read(item).label_map, MASK)


def test_one_folder_is_split_by_the_hash_of_the_stems(save, tmp_path: Path) -> None:
    stems = sorted((f"{i:02}" for i in range(30)), key=hashed_fraction)
    for stem in stems:
        save(f"photos/{stem}.tif")
        save(f"annotations/{stem}_L.png", MASK)
    parts = {"train": stems[:20], "val": stems[20:25], "test": stems[25:]}
    assert names(open_folders(tmp_path)) == {split: sorted(part) for split, part in parts.items()}


def test_images_and_masks_side_by_side(save, tmp_path: Path) -> None:
    for stem in "abcd":
        save(f"train/{stem}.png")
        save(f"train/{stem}_mask.png", MASK)
    dataset = open_folders(tmp_path)
    assert names(dataset) == {"train": ["a", "b", "c", "d"]}
    assert dataset.classes.names == ("0", "1", "2")


@pytest.mark.parametrize("folder", ["", "splits/", "ImageSets/Segmentation/"])
def test_lists_decide_whatever_their_lines_look_like(save, tmp_path: Path, folder: str) -> None:
    for stem in ("a", "b c", "d.e", "f", "unlisted"):
        save(f"images/{stem}.png")
        save(f"masks/{stem}.png", MASK)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "train.txt").write_text("a.png\nb c\n")
    (tmp_path / folder / "validation.txt").write_text("/far/away/d.e.png /far/away/masks/d.e.png\n")
    (tmp_path / folder / "test.txt").write_text("images\\f.png\n")
    dataset = open_folders(tmp_path)
    assert names(dataset) == {"train": ["a", "b c"], "val": ["d.e"], "test": ["f"]}
    assert dataset.stray_masks == ()


def test_a_listed_image_that_is_not_there_is_an_item_without_files(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", MASK)
    (tmp_path / "train.txt").write_text("a\ngone.png\n")
    item = open_folders(tmp_path).splits["train"][1]
    assert (item.name, item.image, item.mask) == ("gone", tmp_path / "images" / "gone.png", None)


def test_lists_that_name_nothing_here(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", MASK)
    (tmp_path / "test.txt").write_text("hello\n")
    with pytest.raises(DataError, match="name no image"):
        open_folders(tmp_path)


def test_missing_partners_are_kept_in_sight(save, tmp_path: Path) -> None:
    save("train/images/a.png")
    save("train/images/b.png")
    save("train/masks/a.png", MASK)
    stray = save("train/masks/z.png", MASK)
    save("val/images/c.png")
    dataset = open_folders(tmp_path)
    assert [(item.name, item.mask is None) for _, item in dataset.items()] == [("a", False), ("b", True), ("c", True)]
    assert dataset.stray_masks == (stray,)
    with pytest.raises(MaskError, match="no mask"):
        dataset.read(dataset.splits["train"][1])


def test_a_test_folder_without_masks_is_no_split(save, tmp_path: Path) -> None:
    for stem in ("a", "b"):
        save(f"images/{stem}.png")
        save(f"masks/{stem}.png", MASK)
    save("test/images/c.png")
    assert "c" not in [item.name for _, item in open_folders(tmp_path).items()]


def test_images_outside_of_split_folders_are_for_training_unless_there_is_a_train_folder(save, tmp_path: Path) -> None:
    for folder in ("", "test/"):
        save(f"{folder}images/a.png")
        save(f"{folder}masks/a.png", MASK)
    assert names(open_folders(tmp_path)) == {"train": ["a"], "test": ["a"]}
    save("train/images/b.png")
    save("train/masks/b.png", MASK)
    with pytest.raises(DataError, match="outside of it"):
        open_folders(tmp_path)


def test_instances_beside_masks(save, tmp_path: Path) -> None:
    ids = np.arange(48, dtype=np.uint16).reshape(6, 8) * 300
    save("images/a.png")
    save("masks/a.png", MASK)
    save("instances/a.png", ids)
    dataset = open_folders(tmp_path)
    sample = dataset.read(next(dataset.items())[1])
    assert_array_equal(sample.label_map, MASK)
    assert_array_equal(sample.instance_map, ids)


def test_instances_alone_are_background_and_object(save, tmp_path: Path) -> None:
    ids = np.arange(48, dtype=np.uint16).reshape(6, 8) // 9
    save("images/a.png")
    save("instances/a.png", ids)
    dataset = open_folders(tmp_path)
    sample = dataset.read(next(dataset.items())[1])
    assert dataset.classes.names == ("background", "object")
    assert_array_equal(sample.label_map, ids > 0)
    assert_array_equal(sample.instance_map, ids)
    (tmp_path / "classes.txt").write_text("glass\nnucleus\n")
    assert open_folders(tmp_path).classes.names == ("glass", "nucleus")
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError, match="3 classes"):
        open_folders(tmp_path)


def test_colours_and_suffixes_as_kaggle_has_camvid(save, tmp_path: Path) -> None:
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nVoid,0,0,0\nSky,128,128,128\nRoad,128,64,128\n")
    save("train/a.png")
    colors = np.array([[[0, 0, 0], [128, 128, 128], [128, 64, 128], [128, 64, 128]] * 2] * 6)
    save("train_labels/a_L.png", colors)
    dataset = open_folders(tmp_path)
    assert dataset.classes == ClassMap(("Sky", "Road"), ((128, 128, 128), (128, 64, 128)))
    assert_array_equal(dataset.read(dataset.splits["train"][0]).label_map, [[255, 0, 1, 1] * 2] * 6)


def test_what_is_no_data_set_is_told(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an empty directory; expected images/ beside masks/"):
        open_folders(tmp_path)
    (tmp_path / "notes").mkdir()
    with pytest.raises(DataError, match="the folders notes/ and no images"):
        open_folders(tmp_path)
    save("images/a.png")
    with pytest.raises(DataError, match=r"images in images/ \(such as a.png\) and no masks"):
        open_folders(tmp_path)
    save("masks/b.png", MASK)
    with pytest.raises(DataError, match=r"the first are b.png and a.png"):
        open_folders(tmp_path)
    save("masks/a.png", MASK)
    save("labels/a.png", MASK)
    with pytest.raises(DataError, match="masks of all splits in labels/ and masks/"):
        open_folders(tmp_path)


def test_a_mask_of_another_size_is_refused(save, tmp_path: Path) -> None:
    save("images/a.png")
    mask = save("masks/a.png", MASK[:5])
    dataset = open_folders(tmp_path)
    with pytest.raises(MaskError, match="5x8") as caught:
        dataset.read(next(dataset.items())[1])
    assert caught.value.where == str(mask)


def test_what_is_written_is_read_back(save, tmp_path: Path) -> None:
    ids = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000
    for split, stem in (("train", "a"), ("val", "b")):
        save(f"in/{split}/imgs/{stem}.webp")
        save(f"in/{split}/gt/{stem}_mask.bmp", np.array([[0, 127, 254, 255]] * 6).repeat(2, axis=1))
        save(f"in/{split}/instances/{stem}.png", ids)
    before = open_folders(tmp_path / "in")
    write_folders(before, tmp_path / "out")
    after = open_folders(tmp_path / "out")
    assert after.classes == before.classes
    assert names(after) == names(before) == {"train": ["a"], "val": ["b"]}
    for (_, old), (_, new) in zip(before.items(), after.items(), strict=True):
        assert old.image.read_bytes() == new.image.read_bytes()
        assert_array_equal(before.read(old).label_map, [[0, 0, 1, 1, 2, 2, 255, 255]] * 6)
        assert_array_equal(after.read(new).label_map, before.read(old).label_map)
        assert_array_equal(after.read(new).instance_map, ids)
    with Image.open(tmp_path / "out" / "train" / "masks" / "a.png") as mask:
        assert mask.mode == "P"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["classes.yaml", "train", "val"]
    assert yaml.safe_load((tmp_path / "out" / "classes.yaml").read_text())["classes"] == before.classes.to_dict()


def test_a_directory_that_is_not_empty_is_left_alone(save, tmp_path: Path) -> None:
    save("in/images/a.png")
    save("in/masks/a.png", MASK)
    dataset = open_folders(tmp_path / "in")
    kept = save("out/kept.png")
    for out in (tmp_path / "out", kept):
        with pytest.raises(OutputError):
            write_folders(dataset, out)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["kept.png"]


def test_nothing_is_left_behind_when_writing_fails(save, tmp_path: Path) -> None:
    for stem in "ab":
        save(f"in/train/images/{stem}.png")
        save(f"in/train/masks/{stem}.png", MASK)
    (tmp_path / "in" / "train.txt").write_text("a\nb\n")
    dataset = open_folders(tmp_path / "in")
    (tmp_path / "in/train/masks/b.png").unlink()
    with pytest.raises(ImageError, match=r"masks/b\.png"):
        write_folders(dataset, tmp_path / "out")
    (tmp_path / "in/train/images/a.png").unlink()
    with pytest.raises(ImageError, match=r"images/a\.png: found no such file"):
        write_folders(dataset, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
