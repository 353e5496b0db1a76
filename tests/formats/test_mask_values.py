from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal

from pixelwise.classes import ClassMap
from pixelwise.errors import DataError
from pixelwise.formats.classlist import read_class_list
from pixelwise.formats.mask_values import decide


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
    coding = decide(tmp_path, [mask], None)
    assert coding.classes.names == names
    assert_array_equal(coding.read(mask), [labels])


def test_values_that_are_no_class_indices(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="instances/"):
        decide(tmp_path, [save("a.png", np.array([[0, 900, 905]], np.uint16))], None)


def test_colours_without_a_list_are_answered_with_the_list(save, tmp_path: Path) -> None:
    mask = save("masks/a.png", [[[0, 0, 0], [200, 10, 3], [0, 0, 0]]])
    with pytest.raises(DataError) as caught:
        decide(tmp_path, [mask], None)
    pasted = caught.value.remedy.split(":\n", 1)[1]
    assert [entry["color"] for entry in yaml.safe_load(pasted)["classes"]] == [[0, 0, 0], [200, 10, 3]]
    (tmp_path / "classes.yaml").write_text(pasted)
    assert_array_equal(decide(tmp_path, [mask], read_class_list(tmp_path)).read(mask), [[0, 1, 0]])


def test_photos_instead_of_masks(save, tmp_path: Path) -> None:
    photo = save("a.png", np.random.default_rng(0).integers(0, 256, (30, 30, 3)))
    with pytest.raises(DataError, match="more than 255 colours"):
        decide(tmp_path, [photo], None)


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
    assert_array_equal(decide(tmp_path, [mask], read_class_list(tmp_path)).read(mask), [labels])


def test_gray_rgb_masks_beside_a_list_with_colours_are_values(save, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text("classes: [{name: a, color: [1, 2, 3]}, {name: b, color: [4, 5, 6]}, c]")
    mask = save("a.png", [[[2, 2, 2], [0, 0, 0]]])
    assert_array_equal(decide(tmp_path, [mask], read_class_list(tmp_path)).read(mask), [[2, 0]])


def test_colours_beside_a_list_without_them(save, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"classes\.txt: found no colours"):
        decide(tmp_path, [save("a.png", [[[1, 2, 3]]])], read_class_list(tmp_path))


def test_masks_that_say_nothing_still_open(save, tmp_path: Path) -> None:
    coding = decide(tmp_path, [save("a.jpg", [[0, 9]])], None)
    assert coding.classes.names == ("background", "foreground")
    assert isinstance(coding.classes, ClassMap)
