from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.class_list import read_class_list
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.interpretation import infer_encoding


@pytest.mark.parametrize(
    ("values", "names", "labels"),
    [
        ([0, 1, 2, 255], ("0", "1", "2"), [0, 1, 2, 255]),
        ([0, 3], ("0", "1", "2", "3"), [0, 3]),
        ([0, 255], ("background", "foreground"), [0, 1]),
        ([255, 255], ("background", "foreground"), [1, 1]),
        ([0, 1], ("background", "foreground"), [0, 1]),
        ([0, 1, 255], ("background", "foreground"), [0, 1, 255]),
        ([0, 127, 254], ("0", "127", "254"), [0, 1, 2]),
        ([0, 127, 254, 255], ("0", "127", "254"), [0, 1, 2, 255]),
        ([0, 127, 255], ("0", "127", "255"), [0, 1, 2]),
        ([0, 85, 170, 255], ("0", "85", "170", "255"), [0, 1, 2, 3]),
        ([0, 76, 150, 255], ("0", "76", "150", "255"), [0, 1, 2, 3]),
        ([1, 2, 3], ("1", "2", "3"), [0, 1, 2]),
    ],
)
def test_values_alone(save, tmp_path: Path, values: list[int], names: tuple[str, ...], labels: list[int]) -> None:
    mask = save("a.png", [values])
    encoding = infer_encoding(tmp_path, [mask], None)
    assert encoding.classes.names == names
    assert_array_equal(encoding.read(mask), [labels])


def test_values_that_are_no_class_indices(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="instances/"):
        infer_encoding(tmp_path, [save("a.png", np.array([[0, 900, 905]], np.uint16))], None)


def test_colours_without_a_list_are_answered_with_the_list(save, tmp_path: Path) -> None:
    mask = save("masks/a.png", [[[0, 0, 0], [200, 10, 3], [0, 0, 0]]])
    with pytest.raises(DataError) as caught:
        infer_encoding(tmp_path, [mask], None)
    pasted = caught.value.remedy.split(":\n", 1)[1]
    assert [entry["color"] for entry in yaml.safe_load(pasted)["classes"]] == [[0, 0, 0], [200, 10, 3]]
    (tmp_path / "classes.yaml").write_text(pasted)
    assert_array_equal(infer_encoding(tmp_path, [mask], read_class_list(tmp_path)).read(mask), [[0, 1, 0]])


def test_photos_instead_of_masks(save, tmp_path: Path) -> None:
    photo = save("a.png", np.random.default_rng(0).integers(0, 256, (30, 30, 3)))
    with pytest.raises(DataError, match="more than 255 colours"):
        infer_encoding(tmp_path, [photo], None)


@pytest.mark.parametrize(
    ("listed", "values", "labels"),
    [
        ("[a, b]", [0, 255], [0, 1]),
        ("[a, b]", [0, 1, 255], [0, 1, 255]),
        ("[a, b]\nignore: [255]", [0, 255], [0, 255]),
        ("[a, b, c]\nignore: 255", [0, 255], [0, 255]),
        ("[a, b, c]", [0, 1, 255], [0, 1, 255]),
        ("[a, b, c]", [0, 127, 255], [0, 1, 2]),
        ("[a, b, c]", [1, 2, 3, 255], [0, 1, 2, 255]),
        ("[a, b]", [1, 2], [0, 1]),
        ("[a, b]", [0, 200], [0, 1]),
        ("[{name: a, value: 7}, {name: b, values: [3, 255]}]\nignore: 0", [0, 3, 7, 255], [255, 1, 0, 1]),
        ("[a, b, c]\nthresholds: [10, 20]\nignore: 255", [0, 9, 10, 19, 20, 254, 255], [0, 0, 1, 1, 2, 2, 255]),
        ("[a, b, c]\nignore: [7]", [0, 2, 7], [0, 2, 255]),
        ("[{name: a, color: [255, 255, 255]}, {name: b, color: [0, 0, 0]}]", [0, 255], [1, 0]),
        ("[{name: a, color: [9, 9, 9]}, {name: b, color: [80, 80, 80]}, c]", [9, 80], [0, 1]),
    ],
)
def test_values_with_a_list(save, tmp_path: Path, listed: str, values: list[int], labels: list[int]) -> None:
    (tmp_path / "classes.yaml").write_text(f"classes: {listed}")
    mask = save("a.png", [values])
    assert_array_equal(infer_encoding(tmp_path, [mask], read_class_list(tmp_path)).read(mask), [labels])


def test_gray_rgb_masks_beside_a_list_with_colours_are_values(save, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text("classes: [{name: a, color: [1, 2, 3]}, {name: b, color: [4, 5, 6]}, c]")
    mask = save("a.png", [[[2, 2, 2], [0, 0, 0]]])
    assert_array_equal(infer_encoding(tmp_path, [mask], read_class_list(tmp_path)).read(mask), [[2, 0]])


def test_colours_beside_a_list_without_them(save, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"classes\.txt: found no colours"):
        infer_encoding(tmp_path, [save("a.png", [[[1, 2, 3]]])], read_class_list(tmp_path))


def test_masks_that_say_nothing_still_open(save, tmp_path: Path) -> None:
    encoding = infer_encoding(tmp_path, [save("a.jpg", [[0, 9]])], None)
    assert encoding.classes.names == ("background", "foreground")
    assert isinstance(encoding.classes, ClassMap)


def encoding_of(root: Path, masks: list[Path]) -> MaskEncoding:
    return infer_encoding(root, masks, read_class_list(root))


def halved(mask: np.ndarray) -> np.ndarray:
    """Return a mask at half its size, four pixels' mean each, as antialiasing leaves it."""
    height, width = mask.shape
    return mask.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).round()


@pytest.mark.parametrize(
    ("top", "dtype", "ending"), [(255, "uint8", "png"), (128, "uint8", "bmp"), (65535, "uint16", "tif")]
)
@pytest.mark.parametrize("listed", ["", "classes: [glass, cell]"])
def test_soft_edges_are_divided_in_the_middle_and_counted(
    save, discs, tmp_path: Path, top: int, dtype: str, ending: str, listed: str
) -> None:
    arrays = [halved(discs(seed, [top] * 3)) for seed in range(4)]
    masks = [save(f"{i}.{ending}", array.astype(dtype)) for i, array in enumerate(arrays)]
    if listed:
        (tmp_path / "classes.yaml").write_text(listed)
    encoding = encoding_of(tmp_path, masks)
    for mask, array in zip(masks, arrays, strict=True):
        assert_array_equal(encoding.read(mask), array >= (top + 1) // 2)
    (problem,) = encoding.problems
    between = sum(int(((array > 0) & (array < top)).sum()) for array in arrays)
    assert (problem.file, problem.kind) == (tmp_path, "mended")
    assert (
        f"{between:,} pixels between 0 and {top} in 4 masks (0.{ending}, 1.{ending}, 2.{ending} ...)" in problem.message
    )


def test_one_mask_with_soft_edges_among_many(save, discs, tmp_path: Path) -> None:
    masks = [save(f"{i}.png", discs(i, [255] * 3)) for i in range(9)]
    masks.append(save("soft.png", halved(discs(9, [255] * 3, 128))))
    encoding = encoding_of(tmp_path, masks)
    assert encoding.classes.names == ("background", "foreground")
    assert "in 1 mask (soft.png)" in encoding.problems[0].message


def test_what_jpeg_left_in_a_png(save, discs, tmp_path: Path) -> None:
    masks = []
    for seed in range(3):
        with Image.open(save(f"{seed}.jpg", discs(seed, [255] * 4, 96, (8, 16)), quality=75)) as smeared:
            masks.append(save(f"{seed}.png", np.asarray(smeared)))
    encoding = encoding_of(tmp_path, masks)
    assert encoding.classes.names == ("background", "foreground")
    for seed, mask in enumerate(masks):
        assert (encoding.read(mask) == (discs(seed, [255] * 4, 96, (8, 16)) > 0)).mean() > 0.99
    assert [problem.kind for problem in encoding.problems] == ["mended"]


def test_a_stray_value_changes_no_other(save, discs, tmp_path: Path) -> None:
    for common, stray in ((255, 1), (255, 254), (1, 2), (1, 77)):
        arrays = [discs(seed, [common] * 3) for seed in range(8)]
        arrays[3][5, 7] = stray
        masks = [save(f"{i}.png", array) for i, array in enumerate(arrays)]
        encoding = encoding_of(tmp_path, masks)
        assert encoding.classes.names == ("background", "foreground")
        assert_array_equal(encoding.read(masks[0]), arrays[0] > 0)
        with pytest.raises(MaskError, match=rf"3\.png: found value {stray} in 1 pixel, at row 5, column 7 "):
            encoding.read(masks[3])


def test_a_rare_class_is_no_stray_value(save, discs, tmp_path: Path) -> None:
    arrays = [discs(seed, [1, 2, 1, 2, 1, 2]) for seed in range(20)]
    arrays[0][0:2, 0:3] = 3
    masks = [save(f"{i}.png", array) for i, array in enumerate(arrays)]
    assert encoding_of(tmp_path, masks).classes.names == ("0", "1", "2", "3")


def test_masks_of_0_and_1_among_masks_of_0_and_255(save, discs, tmp_path: Path) -> None:
    arrays = [discs(seed, [255 if seed % 3 else 1] * 3) for seed in range(6)]
    masks = [save(f"{i}.png", array) for i, array in enumerate(arrays)]
    for listed in ("", "classes: [a, b]"):
        if listed:
            (tmp_path / "classes.yaml").write_text(listed)
        encoding = encoding_of(tmp_path, masks)
        for mask, array in zip(masks, arrays, strict=True):
            assert_array_equal(encoding.read(mask), array > 0)
        (problem,) = encoding.problems
        assert problem.kind == "assumed"
        assert "255 in 4 masks" in problem.message
    (tmp_path / "classes.yaml").write_text("classes: [a, b]\nignore: 255")
    encoding = encoding_of(tmp_path, masks)
    assert_array_equal(encoding.read(masks[1]), arrays[1])
    assert encoding.problems == ()


def test_a_rim_of_255_is_no_label(save, discs, tmp_path: Path) -> None:
    arrays = [discs(seed, [1] * 3) for seed in range(4)]
    for array in arrays:
        array[np.diff(array, axis=0, append=0) > 0] = 255
    masks = [save(f"{i}.png", array) for i, array in enumerate(arrays)]
    encoding = encoding_of(tmp_path, masks)
    assert_array_equal(encoding.read(masks[0]), arrays[0])
    assert encoding.problems == ()
    assert encoding.reason_for(255) == "255 is no label where no class has it"


def test_0_and_255_alone_beside_more_than_two_classes(save, tmp_path: Path) -> None:
    mask = save("a.png", [[0, 255, 255]])
    for name, text in (("classes.txt", "a\nb\nc\n"), ("class_dict.csv", "n,r,g,b\na,0,0,0\nb,9,0,0\nc,0,9,0\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="b, c never occur"):
            encoding_of(tmp_path, [mask])
        (tmp_path / name).unlink()
    (tmp_path / "classes.yaml").write_text("classes: [{name: a, value: 0}, {name: b, value: 255}, {name: c, value: 9}]")
    assert_array_equal(encoding_of(tmp_path, [mask]).read(mask), [[0, 1, 1]])


def test_classes_that_were_resized_are_told(save, tmp_path: Path) -> None:
    """Two areas of 5 and 10 on 0, enlarged four times; between two areas the values rise in steps."""
    small = np.zeros((16, 16))
    small[2:7, 2:7], small[9:15, 8:14] = 5, 10
    enlarged = np.asarray(Image.fromarray(small.astype(np.uint8)).resize((48, 48), Image.Resampling.BILINEAR))
    masks = [save(f"{i}.png", enlarged) for i in range(2)]
    between = [value for value in np.unique(enlarged).tolist() if value not in (0, 5, 10)]
    encoding = encoding_of(tmp_path, masks)
    assert encoding.classes.names == ("0", "5", "10")
    with pytest.raises(MaskError, match=r"0\.png: found value"):
        encoding.read(masks[0])
    (tmp_path / "classes.yaml").write_text(f"classes: {[f'class {i}' for i in range(11)]}")
    listed = encoding_of(tmp_path, masks)
    assert_array_equal(listed.read(masks[0]), enlarged)
    for problems in (encoding.problems, listed.problems):
        assert [(problem.file.name, problem.kind) for problem in problems] == [("0.png", "resized_mask")]
        assert f"{between[0]}.." in problems[0].message
        assert "2 masks (0.png, 1.png)" in problems[0].message
    repeated = [save(f"{i}.png", np.kron(small, np.ones((3, 3)))) for i in range(2)]
    (tmp_path / "classes.yaml").unlink()
    assert encoding_of(tmp_path, repeated).problems == ()


def test_a_border_of_its_own_value_is_a_class_and_told(save, tmp_path: Path) -> None:
    mask = np.zeros((12, 12))
    mask[3:9, 3:9], mask[4:8, 4:8] = 127, 255
    encoding = encoding_of(tmp_path, [save("a.png", mask)])
    assert encoding.classes.names == ("0", "127", "255")
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert "threshold: 128" in encoding.problems[0].message


def test_object_ids_are_objects_of_one_class(save, discs, tmp_path: Path) -> None:
    arrays = [discs(seed, list(range(1, 6 + seed)), 96) for seed in range(4)]
    masks = [save(f"{i}.png", array.astype(np.uint16)) for i, array in enumerate(arrays)]
    encoding = encoding_of(tmp_path, masks)
    assert encoding.objects
    assert encoding.classes.names == ("background", "object")
    assert_array_equal(encoding.read(masks[1]), arrays[1] > 0)
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    (tmp_path / "classes.yaml").write_text("classes: [glass, cell]")
    assert encoding_of(tmp_path, masks).classes.names == ("glass", "cell")
    assert encoding_of(tmp_path, masks).objects
    values = ", ".join(f"{{name: c{value}, value: {value}}}" for value in range(9))
    (tmp_path / "classes.yaml").write_text(f"classes: [{values}]")
    assert_array_equal(encoding_of(tmp_path, masks).read(masks[1]), arrays[1])


def test_objects_in_files_of_their_own_leave_masks_to_classes(save, discs, tmp_path: Path) -> None:
    masks = [save(f"{i}.png", discs(i, list(range(1, 7 + i)), 96)) for i in range(4)]
    assert infer_encoding(tmp_path, masks, None).objects
    assert infer_encoding(tmp_path, masks, None, has_objects=True).classes.num_classes == 10


def test_jpeg_masks_are_read_by_a_threshold_that_is_stated(save, discs, tmp_path: Path) -> None:
    array = discs(0, [255] * 4, 96, (8, 16))
    mask = save("a.jpg", array, quality=75)
    with pytest.raises(MaskError, match="threshold: 128"):
        encoding_of(tmp_path, [mask]).read(mask)
    (tmp_path / "classes.yaml").write_text("classes: [a, b]\nthreshold: 128")
    assert (encoding_of(tmp_path, [mask]).read(mask) == (array > 0)).mean() > 0.99


def test_thresholds_do_not_fit_colours(save, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(
        "classes: [{name: a, color: [0, 0, 0]}, {name: b, color: [1, 2, 3]}]\nthreshold: 128"
    )
    with pytest.raises(DataError, match=r"thresholds, while a\.png"):
        encoding_of(tmp_path, [save("a.png", [[[1, 2, 3]]])])


def test_the_values_of_a_label_as_they_are_shown(save, tmp_path: Path) -> None:
    encoding = encoding_of(tmp_path, [save("a.png", [[0, 255]])])
    assert (encoding.values_of(0), encoding.values_of(1), encoding.values_of(255)) == ("0", "255", "")
    (tmp_path / "classes.yaml").write_text("classes: [a, b]\nthreshold: 100\nignore: [0, 250]")
    encoding = encoding_of(tmp_path, [save("a.png", [[0, 255]])])
    assert (encoding.values_of(0), encoding.values_of(1), encoding.values_of(255)) == (
        "1..99",
        "100..249, 251..255",
        "0, 250",
    )


@pytest.mark.parametrize("listed", [None, "ground\nroof\ntree\n"])
def test_255_alone_in_some_masks_is_told_where_others_hold_indices(save, tmp_path: Path, listed: str | None) -> None:
    """As where one of several people saved objects as 255. A rim of 255 in masks of indices is told by nobody."""
    if listed is not None:
        (tmp_path / "classes.txt").write_text(listed)
    indices = [save(f"{i}.png", [[0, 1, 1, 2, 2, 0]] * 4) for i in range(4)]
    other = save("other.png", [[0, 255, 255, 255, 255, 0]] * 4)
    encoding = infer_encoding(tmp_path, [*indices, other], read_class_list(tmp_path))
    assert [problem.kind for problem in encoding.problems] == ["assumed"]
    assert "255 as the only value beside 0 in 1 of 5 masks (such as other.png)" in encoding.problems[0].message
    rim = save("rim.png", [[0, 1, 255, 2, 2, 0]] * 4)
    assert infer_encoding(tmp_path, [*indices, rim, other], read_class_list(tmp_path)).problems == ()
