"""A mask file an object: small masks read by eye, written and read back, and every doubt told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.check import check
from pixelwise.data.class_list import OBJECT_CLASSES
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layouts.dsb import is_dsb, open_dsb, write_dsb
from pixelwise.data.layouts.folders import open_folders
from pixelwise.data.splits import hash_fraction
from pixelwise_scenes import write_scenes


def mask(*places: tuple[slice | int, slice | int], value: int = 255) -> np.ndarray:
    """Return a mask, 6x8, with this value at the places."""
    array = np.zeros((6, 8), np.uint8)
    for place in places:
        array[place] = value
    return array


SQUARE = mask((slice(1, 4), slice(2, 5)))
CORNER = mask((0, 0), (5, 7))


def nuclei(save, *masks: np.ndarray, folder: str = "stage1_train/a") -> None:
    """Write an image with an alpha channel, and its masks; without one, an empty folder of masks."""
    name = Path(folder).name
    rgba = np.dstack([np.full((6, 8, 3), (10, 20, 30)), np.zeros((6, 8))])
    path = save(f"{folder}/images/{name}.png", rgba)
    (path.parents[1] / "masks").mkdir()
    for number, mask in enumerate(masks):
        save(f"{folder}/masks/{'xyz'[number]}.png", mask)


def only(dataset: Dataset) -> Item:
    ((_, item),) = dataset.items()
    return item


def read(root: Path) -> Labels:
    dataset = open_dsb(root)
    return dataset.read_labels(only(dataset))


def names(dataset: Dataset) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in dataset.splits.items()}


def test_each_mask_is_an_object_in_the_order_of_names_and_alpha_is_dropped(save, tmp_path: Path) -> None:
    nuclei(save, SQUARE, CORNER)
    assert is_dsb(tmp_path)
    dataset = open_dsb(tmp_path)
    assert dataset.format == "dsb"
    assert dataset.classes == OBJECT_CLASSES
    sample = dataset.read(only(dataset))
    assert_array_equal(sample.image, np.full((6, 8, 3), (10, 20, 30)))
    expected = (SQUARE > 0) + 2 * (CORNER > 0)
    assert_array_equal(sample.instance_map, expected)
    assert_array_equal(sample.label_map, expected > 0)
    assert read(tmp_path).remarks == ()


def test_masks_may_hold_ones_bits_gray_as_colour_or_holes(save, tmp_path: Path) -> None:
    ring = mask((slice(1, 4), slice(2, 5)), value=1)
    ring[2, 3] = 0
    nuclei(save, ring, np.repeat(CORNER[..., None], 4, axis=2))
    Image.fromarray(mask((5, 0)) > 0).save(tmp_path / "stage1_train/a/masks/z.png")
    assert_array_equal(read(tmp_path).instance_map, ring + 2 * (CORNER > 0) + 3 * (mask((5, 0)) > 0))


def test_of_objects_that_overlap_the_smaller_is_in_front(save, tmp_path: Path) -> None:
    dot = mask((2, 3))
    nuclei(save, dot, SQUARE)
    labels = read(tmp_path)
    assert_array_equal(labels.instance_map, np.where(dot > 0, 1, 2 * (SQUARE > 0)))
    assert labels.remarks == (
        "found objects (y.png) that lie partly behind smaller ones; expected objects that share no pixel. "
        "Each of them was cut.",
    )


def test_an_object_wholly_behind_others_and_an_empty_mask_are_told(save, tmp_path: Path) -> None:
    nuclei(save, SQUARE, SQUARE, mask())
    labels = read(tmp_path)
    assert_array_equal(labels.instance_map, 2 * (SQUARE > 0))
    assert [remark[:22] for remark in labels.remarks] == ["found objects (x.png) ", "found objects (z.png) "]
    assert "behind" in labels.remarks[0]
    assert "no pixel" in labels.remarks[1]


def test_an_image_without_objects(save, tmp_path: Path) -> None:
    nuclei(save)
    labels = read(tmp_path)
    assert labels.label_map.shape == (6, 8)
    assert not labels.label_map.any()
    assert labels.remarks == ()


def test_soft_edges_are_divided_and_told(save, tmp_path: Path) -> None:
    soft = np.array([[0, 0, 60, 180, 255, 255, 200, 100]] * 6)
    nuclei(save, mask((0, 0)), soft)
    labels = read(tmp_path)
    expected = np.where(soft >= 128, 2, 0)
    expected[0, 0] = 1
    assert_array_equal(labels.instance_map, expected)
    assert labels.remarks == (
        "found soft edges: 24 pixels between 0 and 255 (y.png); expected 0 and 255 alone. Values from 128 on are read "
        "as the object.",
    )


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.ones((8, 6)), r"a mask of 8x6 \(height x width\); expected 6x8"),
        (mask((0, 0), value=7), "the values 7 beside 0"),
        (mask((0, 0)) + mask((1, 1), value=1), "the values 1, 255 beside 0"),
        (np.arange(48).reshape(6, 8), "the values 1, 2, 3, 4, 5, 6, 7, 8 ... beside 0"),
        (np.dstack([SQUARE, CORNER, SQUARE]), "a mask in colours"),
    ],
)
def test_masks_that_make_no_sense(save, tmp_path: Path, array: np.ndarray, problem: str) -> None:
    nuclei(save, SQUARE, array)
    dataset = open_dsb(tmp_path)
    with pytest.raises(MaskError, match=rf"stage1_train/a/masks/y\.png: found {problem}"):
        dataset.read_labels(only(dataset))


def test_ids_in_one_place_are_split_by_their_hash(save, tmp_path: Path) -> None:
    ids = sorted((f"n{number}" for number in range(30)), key=hash_fraction)
    parts = {"train": ids[:20], "val": ids[20:25], "test": ids[25:]}
    expected = {split: sorted(part) for split, part in parts.items()}
    for root in ("kaggle/stage1_train", "bare"):
        for name in ids:
            nuclei(save, SQUARE, folder=f"{root}/{name}")
        save("kaggle/stage1_test/t/images/t.png")
        assert names(open_dsb(tmp_path / Path(root).parts[0])) == expected


def test_folders_name_splits(save, tmp_path: Path) -> None:
    nuclei(save, SQUARE, folder="train/a")
    assert names(open_dsb(tmp_path)) == {"train": ["a"]}
    nuclei(save, SQUARE, folder="valid/b")
    nuclei(save, folder="test/c")
    assert names(open_dsb(tmp_path)) == {"train": ["a"], "val": ["b"]}
    nuclei(save, SQUARE, folder="test/d")
    assert names(open_dsb(tmp_path)) == {"train": ["a"], "val": ["b"], "test": ["c", "d"]}


@pytest.mark.parametrize(
    ("other", "problem"),
    [("stage1_train/b", "stage1_train/ and in train/"), ("b", "the directory itself and in train/")],
)
def test_places_that_contradict(save, tmp_path: Path, other: str, problem: str) -> None:
    nuclei(save, SQUARE, folder="train/a")
    nuclei(save, SQUARE, folder=other)
    with pytest.raises(DataError, match=f"found images in {problem}"):
        open_dsb(tmp_path)


def test_two_images_in_one_folder_and_none_at_all(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no image with a folder masks/ of its own"):
        open_dsb(tmp_path)
    nuclei(save, SQUARE)
    save("stage1_train/a/images/b.png")
    assert not is_dsb(tmp_path)
    with pytest.raises(DataError, match=r"images: found 2 images, such as a\.png and b\.png; expected one"):
        open_dsb(tmp_path)


def test_mask_folders_of_splits_are_another_layout(save, tmp_path: Path) -> None:
    for folder in ("train", "val"):
        save(f"{folder}/images/{folder}.png")
        save(f"{folder}/masks/{folder}.png", SQUARE)
    assert not is_dsb(tmp_path)


def test_classes_come_from_a_list_of_two(save, tmp_path: Path) -> None:
    nuclei(save, SQUARE)
    (tmp_path / "classes.txt").write_text("glass\nnucleus\n")
    assert is_dsb(tmp_path)
    assert open_dsb(tmp_path).classes.names == ("glass", "nucleus")
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError, match=r"classes\.txt: found 3 classes"):
        open_dsb(tmp_path)


def test_check_names_the_files(save, tmp_path: Path) -> None:
    nuclei(save, SQUARE, mask((2, 3)), folder="train/a")
    nuclei(save, SQUARE, mask((0, 0), value=7), folder="train/b")
    save("train/c/images/c.png")
    save("train/d/masks/d.png", SQUARE)
    nuclei(save, SQUARE, mask((0, 0)), folder="train/e")
    save("val/f/images/f.png", np.zeros((5, 5)))
    save("val/f/masks/x.png", np.full((5, 5), 255))
    (tmp_path / "train/e/masks/y.png").write_bytes(b"broken")
    result = check(open_dsb(tmp_path))
    messages = {
        (problem.kind, str(problem.file.relative_to(tmp_path)))
        for problem in result.problems
        if "class" not in problem.kind
    }
    assert messages == {
        ("mended", "train/a/masks"),
        ("unknown_value", "train/b/masks/y.png"),
        ("missing_mask", "train/c/images/c.png"),
        ("missing_image", "train/d/masks"),
        ("unreadable", "train/e/masks/y.png"),
    }
    assert result.class_objects.tolist() == [0, 3]
    assert result.splits == {"train": 4, "val": 1}


def things(scenes: Dataset) -> Dataset:
    """Return scenes whose objects all have the second of two classes."""

    def read_labels(item: Item) -> Labels:
        instance_map = scenes.read_labels(item).instance_map
        assert instance_map is not None
        return Labels((instance_map > 0).astype(np.uint8), instance_map)

    return replace(scenes, classes=ClassMap.from_names(("land", "thing")), read_labels=read_labels)


def test_written_and_read_back_every_pixel_is_the_same(tmp_path: Path) -> None:
    """Objects are numbered anew, in the order of their ids."""
    write_scenes(tmp_path / "scenes", 0, {"train": 3, "val": 2}, size=(64, 96))
    scenes = things(open_folders(tmp_path / "scenes"))
    write_dsb(scenes, tmp_path / "dsb")
    assert is_dsb(tmp_path / "dsb")
    dsb = open_dsb(tmp_path / "dsb")
    assert dsb.classes == scenes.classes
    assert names(dsb) == names(scenes)
    for (_, first), (_, second) in zip(scenes.items(), dsb.items(), strict=True):
        before, after = scenes.read(first), dsb.read(second)
        assert second.image.read_bytes() == first.image.read_bytes()
        assert_array_equal(after.label_map, before.label_map)
        assert before.instance_map is not None
        ids, numbers = np.unique(before.instance_map, return_inverse=True)
        assert ids[0] == 0
        assert_array_equal(after.instance_map, numbers.reshape(before.instance_map.shape))
        assert dsb.read_labels(second).remarks == ()


def test_an_image_without_objects_is_written(save, tmp_path: Path) -> None:
    nuclei(save, folder="train/a")
    write_dsb(open_dsb(tmp_path), tmp_path / "out")
    assert not read(tmp_path / "out").label_map.any()
    assert list((tmp_path / "out/train/a/masks").iterdir()) == []


def made(save, label_map: np.ndarray, instance_map: np.ndarray | None, classes: ClassMap = OBJECT_CLASSES) -> Dataset:
    item = Item("a", save("a.png"))
    labels = Labels(label_map.astype(np.uint8), None if instance_map is None else instance_map.astype(np.int32))
    return Dataset(item.image.parent, "made", classes, {"train": (item,)}, lambda _: labels)


OBJECTS = SQUARE > 0


@pytest.mark.parametrize(
    ("label_map", "instance_map", "problem"),
    [
        (OBJECTS, None, "no instance map"),
        (np.where(CORNER > 0, IGNORE_INDEX, OBJECTS), OBJECTS, "2 pixels without a label, or whose class and object"),
        (OBJECTS | (CORNER > 0), OBJECTS, "2 pixels without"),
        (OBJECTS & (mask((2, 3)) == 0), OBJECTS, "1 pixel without"),
    ],
)
def test_what_masks_of_objects_cannot_hold(save, tmp_path: Path, label_map, instance_map, problem: str) -> None:
    with pytest.raises(DataError, match=rf"a\.png: found {problem}"):
        write_dsb(made(save, label_map, instance_map), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_more_than_one_class_of_objects_cannot_be_written(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found 3 classes; expected background and one class of objects"):
        write_dsb(made(save, OBJECTS, OBJECTS, ClassMap.from_names(("a", "b", "c"))), tmp_path / "out")
