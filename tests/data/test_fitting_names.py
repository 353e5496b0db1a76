from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.data import open_dataset
from pixelwise.data.other_class_lists import find_conflicting_lists


@pytest.fixture
def paddle(save, tmp_path: Path):
    """Write three pairs as PaddleSeg has them, with masks of these values and these lines of `labels.txt`."""

    def write(values: list[int], lines: str, name: str = "labels.txt") -> Path:
        for split, stems in {"train": "ab", "val": "c"}.items():
            pairs = [f"images/{stem}.jpg labels/{stem}.png\n" for stem in stems]
            (tmp_path / f"{split}.txt").write_text("".join(pairs))
            for stem in stems:
                save(f"images/{stem}.jpg")
                save(f"labels/{stem}.png", np.repeat([values], 6, axis=0))
        (tmp_path / name).write_text(lines)
        return tmp_path

    return write


FITTING = {
    "each value": ([0, 0, 1, 1, 2, 2, 1, 255], "ground\nroad\ncar\n", ["ground", "road", "car"]),
    "one is absent": ([0, 0, 1, 1, 1, 1, 1, 1], "ground\nroad\ncar\n", ["ground", "road", "car"]),
    "labelme": ([0, 0, 1, 1, 2, 2, 1, 1], "__ignore__\n_background_\nroad\ncar\n", ["background", "road", "car"]),
    "black and white": ([0, 0, 255, 255, 0, 0, 0, 0], "ground\nroad\n", ["ground", "road"]),
    "gray levels": ([0, 0, 127, 127, 255, 255, 0, 0], "ground\nroad\ncar\n", ["ground", "road", "car"]),
    "counted from 1": ([1, 1, 2, 2, 3, 3, 1, 1], "ground\nroad\ncar\n", ["ground", "road", "car"]),
}


@pytest.mark.parametrize("case", FITTING)
def test_names_that_fit_the_masks_are_used(paddle, case: str) -> None:
    values, lines, names = FITTING[case]
    dataset = open_dataset(paddle(values, lines))
    assert dataset.classes.names == tuple(names)
    assert {split: len(items) for split, items in dataset.splits.items()} == {"train": 2, "val": 1}
    assert find_conflicting_lists(dataset) == []
    label_map = dataset[0]["label_map"]
    ranks = {value: index for index, value in enumerate(sorted({*values} - ({255} if case == "each value" else set())))}
    assert label_map[0].tolist() == [ranks.get(value, 255) for value in values]


UNFIT = {
    "too few": ([0, 0, 1, 1, 2, 2, 3, 3], "ground\nroad\n", "2 classes (ground, road)", "the 4 classes of the masks"),
    "too many": ([0, 0, 1, 1, 0, 0, 0, 0], "a\nb\nc\nd\ne\n", "5 classes", "the 2 classes of the masks"),
}


@pytest.mark.parametrize("case", UNFIT)
@pytest.mark.parametrize("name", ["labels.txt", "class_names.txt"])
def test_names_that_do_not_fit_are_told_with_the_reason(paddle, case: str, name: str) -> None:
    values, lines, there, here = UNFIT[case]
    dataset = open_dataset(paddle(values, lines, name))
    assert dataset.classes.num_classes == len(set(values))
    (problem,) = find_conflicting_lists(dataset)
    assert (problem.kind, problem.file.name) == ("passed_over", name)
    assert f"found names of {there}" in problem.message
    assert f"do not fit {here}" in problem.message


def test_another_list_goes_first(paddle) -> None:
    root = paddle([0, 0, 1, 1, 0, 0, 0, 0], "ground\nroad\n")
    (root / "classes.txt").write_text("soil\nstreet\n")
    dataset = open_dataset(root)
    assert dataset.classes.names == ("soil", "street")
    assert [problem.kind for problem in find_conflicting_lists(dataset)] == ["class_lists"]


def test_a_list_that_cannot_be_read_is_told(paddle) -> None:
    root = paddle([0, 0, 1, 1, 0, 0, 0, 0], "")
    (root / "labels.txt").write_bytes(b"\xff\xfe\xff")
    dataset = open_dataset(root)
    assert dataset.classes.num_classes == 2
    assert [problem.file.name for problem in find_conflicting_lists(dataset)] == ["labels.txt"]
