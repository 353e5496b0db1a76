"""Several masks of one image: united where they show parts, refused where they contradict, never dropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.check import check

NONE = np.zeros((6, 8), np.uint8)
LEFT, RIGHT = NONE.copy(), NONE.copy()
LEFT[1:4, :3], RIGHT[2:5, 5:] = 255, 255


def busi(save, folder: str = "") -> None:
    """As breast ultrasound (BUSI) is published: all in one folder, the second lesion in a mask of its own."""
    for number in range(1, 7):
        save(f"{folder}benign ({number}).png")
        save(f"{folder}benign ({number})_mask.png", LEFT)
    save(f"{folder}benign (2)_mask_1.png", RIGHT)


def test_masks_with_numbers_are_united_and_told(save, tmp_path: Path) -> None:
    busi(save)
    dataset = open_dataset(tmp_path)
    items = {item.name: item for _, item in dataset.items()}
    assert sorted(items) == [f"benign ({number})" for number in range(1, 7)]
    assert_array_equal(dataset.read(items["benign (1)"]).label_map, LEFT // 255)
    assert_array_equal(dataset.read(items["benign (2)"]).label_map, (LEFT + RIGHT) // 255)
    assert dataset.stray_masks == ()
    (problem,) = [entry for entry in dataset.problems if entry.kind == "assumed"]
    names = r"benign (2)_mask.png, benign (2)_mask_1.png of benign (2).png"
    assert f"found several masks of 1 image ({names})" in problem.message
    assert check(dataset).harmful == []


@pytest.mark.parametrize("numbers", [("_1", "_2"), ("1", "2"), (" (1)", " (2)"), ("", "-1", "_10")])
def test_numbers_in_a_folder_of_masks(save, tmp_path: Path, numbers: tuple[str, ...]) -> None:
    parts = [LEFT, RIGHT, np.flipud(LEFT) * (LEFT == 0) * (RIGHT == 0)][: len(numbers)]
    for name in "abcdef":
        save(f"images/{name}.jpg")
        for number, part in zip(numbers, parts, strict=True):
            save(f"masks/{name}_mask{number}.png", part)
    dataset = open_dataset(tmp_path)
    for item in (item for items in dataset.splits.values() for item in items):
        assert_array_equal(dataset.read(item).label_map, np.maximum.reduce(parts) // 255)


def test_a_number_may_be_that_of_the_image(save, tmp_path: Path) -> None:
    for name in ("x", "x_1"):
        save(f"images/{name}.png")
    save("masks/x.png", LEFT)
    save("masks/x_1_mask.png", RIGHT)
    stray = save("masks/x_mask_1.png", LEFT)
    dataset = open_dataset(tmp_path)
    assert all(item.more == () for _, item in dataset.items())
    assert dataset.stray_masks == (stray,)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (LEFT, "an area that benign (2)_mask.png shows too"),
        (RIGHT[:5], "a mask of 5x8 (height x width); expected 6x8"),
    ],
)
def test_masks_that_are_no_parts_cost_their_image(save, tmp_path: Path, second: np.ndarray, message: str) -> None:
    busi(save)
    save("benign (2)_mask_1.png", second)
    (problem,) = check(open_dataset(tmp_path)).harmful
    assert problem.file.name == "benign (2)_mask_1.png"
    assert message in problem.message


def test_two_classes_in_one_pixel_are_refused_and_no_label_yields(save, tmp_path: Path) -> None:
    first = np.array([[1, 1, 0, 0, 0, 255, 0, 0]] * 6)
    (tmp_path / "classes.txt").write_text("ground\ncat\ndog\n")
    for name in "abcdef":
        save(f"images/{name}.png")
        save(f"masks/{name}_mask_1.png", first)
        save(f"masks/{name}_mask_2.png", np.array([[0, 0, 2, 0, 0, 2, 255, 0]] * 6))
    dataset = open_dataset(tmp_path)
    sample = dataset.read(next(dataset.items())[1])
    assert_array_equal(sample.label_map, [[1, 1, 2, 0, 0, 2, 255, 0]] * 6)
    save("masks/a_mask_2.png", np.array([[2, 0, 2, 2, 2, 2, 255, 0]] * 6))
    (problem,) = check(open_dataset(tmp_path)).harmful
    assert "found 6 pixels of another class than in a_mask_1.png" in problem.message


def test_masks_that_are_called_by_classes_are_named(save, tmp_path: Path) -> None:
    for folder in ("", "masks/"):
        for name in "ab":
            save(f"data{len(folder)}/{'images/' if folder else ''}{name}.png")
            for kind in ("liver", "tumour"):
                save(f"data{len(folder)}/{folder}{name}_{kind}.png", LEFT)
    for root in ("data0", "data6"):
        with pytest.raises(DataError, match=r"_liver, _tumour after (it|them)"):
            open_dataset(tmp_path / root)
