from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.class_list import read_class_list
from pixelwise.data.layouts.folders import open_folders
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.interpretation import infer_encoding
from pixelwise.data.masks.palettes import reconcile_palettes
from pixelwise.data.masks.statistics import collect_statistics

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


def encoding_of(root: Path, masks: list[Path]) -> MaskEncoding:
    return infer_encoding(root, masks, read_class_list(root))


@pytest.mark.parametrize("name", LISTS)
def test_masks_that_look_alike_are_alike(reordered: list[Path], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LISTS[name])
    encoding = encoding_of(tmp_path, reordered)
    for mask in reordered:
        assert_array_equal(encoding.read(mask), PIXELS)
    assert encoding.problems == ()


def test_without_a_list_the_order_of_most_masks_counts_and_is_told(reordered: list[Path], tmp_path: Path) -> None:
    for names in (None, "a\nb\nc\n"):
        if names:
            (tmp_path / "classes.txt").write_text(names)
        encoding = encoding_of(tmp_path, reordered)
        for mask in reordered:
            assert_array_equal(encoding.read(mask), PIXELS)
        (problem,) = encoding.problems
        assert problem.kind == "assumed"
        assert "2 of 4 masks in another than is read (masks/2.tif, masks/3.bmp)" in problem.message
        assert "[0, 0, 0] = 0, [255, 0, 0] = 1, [0, 255, 0] = 2" in problem.message


def test_palettes_of_other_colours_each_say_nothing(save_palette, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = [save_palette(f"{i}.png", PIXELS, rng.integers(1, 255, (3, 3)).tolist()) for i in range(4)]
    masks = collect_statistics(paths).gray_masks
    palettes = reconcile_palettes(tmp_path, masks)
    assert (palettes.masks, palettes.values) == (masks, None)
    assert [problem.kind for problem in palettes.problems] == ["assumed"]
    assert_array_equal(encoding_of(tmp_path, paths).read(paths[0]), PIXELS)


def test_white_on_black_is_foreground_whatever_the_order(save_palette, tmp_path: Path) -> None:
    white = np.array([[0, 0, 1], [0, 1, 1]])
    masks = [
        save_palette("a.png", white, [(0, 0, 0), (255, 255, 255)]),
        save_palette("b.png", 1 - white, [(255, 255, 255), (0, 0, 0)]),
    ]
    encoding = encoding_of(tmp_path, masks)
    assert encoding.classes.names == ("background", "foreground")
    for mask in masks:
        assert_array_equal(encoding.read(mask), white)
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert encoding_of(tmp_path, masks[:1]).problems == ()


def test_a_palette_that_contradicts_the_list_is_refused(save_palette, tmp_path: Path) -> None:
    """Red and green of the list stand at 0 and 2, and value 1 has a colour that is not listed."""
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette("a.png", PIXELS, [(255, 0, 0), (9, 9, 99), (0, 255, 0)])
    with pytest.raises(MaskError, match=r"a palette that contradicts .* 1 \[9, 9, 99\]"):
        encoding_of(tmp_path, [mask]).read(mask)


def test_colours_that_are_not_listed_are_told_and_values_count(save_palette, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette("a.png", PIXELS, [(0, 0, 0), (9, 9, 99), (50, 60, 70)])
    encoding = encoding_of(tmp_path, [mask])
    assert_array_equal(encoding.read(mask), PIXELS)
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert "a.png value 1 has [9, 9, 99]" in encoding.problems[0].message


def test_a_gray_palette_says_nothing(save_palette, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette("a.png", PIXELS, [(i, i, i) for i in range(256)])
    encoding = encoding_of(tmp_path, [mask])
    assert_array_equal(encoding.read(mask), PIXELS)
    assert encoding.problems == ()


@pytest.mark.parametrize("classes", [3, 2])
def test_void_is_no_class_although_its_palette_entry_is_black(save_palette, tmp_path: Path, classes: int) -> None:
    """The palette is filled up with black, which is the colour of the first class too."""
    (tmp_path / "classes.yaml").write_text("\n".join(LISTS["classes.yaml"].splitlines()[: classes + 1]))
    labels = np.where(np.isin(PIXELS, range(classes)), PIXELS, 255)
    labels[0, 0] = 255
    mask = save_palette("a.png", labels, COLORS[:classes] + [(0, 0, 0)] * (256 - classes))
    assert_array_equal(encoding_of(tmp_path, [mask]).read(mask), labels)


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


RGBY = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]


@pytest.fixture
def trimmed(save_palette):
    """Write labels as a palette file that lists the colours that occur, in their order, and no others."""

    def write(name: str, labels: np.ndarray) -> Path:
        used, indices = np.unique(labels, return_inverse=True)
        return save_palette(name, indices.reshape(labels.shape), [RGBY[label] for label in used.tolist()])

    return write


def stripes(*labels: int) -> np.ndarray:
    return np.array([np.repeat(labels, 3)] * 6)


@pytest.mark.parametrize("listed", [None, "ground\nred\ngreen\nblue\nyellow\n"])
def test_the_fullest_palette_numbers_the_colours(save_palette, trimmed, tmp_path: Path, listed: str | None) -> None:
    """One mask has all colours; more masks list red or green alone, as value 1."""
    if listed:
        (tmp_path / "classes.txt").write_text(listed)
    rows = [(0, 2), (0, 2), (0, 2, 4), (0, 1), (0, 3), (0, 1, 4)]
    masks = [trimmed(f"{i}.png", stripes(*row)) for i, row in enumerate(rows)]
    masks.append(save_palette("full.png", stripes(0, 1), RGBY))
    encoding = encoding_of(tmp_path, masks)
    for mask, row in zip(masks, [*rows, (0, 1)], strict=True):
        assert_array_equal(encoding.read(mask), stripes(*row))
    (problem,) = encoding.problems
    assert problem.kind == "assumed"
    assert "[255, 0, 0] = 1, [0, 255, 0] = 2, [0, 0, 255] = 3" in problem.message
    assert encoding.values_of(2) == "2 or [0, 255, 0]"


def test_trimmed_palettes_alone_keep_one_order(trimmed, tmp_path: Path) -> None:
    rows = [(0, 1, 2), (0, 2, 3), (0, 3), (0, 1), (0, 3)]
    masks = [trimmed(f"{i}.png", stripes(*row)) for i, row in enumerate(rows)]
    (tmp_path / "classes.txt").write_text("ground\nred\ngreen\nblue\n")
    encoding = encoding_of(tmp_path, masks)
    for mask, row in zip(masks, rows, strict=True):
        assert_array_equal(encoding.read(mask), stripes(*row))
    assert "in the order that all palettes keep" in encoding.problems[0].message


def test_trimmed_palettes_that_keep_no_order_need_colours_in_the_list(trimmed, tmp_path: Path) -> None:
    """Nothing tells whether red or blue is the first of the two."""
    rows = [(0, 1), (0, 1, 2), (0, 2), (0, 3, 4), (0, 4)]
    masks = [trimmed(f"{i}.png", stripes(*row)) for i, row in enumerate(rows)]
    assert encoding_of(tmp_path, masks).classes.num_classes == 5
    (tmp_path / "classes.txt").write_text("ground\nred\ngreen\nblue\nyellow\n")
    with pytest.raises(DataError, match=r"palettes contradict one another, as those of \d\.png, \d\.png"):
        encoding_of(tmp_path, masks)
    entries = ", ".join(f"{{name: {name}, color: {list(color)}}}" for name, color in zip("abcde", RGBY, strict=True))
    (tmp_path / "classes.yaml").write_text(f"classes: [{entries}]")
    assert_array_equal(encoding_of(tmp_path, masks).read(masks[3]), stripes(0, 3, 4))


def test_two_full_palettes_that_contradict_each_other_need_colours_in_the_list(save_palette, tmp_path: Path) -> None:
    masks = [
        save_palette("a.png", PIXELS, COLORS),
        save_palette("b.png", np.argsort([0, 2, 1])[PIXELS], [COLORS[0], COLORS[2], COLORS[1]]),
    ]
    encoding = encoding_of(tmp_path, masks)
    assert_array_equal(encoding.read(masks[0]), encoding.read(masks[1]))
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError, match=r"as those of a\.png, b\.png"):
        encoding_of(tmp_path, masks)


def test_one_value_in_two_colours_stays_one_class_and_is_told(save_palette, tmp_path: Path) -> None:
    """Void is gray in some masks and white in others; the classes have one colour each."""
    labels = np.where(PIXELS == 2, 255, PIXELS)
    masks = []
    for name, void in (("a.png", (224, 224, 192)), ("b.png", (255, 255, 255)), ("c.png", (224, 224, 192))):
        masks.append(save_palette(name, labels, COLORS[:2] + [(0, 0, 0)] * 253 + [void]))
    encoding = encoding_of(tmp_path, masks)
    assert_array_equal(encoding.read(masks[1]), labels)
    assert "[224, 224, 192] and [255, 255, 255] to 255" in encoding.problems[0].message


@pytest.mark.parametrize("name", LISTS)
def test_colours_near_those_of_the_list_are_read_and_told(save_palette, save, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LISTS[name])
    near = [(0, 0, 0), (254, 1, 0), (2, 253, 3)]
    palette = save_palette("a.png", np.argsort([1, 2, 0])[PIXELS], [near[1], near[2], near[0]])
    rgb = save("b.png", np.array(near)[PIXELS])
    encoding = encoding_of(tmp_path, [palette, rgb])
    for mask in (palette, rgb):
        assert_array_equal(encoding.read(mask), PIXELS)
    (problem,) = encoding.problems
    assert (problem.kind, problem.file.name) == ("mended", name)
    assert "in 2 of the masks (a.png, b.png): [254, 1, 0] as [255, 0, 0], [2, 253, 3] as [0, 255, 0]" in problem.message


def test_colours_between_two_of_the_list_or_far_from_all_are_refused(save_palette, save, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(
        "classes: [{name: a, color: [0, 0, 0]}, {name: b, color: [128, 0, 0]}, {name: c, color: [132, 0, 0]}]"
    )
    for color in ((130, 0, 0), (128, 4, 0), (9, 0, 0)):
        rgb = save("b.png", [[(0, 0, 0), color, (128, 0, 0)]])
        with pytest.raises(MaskError, match=r"give the colour to a class of the class list"):
            encoding_of(tmp_path, [rgb]).read(rgb)
    mask = save_palette("a.png", PIXELS, [(128, 0, 0), (130, 0, 0), (0, 0, 0)])
    with pytest.raises(MaskError, match="a palette that contradicts"):
        encoding_of(tmp_path, [mask]).read(mask)


def test_near_colours_of_palettes_are_one_class(save_palette, tmp_path: Path) -> None:
    masks = [save_palette(f"{i}.png", PIXELS, [COLORS[0], (255 - i, i, 0), COLORS[2]]) for i in range(3)]
    encoding = encoding_of(tmp_path, masks)
    assert encoding.problems == ()
    assert encoding.classes.names == ("0", "1", "2")
    assert encoding.values_of(1) == "1 or [255, 0, 0], [254, 1, 0], [253, 2, 0]"
    masks.append(save_palette("moved.png", np.argsort([2, 1, 0])[PIXELS], [COLORS[2], (253, 2, 0), COLORS[0]]))
    assert_array_equal(encoding_of(tmp_path, masks).read(masks[3]), PIXELS)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_a_palette_of_one_colour_says_nothing_and_is_told(save_palette, tmp_path: Path, ending: str) -> None:
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save_palette(f"a.{ending}", PIXELS, [(0, 0, 0)] * 256)
    encoding = encoding_of(tmp_path, [mask])
    assert_array_equal(encoding.read(mask), PIXELS)
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert "one colour for all values in the palettes of 1 of the masks" in encoding.problems[0].message


def test_void_in_a_trimmed_palette_and_fillers(save_palette, tmp_path: Path) -> None:
    """White has no label: 255 in full palettes, 3 in trimmed ones. What fills a palette up is no colour of it."""
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    labels = np.where(PIXELS == 0, 255, PIXELS)
    labels[0, 0] = 0
    full = save_palette("full.png", labels, COLORS + [(0, 0, 0)] * 252 + [(255, 255, 255)])
    trimmed = save_palette("trimmed.png", np.where(labels == 255, 3, labels), [*COLORS, (255, 255, 255)])
    encoding = encoding_of(tmp_path, [full, trimmed])
    for mask in (full, trimmed):
        assert_array_equal(encoding.read(mask), labels)
    filled = save_palette("filled.png", np.where(labels == 255, 9, labels), COLORS + [(0, 0, 0)] * 253)
    with pytest.raises(MaskError, match="found value 9"):
        encoding.read(filled)


def test_red_and_blue_that_were_exchanged_are_answered_with_that(save, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(LISTS["classes.yaml"])
    mask = save("a.png", np.array(COLORS)[PIXELS][..., ::-1])
    with pytest.raises(MaskError, match="Red and blue seem to be exchanged, as OpenCV writes them"):
        encoding_of(tmp_path, [mask]).read(mask)


def test_colours_that_count_are_near_no_other(save, tmp_path: Path) -> None:
    """Red channels of 1, 2, 3 are numbers; 5 is none of the list."""
    (tmp_path / "classes.yaml").write_text(
        "classes: [{name: a, color: [0, 0, 0]}, {name: b, color: [1, 0, 0]}, {name: c, color: [2, 0, 0]}]"
    )
    mask = save("a.png", [[(0, 0, 0), (1, 0, 0), (2, 0, 0), (5, 0, 0)]])
    with pytest.raises(MaskError, match=r"found colour \[5, 0, 0\]"):
        encoding_of(tmp_path, [mask]).read(mask)
