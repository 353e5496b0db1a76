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

from pixelwise.classes import IGNORE_INDEX
from pixelwise.errors import DataError, MaskError
from pixelwise.formats import open_dataset, write_dataset
from pixelwise.formats.check import check
from pixelwise.instances.rle import compressed
from pixelwise.scenes import write_scenes

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
            {"id": 100 + i, "image_id": 10, "category_id": 7, "iscrowd": 0} | own for i, own in enumerate(annotations)
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
    packed = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": compressed(runs)}}
    theirs = coco_mask.decode(coco_mask.frPyObjects(plain["segmentation"], HEIGHT, WIDTH))
    for entry in (plain, packed):
        data = open_dataset(write(content(entry)))
        assert_array_equal(data.read(data.splits["train"][0]).label_map, theirs)
    data = open_dataset(write(content({"segmentation": [SQUARE]})))
    theirs = coco_mask.decode(coco_mask.frPyObjects([SQUARE], HEIGHT, WIDTH)[0])
    assert_array_equal(data.read(data.splits["train"][0]).label_map, theirs)


def test_a_crowd_has_no_label(write: Callable[..., Path]) -> None:
    data = open_dataset(write(content({"segmentation": [SQUARE], "iscrowd": 1})))
    sample = data.read(data.splits["train"][0])
    assert (sample.label_map == IGNORE_INDEX).sum() == 9
    assert not sample.instance_map.any()


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
        for own, other in zip(items, coco.splits[split], strict=True):
            first, second = scenes.read(own), coco.read(other)
            assert_array_equal(second.image, first.image)
            assert_array_equal(second.instance_map > 0, first.instance_map > 0)
            pairs = np.unique(np.stack([first.instance_map.ravel(), second.instance_map.ravel()]), axis=1)
            assert pairs.shape[1] == len(np.unique(first.instance_map))  # one to one
    write_dataset(coco, "coco", tmp_path / "again")
    again = open_dataset(tmp_path / "again")
    for split, items in coco.splits.items():
        for own, other in zip(items, again.splits[split], strict=True):
            assert_array_equal(again.read(other).label_map, coco.read(own).label_map)
            assert_array_equal(again.read(other).instance_map, coco.read(own).instance_map)


def test_what_has_no_label_is_written_as_a_crowd(write: Callable[..., Path], tmp_path: Path) -> None:
    data = open_dataset(
        write(content({"segmentation": [SQUARE], "iscrowd": 1}, {"segmentation": [[5, 1, 7, 1, 7, 3, 5, 3]]}))
    )
    write_dataset(data, "coco", tmp_path / "again")
    again = open_dataset(tmp_path / "again")
    assert_array_equal(again.read(again.splits["train"][0]).label_map, data.read(data.splits["train"][0]).label_map)


def test_masks_without_objects_cannot_be_written(tmp_path: Path) -> None:
    for folder, pixels in (("images", np.zeros((2, 2, 3), np.uint8)), ("masks", np.eye(2, dtype=np.uint8))):
        (tmp_path / "data/train" / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "data/train" / folder / "a.png")
    with pytest.raises(DataError, match="found no instance map"):
        write_dataset(open_dataset(tmp_path / "data"), "coco", tmp_path / "coco")
    assert not (tmp_path / "coco").exists()


def test_check_tells_what_was_mended_and_what_is_missing(write: Callable[..., Path]) -> None:
    root = write(content({"segmentation": [SQUARE]}, {"segmentation": [[2, 2, 3, 2, 3, 3, 2, 3]]}, images=2))
    (root / "train2017/b.png").unlink()
    result = check(open_dataset(root))
    assert {(problem.kind, problem.file.name) for problem in result.problems if "class" not in problem.kind} == {
        ("mended", "a.png"),
        ("missing_image", "b.png"),
        ("no_val", root.name),
    }
    assert {path.name for path in result.spoilt} == {"b.png"}


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ({"segmentation": [[1, 1, 2, 2]]}, "object 100: found an outline of 2 corners"),
        ({"segmentation": []}, "object 100: found no outline"),
        ({"segmentation": {"size": [2, 2], "counts": [1, 3]}}, "object 100: found runs of 4 pixels"),
    ],
)
def test_objects_that_make_no_sense(write: Callable[..., Path], annotation: dict[str, Any], found: str) -> None:
    data = open_dataset(write(content(annotation)))
    with pytest.raises(MaskError, match=found):
        data.read(data.splits["train"][0])


def broken(**changes: Any) -> dict[str, Any]:
    return content({"segmentation": [SQUARE]}) | changes


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (content({"segmentation": [SQUARE], "image_id": 5}), "the image_id 5 in annotation 100"),
        (content({"segmentation": [SQUARE], "category_id": 8}), "the category_id 8 in annotation 100"),
        (content({"segmentation": [[1, 1, 2]]}), "a segmentation in annotation 100 that cannot be read"),
        (
            content({"segmentation": [SQUARE], "id": 1}, {"segmentation": [SQUARE], "id": 1}),
            "the id 1 twice among annotations",
        ),
        (broken(categories=[{"id": 7, "name": "a"}, {"id": 7, "name": "b"}]), "the id 7 twice among categories"),
        (broken(categories=[{"id": 7}]), "an entry in categories without 'name'"),
        (broken(annotations=None), "no list of annotations"),
    ],
)
def test_files_that_make_no_sense(write: Callable[..., Path], listed: dict[str, Any], found: str) -> None:
    with pytest.raises(DataError, match=f"instances_train2017.json: found {found}"):
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
    with pytest.raises(DataError, match="a file that cannot be read"):
        open_dataset(root)
