"""Files that would stop, fill or lead a reader astray: each is a typed error or costs its image alone, and soon."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import DataError, MaskError, PixelwiseError
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import CheckResult, check
from pixelwise.raster.axes import count_unread

HEIGHT, WIDTH = 6, 8
SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]
HUGE = 20_000
"""A side of an image that nobody has: its maps would take 2 GB."""


def save(path: Path, pixels: object = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels is None:
        pixels = np.random.default_rng(zlib.crc32(path.as_posix().encode())).integers(0, 256, (HEIGHT, WIDTH, 3))
    Image.fromarray(np.asarray(pixels).astype(np.uint8)).save(path)


def write(path: Path, content: str | dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def coco(root: Path, size: tuple[object, object] = (HEIGHT, WIDTH), **annotation: Any) -> None:
    """Two images: a.png with the annotation given, b.png with a square."""
    for name in "ab":
        save(root / f"train/{name}.png")
    height, width = size
    entry = {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [SQUARE]}
    listed = {
        "images": [
            {"id": 1, "file_name": "a.png", "height": height, "width": width},
            {"id": 2, "file_name": "b.png", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": [entry | annotation, entry | {"id": 2, "image_id": 2}],
        "categories": [{"id": 7, "name": "cell"}],
    }
    write(root / "annotations/instances_train.json", listed)


def labelme(root: Path, size: tuple[object, object] = (HEIGHT, WIDTH), **shape: Any) -> None:
    entry = {"label": "cell", "points": [[1, 1], [4, 1], [4, 4]], "shape_type": "polygon"}
    for name in "ab":
        save(root / f"train/{name}.png")
        entry_of, stated = (entry | shape, size) if name == "a" else (entry, (HEIGHT, WIDTH))
        content = {"imagePath": f"{name}.png", "imageHeight": stated[0], "imageWidth": stated[1], "shapes": [entry_of]}
        write(root / f"train/{name}.json", content)


def cvat(root: Path, size: tuple[object, object] = (HEIGHT, WIDTH), points: str = "1,1;4,1;4,4") -> None:
    images = ""
    for name in "ab":
        save(root / f"images/train/{name}.png")
        (height, width), points_of = (size, points) if name == "a" else ((HEIGHT, WIDTH), "1,1;4,1;4,4")
        images += f'<image id="0" name="{name}.png" subset="train" width="{width}" height="{height}">'
        images += f'<polygon label="cell" points="{points_of}" z_order="0"/></image>'
    meta = "<meta><task><labels><label><name>cell</name></label></labels></task></meta>"
    write(root / "annotations.xml", f"<annotations>{meta}{images}</annotations>")


def yolo(root: Path, text: str = "train: images/train\nval: images/train\nnames: [cell]\n") -> None:
    save(root / "images/train/a.png")
    write(root / "labels/train/a.txt", "0 0.1 0.1 0.6 0.1 0.6 0.6\n")
    write(root / "data.yaml", text)


def harmed(root: Path) -> dict[str, list[str]]:
    """Return the kinds of harmful problems by image, and require that all took less than 10 seconds."""
    start = time.monotonic()
    result: CheckResult = check(open_dataset(root))
    assert time.monotonic() - start < 10
    messages: dict[str, list[str]] = {}
    for problem in result.harmful:
        if problem.kind not in ("no_train", "class_not_in_train", "duplicate", "one_class"):
            messages.setdefault(problem.file.name.partition(",")[0], []).append(problem.kind)
    assert {path.name for path in result.unusable} <= {"a.png"}
    return messages


@pytest.mark.parametrize("layout", [coco, labelme, cvat])
def test_a_size_that_the_image_does_not_have_is_told_and_takes_no_memory(
    layout: Callable[..., None], tmp_path: Path
) -> None:
    import tracemalloc

    layout(tmp_path, (HUGE, HUGE))
    tracemalloc.start()
    try:
        (kinds,) = harmed(tmp_path).values()
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert kinds == ["size_mismatch"]


ANNOTATIONS = [
    {"segmentation": [[1e308, 1, 4, 1, 4, 4]]},
    {"segmentation": [[10**400, 1, 4, 1, 4, 4]]},
    {"segmentation": [[float("nan"), 1, 4, 1, 4, 4]]},
    {"segmentation": [["x", 1, 4, 1, 4, 4]]},
    {"segmentation": [{}]},
    {"segmentation": 5},
    {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [10**400, -(10**400), 48]}},
    {"segmentation": {"size": [HEIGHT, WIDTH], "counts": ["48"]}},
    {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "o" * 100_000}},
    {"segmentation": {"size": [[[]]], "counts": [48]}},
    {"segmentation": [[*range(200_000), 1]]},
    {"category_id": [7]},
    {"category_id": {"a": 7}},
]


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=range(len(ANNOTATIONS)))
def test_an_annotation_that_makes_no_sense_costs_its_image_alone(annotation: dict[str, Any], tmp_path: Path) -> None:
    coco(tmp_path, **annotation)
    assert list(harmed(tmp_path).values()) == [["bad_annotation"]]


SHAPES = [
    {"label": "a\0b"},
    {"label": "\ud800"},
    {"label": None},
    {"label": "x" * 100_000},
    {"points": [[1e308, 1], [4, 1], [4, 4]]},
    {"points": "x"},
    {"points": [[1, 2], [3]]},
    {"shape_type": ["polygon"]},
    {"shape_type": "mask", "mask": 5, "points": [[1, 1], [2, 2]]},
    {"group_id": [1]},
]


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_a_shape_that_makes_no_sense_costs_its_image_alone(shape: dict[str, Any], tmp_path: Path) -> None:
    labelme(tmp_path, **shape)
    assert list(harmed(tmp_path).values()) == [["bad_annotation"]]


def test_a_polygon_of_many_corners_is_filled(tmp_path: Path) -> None:
    """A saw of 300,000 teeth within one row of pixels, closed around the second row."""
    teeth = np.stack([np.linspace(1, 7, 300_000), np.tile([1.0, 1.4], 150_000)], axis=1)
    coco(tmp_path, segmentation=[[*teeth.ravel().tolist(), 7, 2, 1, 2]])
    assert harmed(tmp_path) == {}
    data = open_dataset(tmp_path)
    labels = data.read_labels(data.splits["train"][0])
    assert labels.label_map.tolist() == [[0] * 8, [0, 1, 1, 1, 1, 1, 1, 0], *([0] * 8 for _ in range(4))]


def test_lists_in_yaml_of_folders_outside_are_refused_before_they_are_searched(tmp_path: Path) -> None:
    for place in ("/", "..", "../..", "/proc", "/dev/zero"):
        yolo(tmp_path / "data", f"train: {place}\nval: images/train\nnames: [cell]\n")
        start = time.monotonic()
        with pytest.raises(DataError, match=r"data\.yaml: found train: .*, which lies outside the data set"):
            open_dataset(tmp_path / "data")
        assert time.monotonic() - start < 5


def test_folders_outside_are_read_where_they_are_allowed(tmp_path: Path) -> None:
    yolo(tmp_path / "other")
    write(tmp_path / "data/data.yaml", "path: ../other\ntrain: images/train\nval: images/train\nnames: [cell]\n")
    with pytest.raises(DataError, match="which lies outside the data set") as raised:
        open_dataset(tmp_path / "data")
    assert f"`images_root={str((tmp_path / 'other/images/train').resolve())!r}`" in raised.value.remedy
    data = open_dataset(tmp_path / "data", images_root=tmp_path / "other")
    assert [item.name for item in data.splits["train"]] == ["a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("train: images/train\nval: images/train\nnc: 1000000000\n", "nc: 1000000000"),
        ("train: images/train\nval: images/train\nnc: [2]\n", r"nc: \[2\]"),
        ("train: {a: b}\nval: images/train\nnames: [cell]\n", r"train: {'a': 'b'}"),
        ("train: [images/train, [x]]\nval: images/train\nnames: [cell]\n", r"train: \['x'\]"),
        ("path: [x]\ntrain: images/train\nval: images/train\nnames: [cell]\n", r"path: \['x'\]"),
        ("train: images/train\nval: images/train\nnames: &a [*a]\n", "an alias to what holds it"),
        (f"train: images/train\nval: images/train\nnames: [{'x, ' * 300}y]\n", "302 classes"),
        ("train: " + "x" * 3000 + "\nval: images/train\nnames: [cell]\n", r"train: x+\.\.\., which is not there"),
        ("train: 2020-01-01\nval: images/train\nnames: [cell]\n", "train: datetime.date"),
    ],
)
def test_a_yaml_that_makes_no_sense(text: str, problem: str, tmp_path: Path) -> None:
    yolo(tmp_path, text)
    with pytest.raises(DataError, match=rf"data\.yaml: found .*{problem}"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("layout", ["folders", "labelme"])
def test_a_link_to_a_folder_above_is_not_followed(layout: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    if layout == "labelme":
        labelme(root)
        (root / "more").symlink_to("/")
    else:
        save(root / "masks/a.png", np.eye(HEIGHT, WIDTH))
        (root / "images").symlink_to("/")
    start = time.monotonic()
    try:
        open_dataset(root)
    except PixelwiseError:
        assert layout == "folders"
    assert time.monotonic() - start < 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of files are POSIX's")
@pytest.mark.parametrize("name", ["a.json", "data.yaml", "annotations.xml", "classes.yaml", "train.txt"])
def test_a_pipe_beside_the_data_is_not_waited_for(name: str, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"images/{number}.png")
        save(tmp_path / f"masks/{number}.png", np.eye(HEIGHT, WIDTH))
    os.mkfifo(tmp_path / name)
    assert sum(map(len, open_dataset(tmp_path).splits.values())) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of files are POSIX's")
@pytest.mark.parametrize("name", ["annotations.xml", "boxes.csv", "labels.json", "masks.zip", "data.yaml"])
def test_a_pipe_beside_images_without_masks_is_not_waited_for(name: str, tmp_path: Path) -> None:
    save(tmp_path / "images/a.png")
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("classes.yaml", "classes: [a, b]\nignore: 'x'\n", "under 'ignore' 'x'"),
        ("classes.yaml", "classes: [a, b]\nignore: {a: 1}\n", "under 'ignore' {'a': 1}"),
        ("classes.yaml", "classes: [a, 2020-01-01]\n", "has no name, or one that needs quotes"),
        ("classes.yaml", "classes: 5\n", "no list under the key 'classes'"),
        ("classes.yaml", "", "no list under the key 'classes'"),
        ("classes.yaml", 'classes: ["a\\0b", c]\n', "the name 'a"),
        ("classes.yaml", "x" * 600_000, "600,000 bytes, more than 524,288"),
        ("classes.txt", "\n".join(map(str, range(1000))), "lines numbered|1000 classes"),
        ("classes.txt", "\n".join(f"c{i}" for i in range(300)), "300 classes"),
        ("classes.txt", "a\0b\nc\n", "the name 'a"),
        ("labelmap.txt", "\n".join(f"c{i}:::" for i in range(300)), "300 classes|the colour"),
        ("labelmap.txt", f"a:{'9' * 5000},0,0::\nb:0,0,1::\n", "the line 'a:9"),
        ("class_dict.csv", "name,r,g,b\nsky,1\n", "the line 'sky 1' is too short"),
        ("class_dict.csv", f"name,r,g,b\nsky,{'9' * 5000},0,0\n", "a list that cannot be read"),
        ("label_colors.txt", "1 2 sky\n", "the line '1 2 sky' is too short"),
    ],
)
def test_lists_of_classes_that_make_no_sense(name: str, text: str, problem: str, tmp_path: Path) -> None:
    save(tmp_path / "images/a.png")
    save(tmp_path / "masks/a.png", np.eye(HEIGHT, WIDTH))
    write(tmp_path / name, text)
    with pytest.raises(DataError, match=problem) as raised:
        open_dataset(tmp_path)
    assert len(str(raised.value)) < 1500


@pytest.mark.parametrize("text", ["ignore: 255\n", "ignore:\n", "ignore: []\n", "ignore: [255]\n", ""])
def test_what_has_no_label_may_be_one_value_or_nothing(text: str, tmp_path: Path) -> None:
    save(tmp_path / "images/a.png")
    save(tmp_path / "masks/a.png", np.eye(HEIGHT, WIDTH))
    write(tmp_path / "classes.yaml", f"classes: [a, b]\n{text}")
    assert open_dataset(tmp_path).classes.names == ("a", "b")


@pytest.mark.parametrize("line", ["x" * 5000, "é" * 200, "/lost+found/x.png", "../../../etc/passwd", "~", "/", ".."])
def test_lists_of_images_with_names_that_no_system_has(line: str, tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"images/{name}.png")
        save(tmp_path / f"masks/{name}.png", np.eye(HEIGHT, WIDTH))
    write(tmp_path / "train.txt", f"a\nb\n{line}\n")
    write(tmp_path / "val.txt", "c\n")
    result = check(open_dataset(tmp_path))
    assert [problem.kind for problem in result.harmful] == ["missing_image"]


def test_a_list_of_deep_paths_is_read_soon(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"images/{name}.png")
        save(tmp_path / f"masks/{name}.png", np.eye(HEIGHT, WIDTH))
    write(tmp_path / "train.txt", "a\nb\n" + "".join(f"{'d/' * 900}{number}\n" for number in range(200)))
    write(tmp_path / "val.txt", "c\n")
    start = time.monotonic()
    assert len(open_dataset(tmp_path).splits["train"]) == 202
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("letter", ["x ", " ,", "x"])
def test_a_list_with_an_endless_line_is_an_error_soon(letter: str, tmp_path: Path) -> None:
    save(tmp_path / "images/a.png")
    save(tmp_path / "masks/a.png", np.eye(HEIGHT, WIDTH))
    write(tmp_path / "train.txt", "a\n" + letter * 250_000 + "x\n")
    start = time.monotonic()
    with pytest.raises(DataError, match=r"train\.txt: found a file that cannot be read \(a line of [25]\d\d,\d\d\d"):
        open_dataset(tmp_path)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", ["x" * 3000, "é" * 200, "/", "..", "/lost+found/x.png"])
@pytest.mark.parametrize("layout", ["voc", "camvid", "pets"])
def test_lists_of_layouts_with_names_that_no_system_has(layout: str, name: str, tmp_path: Path) -> None:
    """Each is an image that is missing, or a line that is refused."""
    if layout == "voc":
        for stem in "abc":
            save(tmp_path / f"JPEGImages/{stem}.png")
            save(tmp_path / f"SegmentationClass/{stem}.png", np.eye(HEIGHT, WIDTH))
        write(tmp_path / "ImageSets/Segmentation/train.txt", f"a\n{name}\n")
    elif layout == "camvid":
        for folder in ("train", "trainannot"):
            save(tmp_path / f"{folder}/a.png", np.eye(HEIGHT, WIDTH))
        write(tmp_path / "train.txt", f"train/a.png trainannot/a.png\n{name} {name}\n")
    else:
        save(tmp_path / "images/a.png")
        save(tmp_path / "annotations/trimaps/a.png", 1 + np.eye(HEIGHT, WIDTH))
        write(tmp_path / "annotations/trainval.txt", f"a 1 1 1\n{name} 1 1 1\n")
    result = check(open_dataset(tmp_path))
    assert result.format == layout
    assert "missing_image" in {problem.kind for problem in result.harmful}


@pytest.mark.parametrize("maps", ["masks", "instances"])
@pytest.mark.parametrize("layout", ["folders", "labelme", "coco"])
def test_classes_and_objects_of_different_sizes_are_not_converted(layout: str, maps: str, tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / f"data/images/{number}.png")
        save(tmp_path / f"data/masks/{number}.png", np.eye(HEIGHT, WIDTH))
        save(tmp_path / f"data/instances/{number}.png", np.eye(HEIGHT, WIDTH))
    save(tmp_path / f"data/{maps}/1.png", np.eye(HEIGHT + 1, WIDTH))
    with pytest.raises(MaskError, match=f"{HEIGHT}x{WIDTH}, its image's size"):
        write_dataset(open_dataset(tmp_path / "data"), layout, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_list_that_names_an_image_of_300_letters_is_an_error_of_the_data(tmp_path: Path) -> None:
    save(tmp_path / "JPEGImages/a.png")
    save(tmp_path / "SegmentationClass/a.png", np.eye(HEIGHT, WIDTH))
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text(f"a\n{'x' * 300}\n")
    dataset = open_dataset(tmp_path)
    stray = next(item for item in dataset.splits["train"] if item.name != "a")
    assert count_unread(stray.image) == 0
    with pytest.raises(PixelwiseError):
        dataset.read(stray)
    with pytest.raises(PixelwiseError):
        write_dataset(dataset, "folders", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_list_of_one_class_beside_masks_of_0_and_255_is_told(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"images/{number}.png")
        save(tmp_path / f"masks/{number}.png", 255 * (1 - np.eye(HEIGHT, WIDTH)))
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\n")
    with pytest.raises(DataError, match="one class, background, and the values 0 and 255 in the masks"):
        open_dataset(tmp_path)
