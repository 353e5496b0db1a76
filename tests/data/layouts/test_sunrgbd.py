from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import DataError, MaskError, OptionError
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset
from pixelwise.data.layouts.sunrgbd import CLASSES, CLASSES_13, is_sunrgbd
from pixelwise.data.splits import hash_fraction

LABELS = "sunrgbd_train_test_labels"
TEST, TRAIN = (1, 5050), (1, 2, 3, 5285)
"""Numbers of the photos, within each set."""

# Label value by NYUv2's class13Mapping.mat, 1..13, for the values 1..37; the table as published, digit for digit.
PUBLISHED_13 = "12 5 6 1 4 9 10 12 13 6 8 6 13 10 6 13 6 7 7 5 7 3 2 6 11 7 7 7 7 7 7 6 7 7 7 7 7"


def label(number: int) -> np.ndarray:
    """A label that tells its number: 0 (unlabelled), all 37 classes, and the number's digits as values in row 0."""
    values = np.zeros((6, 8), np.uint8)
    values[1:].flat[:37] = range(1, 38)
    values[0, :5] = [int(digit) for digit in f"{number:05d}"]
    return values


def number_of(dataset: Dataset, item) -> int:
    with Image.open(item.mask) as mask:
        return int("".join(map(str, np.asarray(mask)[0, :5])))


@pytest.fixture
def sunrgbd(save, tmp_path: Path) -> Path:
    """A few files of both sets with the numbers that they really have."""
    for number in (*TEST, *(5050 + n for n in TRAIN)):
        save(f"{LABELS}/img-{number:06d}.png", label(number))
    for split, numbers in {"test": TEST, "train": TRAIN}.items():
        for number in numbers:
            save(f"SUNRGBD-{split}_images/img-{number:06d}.jpg")
    return tmp_path


def pairs(dataset: Dataset) -> dict[str, int]:
    """The number in each photo's label, by the photo's folder and name."""
    return {f"{i.image.parent.name}/{i.image.name}": number_of(dataset, i) for _, i in dataset.items()}


def test_training_photo_1_goes_with_label_5051(sunrgbd: Path) -> None:
    dataset = open_dataset(sunrgbd)
    assert dataset.format == "sunrgbd"
    assert pairs(dataset) == {
        "SUNRGBD-test_images/img-000001.jpg": 1,
        "SUNRGBD-test_images/img-005050.jpg": 5050,
        "SUNRGBD-train_images/img-000001.jpg": 5051,
        "SUNRGBD-train_images/img-000002.jpg": 5052,
        "SUNRGBD-train_images/img-000003.jpg": 5053,
        "SUNRGBD-train_images/img-005285.jpg": 10335,
    }
    assert [item.name for item in dataset.splits["test"]] == ["img-000001", "img-005050"]
    result = check(dataset)
    assert (result.harmful, result.images, result.sizes) == ([], 6, {(6, 8): 6})


def test_a_tenth_of_the_training_set_is_for_validation(sunrgbd: Path, save) -> None:
    for n in range(4, 44):
        save(f"SUNRGBD-train_images/img-{n:06d}.jpg")
        save(f"{LABELS}/img-{n + 5050:06d}.png", label(n + 5050))
    dataset = open_dataset(sunrgbd)
    names = {split: {item.name for item in items} for split, items in dataset.splits.items()}
    assert names["val"] == {n for n in names["train"] | names["val"] if hash_fraction(n) < 0.1}
    assert 0 < len(names["val"]) < 15  # 44 draws at 0.1; more than 14 has a chance below 1e-4
    assert len(names["train"] | names["val"]) == 44
    assert len(names["test"]) == 2


def test_classes_and_what_is_unlabelled(sunrgbd: Path) -> None:
    dataset = open_dataset(sunrgbd)
    assert (dataset.classes.num_classes, len(set(dataset.classes.colors))) == (37, 37)
    assert [dataset.classes.names[i] for i in (0, 19, 27, 31, 36)] == [
        *("wall", "floor mat", "shower curtain", "night stand", "bag"),
    ]
    # PASCAL VOC's first, second, third and eighth colours, and the one of 37 = 0b100101: red 1, blue 1, blue's next 1.
    assert [CLASSES.colors[i - 1] for i in (1, 2, 3, 8, 37)] == [
        *((128, 0, 0), (0, 128, 0), (128, 128, 0), (64, 0, 0), (128, 0, 192)),
    ]
    sample = dataset.read(dataset.splits["test"][0])
    assert sample.image.shape == (6, 8, 3)
    assert_array_equal(sample.label_map[1:].flat[:37], range(37))
    assert_array_equal(sample.label_map[0, :5], [255, 255, 255, 255, 0])
    assert sample.instance_map is None


def test_thirteen_classes(sunrgbd: Path) -> None:
    dataset = open_dataset(sunrgbd, format="sunrgbd13")
    assert dataset.format == "sunrgbd13"
    assert " ".join(CLASSES_13.names) == (
        "bed books ceiling chair floor furniture objects picture sofa table tv wall window"
    )
    label_map = dataset.read(dataset.splits["test"][0]).label_map
    assert_array_equal(label_map[1:].flat[:37], np.array(PUBLISHED_13.split(), int) - 1)
    assert_array_equal(label_map[0, :4], [255] * 4)


@pytest.mark.parametrize(
    ("photos", "labels"),
    [
        ("image/{}", "label37"),
        ("rgb/{}", "semantic37"),
        ("images/{}", "labels"),
        ("{}", "annotations"),
        ("SUNRGBD-{}_images", ""),
    ],
)
def test_the_other_folders_people_have(sunrgbd: Path, photos: str, labels: str) -> None:
    expected = sorted(pairs(open_dataset(sunrgbd)).values())
    for file in (sunrgbd / LABELS).iterdir():
        (sunrgbd / labels).mkdir(exist_ok=True)
        file.rename(sunrgbd / labels / file.name)
    (sunrgbd / LABELS).rmdir()
    for split in ("train", "test"):
        folder = sunrgbd / photos.format(split)
        folder.parent.mkdir(exist_ok=True)
        (sunrgbd / f"SUNRGBD-{split}_images").rename(folder)
    dataset = open_dataset(sunrgbd)
    assert dataset.format == "sunrgbd"
    assert sorted(pairs(dataset).values()) == expected
    by_photo = {photo.split("/")[1]: n for photo, n in pairs(dataset).items() if "train" in photo}
    assert by_photo["img-000002.jpg"] == 5052


@pytest.mark.parametrize("name", ["img-{:06d}.png", "{:08d}.png"])
@pytest.mark.parametrize("first", [1, 5051])
def test_labels_sorted_by_set_keep_their_numbers_or_start_over(sunrgbd: Path, name: str, first: int) -> None:
    expected = pairs(open_dataset(sunrgbd))
    for split in ("train", "test"):
        (sunrgbd / "label37" / split).mkdir(parents=True)
    for file in (sunrgbd / LABELS).iterdir():
        number = int(file.stem[-6:])
        split = "test" if number <= 5050 else "train"
        new = number if split == "test" else number - 5051 + first
        file.rename(sunrgbd / "label37" / split / name.format(new))
    (sunrgbd / LABELS).rmdir()
    assert pairs(open_dataset(sunrgbd)) == expected


def test_training_photos_renamed_by_their_labels_numbers(sunrgbd: Path) -> None:
    folder = sunrgbd / "SUNRGBD-train_images"
    for n in TRAIN:
        (folder / f"img-{n:06d}.jpg").rename(folder / f"img-{n + 5050:06d}.jpg")
    assert pairs(open_dataset(sunrgbd))["SUNRGBD-train_images/img-010335.jpg"] == 10335


def test_numbers_that_cannot_be_a_sets(sunrgbd: Path, save) -> None:
    save("SUNRGBD-train_images/img-005286.jpg")
    with pytest.raises(DataError, match="numbered from 1 to 5286; expected the training set's"):
        open_dataset(sunrgbd)
    shutil.rmtree(sunrgbd / "SUNRGBD-train_images")
    save("SUNRGBD-train_images/img-005100.jpg")
    with pytest.raises(DataError, match="from 5100 to 5100, which fits either way"):
        open_dataset(sunrgbd)
    shutil.rmtree(sunrgbd / "SUNRGBD-train_images")
    save("SUNRGBD-test_images/img-005051.jpg")
    with pytest.raises(DataError, match="from 1 to 5051; expected the test set's, 1 to 5050"):
        open_dataset(sunrgbd)


def test_sizes_betray_wrong_numbers(sunrgbd: Path, save) -> None:
    save(f"{LABELS}/img-005052.png", label(5052)[:5])
    with pytest.raises(
        DataError, match=r"1 of 6 photos of another size .*img-000002\.jpg.*img-005052\.png.*label 5051"
    ):
        open_dataset(sunrgbd)


def test_a_file_that_cannot_be_read_is_left_to_check(sunrgbd: Path) -> None:
    (sunrgbd / LABELS / "img-000001.png").write_bytes(b"no image")
    result = check(open_dataset(sunrgbd))
    assert [(p.file.name, p.kind) for p in result.harmful] == [("img-000001.png", "unreadable")]


def test_what_is_missing(sunrgbd: Path) -> None:
    (sunrgbd / LABELS / "img-005053.png").unlink()
    (sunrgbd / "SUNRGBD-train_images" / "img-000002.jpg").unlink()
    result = check(open_dataset(sunrgbd))
    assert [(p.file.name, p.kind) for p in result.harmful] == [
        ("img-000003.jpg", "missing_mask"),
        ("img-005052.png", "missing_image"),
    ]
    shutil.rmtree(sunrgbd / "SUNRGBD-test_images")  # one set alone: the other's labels are no strays
    assert open_dataset(sunrgbd).stray_masks == (sunrgbd / LABELS / "img-005052.png",)
    for number in (5051, 5052, 5053, 10335):
        (sunrgbd / LABELS / f"img-{number:06d}.png").unlink(missing_ok=True)
    with pytest.raises(DataError, match="found labels 1 to 5050, none of them of a photo"):
        open_dataset(sunrgbd)
    shutil.rmtree(sunrgbd / LABELS)
    with pytest.raises(DataError, match=r"found photos without labels.*sunrgbd_train_test_labels\.tar\.gz"):
        open_dataset(sunrgbd)
    shutil.rmtree(sunrgbd / "SUNRGBD-train_images")
    with pytest.raises(DataError, match="no photos of SUN RGB-D"):
        open_dataset(sunrgbd, format="sunrgbd")


def test_other_values_are_refused(sunrgbd: Path, save) -> None:
    save(f"{LABELS}/img-000001.png", np.full((6, 8), 38))
    dataset = open_dataset(sunrgbd)
    with pytest.raises(MaskError, match=r"value 38 in 48 pixels, .*; expected a class or no label: 0\.\.37"):
        dataset.read(dataset.splits["test"][0])


def test_what_only_looks_alike_is_not_recognised(save, tmp_path: Path) -> None:
    for split in ("train", "test"):
        save(f"images/{split}/img-000001.jpg")
        save(f"labels/{split}/img-000001.png", np.zeros((6, 8)))
    assert not is_sunrgbd(tmp_path)
    assert open_dataset(tmp_path).format == "folders"


def test_a_class_list_says_that_it_is_something_else(sunrgbd: Path) -> None:
    (sunrgbd / "classes.txt").write_text("a\nb\n")
    assert not is_sunrgbd(sunrgbd)


def test_converted_to_folders_the_pairs_have_equal_names(sunrgbd: Path, tmp_path: Path) -> None:
    before = open_dataset(sunrgbd, format="sunrgbd13")
    write_dataset(before, "folders", tmp_path / "out")
    after = open_dataset(tmp_path / "out")
    assert (after.format, after.classes) == ("folders", before.classes)
    for (split, old), (new_split, new) in zip(before.items(), after.items(), strict=True):
        assert (split, old.name) == (new_split, new.name)
        assert new.image.read_bytes() == old.image.read_bytes()
        assert_array_equal(after.read(new).label_map, before.read(old).label_map)


def test_it_is_read_and_not_written(sunrgbd: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="one of camvid, cityscapes, dsb, voc, coco, yolo, cvat, labelme, folders"):
        write_dataset(open_dataset(sunrgbd), "sunrgbd", tmp_path / "out")
