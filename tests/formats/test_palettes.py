from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.errors import MaskError
from pixelwise.formats.classlist import read_class_list
from pixelwise.formats.coding import Coding
from pixelwise.formats.layouts.folders import open_folders
from pixelwise.formats.mask_values import decide
from pixelwise.formats.palettes import consensus
from pixelwise.formats.survey import survey

COLORS = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
PIXELS = np.array([[0, 1, 1, 2], [0, 0, 2, 2]])
ORDERS = ([0, 1, 2], [0, 1, 2], [2, 0, 1], [1, 2, 0])
LISTS = {
    "classes.yaml": "classes:\n- {name: a, color: [0, 0, 0]}\n- {name: b, color: [255, 0, 0]}\n"
    "- {name: c, color: [0, 255, 0]}\n",
    "label_colors.txt": "0 0 0 a\n255 0 0 b\n0 255 0 c\n",
    "class_dict.csv": "name,r,g,b\na,0,0,0\nb,255,0,0\nc,0,255,0\n",
}


@pytest.fixture
def reordered(save_palette) -> list[Path]:
    """PIXELS in palette files that look alike, with the colours in the orders of ORDERS."""
    return [
        save_palette(f"masks/{i}.{ending}", np.argsort(order)[PIXELS], [COLORS[index] for index in order])
        for i, (order, ending) in enumerate(zip(ORDERS, ("png", "gif", "tif", "bmp"), strict=True))
    ]


def coding_of(root: Path, masks: list[Path]) -> Coding:
    return decide(root, masks, read_class_list(root))


@pytest.mark.parametrize("name", LISTS)
def test_masks_that_look_alike_are_alike(reordered: list[Path], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LISTS[name])
    coding = coding_of(tmp_path, reordered)
    for mask in reordered:
        assert_array_equal(coding.read(mask), PIXELS)
    assert coding.problems == ()


def test_without_a_list_the_order_of_most_masks_counts_and_is_told(reordered: list[Path], tmp_path: Path) -> None:
    for names in (None, "a\nb\nc\n"):
        if names:
            (tmp_path / "classes.txt").write_text(names)
        coding = coding_of(tmp_path, reordered)
        for mask in reordered:
            assert_array_equal(coding.read(mask), PIXELS)
        (problem,) = coding.problems
        assert problem.kind == "assumed"
        assert "2 masks another (masks/2.tif, masks/3.bmp)" in problem.message


def test_palettes_of_other_colours_each_say_nothing(save_palette, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    masks = [save_palette(f"{i}.png", PIXELS, rng.integers(1, 255, (3, 3)).tolist()) for i in range(4)]
    looks = survey(masks).gray_looks
    assert consensus(tmp_path, looks) == (looks, None, ())
    assert_array_equal(coding_of(tmp_path, masks).read(masks[0]), PIXELS)


def test_white_on_black_is_foreground_whatever_the_order(save_palette, tmp_path: Path) -> None:
    white = np.array([[0, 0, 1], [0, 1, 1]])
    masks = [
        save_palette("a.png", white, [(0, 0, 0), (255, 255, 255)]),
        save_palette("b.png", 1 - white, [(255, 255, 255), (0, 0, 0)]),
    ]
    coding = coding_of(tmp_path, masks)
    assert coding.classes.names == ("background", "foreground")
    for mask in masks:
        assert_array_equal(coding.read(mask), white)
    assert [problem.kind for problem in coding.problems] == ["assumed"]
    assert coding_of(tmp_path, masks[:1]).problems == ()


def test_a_palette_that_contradicts_the_list_is_refused(save_palette, tmp_path: Path) -> None:
    """Red and green of the list stand at 0 and 2, and value 1 has a colour that is not listed."""
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette("a.png", PIXELS, [(255, 0, 0), (9, 9, 99), (0, 255, 0)])
    with pytest.raises(MaskError, match=r"a palette that contradicts .* 1 \[9, 9, 99\]"):
        coding_of(tmp_path, [mask]).read(mask)


def test_colours_that_are_not_listed_are_told_and_values_count(save_palette, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette("a.png", PIXELS, [(0, 0, 0), (9, 9, 99), (50, 60, 70)])
    coding = coding_of(tmp_path, [mask])
    assert_array_equal(coding.read(mask), PIXELS)
    assert [problem.kind for problem in coding.problems] == ["assumed"]
    assert "a.png value 1 has [9, 9, 99]" in coding.problems[0].message


def test_a_gray_palette_says_nothing(save_palette, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette("a.png", PIXELS, [(i, i, i) for i in range(256)])
    coding = coding_of(tmp_path, [mask])
    assert_array_equal(coding.read(mask), PIXELS)
    assert coding.problems == ()


@pytest.mark.parametrize("classes", [3, 2])
def test_void_is_no_class_although_its_palette_entry_is_black(save_palette, tmp_path: Path, classes: int) -> None:
    """The palette is filled up with black, which is the colour of the first class too."""
    (tmp_path / "classes.yaml").write_text("\n".join(LISTS["classes.yaml"].splitlines()[: classes + 1]))
    labels = np.where(np.isin(PIXELS, range(classes)), PIXELS, 255)
    labels[0, 0] = 255
    mask = save_palette("a.png", labels, COLORS[:classes] + [(0, 0, 0)] * (256 - classes))
    assert_array_equal(coding_of(tmp_path, [mask]).read(mask), labels)


def test_folders_with_the_list_of_cvat(reordered: list[Path], save, tmp_path: Path) -> None:
    for i in range(len(ORDERS)):
        save(f"images/{i}.png", np.zeros((2, 4, 3)))
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nground:0,0,0::\nb:255,0,0::\nc:0,255,0::\n"
    )
    dataset = open_folders(tmp_path)
    assert dataset.classes.names == ("ground", "b", "c")
    for item in (item for _, item in dataset.items()):
        assert_array_equal(dataset.read(item).label_map, PIXELS)
