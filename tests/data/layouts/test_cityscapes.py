"""Cityscapes: ids of a few pixels read by eye, written and read back, and every doubt told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, ImageError, MaskError
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layouts.cityscapes import CLASSES, is_cityscapes, open_cityscapes, write_cityscapes
from pixelwise.data.layouts.folders import open_folders
from pixelwise_scenes import write_scenes

ROAD, CAR, GROUP = 7, 26, 26
IDS = np.full((6, 8), ROAD)
NAME = "aachen_000000_000019"


def frame(save, folder: str = "train/aachen", name: str = NAME, ids=IDS, instances=None, truth: str = "gtFine") -> None:
    save(f"leftImg8bit/{folder}/{name}_leftImg8bit.png")
    if ids is not None:
        save(f"{truth}/{folder}/{name}_{truth}_labelIds.png", ids)
    if instances is not None:
        save(f"{truth}/{folder}/{name}_{truth}_instanceIds.png", np.asarray(instances, np.uint16))


def with_values(*values: int) -> np.ndarray:
    """Return road with these values in its first row, from the left."""
    array = IDS.copy()
    array[0, : len(values)] = values
    return array


def only(dataset: Dataset) -> Item:
    ((_, item),) = dataset.items()
    return item


def names(dataset: Dataset) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in dataset.splits.items()}


def test_the_classes_are_those_of_the_evaluation_in_the_order_of_train_ids() -> None:
    assert ", ".join(CLASSES.names) == (
        "road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, "
        "rider, car, truck, bus, train, motorcycle, bicycle"
    )
    assert CLASSES.colors[0] == (128, 64, 128)
    assert CLASSES.colors[13] == (0, 0, 142)


def test_every_other_id_is_a_pixel_without_a_label(save, tmp_path: Path) -> None:
    ids = np.full((6, 8), 255)
    ids.flat[:34] = range(34)
    frame(save, ids=ids)
    dataset = open_cityscapes(tmp_path)
    assert dataset.format == "cityscapes"
    void = IGNORE_INDEX
    expected = [void] * 7 + [
        0,
        1,
        void,
        void,
        2,
        3,
        4,
        void,
        void,
        void,
        5,
        void,
        *range(6, 16),
        void,
        void,
        16,
        17,
        18,
    ]
    sample = dataset.read(only(dataset))
    assert_array_equal(sample.label_map.flat, expected + [void] * 14)
    assert sample.instance_map is None


def test_objects_are_numbered_and_a_group_is_none(save, tmp_path: Path) -> None:
    """Two cars, a group of cars, a person with the number 0 and a caravan, whose class has no label."""
    ids = with_values(CAR, CAR, GROUP, 24, 29)
    frame(save, ids=ids, instances=with_values(26007, 26002, 26, 24000, 29000))
    labels = open_cityscapes(tmp_path).read_labels(only(open_cityscapes(tmp_path)))
    assert_array_equal(labels.label_map[0], [13, 13, 13, 11, IGNORE_INDEX, 0, 0, 0])
    assert_array_equal(labels.instance_map[0], [3, 2, 0, 1, 0, 0, 0, 0])
    assert not labels.instance_map[1:].any()
    assert labels.instance_map.dtype == np.int32
    assert labels.remarks == ()


def test_pixels_whose_two_ids_name_different_classes_are_told(save, tmp_path: Path) -> None:
    frame(save, ids=with_values(CAR, 0, 24), instances=with_values(26000, 26000, 26001))
    labels = open_cityscapes(tmp_path).read_labels(only(open_cityscapes(tmp_path)))
    assert_array_equal(labels.label_map[0, :4], [13, IGNORE_INDEX, 11, 0])
    assert_array_equal(labels.instance_map[0, :4], [1, 1, 2, 0])
    assert labels.remarks == (
        f"found 2 pixels whose class is another in {NAME}_gtFine_instanceIds.png; expected the same in both files. "
        f"The class in {NAME}_gtFine_labelIds.png counts.",
    )


@pytest.mark.parametrize(("values", "problem"), [((34,), "id 34;"), ((999, 34000, 65535), "ids 999, 34000, 65535;")])
def test_instance_ids_that_name_no_label(save, tmp_path: Path, values: tuple[int, ...], problem: str) -> None:
    frame(save, instances=with_values(33999, *values))
    dataset = open_cityscapes(tmp_path)
    with pytest.raises(
        MaskError, match=rf"gtFine_instanceIds.png: found instance {problem} expected a label id 0\.\.33"
    ):
        dataset.read_labels(only(dataset))


def test_label_ids_that_do_not_exist(save, tmp_path: Path) -> None:
    frame(save, ids=with_values(34))
    dataset = open_cityscapes(tmp_path)
    with pytest.raises(MaskError, match=r"labelIds.png: found value 34 in 1 pixel, .*; expected .*: 0\.\.33, 255"):
        dataset.read_labels(only(dataset))


def test_maps_of_another_size_are_refused(save, tmp_path: Path) -> None:
    frame(save, instances=np.full((3, 4), ROAD))
    dataset = open_cityscapes(tmp_path)
    with pytest.raises(MaskError, match=r"instanceIds\.png: found a mask of 3x4"):
        dataset.read(only(dataset))


def test_train_ids_are_read_where_there_are_no_label_ids(save, tmp_path: Path) -> None:
    frame(save, ids=None)
    save(f"gtFine/train/aachen/{NAME}_gtFine_labelTrainIds.png", with_values(18, 255))
    dataset = open_cityscapes(tmp_path)
    assert_array_equal(dataset.read(only(dataset)).label_map[0, :3], [18, IGNORE_INDEX, 7])
    save(f"gtFine/train/aachen/{NAME}_gtFine_labelIds.png", with_values(33))
    dataset = open_cityscapes(tmp_path)
    assert_array_equal(dataset.read(only(dataset)).label_map[0, :3], [18, 0, 0])


def test_a_test_folder_without_labels_is_no_split(save, tmp_path: Path) -> None:
    frame(save)
    frame(save, "test/berlin", "berlin_000000_000019", ids=np.arange(48).reshape(6, 8) % 7)
    assert names(open_cityscapes(tmp_path)) == {"train": [NAME]}
    frame(save, "test/berlin", "berlin_000001_000019")
    assert names(open_cityscapes(tmp_path))["test"] == ["berlin_000000_000019", "berlin_000001_000019"]
    for file in (tmp_path / "gtFine/test/berlin").iterdir():
        file.write_bytes(b"broken")
    dataset = open_cityscapes(tmp_path)
    assert len(dataset.splits["test"]) == 2  # for `check` to name the files
    with pytest.raises(ImageError, match=r"berlin_000000_000019_gtFine_labelIds\.png"):
        dataset.read(dataset.splits["test"][0])
    for file in (tmp_path / "gtFine/test/berlin").iterdir():
        file.unlink()
    assert names(open_cityscapes(tmp_path)) == {"train": [NAME]}


def test_coarse_labels_are_read_where_there_are_no_fine_ones(save, tmp_path: Path) -> None:
    frame(save, "train_extra/bonn", "bonn_000000_000019", truth="gtCoarse")
    frame(save, "val/ulm", "ulm_000000_000019", truth="gtCoarse")
    save("gtCoarse/train_extra/erlangen/erlangen_000000_000000_gtCoarse_labelIds.png", IDS)
    dataset = open_cityscapes(tmp_path)
    assert names(dataset) == {"train": ["bonn_000000_000019"], "val": ["ulm_000000_000019"]}
    assert [mask.name for mask in dataset.stray_masks] == ["erlangen_000000_000000_gtCoarse_labelIds.png"]
    frame(save)
    dataset = open_cityscapes(tmp_path)
    assert names(dataset) == {"train": [NAME], "val": ["ulm_000000_000019"]}
    assert dataset.splits["val"][0].mask is None
    assert dataset.stray_masks == ()


def test_check_names_what_is_missing_and_what_was_mended(save, tmp_path: Path) -> None:
    frame(save, instances=with_values(26000))
    frame(save, "train", "b", ids=None)
    save("gtFine/train/aachen/c_gtFine_labelIds.png", IDS)
    frame(save, "val/ulm", "ulm_000000_000019", with_values(CAR, 24), with_values(26000, 24000))
    result = check(open_cityscapes(tmp_path))
    assert {(problem.kind, problem.file.name) for problem in result.problems if "class" not in problem.kind} == {
        ("mended", f"{NAME}_gtFine_labelIds.png"),
        ("missing_mask", "b_leftImg8bit.png"),
        ("missing_image", "c_gtFine_labelIds.png"),
    }
    assert result.splits == {"train": 2, "val": 1}
    assert dict(zip(CLASSES.names, result.class_objects.tolist(), strict=True))["person"] == 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [("train/a/b.png", "a name without it"), ("train/b/x_leftImg8bit.png", "the same name as .*/a/x_")],
)
def test_names_that_make_no_sense(save, tmp_path: Path, name: str, problem: str) -> None:
    frame(save, "train/a", "x")
    save(f"leftImg8bit/{name}")
    with pytest.raises(DataError, match=f"found {problem}"):
        open_cityscapes(tmp_path)


def test_other_files_and_images_alone(save, tmp_path: Path) -> None:
    assert not is_cityscapes(tmp_path)
    with pytest.raises(DataError, match="expected leftImg8bit/ and gtFine/"):
        open_cityscapes(tmp_path)
    frame(save, ids=None)
    (tmp_path / "gtFine").mkdir()
    assert is_cityscapes(tmp_path)
    with pytest.raises(DataError, match="found no image with its label ids"):
        open_cityscapes(tmp_path)


def test_written_and_read_back_every_pixel_is_the_same(tmp_path: Path) -> None:
    """Landscapes under the names of eight classes; objects are counted anew, class by class."""
    write_scenes(tmp_path / "scenes", 0, {"train": 3, "val": 2}, size=(64, 96))
    scenes = open_folders(tmp_path / "scenes")
    class_names = ("sky", "terrain", "vegetation", "sidewalk", "road", "person", "car", "pole")
    scenes = replace(scenes, classes=ClassMap(class_names, scenes.classes.colors))
    write_cityscapes(scenes, tmp_path / "once")
    assert is_cityscapes(tmp_path / "once")
    assert (tmp_path / "once/leftImg8bit/val/val/val-0000_leftImg8bit.png").is_file()
    once = open_cityscapes(tmp_path / "once")
    assert names(once) == names(scenes)
    indices = np.array([CLASSES.names.index(name) for name in class_names])
    for (_, first), (_, second) in zip(scenes.items(), once.items(), strict=True):
        before, after = scenes.read(first), once.read(second)
        assert_array_equal(after.image, before.image)
        assert_array_equal(after.label_map, indices[before.label_map])
        assert before.instance_map is not None
        assert after.instance_map is not None
        pairs = np.unique(np.stack([before.instance_map.ravel(), after.instance_map.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(before.instance_map)) == after.instance_map.max() + 1
        assert once.read_labels(second).remarks == ()
    write_cityscapes(once, tmp_path / "twice")
    twice = open_cityscapes(tmp_path / "twice")
    for (_, first), (_, second) in zip(once.items(), twice.items(), strict=True):
        assert_array_equal(twice.read(second).label_map, once.read(first).label_map)
        assert_array_equal(twice.read(second).instance_map, once.read(first).instance_map)


def test_ids_and_folders_as_written(save, tmp_path: Path) -> None:
    frame(save, ids=with_values(CAR, GROUP, 24, 5), instances=with_values(26003, 26, 24001, 5))
    frame(save, "train/aachen", "aachen_000001_000019")
    write_cityscapes(open_cityscapes(tmp_path), tmp_path / "out")
    truth = tmp_path / "out/gtFine/train/aachen"
    assert sorted(file.name for file in truth.iterdir()) == [
        f"{NAME}_gtFine_instanceIds.png",
        f"{NAME}_gtFine_labelIds.png",
        "aachen_000001_000019_gtFine_labelIds.png",
    ]
    with Image.open(truth / f"{NAME}_gtFine_instanceIds.png") as image:
        assert_array_equal(np.array(image), with_values(26000, 26, 24000, 0))
    with Image.open(truth / f"{NAME}_gtFine_labelIds.png") as image:
        assert_array_equal(np.array(image), with_values(CAR, GROUP, 24, 0))
    image = f"leftImg8bit/train/aachen/{NAME}_leftImg8bit.png"
    assert (tmp_path / "out" / image).read_bytes() == (tmp_path / image).read_bytes()


def made(save, label_map: np.ndarray, instance_map: np.ndarray, classes: tuple[str, ...]) -> Dataset:
    item = Item("a", save("a.png"))
    labels = Labels(label_map.astype(np.uint8), instance_map.astype(np.int32))
    return Dataset(item.image.parent, "made", ClassMap.from_names(classes), {"train": (item,)}, lambda _: labels)


def test_classes_that_are_none_of_cityscapes_are_named(save, tmp_path: Path) -> None:
    dataset = made(save, np.zeros((6, 8)), np.zeros((6, 8)), ("road", "dog", "cat"))
    with pytest.raises(DataError, match="found the classes dog, cat; expected only road, sidewalk"):
        write_cityscapes(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_more_objects_than_ids(save, tmp_path: Path) -> None:
    numbers = np.arange(1, 1003).reshape(2, 501)
    write_cityscapes(made(save, numbers > 1000, numbers, ("car", "person")), tmp_path / "fits")
    with Image.open(tmp_path / "fits/gtFine/train/train/a_gtFine_instanceIds.png") as image:
        assert_array_equal(np.array(image).flat, [*range(26000, 27000), 24000, 24001])
    with pytest.raises(DataError, match="found 1001 objects of one class; expected 1000 at most"):
        write_cityscapes(made(save, numbers > 1001, numbers, ("car", "person")), tmp_path / "out")
    assert not (tmp_path / "out").exists()
