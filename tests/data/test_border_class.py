"""A class of borders: which names it has, and labels without it, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.data import open_dataset
from pixelwise.data.border_class import border_class, without_border


@pytest.mark.parametrize(
    ("names", "index"),
    [(("background", "cell"), None), (("background", " Border ", "cell"), 1), (("sky", "tree", "membrane"), 2)],
)
def test_a_border_is_known_by_its_name(names: tuple[str, ...], index: int | None) -> None:
    assert border_class(ClassMap.from_names(names)) == index


def write_labels(root: Path, names: str) -> None:
    """Write an image of one row: a cell of five pixels, two of them border, and a border pixel beside it."""
    for folder, values, dtype in (
        ("images", [9] * 8, np.uint8),
        ("masks", [0, 1, 2, 2, 1, 2, 1, 255], np.uint8),
        ("instances", [0, 7, 7, 7, 7, 7, 0, 0], np.uint16),
    ):
        (root / folder).mkdir()
        Image.fromarray(np.array([values], dtype)).save(root / folder / "a.png")
    (root / "classes.yaml").write_text(f"classes: [{names}]\nignore: 255\n")


def test_in_an_object_a_border_has_its_class_and_elsewhere_none(tmp_path: Path) -> None:
    write_labels(tmp_path, "background, border, cell")
    dataset = open_dataset(tmp_path)
    changed = without_border(dataset)
    (item,) = (item for _, item in changed.items())
    assert changed.classes.names == ("background", "cell")
    labels = changed.read_labels(item)
    assert_array_equal(labels.label_map, [[0, 1, 1, 1, 1, 1, 255, 255]])
    assert_array_equal(labels.instance_map, [[0, 7, 7, 7, 7, 7, 0, 0]])
    assert_array_equal(dataset.read_labels(item).label_map, [[0, 1, 2, 2, 1, 2, 1, 255]])


def test_without_such_a_class_nothing_changes(tmp_path: Path) -> None:
    write_labels(tmp_path, "background, debris, cell")
    dataset = open_dataset(tmp_path)
    assert without_border(dataset) is dataset
