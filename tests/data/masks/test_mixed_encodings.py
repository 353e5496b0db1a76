from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.class_list import read_class_list
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.interpretation import infer_encoding
from pixelwise.data.masks.mixed_encodings import (
    find_disjoint_values,
    find_mixed_encodings,
    find_one_based_masks,
    find_scaled_masks,
)
from pixelwise.data.masks.statistics import MaskHistogram

Masks = Callable[[list[list[int]], str], list[Path]]


def histograms(rows: list[list[int]]) -> list[MaskHistogram]:
    return [MaskHistogram(Path(f"{i}.png"), dict.fromkeys(row, 100)) for i, row in enumerate(rows)]


def table_of(rows: list[list[int]], num_classes: int | None = None) -> dict[int, int] | None:
    encodings = find_mixed_encodings(histograms(rows), {value for row in rows for value in row}, num_classes)
    return None if encodings is None else encodings.values


@pytest.mark.parametrize(
    ("rows", "table"),
    [
        ([[0, 1, 2], [0, 127, 254]], {0: 0, 1: 1, 127: 1, 2: 2, 254: 2}),
        ([[0, 1, 2], [0, 127, 255]], {0: 0, 1: 1, 127: 1, 2: 2, 255: 2}),
        ([[0, 1], [0, 2], [0, 127], [0, 254]], {0: 0, 1: 1, 127: 1, 2: 2, 254: 2}),  # a class a mask
        ([[0, 1, 2], [0, 128]], {0: 0, 1: 1, 128: 1, 2: 2}),  # half of 255 is the middle of three
        ([[0, 1], [0, 127, 254]], {0: 0, 1: 1, 127: 1, 254: 2}),
        ([[1, 2, 3], [0, 127, 254]], {1: 0, 0: 0, 2: 1, 127: 1, 3: 2, 254: 2}),  # counted from 1
        ([[1, 2, 3], [85, 170, 255]], {1: 0, 85: 0, 2: 1, 170: 1, 3: 2, 255: 2}),
        ([[0, 1, 2, 3], [0, 76, 150, 255]], {0: 0, 1: 1, 76: 1, 2: 2, 150: 2, 3: 3, 255: 3}),
        ([[0, 1, 2, 255], [0, 127, 254, 255]], {0: 0, 1: 1, 127: 1, 2: 2, 254: 2}),  # rims of 255 in both
        ([[0, 1, 2], [0, 1000, 2000]], {0: 0, 1: 1, 1000: 1, 2: 2, 2000: 2}),
        ([[0, 1, 2], [0, 100, 200], [0, 127, 254]], {0: 0, 1: 1, 100: 1, 127: 1, 2: 2, 200: 2, 254: 2}),
        ([[0, 100, 200], [0, 127, 254]], {0: 0, 100: 1, 127: 1, 200: 2, 254: 2}),
        ([[0, 127, 254], [0, 127, 255]], {0: 0, 127: 1, 254: 2, 255: 2}),  # rounded
        ([[0, 127, 255], [0, 128, 255]], {0: 0, 127: 1, 128: 1, 255: 2}),
        ([[0, 254], [0, 255]], {0: 0, 254: 1, 255: 1}),
        ([[0, 1], [0, 254]], {0: 0, 1: 1, 254: 1}),
        ([[0, 1], [0, 65535]], {0: 0, 1: 1, 65535: 1}),
    ],
)
def test_the_same_classes_by_other_values(rows: list[list[int]], table: dict[int, int]) -> None:
    assert table_of(rows) == table
    assert table_of(rows, 1 + max(table.values())) == table


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 1, 2, 127, 254]],  # side by side in one mask
        [[0, 1, 2], [0, 127, 254], [0, 1, 254]],
        [[0, 1, 2], [0, 3, 4]],  # indices of other classes
        [[0, 1, 2], [0, 1, 3], [0, 2, 3]],
        [[0, 9], [0, 10]],
        [[0, 40], [0, 41], [0, 40, 255], [0, 41, 255]],
        [[0, 127, 254], [0, 127, 254, 255]],  # a rim of 255
        [[0, 127, 255]],
        [[0, 1], [0, 255]],  # where 255 may have no label
        [[0, 1, 2], [0, 255]],
        [[0, 1, 2, 3], [0, 100, 200]],  # on no scale of four
        [[0, 128], [0, 255]],
        [[0, 1], [0, 5]],
        [[0]],
        [[255]],
        [[-1, 0, 1], [0, 127]],
    ],
)
def test_classes_of_one_coding(rows: list[list[int]]) -> None:
    assert table_of(rows) is None


def test_a_list_says_how_many_classes_there_are() -> None:
    assert table_of([[0, 1, 2], [0, 127, 254]], 4) is None
    assert table_of([[0, 1, 2], [0, 85, 170]], 4) == {0: 0, 1: 1, 85: 1, 2: 2, 170: 2}


def test_what_may_be_two_codings() -> None:
    assert find_disjoint_values(histograms([[0, 1, 2, 3], [0, 100, 200]]), {0, 1, 2, 3, 100, 200}) == (
        [1, 2, 3],
        [100, 200],
    )
    assert find_disjoint_values(histograms([[0, 1, 2, 3], [0, 1, 100]]), {0, 1, 2, 3, 100}) is None
    assert find_disjoint_values(histograms([[0, 1, 2, 3, 4]]), {0, 1, 2, 3, 4}) is None


def test_masks_counted_from_1_among_others() -> None:
    masks = histograms([[0, 1, 2], [0, 1, 2], [1, 2, 3], [1, 3]])
    assert find_one_based_masks(masks, {0, 1, 2, 3}) == masks[2:]
    assert find_one_based_masks(histograms([[0, 1, 2], [0, 1, 2], [1, 2, 3], [0, 1, 3]]), {0, 1, 2, 3}) == []
    assert find_one_based_masks(histograms([[0, 1, 2], [0, 1, 2], [1, 2, 3], [1, 2]]), {0, 1, 2, 3}) == []


def test_a_few_masks_that_lack_the_last_class_hide_no_count_from_1() -> None:
    counted = [[0, 1, 2]] * 10 + [[1, 2, 3]] * 10
    one, four = (histograms([*counted, *[[1, 2]] * number]) for number in (1, 4))
    assert find_one_based_masks(one, {0, 1, 2, 3}) == one[10:20]
    assert find_one_based_masks(four, {0, 1, 2, 3}) == []


@pytest.fixture
def masks(save) -> Masks:
    """Write masks of stripes, four columns of each value."""

    def write(rows: list[list[int]], name: str = "{}.png") -> list[Path]:
        deep = np.uint16 if max(max(row) for row in rows) > 255 else np.uint8
        return [save(name.format(i), np.array([np.repeat(row, 4)] * 12, deep)) for i, row in enumerate(rows)]

    return write


def encoding_of(root: Path, paths: list[Path]) -> MaskEncoding:
    return infer_encoding(root, paths, read_class_list(root))


@pytest.mark.parametrize("listed", [None, "classes: [ground, roof, tree]"])
@pytest.mark.parametrize(("name", "levels"), [("{}.png", [0, 127, 254]), ("{}.tif", [0, 1000, 2000])])
def test_masks_of_two_codings_are_read_alike_and_told(
    masks: Masks, tmp_path: Path, listed: str | None, name: str, levels: list[int]
) -> None:
    if listed is not None:
        (tmp_path / "classes.yaml").write_text(listed)
    paths = masks([[0, 1, 2]] * 3 + [levels] * 2, name)
    encoding = encoding_of(tmp_path, paths)
    assert encoding.classes.names == (("0", "1", "2") if listed is None else ("ground", "roof", "tree"))
    for path in paths:
        assert_array_equal(encoding.read(path), [np.repeat([0, 1, 2], 4)] * 12)
    (problem,) = encoding.problems
    assert problem.kind == "assumed"
    assert "0, 1, 2 in 3 masks" in problem.message
    assert f"{', '.join(map(str, levels))} in 2 masks ({name.format(3)}, {name.format(4)})" in problem.message
    names = encoding.classes.names
    stated = ", ".join(f"{{name: c{names[i]}, values: {sorted({i, levels[i]})}}}" for i in range(3))
    (tmp_path / "classes.yaml").write_text(f"classes: [{stated}]")
    assert encoding_of(tmp_path, paths).problems == ()
    assert_array_equal(encoding_of(tmp_path, paths).read(paths[4]), encoding.read(paths[4]))


def test_a_mask_that_mixes_two_codings_is_named(masks: Masks, tmp_path: Path) -> None:
    """Of many masks beside a list every second is looked at; this one was not."""
    paths = masks([[0, 1, 2], [0, 127, 254]])
    encoding = encoding_of(tmp_path, paths)
    (mixed,) = masks([[0, 1, 254]], "mixed{}.png")
    with pytest.raises(MaskError, match=r"values of two encodings in one mask: 1 and 254"):
        encoding.read(mixed)


def test_indices_and_levels_that_do_not_match_are_told(masks: Masks, tmp_path: Path) -> None:
    encoding = encoding_of(tmp_path, masks([[0, 1, 2, 3]] * 3 + [[0, 100, 200]]))
    assert encoding.classes.names == ("0", "1", "2", "3", "100", "200")
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert "found 100, 200 in 1 of 4 masks (3.png)" in encoding.problems[0].message


def test_counts_from_0_and_from_1_are_told(masks: Masks, tmp_path: Path) -> None:
    paths = masks([[0, 1, 2], [0, 1, 2], [1, 2, 3], [1, 2, 3]])
    assert "found no 0 in 2 of 4 masks (2.png, 3.png)" in encoding_of(tmp_path, paths).problems[0].message
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd\n")
    assert "found no 0 in 2 of 4 masks (2.png, 3.png)" in encoding_of(tmp_path, paths).problems[0].message


def test_one_trimap_among_masks_of_0_and_255_changes_no_other(masks: Masks, tmp_path: Path) -> None:
    for listed in (None, "classes: [a, b]"):
        if listed:
            (tmp_path / "classes.yaml").write_text(listed)
        for trimap in ([0, 1, 2], [1, 2, 3]):
            paths = masks([[0, 255]] * 8 + [trimap])
            encoding = encoding_of(tmp_path, paths)
            assert encoding.classes.num_classes == 2
            assert_array_equal(encoding.read(paths[0]), [np.repeat([0, 1], 4)] * 12)
            with pytest.raises(MaskError, match=r"8\.png: found value"):
                encoding.read(paths[8])
            (problem,) = encoding.problems
            assert "0 and 255 alone in 8 of 9 masks" in problem.message
            assert "(8.png)" in problem.message
    (tmp_path / "classes.yaml").write_text("classes: [a, b, c]")
    with pytest.raises(DataError, match="in 8 of 9 masks"):
        encoding_of(tmp_path, paths)


def test_a_mask_of_0_1_and_255_among_others_is_named(masks: Masks, tmp_path: Path) -> None:
    paths = masks([[0, 255]] * 8 + [[0, 1]] + [[0, 1, 255]])
    encoding = encoding_of(tmp_path, paths)
    assert_array_equal(encoding.read(paths[8]), encoding.read(paths[0]))
    with pytest.raises(MaskError, match=r"9\.png: found values of two encodings in one mask: 1 and 255"):
        encoding.read(paths[9])


@pytest.mark.parametrize(("usual", "odd", "value"), [([0, 1], [0, 1, 2], 2), ([0, 255], [0, 128, 255], 128)])
def test_a_third_value_in_one_mask_of_many_is_told(
    masks: Masks, tmp_path: Path, usual: list[int], odd: list[int], value: int
) -> None:
    encoding = encoding_of(tmp_path, masks([usual] * 11 + [odd]))
    assert encoding.classes.num_classes == 3
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert f"found {value} in 1 of 12 masks alone (11.png)" in encoding.problems[0].message
    (tmp_path / "classes.yaml").write_text(
        f"classes: [{{name: a, value: 0}}, {{name: b, value: {usual[1]}}}]\nignore: {value}"
    )
    assert encoding_of(tmp_path, masks([usual] * 11 + [odd])).problems == ()


def test_two_gray_levels_that_never_meet_are_told(masks: Masks, tmp_path: Path) -> None:
    encoding = encoding_of(tmp_path, masks([[0, 128], [0, 128], [0, 255], [0, 255]]))
    assert encoding.classes.names == ("0", "128", "255")
    assert "128 in some masks and 255 in others, and both in none" in encoding.problems[0].message
    assert encoding_of(tmp_path, masks([[0, 128, 255], [0, 128], [0, 255], [0, 255]])).problems == ()


def test_images_without_a_class_that_is_left_have_255_alone(masks: Masks, tmp_path: Path) -> None:
    """As where other classes were given up: 255 lies beside classes in some masks and alone in most."""
    paths = masks([[0, 255]] * 6 + [[0, 1, 2, 255]] * 4)
    for listed in (None, "classes: [a, b, c]"):
        if listed:
            (tmp_path / "classes.yaml").write_text(listed)
        encoding = encoding_of(tmp_path, paths)
        assert_array_equal(encoding.read(paths[0]), [np.repeat([0, 255], 4)] * 12)
        assert_array_equal(encoding.read(paths[9]), [np.repeat([0, 1, 2, 255], 4)] * 12)


def test_multiples_of_class_indices_are_told(masks: Masks, tmp_path: Path) -> None:
    paths = masks([[0, 1, 2, 3]] * 2 + [[0, 2, 4, 6]] * 2 + [[0, 2, 6], [0, 3]])
    masks = histograms([[0, 1, 2, 3]] * 2 + [[0, 2, 4, 6]] * 2 + [[0, 2, 6], [0, 3]])
    assert find_scaled_masks(masks) == (2, masks[2:5])
    assert find_scaled_masks(histograms([[0, 1, 2, 3]] * 2 + [[0, 2, 4, 6]] * 2 + [[0, 3, 6]])) is None
    assert find_scaled_masks(histograms([[0, 1, 2]] * 2 + [[0, 3, 4]] * 2)) is None
    for listed in (None, "classes: [a, b, c, d, e, f, g]"):
        if listed:
            (tmp_path / "classes.yaml").write_text(listed)
        assert (
            "found 2, 4 ... in 3 of 6 masks (2.png, 3.png, 4.png)" in encoding_of(tmp_path, paths).problems[0].message
        )


def test_a_value_far_from_class_indices_is_told(masks: Masks, tmp_path: Path) -> None:
    paths = masks([[0, 1, 2, 254]] * 3)
    encoding = encoding_of(tmp_path, paths)
    assert encoding.classes.names == ("0", "1", "2", "254")
    assert "found 254 in 3 of 3 masks" in encoding.problems[0].message
    entries = "{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 2}"
    (tmp_path / "classes.yaml").write_text(f"classes: [{entries}]\nignore: 254")
    assert_array_equal(encoding_of(tmp_path, paths).read(paths[0]), [np.repeat([0, 1, 2, 255], 4)] * 12)


@pytest.mark.parametrize(("dtype", "void"), [(np.uint16, 65535), (np.int32, -1)])
def test_void_of_deep_masks_is_answered_with_what_to_write(save, tmp_path: Path, dtype: type, void: int) -> None:
    mask = save("a.tif", np.array([[0, 1, 2, void]], dtype))
    with pytest.raises(DataError, match=rf"Write 'ignore: {void}' below") as caught:
        encoding_of(tmp_path, [mask])
    assert "{name: class_2, value: 2}]." in caught.value.remedy
    (tmp_path / "classes.yaml").write_text(f"classes: [a, b, c]\nignore: {void}")
    assert_array_equal(encoding_of(tmp_path, [mask]).read(mask), [[0, 1, 2, 255]])


@pytest.mark.parametrize("listed", ["", "classes: [a, b]"])
def test_inverted_masks_among_others_are_told(save, discs, tmp_path: Path, listed: str) -> None:
    if listed:
        (tmp_path / "classes.yaml").write_text(listed)
    framed = [np.pad(discs(seed, [255] * 3, 48), 8) for seed in range(6)]
    upright = [save(f"{i}.png", array) for i, array in enumerate(framed)]
    assert encoding_of(tmp_path, upright).problems == ()
    inverted = [save(f"x{i}.png", 255 - array) for i, array in enumerate(framed[:2])]
    (problem,) = encoding_of(tmp_path, upright + inverted).problems
    assert problem.kind == "inverted_mask"
    assert "of 2 of 8 masks (x0.png, x1.png)" in problem.message
    large = [
        save(f"y{i}.png", np.pad(np.full((60, 60), 255), 2)) for i in range(3)
    ]  # fill the image but for its border
    assert encoding_of(tmp_path, upright + large).problems == ()


def test_one_mask_of_another_kind_among_many_is_told(masks: Masks, tmp_path: Path) -> None:
    """A trimap counted from 1, or object ids."""
    for odd, values in (([1, 2, 3], "2..3"), ([0, 1, 2, 3, 4, 5, 6, 7], "2..7")):
        encoding = encoding_of(tmp_path, masks([[0, 1]] * 11 + [odd]))
        assert f"found {values} in 1 of 12 masks alone (11.png)" in encoding.problems[0].message
    assert encoding_of(tmp_path, masks([[0, 1]] * 6 + [[0, 1, 2, 3]] * 6)).problems == ()


def test_255_of_two_meanings_is_refused(masks: Masks, tmp_path: Path) -> None:
    paths = masks([[0, 1, 2, 255]] * 3 + [[0, 127, 255]] * 3)
    for listed in (None, "classes: [a, b, c]"):
        if listed:
            (tmp_path / "classes.yaml").write_text(listed)
        with pytest.raises(DataError, match=r"255 beside 127 in 3 masks \(3\.png.* class indices in 3 masks \(0\.png"):
            encoding_of(tmp_path, paths)
