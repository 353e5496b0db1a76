"""YOLO's texts: outlines as pixels, holes and parts there and back, and every mistake named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layouts.yolo import bridge_rings, is_yolo, open_yolo, write_yolo
from pixelwise.instances.polygons import fill_rings, trace_outlines
from pixelwise_scenes import write_scenes

HEIGHT, WIDTH = 6, 8
SQUARE = "1 0.125 0.16666667 0.5 0.16666667 0.5 0.66666667 0.125 0.66666667"  # columns 1..3, rows 1..3 of 8x6
CORNER = "0 0.75 0 1 0 1 0.5 0.75 0.5"  # columns 6 and 7, rows 0..2
YAML = "train: images/train\nval: images/val\nnames: [cell, disc]\n"


@pytest.fixture
def root(save, tmp_path: Path) -> Path:
    """A data set of one image a split."""
    write(tmp_path, "data.yaml", YAML)
    for split, name in (("train", "a"), ("val", "b")):
        save(f"images/{split}/{name}.png")
        write(tmp_path, f"labels/{split}/{name}.txt", f"{SQUARE}\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(data: Dataset) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in data.splits.items()}


def labels_of(root: Path) -> Labels:
    data = open_yolo(root)
    return data.read_labels(data.splits["train"][0])


def test_classes_follow_background_and_lines_become_objects(root: Path) -> None:
    write(root, "labels/train/a.txt", f"{SQUARE}\n\n{CORNER}\n")
    assert is_yolo(root)
    data = open_yolo(root)
    assert (data.format, data.classes.names) == ("yolo", ("background", "cell", "disc"))
    assert names(data) == {"train": ["a"], "val": ["b"]}
    sample = data.read(data.splits["train"][0])
    square, corner = np.zeros((2, HEIGHT, WIDTH), int)
    square[1:4, 1:4], corner[:3, 6:] = 1, 1
    assert_array_equal(sample.label_map, 2 * square + corner)
    assert_array_equal(sample.instance_map, square + 2 * corner)


@pytest.mark.parametrize("text", [None, "", "\n \n"])
def test_an_image_without_lines_has_no_object(save, root: Path, text: str | None) -> None:
    save("images/train/empty.png")
    if text is not None:
        write(root, "labels/train/empty.txt", text)
    data = open_yolo(root)
    item = data.splits["train"][1]
    assert item.mask is not None
    assert item.mask.is_file()  # the sizes of these files tell one data set from another
    sample = data.read(item)
    assert not sample.label_map.any()
    assert not sample.instance_map.any()
    assert {problem.kind for problem in check(data).problems} == {"empty_class"}


@pytest.mark.parametrize(
    "content",
    [
        "train: images/train\nval: images/val\nnames: {1: disc, 0: cell}\nnc: 2\n",
        "path: /nowhere/at/all\ntrain: ../images/train\nvalidation: ../images/val\ntest: test\nnames: [cell, disc]\n",
        "path: images\ntrain: [train]\nval: val\nnames:\n- cell\n- disc\n",
        "path: .\ntrain: lists/train.txt\nval: [lists/val.txt]\ntest:\nnames: [cell, disc]\n",
    ],
)
def test_splits_are_folders_or_lists_in_several_places(root: Path, content: str) -> None:
    write(root, "data.yaml", content)
    write(root, "lists/train.txt", "/home/somebody/data/images/train/a.png\n")
    write(root, "lists/val.txt", "../images/val/b.png\n\n./images/val/gone.png\n")
    data = open_yolo(root)
    assert data.classes.names == ("background", "cell", "disc")
    assert names(data) | {"val": ["b"]} == {"train": ["a"], "val": ["b"]}
    assert all(data.read(data.splits[split][0]).label_map.sum() == 18 for split in ("train", "val"))


def test_a_listed_image_that_is_not_there_is_named(root: Path) -> None:
    write(root, "dataset.yaml", YAML.replace("images/train", "train.txt"))
    (root / "data.yaml").unlink()
    write(root, "train.txt", "./images/train/a.png\n./images/train/a.png\n./images/train/gone.png\n")
    data = open_yolo(root)
    assert names(data)["train"] == ["a", "gone"]
    assert [(p.kind, p.file.name) for p in check(data).problems if "class" not in p.kind] == [
        ("missing_image", "gone.png")
    ]


def test_a_line_without_a_name_is_an_image_that_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "data.yaml", YAML.replace("images/train", "train.txt"))
    write(root, "train.txt", "./images/train/a.png\n.\n/\n..\n./.\n")
    monkeypatch.chdir(root)
    data = open_yolo(Path())
    assert names(data)["train"][0] == "a"
    assert {p.kind for p in check(data).problems if "class" not in p.kind} == {"missing_image"}


def test_texts_are_found_by_the_last_folder_images_or_beside(save, tmp_path: Path) -> None:
    write(tmp_path, "my.yml", "train: [images/x/images, y]\nval: images/x/images\nnc: 2\n")
    save("images/x/images/deep/a.png")
    write(tmp_path, "images/x/labels/deep/a.txt", SQUARE)
    save("y/a.png")
    write(tmp_path, "y/a.txt", CORNER)
    data = open_yolo(tmp_path)
    assert data.classes.names == ("background", "class_0", "class_1")
    assert names(data) == {"train": ["images_x_images_deep_a", "y_a"], "val": ["a"]}
    assert [data.read_labels(item).label_map.sum() for item in data.splits["train"]] == [18, 6]


def test_a_test_set_without_texts_or_images_is_no_split(save, root: Path) -> None:
    write(root, "data.yaml", YAML + "test: images/test\n")
    assert set(open_yolo(root).splits) == {"train", "val"}
    (root / "images/test").mkdir()
    assert set(open_yolo(root).splits) == {"train", "val"}
    save("images/test/c.png")
    assert set(open_yolo(root).splits) == {"train", "val"}
    write(root, "labels/test/c.txt", "")
    assert set(open_yolo(root).splits) == {"train", "val", "test"}


def test_texts_without_an_image_are_strays(root: Path) -> None:
    stray = write(root, "labels/train/z.txt", SQUARE)
    write(root, "labels/train/classes.txt", "cell\ndisc\n")
    assert open_yolo(root).stray_masks == (stray,)


def test_check_tells_what_was_mended(root: Path) -> None:
    write(root, "labels/train/a.txt", f"{SQUARE}\n{SQUARE}\n0 1.001 0 1.002 0 1.002 1\n")
    result = check(open_yolo(root))
    problems = [problem for problem in result.problems if "class" not in problem.kind]
    assert [(p.kind, p.file.name) for p in problems] == [("mended", "a.txt"), ("mended", "a.txt")]
    assert "(on line 1) that lie wholly behind" in problems[0].message
    assert "(on line 3) that cover no pixel's centre" in problems[1].message
    assert result.class_objects.tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0 0.5 0.5 0.2 0.2", "a box on line 2"),
        ("0 0.5 0.5 0.2 0.2 0.3", "5 coordinates on line 2"),
        ("0", "object on line 2: found an outline of 0 corners"),
        ("0 0.5 0.5", "object on line 2: found an outline of 1 corners"),
        ("cell 0 0 0 1 1 1", "what is no number on line 2"),
        ("0 0 0 0 1 1 nan", "the coordinate nan on line 2"),
        ("2 0 0 0 1 1 1", "the class 2 on line 2; expected a class of the names, 0..1"),
        ("-1 0 0 0 1 1 1", "the class -1 on line 2"),
        ("0.5 0 0 0 1 1 1", "the class 0.5 on line 2"),
        ("0 0 0 0 4 7 1", "the coordinate 4 on line 2; expected fractions"),
        ("0 0 0 0 -0.02 1 1", "the coordinate -0.02 on line 2"),
    ],
)
def test_lines_that_make_no_sense(root: Path, line: str, fault: str) -> None:
    write(root, "labels/train/a.txt", f"{SQUARE}\n{line}\n")
    with pytest.raises(MaskError, match=rf"a\.txt.*{fault}"):
        labels_of(root)
    (problem,) = check(open_yolo(root)).problems
    assert problem.kind == "bad_annotation"


def test_a_text_that_is_no_text(root: Path) -> None:
    (root / "labels/train/a.txt").write_bytes(b"\xff\xfe0 1")
    with pytest.raises(MaskError, match=r"a\.txt: found a file that cannot be read"):
        labels_of(root)


def test_what_lies_a_little_outside_is_cut(root: Path) -> None:
    write(root, "labels/train/a.txt", "0 0.5 -0.01 1.01 -0.01 1.01 0.5 0.5 0.5")
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[:3, 4:] = 1
    assert_array_equal(labels_of(root).label_map, expected)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (YAML + "nc: 3\n", "2 names and nc: 3; expected as many names as nc"),
        (YAML + "nc: two\n", "2 names and nc: 'two'"),
        (
            YAML.replace("[cell, disc]", "{0: cell, 2: disc}"),
            "names that lack an id: 2 names for the ids 0, 2, none for 1",
        ),
        (YAML.replace("[cell, disc]", "{0: a, 5: b}"), "names that lack an id: 2 names for the ids 0, 5, none for 1"),
        (YAML.replace("[cell, disc]", "{cell: 0}"), "names that lack an id: 1 names for the ids cell, none for 0"),
        (YAML.replace("[cell, disc]", "[cell, no]"), "False, which needs quotes to be a name, for the id 1"),
        (YAML.replace("[cell, disc]", "[cell, , disc]"), "a file that cannot be read"),
        (YAML.replace("[cell, disc]", "[cell, null]"), "no name for the id 1"),
        (YAML.replace("[cell, disc]", "['', disc]"), "an empty name for the id 0"),
        (YAML.replace("[cell, disc]", "[]"), "names that are no list, or an empty one"),
        (YAML.replace("[cell, disc]", "cell"), "names that are no list"),
        (YAML.replace("names: [cell, disc]", "nc: 1000000000"), "nc: 1000000000 and no names"),
        (YAML.replace("names: [cell, disc]", "nc: two"), "nc: 'two' and no names"),
        (YAML.replace("disc", "cell"), "the name 'cell' twice, for the ids 0 and 1"),
        (YAML.replace("disc", "background"), r"the name 'background' twice \(background is one\)"),
        (YAML + "kpt_shape: [17, 3]\n", "keypoints"),
        (YAML.replace("images/val", "valid"), "val: valid, which is not there"),
        (YAML.replace("images/val", "empty"), "val: empty, which holds or names no image"),
        (YAML.replace("images/val", "empty.txt"), "val: empty.txt, which holds or names no image"),
        (YAML.replace("images/train", "").replace("images/val", ""), "no split"),
        (YAML + "  - [\n", "a file that cannot be read"),
        (f"|\n{YAML}", "a file that cannot be read"),
    ],
)
def test_yaml_files_that_make_no_sense(root: Path, content: str, fault: str) -> None:
    (root / "empty").mkdir()
    write(root, "empty.txt", "images/val/gone.png\n")
    write(root, "data.yaml", content)
    with pytest.raises(DataError, match=rf"data\.yaml: found {fault}"):
        open_yolo(root)


def test_images_without_any_text_and_images_of_one_name(save, root: Path) -> None:
    save("images/train/a.jpg")
    with pytest.raises(DataError, match=r"a\.png: found the same name as a\.jpg"):
        open_yolo(root)
    (root / "images/train/a.jpg").unlink()
    (root / "labels/train/a.txt").unlink()
    with pytest.raises(DataError, match=r"a\.txt: found no such file, and no text of train at all"):
        open_yolo(root)


def test_other_directories_are_not_taken_for_it(save, tmp_path: Path) -> None:
    write(tmp_path, "classes.yaml", "classes: [{name: sky}, {name: train}]\n")
    save("train/images/a.png")
    save("train/masks/a.png", [[0] * WIDTH] * HEIGHT)
    assert not is_yolo(tmp_path)
    with pytest.raises(DataError, match="found no such YAML file"):
        open_yolo(tmp_path)


def test_a_bridge_leaves_no_pixel() -> None:
    """A ring around a hole, and a pixel beside both: one line through all of them, the bridges there and back."""
    mask = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [1, 1, 1, 0, 0]], bool)
    ring = bridge_rings(trace_outlines(mask))
    assert len(ring) == 4 + 3 * 4  # four corners a ring; each bridge repeats both its ends
    assert_array_equal(fill_rings([ring], mask.shape), mask)


def test_objects_with_holes_and_in_parts_come_back_to_the_pixel(save, tmp_path: Path) -> None:
    """Noise is nothing but holes and parts; sides of 53 and 37 have no exact fractions."""
    random = np.random.default_rng(0)
    instance_map = random.integers(0, 4, (53, 37)).astype(np.int32)
    label_map = np.array([0, 2, 1, 2], np.uint8)[instance_map]
    image = save("noise.png", random.integers(0, 256, (53, 37, 3)))
    classes, items = ClassMap.from_names(("background", "cell", "disc")), {"val": (Item("noise", image),)}
    data = Dataset(tmp_path, "noise", classes, items, lambda _: Labels(label_map, instance_map))
    write_yolo(data, tmp_path / "out")
    again = open_yolo(tmp_path / "out")
    sample = again.read(again.splits["val"][0])
    assert_array_equal(sample.label_map, label_map)
    assert_array_equal(sample.instance_map, instance_map)


def test_written_and_read_back_every_object_is_the_same(tmp_path: Path) -> None:
    """Landscapes keep their objects; what is no object becomes background."""
    write_scenes(tmp_path / "scenes", 0, {"train": 3, "val": 2}, size=(64, 96))
    scenes = open_dataset(tmp_path / "scenes")
    write_yolo(scenes, tmp_path / "yolo")
    again = open_yolo(tmp_path / "yolo")
    assert again.classes.names[1:] == scenes.classes.names[1:]
    assert names(again) == names(scenes)
    for split, items in scenes.splits.items():
        for item, other in zip(items, again.splits[split], strict=True):
            first, second = scenes.read(item), again.read(other)
            assert other.image.read_bytes() == item.image.read_bytes()
            assert_array_equal(second.instance_map > 0, first.instance_map > 0)
            objects = first.instance_map > 0
            assert_array_equal(second.label_map, np.where(objects, first.label_map, 0))
            pairs = np.unique(np.stack([first.instance_map.ravel(), second.instance_map.ravel()]), axis=1)
            assert pairs.shape[1] == len(np.unique(first.instance_map))  # one to one
    assert not check(again).harmful


def test_what_is_written(root: Path, tmp_path: Path) -> None:
    write(root, "labels/train/a.txt", f"{CORNER}\n")
    write_yolo(open_yolo(root), tmp_path / "out")
    written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert written == ["data.yaml", "images/train/a.png", "images/val/b.png", "labels/train/a.txt", "labels/val/b.txt"]
    assert (tmp_path / "out/labels/train/a.txt").read_text() == "0 1 0 1 0.5 0.75 0.5 0.75 0\n"
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text()) == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "cell", 1: "disc"},
    }


def test_data_that_yolo_cannot_hold(save, tmp_path: Path) -> None:
    save("data/images/a.png")
    save("data/masks/a.png", np.eye(HEIGHT, WIDTH))
    write(tmp_path, "data/classes.txt", "ground\n")
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(tmp_path / "data/masks/a.png")
    with pytest.raises(DataError, match="found one class"):
        write_yolo(open_dataset(tmp_path / "data"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("prefix", ["/home/bob/x/", "C:\\bob\\x\\", "../x/", ""])
def test_paths_of_another_machine(save, tmp_path: Path, prefix: str) -> None:
    for split in ("train", "val"):
        save(f"images/{split}/a.png")
        write(tmp_path, f"labels/{split}/a.txt", "0 0 0 0.5 0 0.5 1 0 1\n")
    separator = "\\" if "\\" in prefix else "/"
    lines = [f"{split}: {prefix}images{separator}{split}" for split in ("train", "val")]
    write(tmp_path, "data.yaml", "\n".join([*lines, "names: [cat]"]))
    data = open_yolo(tmp_path)
    assert {split: [item.image for item in items] for split, items in data.splits.items()} == {
        split: [tmp_path / f"images/{split}/a.png"] for split in ("train", "val")
    }


def test_a_split_that_is_not_there_is_not_all_images(save, tmp_path: Path) -> None:
    """The last folder alone, `images`, would be those of training too."""
    save("images/a.png")
    write(tmp_path, "labels/a.txt", "")
    write(tmp_path, "data.yaml", "train: images\nval: ../valid/images\nnames: [cat]\n")
    with pytest.raises(DataError, match=r"val: \.\./valid/images, which is not there"):
        open_yolo(tmp_path)


def test_yaml_nested_too_deep(save, tmp_path: Path) -> None:
    write(tmp_path, "data.yaml", f"names: {'[' * 3000}\ntrain: images\n")
    with pytest.raises(DataError, match=r"data\.yaml: found a file that cannot be read"):
        open_yolo(tmp_path)


def test_images_that_a_list_does_not_name_are_counted(save, root: Path) -> None:
    for name in ("b", "c", "d e"):
        save(f"images/train/{name}.png")
    write(root, "labels/train/c.txt", f"{SQUARE}\n")
    write(root, "data.yaml", YAML.replace("images/train", "train.txt"))
    write(root, "train.txt", "./images/train/a.png\n./images/train/d e.png\n")
    data = open_yolo(root)
    assert names(data)["train"] == ["a", "d e"]
    (problem,) = data.problems
    assert problem.kind == "passed_over"
    assert "found 2 images (images/train/b.png, images/train/c.png), 1 with a mask" in problem.message
    write(root, "data.yaml", YAML)
    assert open_yolo(root).problems == ()


def test_masks_in_place_of_texts_are_named(save, root: Path) -> None:
    (root / "labels/train/a.txt").unlink()
    save("labels/train/a.png", np.zeros((HEIGHT, WIDTH)))
    with pytest.raises(DataError, match=r"train/ holds images: if these are masks, pass `format='folders'`"):
        open_yolo(root)
