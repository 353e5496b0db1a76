"""VIA's JSON files: every shape, both versions, and what makes no sense."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError, MaskError
from pixelwise.data import open_dataset

SQUARE = {"name": "polygon", "all_points_x": [1, 4, 4, 1], "all_points_y": [1, 1, 4, 4]}
EXPECTED = np.zeros((6, 8), int)
EXPECTED[1:4, 1:4] = 1


def region(shape: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def write(folder: Path, *regions: Any, name: str = "a.png", project: bool = False, numbered: bool = False) -> None:
    listed: Any = {str(i): region for i, region in enumerate(regions)} if numbered else list(regions)
    content: dict[str, Any] = {f"{name}123": {"filename": name, "size": 123, "regions": listed, "file_attributes": {}}}
    if project:
        content = {"_via_settings": {"ui": {}}, "_via_img_metadata": content, "_via_attributes": {}}
    (folder / "via_region_data.json").write_text(json.dumps(content))


@pytest.mark.parametrize(("project", "numbered"), [(False, False), (True, False), (False, True)])
def test_versions(save, tmp_path: Path, project: bool, numbered: bool) -> None:
    for split in ("train", "val"):
        save(f"{split}/a.png")
        write(tmp_path / split, region(SQUARE), project=project, numbered=numbered)
    data = open_dataset(tmp_path)
    assert (data.format, data.classes.names) == ("via", ("background", "object"))
    assert {split: len(items) for split, items in data.splits.items()} == {"train": 1, "val": 1}
    sample = pickle.loads(pickle.dumps(data)).read(data.splits["train"][0])
    assert_array_equal(sample.label_map, EXPECTED)
    assert_array_equal(sample.instance_map, EXPECTED)


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [
        ({"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}, EXPECTED),
        # the centres of pixels that lie within 1.5 of (3, 3), and within 2.2 across and 0.9 down
        ({"name": "circle", "cx": 3, "cy": 3, "r": 1}, [(2, 2), (2, 3), (3, 2), (3, 3)]),
        ({"name": "ellipse", "cx": 4, "cy": 3, "rx": 2.2, "ry": 0.9}, [(r, c) for r in (2, 3) for c in (3, 4, 2, 5)]),
        (
            {"name": "ellipse", "cx": 4, "cy": 3, "rx": 2.2, "ry": 0.9, "theta": np.pi / 2},
            [(r, c) for c in (3, 4) for r in (1, 2, 3, 4)],
        ),
    ],
)
def test_shapes(save, tmp_path: Path, shape: dict[str, Any], pixels: Any) -> None:
    expected = np.zeros((6, 8), int)
    for place in pixels if isinstance(pixels, list) else zip(*np.nonzero(pixels), strict=True):
        expected[place] = 1
    if shape["name"] == "ellipse":  # by the equation of an ellipse around (cx, cy), turned by theta
        rows, columns = np.mgrid[:6, :8] + 0.5
        across, down = columns - 4, rows - 3
        turn = shape.get("theta", 0.0)
        along = across * np.cos(turn) + down * np.sin(turn)
        beside = down * np.cos(turn) - across * np.sin(turn)
        expected = ((along / 2.2) ** 2 + (beside / 0.9) ** 2 < 1).astype(int)
    save("a.png")
    write(tmp_path, region(shape))
    data = open_dataset(tmp_path)
    assert_array_equal(data.read(next(data.items())[1]).label_map, expected)


def test_the_attribute_that_most_regions_have_tells_the_class(save, tmp_path: Path) -> None:
    save("a.png")
    other = {"name": "rect", "x": 5, "y": 1, "width": 2, "height": 2}
    write(tmp_path, region(SQUARE, color="red", kind={"cat": True}), region(other, kind={"dog": True, "cat": False}))
    data = open_dataset(tmp_path)
    assert data.classes.names == ("background", "cat", "dog")
    assert_array_equal(np.unique(data.read(next(data.items())[1]).label_map), [0, 1, 2])
    (told,) = data.problems
    assert told.kind == "assumed"
    assert "the attributes kind, color" in told.message


def test_points_are_told(save, tmp_path: Path) -> None:
    save("a.png")
    write(tmp_path, region(SQUARE), region({"name": "point", "cx": 1, "cy": 1}))
    data = open_dataset(tmp_path)
    (remark,) = data.read_labels(next(data.items())[1]).remarks
    assert "found points or lines (2)" in remark


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        (region({"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}), "points that cannot be read"),
        (region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}), "an outline of 2 corners"),
        (region({"name": "polygon"}), "points that cannot be read|an outline"),
        (region({"name": "rect", "x": None, "y": 1, "width": 3, "height": 3}), "a rect without x"),
        (region({"name": "circle", "cx": 1, "cy": 1, "r": 1e999}), "a circle with cx 1, cy 1, r inf"),
        (region({"name": "star"}), "the shape 'star'"),
        ("region", "the shape ''|no 'kind'"),
    ],
)
def test_a_region_that_makes_no_sense_costs_its_image(save, tmp_path: Path, attributes: Any, problem: str) -> None:
    save("a.png")
    write(tmp_path, attributes, region(SQUARE))
    data = open_dataset(tmp_path)
    with pytest.raises(MaskError, match=problem):
        data.read(next(data.items())[1])


def test_files_that_make_no_sense(save, tmp_path: Path) -> None:
    save("a.png")
    write(tmp_path, region(SQUARE))
    path = tmp_path / "via_region_data.json"
    text = path.read_text()
    path.write_text(text[:-3])
    with pytest.raises(DataError, match=r"via_region_data\.json: found a file that cannot be read \(it is cut off"):
        open_dataset(tmp_path)
    path.write_text(text.replace('"a.png"', "null"))
    with pytest.raises(DataError, match="found the entry"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("attributes", [None, "text", [1], 3, True, {"kind": 5}, {"kind": "\ud800"}, {}])
def test_attributes_that_are_none_make_one_class(save, tmp_path: Path, attributes: Any) -> None:
    save("a.png")
    write(tmp_path, {"shape_attributes": SQUARE, "region_attributes": attributes})
    data = open_dataset(tmp_path)
    assert data.classes.names == ("background", "object")
    assert_array_equal(data.read(next(data.items())[1]).label_map, EXPECTED)
