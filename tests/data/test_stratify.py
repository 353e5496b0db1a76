"""Splits and folds with every class in every part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.core.errors import OptionError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.stratify import classes_of, folds, stratify


def make(save, root: Path, count: int, rare: set[int], *, prefix: str = "") -> Dataset:
    """Images of class 0, those in `rare` with a pixel of class 1."""
    for number in range(count):
        mask = np.zeros((6, 8))
        mask[2, 3] = number in rare
        save(f"{prefix}images/{number:03}.png")
        save(f"{prefix}masks/{number:03}.png", mask)
    (root / "classes.txt").write_text("ground\nrare\n")  # one pixel alone would be taken for a stray value
    return open_dataset(root)


def rare_in(dataset: Dataset) -> dict[str, int]:
    return {
        split: sum(1 in classes for classes in classes_of(dataset, items)) for split, items in dataset.splits.items()
    }


@pytest.mark.parametrize("rare", [{0, 1, 2, 3}, {3, 11, 17, 23}, {26, 27, 28, 29}])
def test_a_rare_class_is_in_every_split_of_a_small_set_whatever_the_names(save, tmp_path: Path, rare: set[int]) -> None:
    dataset = make(save, tmp_path, 30, rare)
    assert {split: len(items) for split, items in dataset.splits.items()} == {"train": 20, "val": 5, "test": 5}
    assert rare_in(dataset) == {"train": 2, "val": 1, "test": 1}
    assert all(item.auto_split for _, item in dataset.items())


def test_a_single_image_of_a_class_is_trained_on(save, tmp_path: Path) -> None:
    assert rare_in(make(save, tmp_path, 30, {7})) == {"train": 1, "val": 0, "test": 0}


def test_val_drawn_from_train_leaves_test_alone(save, tmp_path: Path) -> None:
    make(save, tmp_path / "test", 3, set(), prefix="test/")
    dataset = make(save, tmp_path, 20, {4, 5}, prefix="train/")
    assert {split: len(items) for split, items in dataset.splits.items()} == {"train": 16, "val": 4, "test": 3}
    assert rare_in(dataset) == {"train": 1, "val": 1, "test": 0}


def test_labels_that_cannot_be_read_do_not_stop_the_split(save, tmp_path: Path) -> None:
    make(save, tmp_path, 12, {1, 2, 3})
    (tmp_path / "masks" / "004.png").write_bytes(b"no png")
    sizes = {split: len(items) for split, items in open_dataset(tmp_path).splits.items()}
    assert sizes == {"train": 8, "val": 2, "test": 2}


def test_parts_have_the_sizes_asked_for_and_each_item_once() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        items = [Item(str(number), Path(str(number))) for number in range(int(rng.integers(5, 60)))]
        classes = [frozenset(np.flatnonzero(rng.random(4) < 0.3).tolist()) for _ in items]
        sizes = {str(fold): len(items[fold::3]) for fold in range(3)}
        parts = stratify(items, classes, sizes)
        assert {part: len(members) for part, members in parts.items()} == sizes
        assert sorted(item.name for members in parts.values() for item in members) == sorted(i.name for i in items)


def test_folds_test_every_image_once_and_leave_the_datas_own_test_out(save, tmp_path: Path) -> None:
    dataset = make(save, tmp_path, 13, {0, 1, 2, 3, 4})
    every = folds(dataset, 5)
    assert sorted(len(fold.splits["test"]) for fold in every) == [2, 2, 3, 3, 3]
    assert [rare_in(fold)["test"] for fold in every] == [1] * 5
    tested = [item.name for fold in every for item in fold.splits["test"]]
    assert sorted(tested) == [f"{number:03}" for number in range(13)]
    for fold in every:
        names = [item.name for _, item in fold.items()]
        assert (set(fold.splits), sorted(names)) == ({"train", "test"}, sorted(tested))


def test_a_test_split_that_the_data_name_is_in_no_fold(save, tmp_path: Path) -> None:
    make(save, tmp_path / "test", 3, set(), prefix="test/")
    dataset = make(save, tmp_path, 6, {4, 5}, prefix="train/")
    assert [sorted(item.image.parent.parent.name for _, item in fold.items()) for fold in folds(dataset, 2)] == [
        ["train"] * 6
    ] * 2


@pytest.mark.parametrize("count", [-1, 0, 1, 7])
def test_more_folds_than_images_are_refused(save, tmp_path: Path, count: int) -> None:
    with pytest.raises(OptionError, match=r"folds: found .*; expected 2 to 6, the number of images"):
        folds(make(save, tmp_path, 6, {1}), count)
