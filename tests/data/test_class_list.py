from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList, class_list_yaml, read_class_list, write_classes


def read(tmp_path: Path, name: str, text: str) -> ClassList:
    (tmp_path / name).write_text(text, encoding="utf-8")
    class_list = read_class_list(tmp_path)
    assert class_list is not None
    assert class_list.path == tmp_path / name
    return class_list


def test_yaml_of_names_and_of_names_with_colours(tmp_path: Path) -> None:
    plain = read(tmp_path, "classes.yaml", "classes: [sky, 7]")
    assert plain.classes.names == ("sky", "7")
    assert plain.values == {0: 0, 1: 1}
    assert plain.colors == {}
    text = "classes: [{name: sky, color: [1, 2, 3]}, {name: road}]\nignore: [0, 200, [9, 9, 9]]"
    colored = read(tmp_path, "classes.yaml", text)
    assert colored.classes.colors[0] == (1, 2, 3)
    assert colored.values == {0: IGNORE_INDEX, 1: 1, 200: IGNORE_INDEX}
    assert colored.colors == {(1, 2, 3): 0, (9, 9, 9): IGNORE_INDEX}


def test_one_value_or_colour_without_a_label_is_a_list_of_one(tmp_path: Path) -> None:
    assert read(tmp_path, "classes.yaml", "classes: [sky]\nignore: 255").values == {0: 0, 255: IGNORE_INDEX}
    assert read(tmp_path, "classes.yaml", "classes: [sky]\nignore:").values == {0: 0}


def test_values_and_thresholds_that_are_stated(tmp_path: Path) -> None:
    text = "classes: [{name: sky, value: 3}, {name: road, values: [1, 255]}]\nignore: 0"
    stated = read(tmp_path, "classes.yaml", text)
    assert stated.values == {3: 0, 1: 1, 255: 1, 0: IGNORE_INDEX}
    assert (stated.stated, stated.thresholds) == (True, ())
    divided = read(tmp_path, "classes.yaml", "classes: [a, b, c]\nthresholds: [64, 128]")
    assert (divided.stated, divided.thresholds) == (False, (64, 128))
    assert read(tmp_path, "classes.yaml", "classes: [a, b]\nthreshold: 128").thresholds == (128,)


def test_names_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, "classes.txt", "\ufeffsky\n wet road \n\n").classes.names == ("sky", "wet road")


def test_colour_lines_with_void_ignored_at_its_position(tmp_path: Path) -> None:
    class_list = read(tmp_path, "label_colors.txt", "128 128 128\tSky\n0 0 0\t\tVoid\n128 64 128 Wet road\n")
    assert class_list.classes == ClassMap(("Sky", "Wet road"), ((128, 128, 128), (128, 64, 128)))
    assert class_list.values == {0: 0, 1: IGNORE_INDEX, 2: 1}
    assert class_list.colors == {(128, 128, 128): 0, (0, 0, 0): IGNORE_INDEX, (128, 64, 128): 1}


def test_csv_with_a_header(tmp_path: Path) -> None:
    class_list = read(tmp_path, "class_dict.csv", "name, r, g, b\nSky, 128, 128, 128\nUnlabelled,0,0,0\n")
    assert class_list.classes == ClassMap(("Sky",), ((128, 128, 128),))
    assert class_list.colors == {(128, 128, 128): 0, (0, 0, 0): IGNORE_INDEX}


def test_no_list(tmp_path: Path) -> None:
    assert read_class_list(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("classes.yaml", "classes: [", "cannot be read"),
        ("classes.yaml", "- sky", "no list under"),
        ("classes.yaml", "classes: []", "0 classes"),
        ("classes.yaml", "classes: [sky, sky]", "'sky' twice"),
        ("classes.yaml", "classes: [yes, road]", "needs quotes"),
        ("classes.yaml", "classes: [{name: sky, color: [1, 2]}]", "no colour"),
        ("classes.yaml", "classes: [{name: sky, color: [1, 2, 300]}]", "no colour"),
        ("classes.yaml", "classes: [{name: a, color: [1, 1, 1]}, {name: b, color: [1, 1, 1]}]", "two classes"),
        ("classes.yaml", "classes: [sky]\nignore: [none]", "neither a mask value nor a colour"),
        ("classes.yaml", "classes: [sky]\nignore: {a: 1}", "neither a mask value nor a colour"),
        ("classes.yaml", "classes: [sky]\nignored: 255", "the key 'ignored', which is none of classes, ignore"),
        ("classes.yaml", "classes: [{name: sky, id: 3}]", "the class 'sky' has the key 'id'"),
        ("classes.yaml", "classes: [{name: a, value: x}]", "'x' under 'value' of 'a'"),
        ("classes.yaml", "classes: [{name: a, value: 1}, b]", "none of 'b'"),
        ("classes.yaml", "classes: [{name: a, value: 1}, {name: b, value: 1}]", "value 1 stands for two classes"),
        ("classes.yaml", "classes: [{name: a, value: 1}]\nignore: 1", "value 1 stands for a class and for no label"),
        ("classes.yaml", "classes: [a, b]\nthreshold: [1, 2]", "2 classes need 1 rising"),
        ("classes.yaml", "classes: [a, b, c]\nthresholds: [9, 4]", "3 classes need 2 rising"),
        ("classes.yaml", "classes: [a, b]\nthreshold: 1\nthresholds: 1", "say the same"),
        ("classes.yaml", "classes: [{name: a, value: 1}, {name: b, value: 2}]\nthreshold: 1", "contradict each other"),
        ("classes.yaml", "classes: " + "[" * 5000, "cannot be read"),
        ("label_colors.txt", "128 128 128\n", "too short"),
        ("label_colors.txt", "red 0 0 sky\n", "invalid literal"),
        ("class_dict.csv", "name,r,g,b\nsky,1,2\n", "too short"),
    ],
)
def test_a_list_that_makes_no_sense_is_named(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=problem) as caught:
        read_class_list(tmp_path)
    assert caught.value.where == str(tmp_path / name)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    classes = ClassMap(("no", "void", "1: {a}", "Straße"), ((0, 0, 0), (1, 2, 3), (4, 5, 6), (255, 255, 255)))
    write_classes(tmp_path / "classes.yaml", classes)
    class_list = read_class_list(tmp_path)
    assert class_list is not None
    assert class_list.classes == classes
    assert yaml.safe_load(class_list_yaml(classes))["classes"] == classes.to_dict()


def test_a_list_nested_too_deep_is_named(tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text("classes: " + "[" * 3000)
    with pytest.raises(DataError, match=r"classes\.yaml: found a list that cannot be read"):
        read_class_list(tmp_path)


@pytest.mark.parametrize(
    "text", ["2 dog\n0 bg\n1 cat\n", "0: bg\n1: cat\n2: dog\n", "# animals\n0 bg\n2,dog\n1, cat\n"]
)
def test_numbers_before_all_names_are_the_values(tmp_path: Path, text: str) -> None:
    class_list = read(tmp_path, "classes.txt", text)
    assert (class_list.classes.names, class_list.values, class_list.stated) == (
        ("bg", "cat", "dog"),
        {0: 0, 1: 1, 2: 2},
        True,
    )


def test_numbers_may_leave_gaps_and_one_line_without_makes_them_names(tmp_path: Path) -> None:
    assert read(tmp_path, "classes.txt", "0 bg\n7 cat\n9 dog\n").values == {0: 0, 7: 1, 9: 2}
    assert read(tmp_path, "classes.txt", "bg\n7 cat\n").classes.names == ("bg", "7 cat")
    with pytest.raises(DataError, match="lines numbered 0, 0; expected different values"):
        read(tmp_path, "classes.txt", "0 bg\n0 cat\n")


def test_comments_and_labelmes_ignore_line_are_no_classes(tmp_path: Path) -> None:
    class_list = read(tmp_path, "classes.txt", "# animals\n__ignore__\n_background_\ncat\n")
    assert (class_list.classes.names, class_list.values) == (("_background_", "cat"), {0: 0, 1: 1})


def test_roboflows_values_and_ade20ks_indices(tmp_path: Path) -> None:
    class_list = read(tmp_path, "_classes.csv", 'Pixel Value, Class\n0, background\n2, "cat, wet"\n1, dog\n')
    assert (class_list.classes.names, class_list.values) == (("background", "dog", "cat, wet"), {0: 0, 1: 1, 2: 2})
    assert class_list.stated
    (tmp_path / "_classes.csv").unlink()
    text = "Idx\tRatio\tTrain\tVal\tName\n1\t0.1576\t11664\t1172\twall\n2\t0.1072\t6046\t612\tbuilding, edifice\n"
    class_list = read(tmp_path, "objectInfo150.txt", text)
    assert (class_list.classes.names, class_list.values) == (("wall", "building"), {0: IGNORE_INDEX, 1: 0, 2: 1})


@pytest.mark.parametrize(
    ("name", "text"), [("classes.yaml", "classes: [a, '']"), ("class_dict.csv", "name,r,g,b\n ,0,0,0")]
)
def test_a_class_without_a_name_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match="found no name for the class"):
        read_class_list(tmp_path)
