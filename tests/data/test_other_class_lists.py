"""Several lists of classes: the one that is read is named, and how the others differ from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.other_class_lists import find_conflicting_lists
from pixelwise.data.problem import Problem

MASK = np.array([[0, 1, 2, 0, 1, 2, 0, 0]] * 6)
RED, GREEN, BLACK = (200, 0, 0), (0, 200, 0), (0, 0, 0)


@pytest.fixture
def root(save, tmp_path: Path) -> Path:
    for name in "ab":
        save(f"images/{name}.png")
        save(f"masks/{name}.png", MASK)
    (tmp_path / "classes.txt").write_text("background\ncat\nwet dog\n")
    return tmp_path


def told(root: Path) -> list[Problem]:
    return find_conflicting_lists(open_dataset(root))


AGREEING = {
    "classes.yaml": "classes: [background, cat, wet dog]",
    "class_dict.csv": "name,r,g,b\nbackground,0,0,0\ncat,200,0,0\nwet dog,0,200,0\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:200,0,0::\nwet dog:0,200,0::\n",
    "labels.txt": "__ignore__\n_background_\nCat\nwet_dog\n",
    "obj.names": "cat\nwet dog\n",
    "data.yaml": "names: [cat, wet-dog]\nnc: 2\n",
    "config.yml": "names: {0: background, 1: cat, 2: wet dog}\n",
    "dataset.json": '{"labels": {"background": 0, "cat": 1, "wet dog": 2, "ignore": 3}}',
    "classes.json": '["background", "cat", "wet dog"]',
    "label_map.json": '{"0": "background", "2": "wet dog", "1": "cat"}',
    "categories.json": '[{"id": 1, "name": "cat"}, {"id": 0, "name": "background"}, {"id": 2, "name": "wet dog"}]',
    "train/_classes.csv": "Pixel Value, Class\n0, background\n1, cat\n2, wet dog\n",
}


@pytest.mark.parametrize("name", AGREEING)
def test_a_list_that_says_the_same_is_nothing_to_tell(root: Path, name: str) -> None:
    write(root, name, AGREEING[name])
    assert told(root) == []
    assert open_dataset(root).classes.names[1:] == ("cat", "wet dog")


CONTRADICTING = {
    "classes.yaml": ("classes: [background, wet dog, cat]", "classes.txt", "the order differs"),
    "class_dict.csv": ("name,r,g,b\nbackground,0,0,0\ncat,200,0,0\n", "class_dict.csv", "only there: wet dog"),
    "labelmap.txt": ("background:0,0,0::\nwet dog:0,200,0::\ncat:200,0,0::\n", "labelmap.txt", "the order differs"),
    "labels.txt": ("cat\nwet dog\n", "labels.txt", "only there: background"),
    "data.yaml": ("names: [cat, cow]\n", "data.yaml", "only here: cow; only there: wet dog"),
    "dataset.json": ('{"labels": {"background": 0, "cat": 2, "wet dog": 1}}', "dataset.json", "the order differs"),
    "masks/classes.txt": ("background\nwet dog\ncat\n", "classes.txt", "the order differs"),
    "label_map.json": ('{"0": "background", "1": "wet dog", "2": "cat"}', "label_map.json", "the order differs"),
}


@pytest.mark.parametrize("name", CONTRADICTING)
def test_a_list_that_says_something_else_is_a_problem(root: Path, name: str) -> None:
    text, file, difference = CONTRADICTING[name]
    write(root, name, text)
    (problem,) = told(root)
    assert (problem.kind, problem.file.name) == ("class_lists", file)
    assert difference in problem.message
    used = "classes.yaml" if name == "classes.yaml" else "classes.txt"
    assert f"in {used}, which counts: " in problem.message
    assert "class_lists" in {entry.kind for entry in check(open_dataset(root)).harmful}


def test_values_that_two_lists_state(root: Path) -> None:
    write(root, "classes.txt", "0 background\n1 cat\n2 wet dog\n")
    write(root, "dataset.json", '{"labels": {"background": 0, "cat": 1, "wet dog": 3}}')
    (problem,) = told(root)
    assert "the value of wet dog differ" in problem.message


def test_names_without_a_list_are_named_and_not_read(root: Path) -> None:
    (root / "classes.txt").unlink()
    write(root, "data.yaml", "names: [background, cat, dog]\n")
    write(root, "config.yaml", "epochs: 3\n")
    write(root, "labels.csv", "")
    problems = told(root)
    assert [(entry.kind, entry.file.name) for entry in problems] == [
        ("passed_over", "data.yaml"),
        ("passed_over", "labels.csv"),
    ]
    assert (
        "found names of 3 classes (background, cat, dog); expected them in classes.yaml or classes.txt in"
        in problems[0].message
    )
    assert open_dataset(root).classes.names == ("0", "1", "2")


def test_a_list_that_cannot_be_read_is_named_beside_one_that_is(root: Path) -> None:
    write(root, "classes.json", '{"names": 3')
    (problem,) = told(root)
    assert (problem.kind, problem.file.name) == ("passed_over", "classes.json")
    assert "classes.txt counts" in problem.message


def test_a_list_without_colours_takes_those_of_one_that_agrees(save, root: Path) -> None:
    for name in "ab":
        save(f"masks/{name}.png", np.array([BLACK, RED, GREEN])[MASK])
    with pytest.raises(DataError, match="no colours"):
        open_dataset(root)
    write(root, "class_dict.csv", AGREEING["class_dict.csv"])
    dataset = open_dataset(root)
    assert_array_equal(dataset.read(next(dataset.items())[1]).label_map, MASK)
    assert dataset.classes.colors == (BLACK, RED, GREEN)
    write(root, "class_dict.csv", "name,r,g,b\nbackground,0,0,0\nwet dog,0,200,0\ncat,200,0,0\n")
    with pytest.raises(DataError, match="no colours"):
        open_dataset(root)


def test_coloured_masks_without_a_list_name_those_in_other_forms(save, root: Path) -> None:
    (root / "classes.txt").unlink()
    for name in "ab":
        save(f"masks/{name}.png", np.array([BLACK, RED, GREEN])[MASK])
    write(root, "palette.json", '{"cat": [200, 0, 0]}')
    with pytest.raises(DataError, match=r"lists of classes in forms that are not read: palette\.json"):
        open_dataset(root)


def test_lists_beside_annotations_that_name_their_classes(save, tmp_path: Path) -> None:
    """The order says nothing there, and a list without effect is named."""
    save("a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 6, "width": 8}],
        "annotations": [],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    write(tmp_path, "classes.txt", "dog\ncat\n")
    assert open_dataset(tmp_path).format == "coco"
    assert told(tmp_path) == []
    write(tmp_path, "classes.txt", "cat\ncow\n")
    (problem,) = told(tmp_path)
    assert problem.kind == "passed_over"
    assert "in the classes of the data, which count: only here: cow; only there: dog" in problem.message


def test_yolos_order_is_that_of_its_yaml(save, tmp_path: Path) -> None:
    for split in ("train", "val"):
        save(f"images/{split}/a.png")
        write(tmp_path, f"labels/{split}/a.txt", "")
    write(tmp_path, "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\n")
    write(tmp_path, "labels/train/classes.txt", "cat\ndog\n")
    assert told(tmp_path) == []
    write(tmp_path, "labels/train/classes.txt", "dog\ncat\n")
    (problem,) = told(tmp_path)
    assert (problem.kind, problem.file.name) == ("class_lists", "classes.txt")
    assert "in data.yaml, which counts: the order differs" in problem.message


def test_lists_of_several_sites(save, tmp_path: Path) -> None:
    """Read as one data set, whose masks would mean different things."""
    for site, names in (("s1", "ground\ncat\n"), ("s2", "ground\ndog\n")):
        save(f"{site}/images/a.png")
        save(f"{site}/masks/a.png", MASK % 2)
        write(tmp_path, f"{site}/classes.txt", names)
    assert [entry.file.parent.name for entry in told(tmp_path)] == ["s1", "s2"]


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
