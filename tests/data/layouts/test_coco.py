"""COCO's files: read as faster-coco-eval reads them, written and read back, and every mistake named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_coco_eval.core import mask as coco_mask
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import check
from pixelwise.instances.rle import compress_counts
from pixelwise_scenes import write_scenes

HEIGHT, WIDTH = 6, 8
SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]


def content(*annotations: dict[str, Any], images: int = 1) -> dict[str, Any]:
    """Return two categories with a gap between their ids, and annotations of the first image where none is named."""
    return {
        "info": {"year": 2026},
        "images": [
            {"id": 10 + i, "file_name": f"{'abc'[i]}.png", "height": HEIGHT, "width": WIDTH} for i in range(images)
        ],
        "annotations": [
            {"id": 100 + i, "image_id": 10, "category_id": 7, "iscrowd": 0} | annotation
            for i, annotation in enumerate(annotations)
        ],
        "categories": [{"id": 90, "name": "disc"}, {"id": 7, "name": "cell"}],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an annotation file, and an image for each that it lists, and returns the directory."""

    def write(
        listed: dict[str, Any], file: str = "annotations/instances_train2017.json", folder: str = "train2017"
    ) -> Path:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(listed))
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(listed["images"]):
            pixels = np.full((HEIGHT, WIDTH, 3), 10 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / image["file_name"])
        return tmp_path

    return write


def test_categories_follow_background_in_the_order_of_their_ids(write: Callable[..., Path]) -> None:
    data = open_dataset(
        write(content({"segmentation": [SQUARE]}, {"category_id": 90, "segmentation": [[5, 1, 7, 1, 7, 3, 5, 3]]}))
    )
    assert data.format == "coco"
    assert data.classes.names == ("background", "cell", "disc")
    (item,) = data.splits["train"]
    sample = data.read(item)
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:4, 1:4] = 1
    expected[1:3, 5:7] = 2
    assert_array_equal(sample.label_map, expected)
    assert_array_equal(sample.instance_map, expected)


def test_a_category_called_background_is_class_0_and_no_object(write: Callable[..., Path]) -> None:
    """As converters of Pascal VOC write it, whose classes count background."""
    listed = content({"segmentation": [SQUARE]}, {"category_id": 8, "segmentation": [[5, 1, 7, 1, 7, 3, 5, 3]]})
    listed["categories"].append({"id": 8, "name": "Background"})
    data = open_dataset(write(listed))
    assert data.classes.names == ("Background", "cell", "disc")
    sample = data.read(data.splits["train"][0])
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:4, 1:4] = 1
    assert_array_equal(sample.label_map, expected)
    assert_array_equal(sample.instance_map, expected)


def test_outlines_and_runs_plain_and_compressed_are_read_as_cocos_own_code_does(write: Callable[..., Path]) -> None:
    """Outlines have whole numbers: between them COCO's rasteriser differs by up to a pixel at the border."""
    runs = [7, 3, 3, 3, 32]
    plain = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": runs}}
    packed = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": compress_counts(runs)}}
    theirs = coco_mask.decode(coco_mask.frPyObjects(plain["segmentation"], HEIGHT, WIDTH))
    for entry in (plain, packed):
        data = open_dataset(write(content(entry)))
        assert_array_equal(data.read(data.splits["train"][0]).label_map, theirs)
    data = open_dataset(write(content({"segmentation": [SQUARE]})))
    theirs = coco_mask.decode(coco_mask.frPyObjects([SQUARE], HEIGHT, WIDTH)[0])
    assert_array_equal(data.read(data.splits["train"][0]).label_map, theirs)


OTHER = [[5, 1, 7, 1, 7, 3, 5, 3]]


@pytest.mark.parametrize("flag", [1, True, "1", 1.0])
def test_a_crowd_beside_objects_of_its_class_has_no_label(write: Callable[..., Path], flag: object) -> None:
    data = open_dataset(write(content({"segmentation": [SQUARE], "iscrowd": flag}, {"segmentation": OTHER})))
    sample = data.read(data.splits["train"][0])
    assert (sample.label_map == IGNORE_INDEX).sum() == 9
    assert (sample.instance_map > 0).sum() == 4
    (told,) = data.problems
    assert told.kind == "assumed"
    assert "found iscrowd 1 on 1 of 2 annotations of cell" in told.message


@pytest.mark.parametrize("flag", [0, None, False, "0"])
def test_what_is_no_crowd_is_an_object_and_nothing_is_told(write: Callable[..., Path], flag: object) -> None:
    data = open_dataset(write(content({"segmentation": [SQUARE], "iscrowd": flag})))
    assert (data.read(data.splits["train"][0]).label_map == 1).sum() == 9
    assert data.problems == ()


def test_crowds_that_are_all_of_a_class_are_objects(write: Callable[..., Path]) -> None:
    """As CVAT writes what is drawn with its brush."""
    runs = {"size": [HEIGHT, WIDTH], "counts": [7, 3, 3, 3, 32]}
    crowd = {"category_id": 90, "segmentation": OTHER}
    data = open_dataset(write(content({"segmentation": runs, "iscrowd": 1}, crowd)))
    sample = data.read(data.splits["train"][0])
    assert sorted(np.unique(sample.label_map[sample.instance_map > 0]).tolist()) == [1, 2]
    assert (sample.label_map == 1).sum() == 6
    (told,) = data.problems
    assert "found iscrowd 1 on 1 of 1 annotations of cell" in told.message
    data = open_dataset(write(content({"segmentation": runs, "iscrowd": 1, "ignore": 1}, crowd)))
    assert (data.read(data.splits["train"][0]).label_map == IGNORE_INDEX).sum() == 6
    assert data.problems == ()


@pytest.mark.parametrize(
    ("file", "folder", "split"),
    [
        ("annotations/instances_val2017.json", "val2017", "val"),
        ("annotations/test.json", "images/test", "test"),
        ("valid/_annotations.coco.json", "valid", "val"),
        ("annotations/train.json", "images", "train"),
        ("train.json", "", "train"),
    ],
)
def test_layouts(write: Callable[..., Path], file: str, folder: str, split: str) -> None:
    data = open_dataset(write(content({"segmentation": [SQUARE]}), file, folder))
    assert list(data.splits) == [split]
    assert data.splits[split][0].image.is_file()
    assert data.read(data.splits[split][0]).label_map.sum() == 9


def test_one_file_is_split_by_the_hash_of_names(write: Callable[..., Path]) -> None:
    data = open_dataset(write(content(images=3), "labels.json", "images"))
    assert sum(map(len, data.splits.values())) == 3


def test_written_and_read_back_every_pixel_is_the_same(tmp_path: Path) -> None:
    """Landscapes keep their objects; what is no object becomes background."""
    write_scenes(tmp_path / "scenes", 0, {"train": 2, "val": 1}, size=(48, 64))
    scenes = open_dataset(tmp_path / "scenes")
    write_dataset(scenes, "coco", tmp_path / "coco")
    files = sorted(path.name for path in (tmp_path / "coco" / "annotations").iterdir())
    assert files == ["instances_train.json", "instances_val.json"]
    coco = open_dataset(tmp_path / "coco")
    assert coco.classes.names[1:] == scenes.classes.names[1:]
    for split, items in scenes.splits.items():
        for item, other in zip(items, coco.splits[split], strict=True):
            first, second = scenes.read(item), coco.read(other)
            assert_array_equal(second.image, first.image)
            assert_array_equal(second.instance_map > 0, first.instance_map > 0)
            pairs = np.unique(np.stack([first.instance_map.ravel(), second.instance_map.ravel()]), axis=1)
            assert pairs.shape[1] == len(np.unique(first.instance_map))  # one to one
    write_dataset(coco, "coco", tmp_path / "again")
    again = open_dataset(tmp_path / "again")
    for split, items in coco.splits.items():
        for item, other in zip(items, again.splits[split], strict=True):
            assert_array_equal(again.read(other).label_map, coco.read(item).label_map)
            assert_array_equal(again.read(other).instance_map, coco.read(item).instance_map)


def test_what_has_no_label_is_written_as_a_crowd(write: Callable[..., Path], tmp_path: Path) -> None:
    data = open_dataset(
        write(content({"segmentation": [SQUARE], "iscrowd": 1}, {"segmentation": [[5, 1, 7, 1, 7, 3, 5, 3]]}))
    )
    write_dataset(data, "coco", tmp_path / "again")
    again = open_dataset(tmp_path / "again")
    assert_array_equal(again.read(again.splits["train"][0]).label_map, data.read(data.splits["train"][0]).label_map)


@pytest.mark.parametrize("layout", ["coco", "yolo", "cvat", "labelme"])
def test_without_objects_the_regions_of_each_class_are_written(tmp_path: Path, layout: str) -> None:
    label_map = np.zeros((12, 16), np.uint8)
    label_map[2:7, 1:6] = 1
    label_map[3:5, 3:5] = 0  # a hole
    label_map[2:7, 6:9] = 2
    label_map[9:, 9:] = 1
    for split in ("train", "val"):
        for folder, pixels in (("images", np.full((12, 16, 3), 9, np.uint8)), ("masks", label_map)):
            (tmp_path / "data" / split / folder).mkdir(parents=True)
            Image.fromarray(pixels).save(tmp_path / "data" / split / folder / "a.png")
    write_dataset(open_dataset(tmp_path / "data"), layout, tmp_path / "out")
    data = open_dataset(tmp_path / "out")
    assert data.format == layout
    for split in ("train", "val"):
        sample = data.read(data.splits[split][0])
        assert_array_equal(sample.label_map, label_map)
        assert len(np.unique(sample.instance_map)) == 4


def test_no_label_alone_stays_no_label(tmp_path: Path) -> None:
    """Of a class without one object, whose only region is a crowd, as the writer has it."""
    label_map = np.zeros((6, 8), np.uint8)
    label_map[:2] = IGNORE_INDEX
    stored = np.where(label_map == IGNORE_INDEX, 7, label_map).astype(np.uint8)
    for folder, pixels in (("images", np.full((6, 8, 3), 9, np.uint8)), ("masks", stored)):
        (tmp_path / "data/train" / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "data/train" / folder / "a.png")
    (tmp_path / "data/classes.yaml").write_text("classes: [background, cell]\nignore: [7]\n")
    write_dataset(open_dataset(tmp_path / "data"), "coco", tmp_path / "out")
    data = open_dataset(tmp_path / "out")
    assert_array_equal(data.read(data.splits["train"][0]).label_map, label_map)


def test_check_tells_what_was_mended_and_what_is_missing(write: Callable[..., Path]) -> None:
    root = write(content({"segmentation": [SQUARE]}, {"segmentation": [[2, 2, 3, 2, 3, 3, 2, 3]]}, images=2))
    (root / "train2017/b.png").unlink()
    result = check(open_dataset(root))
    assert {(problem.kind, problem.file.name) for problem in result.problems if "class" not in problem.kind} == {
        ("mended", "a.png"),
        ("missing_image", "b.png"),
        ("no_val", root.name),
    }
    assert {path.name for path in result.unusable} == {"b.png"}


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        ({"segmentation": [[1, 1, 2, 2]]}, "object 100: found an outline of 2 corners"),
        ({"segmentation": []}, "object 100: found no outline"),
        ({"segmentation": [], "bbox": [1, 1, 3, 3]}, "object 100: found a box and no outline; .* data for detection"),
        ({"segmentation": [[1, 1, 2]]}, "object 100: found a segmentation that cannot be read"),
        ({"segmentation": [SQUARE], "category_id": 8}, "found the category_id 8 in annotation 100"),
        ({"segmentation": [SQUARE], "category_id": None}, "found the category_id None in annotation 100"),
        ({"segmentation": {"size": [6, 8], "counts": [1, 3]}}, "object 100: found runs of 4 pixels"),
        (
            {"segmentation": {"size": [8, 6], "counts": [48]}},
            r"object 100: found runs of the size \[8, 6\]; .*\[6, 8\]",
        ),
        ({"segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.8]]}, "outlines within the first pixel; .*Multiply fractions"),
    ],
)
def test_objects_that_make_no_sense(write: Callable[..., Path], annotation: dict[str, Any], problem: str) -> None:
    data = open_dataset(write(content(annotation)))
    with pytest.raises(MaskError, match=problem):
        data.read(data.splits["train"][0])


def broken(**changes: Any) -> dict[str, Any]:
    return content({"segmentation": [SQUARE]}) | changes


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        (broken(categories=[{"id": 7, "name": "a"}, {"id": 7, "name": "b"}]), "the id 7 twice among categories"),
        (broken(categories=[{"id": 7}]), "an entry in categories without 'name'"),
        (broken(categories=[{"id": 7, "name": None}]), "the name None in entry 1 of categories"),
        (broken(categories=[{"id": [7], "name": "a"}]), r"the id \[7\] in entry 1 of categories"),
        (broken(categories=[{"id": 7, "name": "a"}, {"id": "7", "name": "b"}]), "the id 7 twice among categories"),
        (broken(annotations=None), "no list of annotations"),
    ],
)
def test_files_that_make_no_sense(write: Callable[..., Path], listed: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=f"instances_train2017.json: found {problem}"):
        open_dataset(write(listed))


def test_files_that_differ_in_their_categories(write: Callable[..., Path]) -> None:
    write(broken())
    root = write(broken(categories=[{"id": 7, "name": "dog"}]), "annotations/instances_val2017.json", "val2017")
    with pytest.raises(DataError, match=r"val2017.json: found the categories dog; expected those of .*: cell, disc"):
        open_dataset(root)


def test_a_file_that_breaks_off(write: Callable[..., Path]) -> None:
    root = write(broken())
    path = root / "annotations/instances_train2017.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(
        DataError, match=r"a file that cannot be read \(it is cut off: its text ends at byte \d[\d,]*, on line \d+"
    ):
        open_dataset(root)


def test_a_fault_in_an_annotation_costs_its_image_alone(write: Callable[..., Path]) -> None:
    faults = ({"segmentation": [[1, 2, 3]], "image_id": 11}, {"segmentation": [SQUARE]})
    result = check(open_dataset(write(content(*faults, images=3))))
    assert [(path.name, result.images) for path in result.unusable] == [("b.png", 3)]
    assert result.class_pixels.tolist() == [2 * HEIGHT * WIDTH - 9, 9, 0]


@pytest.mark.parametrize("annotation_id", [1, "1", None])
def test_annotations_of_one_id_are_all_read(write: Callable[..., Path], annotation_id: object) -> None:
    """As where two files were joined: to COCO's own code one of them is lost."""
    twice = content({"segmentation": [SQUARE], "id": annotation_id}, {"segmentation": OTHER, "id": annotation_id})
    data = open_dataset(write(twice))
    assert (data.read(data.splits["train"][0]).label_map == 1).sum() == 13
    assert [problem.kind for problem in data.problems] == ([] if annotation_id is None else ["assumed"])


def test_annotations_of_no_image_are_told(write: Callable[..., Path]) -> None:
    result = check(open_dataset(write(content({"segmentation": [SQUARE]}, {"segmentation": OTHER, "image_id": 5}))))
    (told,) = result.harmful
    assert told.kind == "missing_image"
    assert "found 1 annotations (101 (image_id 5)) of images that are not listed" in told.message
    assert result.unusable == set()


def test_ids_are_compared_as_numbers(write: Callable[..., Path]) -> None:
    listed = content({"segmentation": [SQUARE], "image_id": "10", "category_id": 7.0})
    listed["categories"] = [{"id": "90", "name": "disc"}, {"id": 7, "name": "cell"}]
    data = open_dataset(write(listed))
    assert data.classes.names == ("background", "cell", "disc")
    assert (data.read(data.splits["train"][0]).label_map == 1).sum() == 9


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_and_any_order_of_keys(write: Callable[..., Path], encoding: str) -> None:
    listed = content({"segmentation": [SQUARE]})
    root = write({"contributor": "x" * 9000, "version": 1} | listed)
    path = root / "annotations/instances_train2017.json"
    path.write_bytes(path.read_text().encode(encoding))
    data = open_dataset(root)
    assert data.format == "coco"
    assert (data.read(data.splits["train"][0]).label_map == 1).sum() == 9


@pytest.mark.parametrize("prefix", ["/home/bob/data/", "C:\\data\\", "imgs\\", "./"])
def test_file_names_of_another_machine(write: Callable[..., Path], prefix: str) -> None:
    root = write(content({"segmentation": [SQUARE]}, images=2))
    path = root / "annotations/instances_train2017.json"
    listed = json.loads(path.read_text())
    for image in listed["images"]:
        image["file_name"] = prefix + image["file_name"]
    path.write_text(json.dumps(listed))
    data = open_dataset(root)
    assert [item.image for item in data.splits["train"]] == [root / "train2017/a.png", root / "train2017/b.png"]
    assert [problem.kind for problem in data.problems] == ([] if prefix == "./" else ["assumed"])


def test_captions_and_keypoints_beside_objects_are_passed_over(write: Callable[..., Path]) -> None:
    root = write(content({"segmentation": [SQUARE]}))
    for name, listed in (
        ("captions_train2017", {"images": [], "annotations": [{"id": 1, "image_id": 1, "caption": "a cell"}]}),
        (
            "person_keypoints_train2017",
            content() | {"categories": [{"id": 1, "name": "person", "keypoints": ["nose"]}]},
        ),
        ("image_info_test2017", {"images": [], "categories": []}),
    ):
        (root / f"annotations/{name}.json").write_text(json.dumps(listed))
    data = open_dataset(root)
    assert data.classes.names == ("background", "cell", "disc")
    told = {problem.file.stem: problem.message for problem in data.problems if problem.kind == "passed_over"}
    assert sorted(told) == ["captions_train2017", "image_info_test2017", "person_keypoints_train2017"]
    assert "found keypoints" in told["person_keypoints_train2017"]
    (root / "annotations/instances_train2017.json").rename(root / "annotations/cells_train2017.json")
    assert open_dataset(root).classes.names == data.classes.names
    (root / "annotations/cells_train2017.json").unlink()
    (root / "annotations/person_keypoints_train2017.json").unlink()
    with pytest.raises(DataError, match=r"captions_train2017\.json \(captions of images\)"):
        open_dataset(root)


@pytest.mark.parametrize(
    ("categories", "names"),
    [
        ([(0, "cells", "none"), (7, "cell", "cells")], ("background", "cell")),
        ([(0, "cell", "none"), (7, "cell", "none")], ("background", "cell")),
        ([(0, "", "none"), (7, "cell", "cells")], ("background", "cell")),
        ([(0, "disc", "none"), (7, "cell", "none")], ("background", "disc", "cell")),
        ([(7, "cell", "none")], ("background", "cell")),
    ],
)
def test_the_empty_category_above_all_is_no_class(
    write: Callable[..., Path], categories: list[tuple[int, str, str]], names: tuple[str, ...]
) -> None:
    listed = content({"segmentation": [SQUARE]})
    keys = ("id", "name", "supercategory")
    listed["categories"] = [dict(zip(keys, category, strict=True)) for category in categories]
    data = open_dataset(write(listed))
    assert data.classes.names == names
    assert (data.read(data.splits["train"][0]).label_map == names.index("cell")).sum() == 9
    assert len(data.problems) == (len(categories) + 1 - len(names))


JUNK = (None, "text", [], [1, "a"], {"a": 1}, True, -1, 1e999, 10**400, "\ud800", "x" * 5000)


def test_any_value_in_any_place_ends_in_a_message(write: Callable[..., Path]) -> None:
    """Every entry of a file is replaced by each kind of value: `check` ends, or refuses the file by its name."""
    root = write(content({"segmentation": [SQUARE]}, {"segmentation": {"size": [6, 8], "counts": [7, 3, 38]}}))
    path = root / "annotations/instances_train2017.json"
    whole = json.loads(path.read_text())
    places = [(key,) for key in whole]
    places += [(key, i) for key in ("images", "annotations", "categories") for i in range(len(whole[key]))]
    places += [(key, i, name) for key, i in places[4:] for name in whole[key][i]]
    places += [("annotations", 0, "segmentation", 0), ("annotations", 0, "segmentation", 0, 3)]
    places += [("annotations", 1, "segmentation", "counts"), ("annotations", 1, "segmentation", "counts", 1)]
    for place in places:
        for value in JUNK:
            content_now = json.loads(json.dumps(whole))
            inner: Any = content_now
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            path.write_text(json.dumps(content_now))
            try:
                result = check(open_dataset(root))
            except DataError as error:
                assert str(root) in error.where  # noqa: PT017
                continue
            json.dumps(result.to_json_dict(), ensure_ascii=False).encode()
