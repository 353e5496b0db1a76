from __future__ import annotations

import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, ImageError, MaskError, OutputError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Labels
from pixelwise.data.layouts.folders import open_folders, write_folders
from pixelwise.data.splits import hash_fraction

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
    stems = sorted((f"{i:02}" for i in range(30)), key=hash_fraction)
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
    with pytest.raises(DataError, match="found no file, in folders that are empty"):
        open_folders(tmp_path)
    save("images/a.png")
    with pytest.raises(DataError, match=r"found no images with masks, but images/ \(1 \.png\);"):
        open_folders(tmp_path)
    save("masks/b.png", MASK)
    with pytest.raises(DataError, match=r"the first are b.png and a.png"):
        open_folders(tmp_path)
    save("masks/a.png", MASK)
    save("labels/a.png", MASK)
    with pytest.raises(DataError, match="masks of all splits in labels/ and masks/"):
        open_folders(tmp_path)


def test_labels_by_hand_beside_a_field_of_view(save, tmp_path: Path) -> None:
    """As DRIVE is published; the second observer and the field of view are not the labels."""
    hand, view = np.array([[0, 0, 255, 0, 0, 0, 0, 0]] * 6), np.full((6, 8), 255)
    for split, name in (("training", "21_training"), ("test", "01_test")):
        save(f"{split}/images/{name}.tif")
        save(f"{split}/1st_manual/{name[:2]}_manual1.gif", hand)
        save(f"{split}/mask/{name}_mask.gif", view)
    save("test/2nd_manual/01_manual2.gif", view)
    dataset = open_folders(tmp_path)
    assert names(dataset) == {"train": ["21_training"], "test": ["01_test"]}
    for item in (item for _, item in dataset.items()):
        assert_array_equal(dataset.read(item).label_map, hand > 0)
    (problem,) = dataset.problems
    assert problem.kind == "assumed"
    for folder in ("test/1st_manual/", "training/1st_manual/", "test/2nd_manual/", "test/mask/", "training/mask/"):
        assert folder in problem.message


@pytest.mark.parametrize("image", ["{}.png", "train/images/{}.tif"])
def test_object_ids_in_masks_are_read_as_instances(save, discs, tmp_path: Path, image: str) -> None:
    arrays = [discs(seed, list(range(1, 7)), 96) for seed in range(4)]
    for seed, ids in enumerate(arrays):
        save(image.format(seed), np.full((96, 96, 3), seed))
        mask = f"{seed}_cp_masks.png" if image == "{}.png" else f"train/masks/{seed}.png"
        save(mask, ids.astype(np.uint16))
    dataset = open_folders(tmp_path)
    assert dataset.classes.names == ("background", "object")
    for item in (item for _, item in dataset.items()):
        sample = dataset.read(item)
        assert_array_equal(sample.instance_map, arrays[int(item.name)])
        assert_array_equal(sample.label_map, arrays[int(item.name)] > 0)
    assert [problem.kind for problem in dataset.problems] == ["assumed"]
    write_folders(dataset, tmp_path / "out")
    again = open_folders(tmp_path / "out")
    assert again.problems == ()
    for item in (item for _, item in again.items()):
        assert_array_equal(again.read(item).instance_map, arrays[int(item.name)])


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


def test_ids_beyond_16_bits_are_numbered_anew(save, tmp_path: Path) -> None:
    save("in/images/a.png")
    save("in/masks/a.png", MASK)
    dataset = open_folders(tmp_path / "in")
    ids = np.zeros((6, 8), np.int32)
    ids[0, :2] = 65536, 70000
    labels = Labels(np.zeros((6, 8), np.uint8), ids)
    write_folders(replace(dataset, read_labels=lambda _: labels), tmp_path / "out")
    (file,) = (tmp_path / "out").rglob("instances/a.png")
    with Image.open(file) as stored:
        assert_array_equal(np.array(stored)[0], [1, 2, 0, 0, 0, 0, 0, 0])


def test_more_objects_than_16_bits_can_number_are_an_error(save, tmp_path: Path) -> None:
    save("in/images/a.png")
    save("in/masks/a.png", MASK)
    ids = np.arange(65536, dtype=np.int32).reshape(256, 256) + 1
    labels = Labels(np.zeros(ids.shape, np.uint8), ids)
    dataset = replace(open_folders(tmp_path / "in"), read_labels=lambda _: labels)
    with pytest.raises(DataError, match=r"a\.png: found 65,536 objects; expected 65,535 at most"):
        write_folders(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_not_empty_is_left_alone(save, tmp_path: Path) -> None:
    save("in/images/a.png")
    save("in/masks/a.png", MASK)
    dataset = open_folders(tmp_path / "in")
    file = save("out/kept.png")
    for out in (tmp_path / "out", file):
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


def test_a_refusal_names_folders_that_could_be_paired(save, tmp_path: Path) -> None:
    for stem in ("a", "b"):
        save(f"pictures/{stem}.jpg")
        save(f"truth_of_bob/{stem}.png", MASK)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError) as caught:
        open_folders(tmp_path)
    assert "directly there (1 .txt); pictures/ (2 .jpg); truth_of_bob/ (2 .png)" in caught.value.found
    assert "The folders pictures/ and truth_of_bob/ share 2 names" in caught.value.remedy


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        (("JPEGImages/a.jpg", "Masks_VOC/b.png"), "As the layout voc it has JPEGImages/ and lacks SegmentationClass/"),
        (("leftImg8bit/train/x/a.png",), "As the layout cityscapes it has leftImg8bit/ and lacks gtFine/"),
        (("images/a.png", "labels/a.txt"), r"As the layout yolo it has labels/\*\.txt, images/ and lacks data\.yaml"),
        (("images/a.png", "labels.zip"), r"Unpack labels\.zip first"),
        (("scans/a.nii.gz", "scans/b.dcm"), r"Files that end in \.dcm, \.gz are not read"),
    ],
)
def test_a_refusal_names_what_comes_near(save, tmp_path: Path, files: tuple[str, ...], remedy: str) -> None:
    for file in files:
        if file.endswith(("png", "jpg")):
            save(file)
        else:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_bytes(b"0")
    with pytest.raises(DataError, match=remedy):
        open_folders(tmp_path)


def test_a_file_of_cocos_deep_inside_is_named(save, tmp_path: Path) -> None:
    save("x/a.png")
    (tmp_path / "x/y/z").mkdir(parents=True)
    (tmp_path / "x/y/z/out.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(DataError, match=r"x/y/z/out\.json is a file of COCO's: pass the directory"):
        open_folders(tmp_path)


def test_names_pair_by_what_they_look_like(save, tmp_path: Path) -> None:
    for stem in ("größe", "année"):
        save(f"images/{unicodedata.normalize('NFD', stem)}.png")
        save(f"masks/{unicodedata.normalize('NFC', stem)}_mask.png", MASK)
    (tmp_path / "train.txt").write_text("größe\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text(unicodedata.normalize("NFD", "année.png\n"), encoding="utf-8")
    dataset = open_folders(tmp_path)
    assert names(dataset) == {"train": ["größe"], "val": ["année"]}
    assert all(item.mask is not None for _, item in dataset.items())


@pytest.mark.parametrize("ending", ["gif", "jfif", "jp2", "pgm", "tga"])
def test_endings_of_images(save, tmp_path: Path, ending: str) -> None:
    image = np.full((6, 8), 90) if ending == "pgm" else None
    save(f"images/a.{'jpg' if ending == 'jfif' else ending}", image)
    if ending == "jfif":
        (tmp_path / "images/a.jpg").rename(tmp_path / "images/a.jfif")
    save("masks/a.png", MASK)
    dataset = open_folders(tmp_path)
    assert dataset.read(next(dataset.items())[1]).image.shape == (6, 8, 3)


@pytest.mark.parametrize("values", [(0, 255), (255, 0), (0, 1), (0, 1, 2)])
def test_gif_masks_have_the_grays_that_were_saved(save, tmp_path: Path, values: tuple[int, ...]) -> None:
    """A GIF numbers its colours anew: the first to occur may be number 0."""
    indices = np.arange(48).reshape(6, 8) % len(values)
    gray = np.array(values)[indices]
    save("images/a.png")
    save("masks/a_mask.gif", gray)
    label_map = open_folders(tmp_path).read(next(open_folders(tmp_path).items())[1]).label_map
    assert_array_equal(label_map, np.where(gray == 255, 1, gray))


def test_folders_within_folders_pair_by_their_names(save, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for stem in "12":
            save(f"images/{folder}/{stem}.png")
            save(f"masks/{folder}/{stem}.png", np.full((6, 8), int(stem) - 1))
    save("masks/c/1.png", MASK)
    (tmp_path / "train.txt").write_text("a/1.png\nimages/a/2.png\nb/1\n")
    (tmp_path / "val.txt").write_text("b/2.png\n")
    dataset = open_folders(tmp_path)
    assert names(dataset) == {"train": ["a_1", "a_2", "b_1"], "val": ["b_2"]}
    for item in (item for _, item in dataset.items()):
        assert item.mask is not None
        assert item.mask.parent.name == item.image.parent.name
    (tmp_path / "train.txt").unlink()
    (tmp_path / "val.txt").unlink()
    assert open_folders(tmp_path).stray_masks == (tmp_path / "masks/c/1.png",)


def test_a_folder_within_images_without_masks_of_its_own_is_passed_over(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("images/small/a.png")
    save("masks/a.png", MASK)
    dataset = open_folders(tmp_path)
    assert [item.image for _, item in dataset.items()] == [tmp_path / "images/a.png"]
    assert [(problem.kind, problem.file) for problem in dataset.problems] == [
        ("passed_over", tmp_path / "images/small")
    ]


def test_one_mask_of_two_images_is_an_error(save, tmp_path: Path) -> None:
    for split in ("train", "val"):
        save(f"{split}/images/a.png")
    save("masks/a.png", MASK)
    with pytest.raises(DataError, match=r"masks/a\.png: found one mask for train/images/a\.png and val/images/a\.png"):
        open_folders(tmp_path)


def test_other_names_of_folders_count_where_the_usual_ones_are_not_there(save, tmp_path: Path) -> None:
    save("img_dir/a.png")
    save("ground_truth/a.png", MASK)
    assert open_folders(tmp_path).problems == ()
    save("images/b.png")
    save("masks/b.png", MASK)
    dataset = open_folders(tmp_path)
    assert [item.name for _, item in dataset.items()] == ["b"]
    assert sorted(problem.file.name for problem in dataset.problems) == ["ground_truth", "img_dir"]


def test_a_list_of_classes_that_is_not_read_is_named(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", MASK)
    (tmp_path / "classes.json").write_text("[]")
    assert [(entry.kind, entry.file.name) for entry in open_dataset(tmp_path).problems] == [
        ("passed_over", "classes.json")
    ]
    (tmp_path / "classes.json").rename(tmp_path / "masks/label_colors.txt")
    assert [entry.file.name for entry in open_dataset(tmp_path).problems] == ["label_colors.txt"]
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    (problem,) = open_dataset(tmp_path).problems
    assert "It was not compared: classes.txt counts" in problem.message


def test_images_of_masks_that_lie_elsewhere(save, tmp_path: Path) -> None:
    for name in "abc":
        save(f"photos/{name}.jpg")
        save(f"labels/{name}.png", np.eye(4))
    for root in (tmp_path / "labels", tmp_path / "with_folder"):
        if not root.exists():
            shutil.copytree(tmp_path / "labels", root / "masks")
        data = open_dataset(root, images_root=tmp_path / "photos")
        assert sorted(item.image.name for _, item in data.items()) == ["a.jpg", "b.jpg", "c.jpg"]
        assert all(item.mask is not None and item.mask.is_relative_to(root) for _, item in data.items())
