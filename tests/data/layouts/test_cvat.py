"""CVAT's XML files: every kind of shape, layouts, a round trip, and every mistake named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layouts.cvat import is_cvat, open_cvat, write_cvat
from pixelwise.data.layouts.folders import open_folders
from pixelwise_scenes import write_scenes

HEIGHT, WIDTH = 6, 8
SQUARE = '<polygon label="cell" occluded="0" points="1.00,1.00;4.00,1.00;4.00,4.00;1.00,4.00" z_order="0"/>'
TWO = "<label><name>cell</name><color>#0102ff</color></label><label><name>disc</name></label>"
Write = Callable[..., Path]


def image(*shapes: str, name: str = "a.png", **more: str) -> str:
    given = {"name": name, "width": str(WIDTH), "height": str(HEIGHT)} | more
    attributes = " ".join(f'{key}="{value}"' for key, value in given.items() if value)
    return f'<image id="0" {attributes}>{"".join(shapes)}</image>'


def mask(rle: str, *, left: int = 5, top: int = 2, width: int = 3, height: int = 3, label: str = "cell") -> str:
    return (
        f'<mask label="{label}" rle="{rle}" left="{left}" top="{top}" width="{width}" height="{height}" z_order="0"/>'
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes an annotation file and an image, and returns the directory."""

    def write(
        *images: str, labels: str = TWO, file: str = "annotations.xml", at: str = "images/a.png", start: str = ""
    ) -> Path:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = f"<version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
        text = f'<?xml version="1.0" encoding="utf-8"?>\n{start}<annotations>{meta}{"".join(images)}</annotations>\n'
        path.write_text(text, encoding="utf-8")
        (tmp_path / at).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), len(at), np.uint8)).save(tmp_path / at)
        return tmp_path

    return write


def read(root: Path) -> Labels:
    data = open_cvat(root)
    ((_, item),) = data.items()
    data.read(item)
    return data.read_labels(item)


def test_labels_are_classes_in_the_files_order_and_colours(write: Write) -> None:
    disc = '<box label="disc" xtl="5.00" ytl="1.00" xbr="7.00" ybr="3.00"/>'
    root = write(image(SQUARE, disc))
    assert is_cvat(root)
    data = open_cvat(root)
    assert data.format == "cvat"
    assert data.classes.names == ("background", "cell", "disc")
    assert data.classes.colors[1] == (1, 2, 255)
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:4, 1:4], expected[1:3, 5:7] = 1, 2
    sample = read(root)
    assert_array_equal(sample.label_map, expected)
    assert_array_equal(sample.instance_map, expected)


def test_labels_that_regions_cannot_have_are_no_classes(write: Write) -> None:
    others = "".join(f"<label><name>{kind}</name><type>{kind}</type></label>" for kind in ("tag", "points", "mask"))
    part = "<label><name>nose</name><type>any</type><parent>face</parent></label>"
    root = write(image('<tag label="tag"/>'), labels=f"{others}{part}<label><name>background</name></label>")
    assert open_cvat(root).classes.names == ("background", "mask")
    assert read(root).remarks == ()


def test_a_mask_is_read_row_by_row_within_its_box(write: Write) -> None:
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[2:4, 5:8] = [[0, 1, 1], [1, 0, 0]]
    assert_array_equal(read(write(image(mask("1, 3, 2", height=2)))).label_map, expected)
    expected[2:4, 5:8] = [[1, 1, 0], [0, 0, 1]]
    assert_array_equal(read(write(image(mask("0,2,3,1", height=2)))).label_map, expected)


def test_boxes_and_ellipses_may_be_turned(write: Write) -> None:
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:5, 3:5] = 1
    turned = '<box label="cell" xtl="2" ytl="2" xbr="6" ybr="4" rotation="90.00"/>'
    assert_array_equal(read(write(image(turned))).label_map, expected)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for rx, ry, rotation in ((3.1, 1.9, 0), (1.9, 3.1, 90)):
        ellipse = f'<ellipse label="cell" cx="4" cy="3" rx="{rx}" ry="{ry}" rotation="{rotation}"/>'
        inside = ((columns - 4) / 3.1) ** 2 + ((rows - 3) / 1.9) ** 2 < 1
        assert_array_equal(read(write(image(ellipse))).label_map, inside)


def test_the_higher_z_order_is_in_front(write: Write) -> None:
    boxes = [f'<box label="cell" xtl="{x}" ytl="0" xbr="{x + 3}" ybr="1" z_order="%d"/>' for x in (0, 1, 2)]
    sample = read(write(image(boxes[0] % 2, boxes[1] % -1, boxes[2] % 0)))
    assert_array_equal(sample.instance_map[0], [1, 1, 1, 2, 2, 0, 0, 0])
    assert sample.remarks[0].startswith("found objects (2 (cell)) that lie wholly behind")


def test_shapes_of_one_label_and_group_are_one_object_and_a_box_is_its_frame(write: Write) -> None:
    parts = [mask("0, 1", left=x, top=0, width=1, height=1)[:-2] + ' group_id="3"/>' for x in (0, 2)]
    frame = '<box label="cell" xtl="0" ytl="0" xbr="3" ybr="1" group_id="3"/>'
    other = '<box label="disc" xtl="5" ytl="0" xbr="6" ybr="1" group_id="3"/>'
    sample = read(write(image(*parts, frame, other)))
    assert_array_equal(sample.instance_map[0], [1, 0, 1, 0, 0, 2, 0, 0])
    boxes = [frame, frame.replace('xtl="0"', 'xtl="7"').replace('xbr="3"', 'xbr="8"')]
    assert_array_equal(read(write(image(*boxes))).instance_map[0], [1, 1, 1, 0, 0, 0, 0, 1])


def test_the_label_ignore_is_no_class(write: Write) -> None:
    root = write(image(SQUARE.replace("cell", "ignore")), labels=f"{TWO}<label><name>ignore</name></label>")
    assert open_cvat(root).classes.names == ("background", "cell", "disc")
    assert (read(root).label_map == IGNORE_INDEX).sum() == 9


def test_what_is_no_region_is_told(write: Write) -> None:
    sample = read(
        write(image('<polyline label="lane" points="0,0;1,1"/>', SQUARE, '<points label="disc" points="1,1"/>'))
    )
    assert sample.remarks == (
        "found shapes (1 (polyline lane), 3 (points disc)) that are no regions; expected polygons, boxes, ellipses or "
        "masks. Each of them was left out.",
    )
    assert sample.label_map.sum() == 9


@pytest.mark.parametrize(
    ("named", "file", "at", "split", "name"),
    [
        (image(SQUARE), "annotations.xml", "images/a.png", "train", "a"),
        (image(SQUARE), "annotations.xml", "a.png", "train", "a"),
        (image(SQUARE), "test/annotations.xml", "test/images/a.png", "test", "a"),
        (image(SQUARE), "val/annotations.xml", "images/a.png", "val", "a"),
        (image(SQUARE, subset="Validation"), "annotations.xml", "images/Validation/a.png", "val", "a"),
        (image(SQUARE, subset="north"), "annotations.xml", "images/north/a.png", "train", "north_a"),
        (image(SQUARE, name="test/a.b.png"), "annotations.xml", "images/test/a.b.png", "test", "test_a.b"),
    ],
)
def test_layouts(write: Write, named: str, file: str, at: str, split: str, name: str) -> None:
    root = write(named, file=file, at=at)
    assert is_cvat(root)
    ((own_split, item),) = open_cvat(root).items()
    assert (own_split, item.name, item.image) == (split, name, root / at)
    assert read(root).label_map.sum() == 9


def test_check_tells_what_was_mended_what_is_wrong_and_what_is_missing(write: Write) -> None:
    inner = mask("0, 1", left=2, top=2, width=1, height=1)
    images = (
        image(SQUARE, inner, subset="train"),
        image(subset="val", name="b.png"),
        image(SQUARE.replace("cell", "cow"), subset="train", name="c.png"),
    )
    write(*images, at="images/train/c.png")
    result = check(open_cvat(write(*images, at="images/train/a.png")))
    assert {(problem.kind, problem.file.name) for problem in result.problems} >= {
        ("mended", "a.png"),
        ("missing_image", "b.png"),
        ("bad_annotation", "c.png, object 1 (cow)"),
    }
    assert {path.name for path in result.unusable} == {"b.png", "c.png"}


@pytest.mark.parametrize(
    ("drawn", "problem"),
    [
        (SQUARE.replace("cell", "cow"), "found the label 'cow'; expected one of background, cell, disc"),
        ('<polygon label="cell" points="1,1;2,2"/>', "found an outline of 2 corners"),
        ('<polygon label="cell" points="1,1;2"/>', "found points that cannot be read"),
        ('<polygon label="cell"/>', "found points that cannot be read"),
        ('<polygon label="cell" points="1,1,1;2,2,2"/>', r"found points of the shape \(2, 3\)"),
        ('<box label="cell" xtl="1" ytl="x" xbr="1"/>', "found xtl='1', ytl='x', xbr='1', ybr=None in <box>"),
        ('<ellipse label="cell" cx="1" cy="1" rx="inf" ry="1"/>', "found cx='1', cy='1', rx='inf', ry='1' in"),
        (SQUARE.replace('z_order="0"', 'z_order="up"'), "found group_id=None, z_order='up' in <polygon>"),
        (mask("1, 3"), "found runs of 4 pixels; expected runs of 0 or more that add up to 3x3"),
        (mask("1, a"), "found an rle that cannot be read"),
        (mask("0, 9", left=6), "found a mask in columns 6 to 8 and rows 2 to 4; expected one inside the image"),
    ],
)
def test_shapes_that_make_no_sense(write: Write, drawn: str, problem: str) -> None:
    with pytest.raises(MaskError, match=rf"annotations.xml/a.png, object 1 \(c.*\): {problem}"):
        read(write(image(drawn)))


def test_an_image_without_a_size(write: Write) -> None:
    with pytest.raises(MaskError, match="found a size of 0x8; expected a pixel or more"):
        read(write(image(height="0")))
    with pytest.raises(MaskError, match="found width=None in <image>; expected numbers"):
        read(write(image(width="")))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"start": "<!DOCTYPE annotations>"}, r"found a file that cannot be read \(a DOCTYPE"),
        ({"images": ["<image>"]}, r"found a file that cannot be read \(mismatched tag"),
        ({"images": ['<track id="0" label="cell"/>']}, "found tracks through a video; expected .*, with images"),
        ({"images": []}, "found no image"),
        ({"images": ["<image/>"]}, "found images without a name"),
        ({"images": [image(), image()]}, "found two images called a in one split"),
        ({"labels": ""}, "found no labels in <meta>"),
    ],
)
def test_files_that_make_no_sense(write: Write, given: dict[str, Any], problem: str) -> None:
    images = given.pop("images", [image(SQUARE)])
    with pytest.raises(DataError, match=rf"annotations.xml: {problem}"):
        open_cvat(write(*images, **given))


def test_files_that_differ_in_their_labels(write: Write) -> None:
    write(image(SQUARE), file="train/annotations.xml")
    root = write(image(SQUARE), file="val/annotations.xml", labels="<label><name>cell</name></label>")
    with pytest.raises(DataError, match=r"val/annotations.xml: found the labels background, cell; expected those of"):
        open_cvat(root)


def test_other_directories(tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text("<annotation><folder/></annotation>")
    assert not is_cvat(tmp_path)
    with pytest.raises(DataError, match=r"found no file of CVAT's; expected annotations.xml"):
        open_cvat(tmp_path)


def data_of(tmp_path: Path, label_map: Any, instance_map: Any) -> Dataset:
    """Return one image with these maps."""
    Image.fromarray(np.zeros((*np.shape(label_map), 3), np.uint8)).save(tmp_path / "a.png")
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels(np.array(label_map, np.uint8), None if instance_map is None else np.array(instance_map, np.int32))
    return Dataset(tmp_path, "folders", ClassMap.from_names(("sky", "cell")), {"val": (item,)}, lambda item: labels)


def test_objects_are_masks_with_holes_and_parts(tmp_path: Path) -> None:
    instances = [[0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 1]]
    labels = (np.array(instances) > 0).astype(np.uint8)
    labels[1, 2] = IGNORE_INDEX
    write_cvat(data_of(tmp_path, labels, instances), tmp_path / "out")
    content = ElementTree.parse(tmp_path / "out/annotations.xml").getroot()
    cell, unknown = content.findall("image/mask")
    assert [cell.get(key) for key in ("rle", "left", "top", "width", "height")] == [
        "0, 3, 1, 1, 1, 1, 1, 4",
        *("1", "0", "4", "3"),
    ]
    assert (unknown.get("label"), unknown.get("rle")) == ("ignore", "0, 1")
    assert [name.text for name in content.iterfind("meta/task/labels/label/name")] == ["background", "cell", "ignore"]
    sample = read(tmp_path / "out")
    assert_array_equal(sample.label_map, labels)
    assert_array_equal(sample.instance_map, instances)


def test_without_objects_the_regions_of_each_class_are_written(tmp_path: Path) -> None:
    label_map = [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0]]
    write_cvat(data_of(tmp_path, label_map, None), tmp_path / "out")
    data = open_cvat(tmp_path / "out")
    sample = data.read(next(data.items())[1])
    assert_array_equal(sample.label_map, label_map)
    assert len(np.unique(sample.instance_map)) == 5  # none, and four regions that touch over sides


def test_written_and_read_back_every_pixel_of_objects_is_the_same(tmp_path: Path) -> None:
    """Landscapes keep their objects; what is no object becomes background, which the first class is renamed to."""
    write_scenes(tmp_path / "scenes", 0, {"train": 3, "val": 2}, size=(64, 96))
    scenes = open_folders(tmp_path / "scenes")
    write_cvat(scenes, tmp_path / "out")
    data = open_cvat(tmp_path / "out")
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
    write_cvat(data, tmp_path / "again")
    assert (tmp_path / "again/annotations.xml").read_bytes() == (tmp_path / "out/annotations.xml").read_bytes()


def test_a_file_that_breaks_off(write: Write) -> None:
    root = write(image(SQUARE))
    path = root / "annotations.xml"
    text = path.read_text()
    for length in (len(text) - 3, len(text) // 2):
        path.write_text(text[:length])
        with pytest.raises(
            DataError, match=rf"\(it is cut off: its text ends at byte {len(text[:length].rstrip()):,}, "
        ):
            open_cvat(root)
