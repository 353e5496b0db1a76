"""Sparse labels: when images without a label are meant so, what `check` says, and how they are split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data import open_dataset
from pixelwise.data.check import CheckResult, check
from pixelwise.data.label_regions import hold_out_regions
from pixelwise.data.sparse_labels import ClassLabels, describe_labels, format_share, separate_unlabelled

Write = Callable[..., Path]
DENSE = np.array([[0, 0, 1, 1, 2, 2, 1, 0]] * 6)
STROKES = np.full((6, 8), IGNORE_INDEX)
STROKES[1, 1:4], STROKES[4, 2], STROKES[2:5, 6] = 0, 1, 2
BLANK = np.full((6, 8), IGNORE_INDEX)


@pytest.fixture
def write(save, tmp_path: Path) -> Write:
    """Write images with these label maps, `None` for no mask, into a split's folder, or none."""

    def write(*label_maps: object, split: str = "", first: int = 0) -> Path:
        for number, label_map in enumerate(label_maps, start=first):
            save(str(Path(split, "images", f"{number}.png")))
            if label_map is not None:
                save(str(Path(split, "masks", f"{number}.png")), label_map)
        (tmp_path / "classes.yaml").write_text("classes: [sky, road, car]\nignore: 255\n")
        return tmp_path

    return write


def harmful(result: CheckResult) -> set[tuple[str, str]]:
    return {(problem.file.stem, problem.kind) for problem in result.harmful}


def test_images_without_a_label_beside_strokes_are_meant_so(write: Write) -> None:
    """7 of 48 pixels in two of five images; a mask of 255 alone is as good as none."""
    result = check(open_dataset(write(STROKES, STROKES, BLANK, None, None)))
    assert (harmful(result), result.unusable) == (set(), set())
    assert {path.stem for path in result.unlabelled} == {"2", "3", "4"}
    assert result.is_sparse
    assert (result.labels.images, result.labels.blank_images) == (2, 3)
    assert result.labels.share == result.labelled_share == 14 / (5 * 48)
    assert_array_equal(result.labels.class_images, [2, 2, 2])
    assert any("3 of 5 images have no label: where a model is sure" in remark for remark in result.remarks)


def test_a_forgotten_mask_in_a_dense_data_set_is_a_problem(write: Write) -> None:
    result = check(open_dataset(write(*[DENSE] * 6, BLANK, None)))
    assert harmful(result) == {("6", "unlabelled"), ("7", "missing_mask")}
    assert {path.stem for path in result.unusable} == {"6", "7"}
    assert not result.is_sparse
    assert result.unlabelled == set()
    assert not any("sparse" in remark for remark in result.remarks)


def test_few_dense_masks_among_many_images_are_sparse(write: Write) -> None:
    result = check(open_dataset(write(DENSE, DENSE, *[None] * 5)))
    assert (harmful(result), result.is_sparse) == (set(), True)


def test_images_of_a_studio_project_need_no_label_at_any_time(write: Write) -> None:
    """Six of eight done: labels are dense, and the other two are still to come."""
    root = write(*[DENSE] * 6, BLANK, None)
    (root / ".studio").mkdir()
    result = check(open_dataset(root))
    assert (harmful(result), result.is_sparse) == (set(), False)
    assert {path.stem for path in result.unlabelled} == {"6", "7"}
    assert any("2 of 8 images have no label: training does not use them" in remark for remark in result.remarks)


def test_without_any_label_every_image_is_a_problem(write: Write) -> None:
    result = check(open_dataset(write(BLANK, BLANK)))
    assert harmful(result) == {("0", "unlabelled"), ("1", "unlabelled")}


def test_the_rule_looks_at_the_images_to_train_on(write: Write) -> None:
    """Dense masks in a named val do not make strokes dense."""
    write(STROKES, BLANK, split="train")
    result = check(open_dataset(write(DENSE, DENSE, None, split="val", first=2)))
    assert result.is_sparse
    assert {path.stem for path in result.unlabelled} == {"1", "4"}
    assert result.class_labels["road"] == ClassLabels(1, 1, 1 / (2 * 48))
    assert "The labels are sparse: 7 pixels, 7.3 % of all, in 1 image." in " ".join(result.remarks)
    dataset = separate_unlabelled(open_dataset(write()), result.unlabelled)
    assert {split: [item.name for item in items] for split, items in dataset.splits.items()} == {
        "train": ["0"],
        "val": ["2", "3"],  # on 4 nothing can be measured
    }
    assert [item.name for item in dataset.unlabelled] == ["1"]


def test_splits_are_drawn_from_images_with_labels(write: Write) -> None:
    """12 of 60: one image to validate on and one to test on would be most of what a draw from all gives."""
    dataset = open_dataset(write(*[STROKES] * 12, *[None] * 48))
    result = check(dataset)
    separated = separate_unlabelled(dataset, result.unlabelled)
    assert {split: len(items) for split, items in separated.splits.items()} == {"train": 8, "val": 2, "test": 2}
    assert len(separated.unlabelled) == 48
    again = check(separated)
    assert (again.images, again.is_sparse, again.unlabelled) == (12, True, set())
    assert any("48 of 60 images have no label" in remark for remark in again.remarks)
    assert check(separated.without(again.unlabelled)).class_pixels.sum() == 12 * 7


def test_advice_names_what_to_add() -> None:
    labels = {
        "sky": ClassLabels(900, 12, 0.0009),
        "road": ClassLabels(40, 1, 0.00004),
        "car": ClassLabels(30, 7, 0.00003),
        "tree": ClassLabels(0, 0, 0.0),
    }
    first, *advice = describe_labels(labels, images=12)
    assert first.startswith("The labels are sparse: 970 pixels, 0.097 % of all, in 12 images.")
    assert advice == [
        "road has 40 labelled pixels in 1 image: label it in 5 or more, where it looks different each time.",
        "car has 30 labelled pixels in 7 images: label 50 pixels or more.",
        "tree has 0 labelled pixels in 0 images: label it in 5 or more, where it looks different each time.",
    ]
    assert "label further images" in list(describe_labels({"sky": ClassLabels(900, 3, 0.1)}, images=3))[1]


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50%"), (0.0123, "1.2 %"), (0.00071, "0.071 %"), (0.0, "0 %"), (0.1, "10%")]
)
def test_shares_have_digits_that_say_something(share: float, text: str) -> None:
    assert format_share(share) == text


def test_check_prints_labels_of_each_class(write: Write, cli: Callable[..., Any]) -> None:
    root = write(STROKES, STROKES, BLANK, None)
    result = cli("check", root)
    assert result.code == 0, result.out
    assert "labelled  7.3 % of the pixels to train on, in 2 of 4 images" in result.out
    rows = [[cell.strip() for cell in line.split("│")] for line in result.out.splitlines() if "│" in line]
    assert {row[2]: row[5:7] for row in rows} == {"sky": ["6", "2"], "road": ["2", "2"], "car": ["6", "2"]}
    assert "road has 2 labelled pixels in 2 images" in result.out
    report = json.loads(cli("check", root, "--json").out)
    assert report["labels"]["per_class"]["road"] == {"pixels": 2, "images": 2, "share": 2 / (4 * 48)}
    assert {key: report["labels"][key] for key in ("sparse", "labelled_images", "unlabelled_images")} == {
        "sparse": True,
        "labelled_images": 2,
        "unlabelled_images": 2,
    }


def test_a_fifth_of_the_strokes_of_each_class_is_held_out(write: Write) -> None:
    """Three images with 3 strokes of class 0 each, 1 of class 1 and 2 of class 2: 9, 3 and 6 in all."""
    label_map = np.full((6, 8), IGNORE_INDEX)
    label_map[0, :2], label_map[2, :2], label_map[4, :2] = 0, 0, 0
    label_map[0, 5], label_map[3:5, 4], label_map[3:5, 7] = 1, 2, 2
    dataset = open_dataset(write(*[label_map] * 3, split="train"))
    divided = hold_out_regions(dataset)
    totals = {}
    for split in ("train", "val"):
        maps = [divided.read(item).label_map for item in divided.splits[split]]
        totals[split] = np.bincount(np.concatenate([each.ravel() for each in maps]), minlength=256)[:3].tolist()
    assert totals == {"train": [18 - 2, 3, 12 - 2], "val": [2, 0, 2]}
    train = {item.name: divided.read(item).label_map for item in divided.splits["train"]}
    for item in divided.splits["val"]:
        held_out = divided.read(item).label_map
        assert not ((held_out != IGNORE_INDEX) & (train[item.name] != IGNORE_INDEX)).any()
        assert_array_equal(np.minimum(held_out, train[item.name]), label_map)
    assert hold_out_regions(dataset).splits == divided.splits


def test_without_five_strokes_of_a_class_nothing_is_held_out(write: Write) -> None:
    dataset = open_dataset(write(STROKES, STROKES, split="train"))
    assert hold_out_regions(dataset) is dataset
