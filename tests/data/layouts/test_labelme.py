"""labelme's files: every kind of shape, layouts, a round trip, and every mistake named."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.check import check
from pixelwise.data.class_list import write_classes
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layouts import labelme
from pixelwise.data.layouts.coco import is_coco
from pixelwise.data.layouts.folders import open_folders
from pixelwise.data.layouts.labelme import is_labelme, open_labelme, write_labelme
from pixelwise.data.pairing import image_files
from pixelwise_scenes import write_scenes

HEIGHT, WIDTH = 6, 8
SQUARE = [[1, 1], [4, 1], [4, 4], [1, 4]]
Write = Callable[..., Path]


def shape(label: str = "cell", points: Any = SQUARE, **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}} | more


def png(mask: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(np.array(mask, np.uint8)).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a JSON file of these shapes, and its image beside it, and returns the directory."""

    def write(*shapes: Any, file: str = "train/a.json", image: str | None = "", **changes: Any) -> Path:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        name = f"{path.stem}.png" if image == "" else image
        content = {
            **{"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": name, "imageData": None},
            **{"imageHeight": HEIGHT, "imageWidth": WIDTH},
        }
        path.write_text(json.dumps(content | changes))
        if name is not None:
            pixels = np.full((HEIGHT, WIDTH, 3), len(list(tmp_path.rglob("*.png"))), np.uint8)
            Image.fromarray(pixels).save(path.parent / name)
        return tmp_path

    return write


def read(root: Path) -> Labels:
    data = open_labelme(root)
    ((_, item),) = data.items()
    data.read(item)
    return data.read_labels(item)


def test_labels_follow_background_in_alphabetical_order(write: Write) -> None:
    data = open_labelme(write(shape("disc"), shape("cell", [[5, 1], [7, 1], [7, 3], [5, 3]]), shape("_background_")))
    assert data.format == "labelme"
    assert data.classes.names == ("_background_", "cell", "disc")
    sample = data.read(data.splits["train"][0])
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:3, 5:7] = 1
    assert_array_equal(sample.label_map, expected)  # background, drawn last of two as large, is in front of the disc
    assert_array_equal(sample.instance_map, 2 * expected)


@pytest.mark.parametrize(
    "drawn",
    [
        shape(),
        shape(shape_type=None),
        shape(points=[[4, 1], [1, 4]], shape_type="rectangle"),
        shape(shape_type="rectangle"),
        shape(shape_type="oriented_rectangle"),
        shape(points=[[1, 1], [3, 3]], shape_type="mask", mask=png(np.ones((3, 3)))),
        shape(points=[[1, 1], [3, 3]], shape_type="mask", mask=png(np.full((3, 3), 255))),
    ],
)
def test_kinds_of_shapes_that_are_the_same_square(write: Write, drawn: dict[str, Any]) -> None:
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:4, 1:4] = 1
    assert_array_equal(read(write(drawn)).instance_map, expected)


def test_a_circle_is_given_by_its_centre_and_a_point_on_it(write: Write) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    sample = read(write(shape(points=[[4, 3], [4, 5.2]], shape_type="circle")))
    assert_array_equal(sample.label_map, np.hypot(columns - 4, rows - 3) < 2.2)


def test_a_mask_may_have_holes(write: Write) -> None:
    ring = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    sample = read(write(shape(points=[[5, 2], [7, 4]], shape_type="mask", mask=png(ring))))
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[2:5, 5:8] = ring
    assert_array_equal(sample.label_map, expected)


def test_shapes_of_one_label_and_group_are_one_object(write: Write) -> None:
    left, right = ([[x, 0], [x + 1, 0], [x + 1, 1], [x, 1]] for x in (0, 3))
    sample = read(write(shape(points=left, group_id=0), shape(points=right, group_id=0)))
    assert_array_equal(sample.instance_map[0], [1, 0, 0, 1, 0, 0, 0, 0])
    sample = read(write(shape(points=left, group_id=0), shape("disc", right, group_id=0)))
    assert_array_equal(sample.instance_map[0], [1, 0, 0, 2, 0, 0, 0, 0])


def test_what_is_to_be_ignored_has_no_label(write: Write) -> None:
    sample = read(write(shape("__ignore__")))
    assert (sample.label_map == IGNORE_INDEX).sum() == 9
    assert not sample.instance_map.any()


def test_points_and_lines_are_told_and_make_no_class(write: Write) -> None:
    line = shape("axis", [[0, 0], [3, 3]], shape_type="line")
    root = write(line, shape("eye", [[0, 0]], shape_type="point"), shape())
    assert open_labelme(root).classes.names == ("background", "cell")
    sample = read(root)
    assert sample.remarks == (
        "found points or lines (1 (axis), 2 (eye)); expected polygons, rectangles, circles or masks. "
        "Each of them was left out.",
    )
    assert sample.label_map.sum() == 9


def test_a_list_of_classes_names_them(write: Write) -> None:
    root = write(shape("disc"))
    write_classes(root / "classes.yaml", ClassMap(("wing", "disc"), ((1, 2, 3), (4, 5, 6))))
    data = open_labelme(root)
    assert data.classes.names == ("background", "wing", "disc")
    assert data.classes.colors[1:] == ((1, 2, 3), (4, 5, 6))
    assert read(root).label_map.max() == 2
    write(shape("claw"))
    with pytest.raises(MaskError, match="the label 'claw'; expected one of background, wing, disc"):
        read(root)


@pytest.mark.parametrize(
    ("file", "split", "name"),
    [
        ("train/a.json", "train", "a"),
        ("validation/a.json", "val", "a"),
        ("test/images/a.json", "test", "a"),
        ("annotations/Train/a.b.json", "train", "a.b"),
        ("train/north/a.json", "train", "north_a"),
        ("a.json", "train", "a"),
    ],
)
def test_layouts(write: Write, file: str, split: str, name: str) -> None:
    root = write(shape(), file=file)
    assert is_labelme(root)
    assert not is_coco(root)
    data = open_labelme(root)
    assert [(part, item.name) for part, item in data.items()] == [(split, name)]
    assert data.splits[split][0].image.is_file()


@pytest.mark.parametrize("stated", ["../images/a.png", "..\\images\\a.png", "C:\\Users\\me\\b.png", None])
def test_images_are_where_the_file_says_or_beside_it(write: Write, stated: str | None) -> None:
    root = write(shape(), file="json/a.json", image=None, imagePath=stated)
    folder, name = ("images", "a.png") if stated and ".." in stated else ("json", "b.png" if stated else "a.png")
    (root / folder).mkdir(exist_ok=True)
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(root / folder / name)
    ((_, item),) = open_labelme(root).items()
    assert item.image == root / folder / name


def test_each_folder_is_listed_once_for_images_that_are_not_where_files_say(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        root = write(shape(), file=f"{name}.json", imagePath="elsewhere.jpg")
    folders: list[Path] = []

    def list_images(folder: Path) -> list[Path]:
        folders.append(folder)
        return image_files(folder)

    monkeypatch.setattr(labelme, "image_files", list_images)
    images, _ = labelme._images(root, files := sorted(root.glob("*.json")), [{"imagePath": "no.jpg"}] * len(files))
    assert [image.name for image in images] == ["a.png", "b.png", "c.png", "d.png"]
    assert folders == [root]


def test_old_files_do_not_state_a_size(write: Write) -> None:
    assert read(write(shape(), imageHeight=None, imageWidth=None)).label_map.shape == (HEIGHT, WIDTH)


def test_other_directories(tmp_path: Path) -> None:
    for content in ('{"images": [], "annotations": []}', '{"shapes', "[]"):
        (tmp_path / "a.json").write_text(content)
        assert not is_labelme(tmp_path)
    with pytest.raises(DataError, match="found no file of labelme's; expected JSON files with shapes and imagePath"):
        open_labelme(tmp_path)


def test_two_files_of_one_image(write: Write) -> None:
    write(shape())
    root = write(shape(), file="train/b.json", image="a.png")
    with pytest.raises(DataError, match=r"a.png: found two files for it, .*a.json and .*b.json"):
        open_labelme(root)


def test_files_in_train_and_outside_of_it(write: Write) -> None:
    write(shape())
    root = write(shape(), file="b.json")
    with pytest.raises(DataError, match="images in train and images outside of it"):
        open_labelme(root)


def test_check_tells_what_is_missing_damaged_and_mended(write: Write) -> None:
    write(shape(), shape(points=[[2, 2], [3, 2], [3, 3], [2, 3]]), file="train/a.json")
    write(shape(), file="train/b.json", image=None, imagePath="b.png", imageData="aGVsbG8=")
    root = write(shape(), file="train/c.json")
    (root / "train/c.json").write_text((root / "train/c.json").read_text()[:-9])
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 99, np.uint8)).save(root / "train/d.png")
    write(shape(), file="val/e.json", imageHeight=HEIGHT + 1)
    result = check(open_labelme(root))
    assert {(problem.kind, problem.file.name) for problem in result.problems} == {
        ("mended", "a.json"),
        ("mended", "b.json"),
        ("missing_image", "b.png"),
        ("bad_annotation", "c.json"),
        ("missing_mask", "d.png"),
        ("size_mismatch", "e.json"),
    }
    assert {path.name for path in result.unusable} == {"b.png", "c.png", "d.png", "e.png"}
    (alone,) = [p.message for p in result.problems if p.kind == "mended" and p.file.name == "b.json"]
    assert alone.startswith("found the image b.png in imageData alone; expected its file beside this one.")


@pytest.mark.parametrize(
    ("drawn", "problem"),
    [
        (shape(points=[[1, 1], [2, 2]]), r"found an outline of 2 corners"),
        (shape(points=[[1, 1, 1]]), r"found points of the shape \(1, 3\)"),
        (shape(points=[[1, 1], [2]]), r"found points that cannot be read"),
        (shape(points=None), r"found points of the shape \(\)"),
        (shape(points=[[1, 1]], shape_type="circle"), "found a circle of 1 points"),
        (shape(shape_type="cuboid"), "found the shape_type 'cuboid'"),
        (shape(label=None), "found the label None and the group_id None"),
        (shape(group_id="x"), "found the label 'cell' and the group_id 'x'"),
        (shape(points=[[0, 0], [1, 1]], shape_type="mask"), "found a mask that cannot be read"),
        (shape(points=[[0, 0], [1, 1]], shape_type="mask", mask="????"), "found a mask that cannot be read"),
        (
            shape(points=[[0, 0], [1, 1]], shape_type="mask", mask=png([[1, 1]])),
            r"found a mask of 1x2 \(height x width\); expected 2x2, as its points say",
        ),
        (
            shape(points=[[7, 5], [8, 5]], shape_type="mask", mask=png([[1, 1]])),
            "found a mask in columns 7 to 8 and rows 5 to 5; expected one inside the image of 6x8 pixels",
        ),
    ],
)
def test_shapes_that_make_no_sense(write: Write, drawn: dict[str, Any], problem: str) -> None:
    with pytest.raises(MaskError, match=rf"a.json, object 1 \(.*\): {problem}"):
        read(write(drawn))


def test_an_empty_mask_is_told(write: Write) -> None:
    sample = read(write(shape(points=[[0, 0], [1, 0]], shape_type="mask", mask=png([[0, 0]]))))
    assert sample.remarks[0].startswith("found objects (1 (cell)) that cover no pixel's centre")


@pytest.mark.parametrize("shapes", [None, {}, ["cell"]])
def test_files_without_shapes(write: Write, shapes: Any) -> None:
    with pytest.raises(MaskError, match=r"a.json: found (no list of shapes|'cell' in place of shape 1)"):
        read(write(shapes=shapes))


def data_of(tmp_path: Path, label_map: Any, instance_map: Any) -> Dataset:
    """Return one image with these maps."""
    Image.fromarray(np.zeros((*np.shape(label_map), 3), np.uint8)).save(tmp_path / "a.png")
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels(np.array(label_map, np.uint8), None if instance_map is None else np.array(instance_map, np.int32))
    return Dataset(tmp_path, "folders", ClassMap.from_names(("sky", "cell")), {"val": (item,)}, lambda item: labels)


def test_objects_are_polygons_groups_or_masks(tmp_path: Path) -> None:
    """A square; two pixels that touch at a corner; a ring around pixels without a label."""
    instances = [[1, 1, 0, 3, 3, 3], [1, 1, 0, 3, 0, 3], [0, 2, 0, 3, 3, 3], [2, 0, 0, 0, 0, 0]]
    labels = (np.array(instances) > 0).astype(np.uint8)
    labels[1, 4] = IGNORE_INDEX
    write_labelme(data_of(tmp_path, labels, instances), tmp_path / "out")
    content = json.loads((tmp_path / "out/val/a.json").read_text())
    assert [(entry["label"], entry["shape_type"], entry["group_id"]) for entry in content["shapes"]] == [
        ("cell", "polygon", None),
        ("cell", "polygon", 2),
        ("cell", "polygon", 2),
        ("cell", "mask", None),
        ("__ignore__", "polygon", None),
    ]
    assert content["shapes"][0]["points"] == [[2, 0], [2, 2], [0, 2], [0, 0]]
    assert content["shapes"][3]["points"] == [[3, 0], [5, 2]]
    assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == ("a.png", 4, 6)
    sample = read(tmp_path / "out")
    assert_array_equal(sample.label_map, labels)
    assert_array_equal(sample.instance_map, instances)
    assert sample.remarks == ()


def test_without_objects_the_regions_of_each_class_are_written(tmp_path: Path) -> None:
    label_map = [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0]]
    write_labelme(data_of(tmp_path, label_map, None), tmp_path / "out")
    data = open_labelme(tmp_path / "out")
    sample = data.read(next(data.items())[1])
    assert_array_equal(sample.label_map, label_map)
    assert len(np.unique(sample.instance_map)) == 5  # none, and four regions that touch over sides


def test_written_and_read_back_every_pixel_of_objects_is_the_same(tmp_path: Path) -> None:
    """Landscapes keep their objects; what is no object becomes background, which the first class is renamed to."""
    write_scenes(tmp_path / "scenes", 0, {"train": 3, "val": 2}, size=(64, 96))
    scenes = open_folders(tmp_path / "scenes")
    write_labelme(scenes, tmp_path / "out")
    data = open_labelme(tmp_path / "out")
    assert data.classes.names == ("background", *scenes.classes.names[1:])
    assert data.classes.colors == scenes.classes.colors
    assert {problem.kind for problem in check(data).problems} <= {"empty_class"}
    for split, items in scenes.splits.items():
        for item, other in zip(items, data.splits[split], strict=True):
            first, second = scenes.read(item), data.read(other)
            assert item.name == other.name
            assert_array_equal(second.image, first.image)
            assert_array_equal(second.label_map, np.where(first.instance_map > 0, first.label_map, 0))
            pairs = np.unique(np.stack([first.instance_map.ravel(), second.instance_map.ravel()]), axis=1)
            assert pairs.shape[1] == len(np.unique(first.instance_map)) == len(np.unique(second.instance_map))
    write_labelme(data, tmp_path / "again")
    assert {file.name: file.read_bytes() for file in (tmp_path / "again").rglob("*.*")} == {
        file.name: file.read_bytes() for file in (tmp_path / "out").rglob("*.*")
    }


JUNK = (None, "text", [1, "a"], {"a": 1}, True, 1e999, 10**400, "\ud800")


@pytest.mark.parametrize(
    "place", [("label",), ("points",), ("points", 1), ("points", 1, 0), ("group_id",), ("shape_type",)]
)
def test_any_value_in_any_place_ends_in_a_message(save, tmp_path: Path, place: tuple[str | int, ...]) -> None:
    save("a.png")
    for value in JUNK:
        shape: Any = {"label": "cat", "points": [[1, 1], [4, 1], [4, 4]], "group_id": None, "shape_type": "polygon"}
        inner = shape
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        whole = {"shapes": [shape], "imagePath": "a.png", "imageHeight": value, "imageWidth": 8}
        (tmp_path / "a.json").write_text(json.dumps(whole))
        result = check(open_labelme(tmp_path))
        json.dumps(result.to_json_dict(), ensure_ascii=False).encode()


def test_a_file_nested_too_deep_costs_its_image(save, tmp_path: Path) -> None:
    for stem in "ab":
        save(f"{stem}.png")
    (tmp_path / "a.json").write_text('{"shapes": ' + "[" * 20000)
    good = {"shapes": [{"label": "cat", "points": [[1, 1], [4, 1], [4, 4]]}], "imagePath": "b.png"}
    (tmp_path / "b.json").write_text(json.dumps({"description": "x" * 9000} | good), encoding="utf-16")
    result = check(open_labelme(tmp_path))
    assert [path.name for path in result.unusable] == ["a.png"]
    assert result.class_objects.tolist() == [0, 1]
