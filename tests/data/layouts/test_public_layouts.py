"""Public data sets as they are published: recognised, and every value read as their authors say."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Sample

HALVES = np.repeat([[0, 1]], 6, axis=0).repeat(4, axis=1)
"""6x8: 0 on the left, 1 on the right."""


def read(dataset: Dataset) -> dict[str, Sample]:
    copied = pickle.loads(pickle.dumps(dataset))  # as workers of a loader get it
    return {item.name: copied.read(item) for _, item in copied.items()}


def kinds(dataset: Dataset) -> set[str]:
    return {problem.kind for problem in check(dataset).problems}


def splits(dataset: Dataset) -> dict[str, int]:
    return {split: len(items) for split, items in dataset.splits.items()}


@pytest.mark.parametrize("labels", [{"background": 0, "vessel": 1, "ignore": 2}, {"0": "background", "1": "vessel"}])
def test_nnunet_in_both_versions(save, tmp_path: Path, labels: dict[str, object]) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ".png"}))
    for number in range(12):
        save(f"imagesTr/case_{number:03}_0000.png")
        save(f"labelsTr/case_{number:03}.png", HALVES)
    save("imagesTs/case_100_0000.png")
    if "ignore" in labels:
        save("labelsTr/case_000.png", HALVES * 2)
        save("labelsTs/case_100.png", HALVES)
    data = open_dataset(tmp_path)
    assert data.format == "nnunet"
    assert data.classes.names == ("background", "vessel")
    samples = read(data)
    assert_array_equal(samples["case_001"].label_map, HALVES)
    if "ignore" in labels:
        assert_array_equal(samples["case_000"].label_map, HALVES * IGNORE_INDEX)
        assert [item.name for item in data.splits["test"]] == ["case_100"]
    assert len(samples) == (13 if "ignore" in labels else 12)


def test_nnunet_that_is_not_in_two_dimensions_is_refused(save, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "tumour": 1}}))
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    (tmp_path / "imagesTr/a_0000.nii.gz").write_bytes(b"volume")
    with pytest.raises(DataError, match=r"a_0000\.nii\.gz: found a volume; .* pixelwise segments images"):
        open_dataset(tmp_path)
    save("imagesTr/a_0000.png")
    save("imagesTr/a_0001.png")
    with pytest.raises(DataError, match=r"a_0001\.png: found a second channel in a file of its own"):
        open_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "whole": [1, 2], "core": 2}}))
    with pytest.raises(DataError, match=r"dataset\.json: found labels of several values"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("labels", [{"sky": 0, "a": 1, "b": 1}, {"0": "sky", "1": "a", "2": "a"}])
def test_nnunet_labels_of_one_value_or_one_name_are_an_error(save, tmp_path: Path, labels: dict[str, object]) -> None:
    save("imagesTr/a_0000.png")
    save("labelsTr/a.png", HALVES)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    with pytest.raises(
        DataError, match=r"dataset\.json: found a file that cannot be read \(two labels of one value or"
    ):
        open_dataset(tmp_path)


def test_cell_tracking_challenge_prefers_the_truth_of_all_cells(save, tmp_path: Path) -> None:
    ids = np.array([[0, 3, 3, 0, 700, 700, 0, 0]] * 6, np.uint16)
    for sequence in ("01", "02"):
        for frame in range(3):
            save(f"{sequence}/t{frame:03}.tif", np.full((6, 8), frame * 40 + int(sequence)))
            save(f"{sequence}_ST/SEG/man_seg{frame:03}.tif", ids)
        save(f"{sequence}_GT/SEG/man_seg001.tif", np.zeros((6, 8), np.uint16))
        save(f"{sequence}_GT/TRA/man_track000.tif", ids)
    data = open_dataset(tmp_path)
    assert (data.format, splits(data)) == ("ctc", {"train": 3, "val": 3})
    assert_array_equal(read(data)["01_t001"].instance_map, ids)
    assert_array_equal(read(data)["01_t001"].label_map, ids > 0)
    assert data.problems == ()


def test_cell_tracking_challenge_with_the_gold_truth_alone_says_what_it_leaves_out(save, tmp_path: Path) -> None:
    for frame in range(12):
        save(f"01/t{frame:03}.tif", np.full((6, 8), frame * 20))
        if frame >= 2:
            save(f"01_GT/SEG/man_seg{frame:03}.tif", HALVES.astype(np.uint16))
    data = open_dataset(tmp_path)
    assert splits(data) == {"train": 8, "val": 2}
    assert [item.name for item in data.splits["val"]] == ["01_t010", "01_t011"]
    told = {problem.kind: problem.message for problem in data.problems}
    assert "found 2 of 12 frames that 01_GT/SEG/ leaves out" in told["passed_over"]
    assert "found the gold truth 01_GT/ alone" in told["assumed"]


def test_drive_reads_the_first_observer_inside_the_field_of_view(save, tmp_path: Path) -> None:
    view = np.ones((6, 8), int) * 255
    view[0] = 0
    for number in range(21, 27):
        save(f"training/images/{number}_training.tif")
        save(f"training/1st_manual/{number}_manual1.gif", HALVES * 255)
        save(f"training/mask/{number}_training_mask.gif", view)
    save("test/images/01_test.tif")
    save("test/1st_manual/01_manual1.gif", HALVES * 255)
    save("test/2nd_manual/01_manual2.gif", 255 - HALVES * 255)
    save("test/mask/01_test_mask.gif", view)
    data = open_dataset(tmp_path)
    assert (data.format, data.classes.names) == ("retina", ("background", "vessel"))
    assert [item.name for item in data.splits["test"]] == ["01_test"]
    expected = HALVES.copy()
    expected[0] = IGNORE_INDEX
    samples = read(data)
    assert len(samples) == 7
    for sample in samples.values():
        assert_array_equal(sample.label_map, expected)
    assert [(problem.kind, problem.file.name) for problem in data.problems] == [("passed_over", "2nd_manual")]


def test_chase_keeps_both_eyes_of_a_child_in_one_split(save, tmp_path: Path) -> None:
    for child in range(1, 15):
        for eye in "LR":
            save(f"Image_{child:02}{eye}.jpg")
            save(f"Image_{child:02}{eye}_1stHO.png", HALVES * 255)
            save(f"Image_{child:02}{eye}_2ndHO.png", 255 - HALVES * 255)
    data = open_dataset(tmp_path)
    assert data.format == "retina"
    samples = read(data)
    assert len(samples) == 28
    assert all((sample.label_map == HALVES).all() for sample in samples.values())
    split_of = {item.name: split for split, item in data.items()}
    assert all(split_of[f"Image_{child:02}L"] == split_of[f"Image_{child:02}R"] for child in range(1, 15))


def test_retina_labels_of_more_than_two_values_are_an_error(save, tmp_path: Path) -> None:
    save("training/images/21_training.tif")
    save("training/1st_manual/21_manual1.png", HALVES * 255 - np.eye(6, 8, dtype=int) * HALVES)
    data = open_dataset(tmp_path)
    with pytest.raises(MaskError, match="3 values from 0 to 255"):
        read(data)


def test_oxford_pets_borders_have_no_label(save, tmp_path: Path) -> None:
    trimap = np.array([[1, 1, 3, 2, 2, 2, 2, 2]] * 6)
    for number in range(30):
        save(f"images/Abyssinian_{number}.jpg")
        save(f"annotations/trimaps/Abyssinian_{number}.png", trimap)
    (tmp_path / "annotations/trimaps/._Abyssinian_1.png").write_bytes(b"resource fork")
    (tmp_path / "annotations/trainval.txt").write_text("".join(f"Abyssinian_{i} 1 1 1\n" for i in range(20)))
    (tmp_path / "annotations/test.txt").write_text(
        "#head\n" + "".join(f"Abyssinian_{i} 1 1 1\n" for i in range(20, 28))
    )
    data = open_dataset(tmp_path)
    assert (data.format, data.classes.names) == ("pets", ("background", "pet"))
    assert len(data.splits["train"]) + len(data.splits["val"]) == 20
    assert len(data.splits["test"]) == 8
    for sample in read(data).values():
        assert_array_equal(sample.label_map, [[1, 1, IGNORE_INDEX, 0, 0, 0, 0, 0]] * 6)
    (problem,) = data.problems
    assert "found 2 images (images/Abyssinian_28.jpg, images/Abyssinian_29.jpg), 2 with a mask" in problem.message


def test_loveda_has_seven_classes_and_no_data_at_0(save, tmp_path: Path) -> None:
    values = np.array([[0, 1, 2, 3, 4, 5, 6, 7]] * 6)
    for split in ("Train", "Val"):
        for area in ("Urban", "Rural"):
            save(f"{split}/{area}/images_png/1.png")
            save(f"{split}/{area}/masks_png/1.png", values)
    save("Test/Urban/images_png/9.png")
    data = open_dataset(tmp_path)
    assert (data.format, splits(data)) == ("loveda", {"train": 2, "val": 2})
    assert data.classes.names[1] == "building"
    assert sorted(read(data)) == ["Rural_1", "Urban_1"]
    assert_array_equal(read(data)["Rural_1"].label_map, [[IGNORE_INDEX, *range(7)]] * 6)


def panoptic(save, tmp_path: Path, split: str, **segment: object) -> None:
    colors = np.zeros((6, 8, 3), int)
    colors[:, 3:6] = (44, 1, 0)  # id 44 + 256
    colors[:, 6:] = (7, 0, 0)
    save(f"{split}2017/a.png")
    save(f"annotations/panoptic_{split}2017/a.png", colors)
    content = {
        "images": [{"id": 5, "file_name": "a.png", "height": 6, "width": 8}],
        "annotations": [
            {
                "image_id": 5,
                "file_name": "a.png",
                "segments_info": [
                    {"id": 300, "category_id": 1, "iscrowd": 0} | segment,
                    {"id": 7, "category_id": 93, "iscrowd": 0},
                ],
            }
        ],
        "categories": [{"id": 93, "name": "sky", "isthing": 0}, {"id": 1, "name": "cat", "isthing": 1}],
    }
    (tmp_path / f"annotations/panoptic_{split}2017.json").write_text(json.dumps(content))


def test_panoptic_things_are_objects_and_stuff_is_none(save, tmp_path: Path) -> None:
    for split in ("train", "val"):
        panoptic(save, tmp_path, split)
    data = open_dataset(tmp_path)
    assert (data.format, data.classes.names, splits(data)) == ("panoptic", ("cat", "sky"), {"train": 1, "val": 1})
    sample = read(data)["a"]
    assert_array_equal(sample.label_map, [[255, 255, 255, 0, 0, 0, 1, 1]] * 6)
    assert_array_equal(sample.instance_map, [[0, 0, 0, 1, 1, 1, 0, 0]] * 6)


def test_panoptic_segments_that_make_no_sense_cost_their_image(save, tmp_path: Path) -> None:
    panoptic(save, tmp_path, "train", category_id=2)
    with pytest.raises(MaskError, match=r"a\.png: found the segment .*'category_id': 2"):
        read(open_dataset(tmp_path))
    panoptic(save, tmp_path, "train", id=301)
    with pytest.raises(MaskError, match=r"a\.png: found the ids 300 in the PNG"):
        read(open_dataset(tmp_path))
    panoptic(save, tmp_path, "train", iscrowd=1)
    assert_array_equal(read(open_dataset(tmp_path))["a"].label_map, [[255] * 6 + [1, 1]] * 6)


def test_panoptic_annotations_without_an_image_id_do_not_get_an_image_without_an_id(save, tmp_path: Path) -> None:
    panoptic(save, tmp_path, "train")
    file = tmp_path / "annotations/panoptic_train2017.json"
    content = json.loads(file.read_text())
    content["images"].append({"file_name": "b.png"})
    content["annotations"].append({"file_name": "b.png", "segments_info": []})
    file.write_text(json.dumps(content))
    data = open_dataset(tmp_path)
    assert [item.name for _, item in data.items()] == ["a"]
    (problem,) = [problem for problem in data.problems if problem.kind == "bad_annotation"]
    assert "found annotation 2" in problem.message


def test_panoptic_files_beside_instances_are_passed_over(save, tmp_path: Path) -> None:
    panoptic(save, tmp_path, "train")
    content = {
        "images": [{"id": 5, "file_name": "a.png", "height": 6, "width": 8}],
        "annotations": [{"id": 1, "image_id": 5, "category_id": 1, "segmentation": [[3, 0, 6, 0, 6, 6, 3, 6]]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "annotations/instances_train2017.json").write_text(json.dumps(content))
    data = open_dataset(tmp_path)
    assert data.format == "coco"
    assert_array_equal(read(data)["a"].label_map, [[0, 0, 0, 1, 1, 1, 0, 0]] * 6)
    (told,) = data.problems
    assert (told.kind, told.file.name) == ("passed_over", "panoptic_train2017.json")
    assert open_dataset(tmp_path, "panoptic").classes.names == ("cat", "sky")


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("img_dir/{split}", "ann_dir/{split}"),
        ("images/{split}2017", "masks/{split}2017"),
        ("{split}/images/x/y", "{split}/masks/x/y"),
        ("{split}/city/images", "{split}/city/masks"),
        ("archive/data/{split}/images", "archive/data/{split}/masks"),
        ("{split}/Urban/images_png", "{split}/Urban/labels"),
        ("{split}/sub/deep", "{split}_masks/sub/deep"),
    ],
)
def test_folders_at_any_depth(save, tmp_path: Path, images: str, masks: str) -> None:
    for split in ("train", "val"):
        for stem in "ab":
            save(f"{images.format(split=split)}/{stem}.jpg")
            save(f"{masks.format(split=split)}/{stem}.png", HALVES)
    data = open_dataset(tmp_path)
    assert (data.format, splits(data)) == ("folders", {"train": 2, "val": 2})
    assert data.stray_masks == ()
    assert all((sample.label_map == HALVES).all() for sample in read(data).values())


def test_deepglobe_has_suffixes_of_images_and_masks(save, tmp_path: Path) -> None:
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nurban,0,255,255\nwater,0,0,255\n")
    for number in (119, 855):
        save(f"train/{number}_sat.jpg")
        save(f"train/{number}_mask.png", np.array([[[0, 255, 255], [0, 0, 255]] * 4] * 6))
    save("valid/900_sat.jpg")
    save("test/901_sat.jpg")
    data = open_dataset(tmp_path)
    assert (data.classes.names, splits(data)) == (("urban", "water"), {"train": 2})
    assert_array_equal(read(data)["119_sat"].label_map, [[0, 1] * 4] * 6)
    assert [(problem.kind, problem.file.name) for problem in data.problems] == [("passed_over", "valid")]


def test_ade20k_has_no_label_at_0_and_its_names(save, tmp_path: Path) -> None:
    for split in ("training", "validation"):
        save(f"images/{split}/ADE_{split}_1.jpg")
        save(f"annotations/{split}/ADE_{split}_1.png", [[0, 1, 2, 3, 3, 2, 1, 0]] * 6)
    rows = "".join(f"{i}\t0.1\t9\t9\t{name}\n" for i, name in enumerate(("wall", "building, edifice", "sky"), 1))
    (tmp_path / "objectInfo150.txt").write_text(f"Idx\tRatio\tTrain\tVal\tName\n{rows}")
    data = open_dataset(tmp_path)
    assert (data.classes.names, splits(data)) == (("wall", "building", "sky"), {"train": 1, "val": 1})
    assert_array_equal(read(data)["ADE_training_1"].label_map, [[255, 0, 1, 2, 2, 1, 0, 255]] * 6)
    assert data.problems == ()


def test_roboflows_semantic_masks(save, tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        for name in ("a_jpg.rf.0f1", "b_png.rf.7c2"):
            save(f"{split}/{name}.jpg")
            save(f"{split}/{name}_mask.png", [[0, 0, 1, 1, 2, 2, 0, 0]] * 6)
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    data = open_dataset(tmp_path)
    assert (data.classes.names, splits(data)) == (("background", "cat", "dog"), {"train": 2, "val": 2, "test": 2})
    assert_array_equal(read(data)["a_jpg.rf.0f1"].label_map, [[0, 0, 1, 1, 2, 2, 0, 0]] * 6)
    assert data.problems == ()
    (tmp_path / "valid/_classes.csv").write_text("Pixel Value, Class\n0, background\n1, dog\n2, cat\n")
    (problem,) = open_dataset(tmp_path).problems
    assert (problem.kind, problem.file.parent.name) == ("class_lists", "valid")


def test_pascal_context_as_mmsegmentation_has_it(save, tmp_path: Path) -> None:
    for number in range(6):
        save(f"JPEGImages/2008_{number:06}.jpg")
        save(f"SegmentationClassContext/2008_{number:06}.png", HALVES)
    for split, numbers in (("train", (0, 1, 2)), ("val", (3, 4))):
        path = tmp_path / f"ImageSets/SegmentationContext/{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"2008_{number:06}\n" for number in numbers))
    data = open_dataset(tmp_path)
    assert splits(data) == {"train": 3, "val": 2}
    assert_array_equal(read(data)["2008_000003"].label_map, HALVES)
    (problem,) = data.problems
    assert "found 1 image (JPEGImages/2008_000005.jpg), 1 with a mask" in problem.message


def test_floodnet_has_folders_and_suffixes_of_its_own(save, tmp_path: Path) -> None:
    for split in ("train", "val"):
        for number in (6279, 6280):
            save(f"{split}/{split}-org-img/{number}.jpg")
            save(f"{split}/{split}-label-img/{number}_lab.png", HALVES)
    data = open_dataset(tmp_path)
    assert splits(data) == {"train": 2, "val": 2}
    assert all((sample.label_map == HALVES).all() for sample in read(data).values())


def test_tools_whose_files_are_not_read_are_named(save, tmp_path: Path) -> None:
    save("supervisely/ds0/img/a.jpg")
    annotation = {"size": {"height": 6, "width": 8}, "objects": [{"classTitle": "cat", "bitmap": {"data": "eJ"}}]}
    (tmp_path / "supervisely/ds0/ann").mkdir()
    (tmp_path / "supervisely/ds0/ann/a.jpg.json").write_text(json.dumps(annotation))
    with pytest.raises(DataError, match=r"a\.jpg\.json is a file of Supervisely's, which is not read: export"):
        open_dataset(tmp_path / "supervisely")
    save("boxes/train/a.jpg")
    (tmp_path / "boxes/train/a.xml").write_text("<annotation><object><bndbox></bndbox></object></annotation>")
    with pytest.raises(DataError, match=r"train/a\.xml holds boxes, which detection needs"):
        open_dataset(tmp_path / "boxes")
    save("cut/a.jpg")
    (tmp_path / "cut/instances.json").write_text('{"images": [{"id": 1, "file_na')
    with pytest.raises(DataError, match=r"instances\.json cannot be read: it is cut off: its text ends at byte 30"):
        open_dataset(tmp_path / "cut")


def test_mvtec_has_images_without_a_fault_and_without_masks(save, tmp_path: Path) -> None:
    for folder in ("train/good", "test/good", "test/crack"):
        for number in range(3):
            save(f"{folder}/{number:03}.png")
    for number in range(3):
        save(f"ground_truth/crack/{number:03}_mask.png", HALVES * 255)
    data = open_dataset(tmp_path)
    assert splits(data) == {"test": 3}
    assert all((sample.label_map == HALVES).all() for sample in read(data).values())
    (problem,) = data.problems
    assert "found 6 images in folders without masks: test/good/ (3), train/good/ (3)" in problem.message
    assert "no_train" in kinds(data)
