"""Lines of split lists: one image or an image and its mask, whatever their names look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.split_lists import names_of, parse_line

ITEMS = {name: Item(name, Path(f"d/images/{name}.jpg")) for name in ("a", "b", "b c", "d.e", "2007_000032", "x_a")}


def item_of(text: str) -> Item | None:
    return next((ITEMS[name] for name in names_of(text) if name in ITEMS), None)


@pytest.mark.parametrize(
    ("line", "item", "mask"),
    [
        ("a", "a", None),
        ("images/a.jpg", "a", None),
        ("b c", "b c", None),
        ("images/b c.jpg", "b c", None),
        ("x/a.jpg", "x_a", None),
        ("/far away/d.e", "d.e", None),
        ("2007_000032 1", "2007_000032", None),
        ("a 1 2 3", "a", None),
        ("images/a.jpg masks/b.png", "a", "masks/b.png"),
        ("images/a.jpg,masks/b.png", "a", "masks/b.png"),
        ("images/a.jpg\tmasks/b c.png", "a", "masks/b c.png"),
        ("images/b c.jpg masks/b c.png", "b c", "masks/b c.png"),
        ('"images/b c.jpg"; "masks/1.png"', "b c", "masks/1.png"),
        ("/x/d.e.png /x/masks/d.e.png", "d.e", "/x/masks/d.e.png"),
        ("images\\a.jpg masks\\b.png", "a", "masks\\b.png"),
        ("gone.jpg", None, None),
        ("gone 1.jpg", None, None),
    ],
)
def test_a_line_is_an_image_or_an_image_and_its_mask(line: str, item: str | None, mask: str | None) -> None:
    parsed = parse_line("train", line, item_of)
    assert (parsed.item.name if parsed.item else None, parsed.mask) == (item, mask)


def test_what_is_not_there_keeps_its_texts() -> None:
    for line, texts in (("x/q r.jpg", ("x/q r.jpg", None)), ("x/q.jpg y/r.png", ("x/q.jpg", "y/r.png"))):
        parsed = parse_line("train", line, item_of)
        assert (parsed.item, parsed.image, parsed.mask) == (None, *texts)


def data_set(save, root: Path, lines: dict[str, str], masks: str = "masks/{}.png") -> None:
    """Images a, b and c whose masks hold 0 and 1, 2, 3, and lists of splits."""
    for number, name in enumerate("abc", 1):
        save(f"images/{name}.jpg")
        save(masks.format(name), np.array([[0, number] * 4] * 6))
    for split, text in lines.items():
        (root / f"{split}.txt").write_text(text)


def values(dataset: Dataset) -> dict[str, int]:
    """Return the brightest class of each image's mask, by its name in the list of classes."""
    splits = {}
    for item in (item for items in dataset.splits.values() for item in items):
        label_map = dataset.read(item).label_map
        splits[item.name] = int(dataset.classes.names[int(label_map.max())])
    return splits


def told(dataset: Dataset, kind: str) -> list[str]:
    return [problem.message for problem in dataset.problems if problem.kind == kind]


def test_second_columns_are_followed_and_told_where_names_differ(save, tmp_path: Path) -> None:
    lines = {"train": "images/a.jpg masks/b.png\nimages/b.jpg masks/a.png\n", "val": "images/c.jpg masks/c.png\n"}
    data_set(save, tmp_path, lines)
    dataset = open_dataset(tmp_path)
    assert values(dataset) == {"a": 2, "b": 1, "c": 3}
    (message,) = told(dataset, "assumed")
    assert "found 2 images for which the lists name another mask" in message
    assert "(a.jpg with masks/b.png, b.jpg with masks/a.png)" in message


def test_equal_names_in_both_columns_are_nothing_to_tell(save, tmp_path: Path) -> None:
    data_set(save, tmp_path, {"train": "images/a.jpg masks/a.png\nimages/b.jpg masks/b.png\n", "val": "c\n"})
    dataset = open_dataset(tmp_path)
    assert values(dataset) == {"a": 1, "b": 2, "c": 3}
    assert dataset.problems == ()


@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_lists_of_pairs_need_no_names_of_folders(save, tmp_path: Path, separator: str) -> None:
    """As Paddle has them: any folders, `train_list.txt`, and a test list of images alone."""
    for number, name in enumerate(("1", "2", "3 b"), 1):
        save(f"Photos of May/{name}.jpg")
        save(f"truth_of_bob/t{number}.png", np.array([[0, number] * 4] * 6))
    save("Photos of May/9.jpg")
    save("Photos of May/unlisted.jpg")
    lines = [f"Photos of May/{name}.jpg{separator}truth_of_bob/t{n}.png\n" for n, name in ((1, "1"), (3, "3 b"))]
    (tmp_path / "train_list.txt").write_text("".join(lines))
    (tmp_path / "val_list.txt").write_text(f"Photos of May/2.jpg{separator}truth_of_bob/t2.png\n")
    (tmp_path / "test_list.txt").write_text("Photos of May/9.jpg\n")
    dataset = open_dataset(tmp_path)
    assert {split: [item.name for item in items] for split, items in dataset.splits.items()} == {
        "train": ["1", "3 b"],
        "val": ["2"],
    }
    assert values(dataset) == {"1": 1, "2": 2, "3 b": 3}
    listed, test = told(dataset, "passed_over")
    assert "found 1 image (Photos of May/unlisted.jpg), 0 with a mask" in listed
    assert "found 1 image in the list of test and no mask of them" in test


def test_lists_decide_between_two_folders_of_masks(save, tmp_path: Path) -> None:
    data_set(save, tmp_path, {})
    data_set(save, tmp_path, {"train": "images/a.jpg labels/a.png\nimages/b.jpg labels/b.png\n"}, "labels/{}.png")
    save("labels/a.png", np.array([[0, 3] * 4] * 6))
    dataset = open_dataset(tmp_path)
    assert values(dataset) == {"a": 3, "b": 2}
    assert "found 1 image (images/c.jpg)" in told(dataset, "passed_over")[0]


def test_lists_that_contradict_themselves_are_refused(save, tmp_path: Path) -> None:
    data_set(save, tmp_path, {"train": "images/a.jpg masks/a.png\n", "val": "images/a.jpg masks/b.png\n"})
    with pytest.raises(DataError, match=r"a\.jpg: found two masks in the lists, masks/a\.png and masks/b\.png"):
        open_dataset(tmp_path)
    data_set(save, tmp_path, {"train": "images/a.jpg masks/a.png\n", "val": "images/b.jpg masks/a.png\n"})
    with pytest.raises(DataError, match=r"a\.png: found one mask for images/a\.jpg and images/b\.jpg in the lists"):
        open_dataset(tmp_path)
    data_set(save, tmp_path, {"train": "a\n", "training": "b\n", "val": "c\n"})
    with pytest.raises(DataError, match=r"training\.txt: found another list of train than train\.txt"):
        open_dataset(tmp_path)


def test_masks_in_lists_that_are_not_there(save, tmp_path: Path) -> None:
    """None of them is: names pair. Some are: the others are missing."""
    data_set(save, tmp_path, {"train": "images/a.jpg x/a1.png\nimages/b.jpg x/b1.png\n", "val": "images/c.jpg\n"})
    dataset = open_dataset(tmp_path)
    assert values(dataset) == {"a": 1, "b": 2, "c": 3}
    assert "found 2 of 2 masks in the lists that are not there, such as x/a1.png" in told(dataset, "assumed")[0]
    data_set(save, tmp_path, {"train": "images/a.jpg masks/a.png\nimages/b.jpg x/b1.png\n"})
    dataset = open_dataset(tmp_path)
    assert "found 1 of 2 masks in the lists that are not there, such as x/b1.png" in told(dataset, "assumed")[0]
    assert [(p.kind, p.file.name) for p in check(dataset).harmful if p.kind == "missing_mask"] == [
        ("missing_mask", "b.jpg")
    ]


def test_images_that_no_list_names_are_counted(save, tmp_path: Path) -> None:
    data_set(save, tmp_path, {"train": "a\n", "val": "b\n"})
    save("images/d.jpg")
    dataset = open_dataset(tmp_path)
    assert [item.name for _, item in dataset.items()] == ["a", "b"]
    (message,) = told(dataset, "passed_over")
    assert "found 2 images (images/c.jpg, images/d.jpg), 1 with a mask, that no list of the splits names" in message
    assert "beside 2 that one does" in message
    assert "passed_over" not in {problem.kind for problem in check(dataset).harmful}


def test_listed_images_that_are_not_there_are_named(save, tmp_path: Path) -> None:
    data_set(save, tmp_path, {"train": "a\nb\n", "val": "c\n", "test": "gone 1.jpg\n"})
    problems = check(open_dataset(tmp_path)).problems
    assert [(p.kind, p.file.name) for p in problems if p.kind == "missing_image"] == [("missing_image", "gone 1.jpg")]


def test_names_with_spaces(save, tmp_path: Path) -> None:
    for name in ("b", "b c", "photo 1 (2)"):
        save(f"images/{name}.png")
        save(f"masks/{name}.png", np.array([[0, len(name)] * 4] * 6))
    (tmp_path / "train.txt").write_text("images/b c.png\nphoto 1 (2)\n")
    (tmp_path / "val.txt").write_text("b\n")
    dataset = open_dataset(tmp_path)
    assert values(dataset) == {"b": 1, "b c": 3, "photo 1 (2)": 11}
    assert_array_equal(dataset.read(dataset.splits["val"][0]).label_map[0], [0, 1] * 4)
