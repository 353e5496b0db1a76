from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from pixelwise.core.errors import DataError
from pixelwise.data.dataset import Item
from pixelwise.data.splits import (
    draw_splits,
    group_by_split,
    hash_fraction,
    part_size,
    part_sizes,
    read_split_lists,
    split_by_hash,
    unread_split_lists,
)


def test_the_hash_of_the_name_decides() -> None:
    for name in ("a", "0001TP_006690", "Foto 12", "süß"):
        fraction = int(hashlib.sha256(name.encode()).hexdigest(), 16) / 2**256
        assert split_by_hash(name) == ("train" if fraction < 0.8 else "val" if fraction < 0.9 else "test")


def test_the_shares_are_80_10_10() -> None:
    counts = Counter(split_by_hash(f"image_{i}") for i in range(10_000))
    # Three standard deviations of a binomial of 10,000 draws are 120 at 0.8 and 90 at 0.1.
    assert abs(counts["train"] - 8000) < 120
    assert abs(counts["val"] - 1000) < 90
    assert abs(counts["test"] - 1000) < 90


def test_items_are_sorted_and_empty_splits_left_out() -> None:
    b, a, c = (Item(name, Path(name)) for name in "bac")
    splits = group_by_split([("test", c), ("train", b), ("train", a)])
    assert list(splits.items()) == [("train", (a, b)), ("test", (c,))]


@pytest.mark.parametrize("folder", ["", "splits", "ImageSets/Segmentation"])
def test_lists_are_found_under_every_spelling(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "train.txt").write_text("a\n\n b.png \n")
    (tmp_path / folder / "valid.txt").write_text("c\n")
    (tmp_path / folder / "trainval.txt").write_text("a\nc\n")
    assert read_split_lists(tmp_path) == {"train": ["a", "b.png"], "val": ["c"]}


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"train\.txt"):
        read_split_lists(tmp_path)


def test_no_lists(tmp_path: Path) -> None:
    assert read_split_lists(tmp_path) == {}


def items(count: int, prefix: str = "") -> list[Item]:
    return [Item(f"{prefix}{number}", Path(f"{prefix}{number}")) for number in range(count)]


def sizes(splits: dict[str, tuple[Item, ...]]) -> dict[str, int]:
    return {split: len(members) for split, members in splits.items()}


def test_a_part_has_a_tenth_but_five_images_where_a_fifth_allows_it() -> None:
    sizes_of = [part_size(count) for count in (0, 4, 5, 9, 10, 16, 25, 50, 70, 200)]
    assert sizes_of == [0, 0, 1, 2, 2, 3, 5, 5, 7, 20]
    assert part_sizes(9, test=True) == {"train": 7, "val": 2, "test": 0}
    assert part_sizes(16, test=True) == {"train": 10, "val": 3, "test": 3}
    assert part_sizes(16, test=False) == {"train": 13, "val": 3, "test": 0}


@pytest.mark.parametrize("count", [10, 16, 33, 99, 100, 150])
def test_no_part_of_ten_images_or_more_is_empty_or_lacks_five_that_it_can_have(count: int) -> None:
    for prefix in map(str, range(20)):
        sizes_of = sizes(group_by_split([(None, item) for item in items(count, f"{prefix}-")]))
        assert sum(sizes_of.values()) == count
        assert min(sizes_of["val"], sizes_of["test"]) >= min(5, round(count / 5))
        assert sizes_of["train"] >= 0.6 * count


def test_of_many_images_the_hash_alone_decides_so_that_another_moves_none() -> None:
    many = items(2_000)
    splits = group_by_split([(None, item) for item in many])
    assert all(split_by_hash(item.name) == split for split, members in splits.items() for item in members)
    more = group_by_split([(None, item) for item in [*many, Item("another", Path("another"))]])
    assert all(set(splits[split]) <= set(more[split]) for split in splits)


def test_train_without_val_gives_a_part_of_it_beside_test_or_alone() -> None:
    test = [("test", item) for item in items(3, "t")]
    train = [("train", item) for item in items(30)]
    for others in (test, []):
        splits = group_by_split([*train, *others])
        assert sizes(splits) == {"train": 25, "val": 5} | ({"test": 3} if others else {})
        assert [item.auto_split for item in splits["val"]] == [True] * 5
        assert not any(item.auto_split for item in splits.get("test", ()))
        highest = sorted((item.name for _, item in train), key=hash_fraction)[-5:]
        assert {item.name for item in splits["val"]} == set(highest)
    assert sizes(group_by_split(train, draw_val=False)) == {"train": 30}
    assert sizes(group_by_split(train[:4])) == {"train": 4}


def test_splits_that_the_data_name_stay_as_they_are() -> None:
    given = [("train", item) for item in items(30)] + [("val", Item("v", Path("v")))]
    splits = group_by_split(given)
    assert sizes(splits) == {"train": 30, "val": 1}
    assert not any(item.auto_split for members in splits.values() for item in members)


def test_a_large_set_tops_up_what_its_hashes_leave_short() -> None:
    """Of 100 names of low hashes none belongs to val or test: the five of the highest hashes each do."""
    low = [item for item in items(1_000) if hash_fraction(item.name) < 0.5][:100]
    splits = draw_splits(low, part_sizes(100, test=True))
    ordered = sorted((item.name for item in low), key=hash_fraction)
    assert {item.name for item in splits["test"]} == set(ordered[-5:])
    assert {item.name for item in splits["val"]} == set(ordered[-10:-5])


def test_lists_in_other_forms_are_named(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    for name in ("train.csv", "splits/val_ids.txt", "splits/fold.json", "notes.txt", "training.png"):
        (tmp_path / name).touch()
    (problem,) = unread_split_lists(tmp_path)
    assert "(splits/fold.json, splits/val_ids.txt, train.csv)" in problem.message
    (tmp_path / "train.lst").write_text("a.png\tb.png\n")
    assert read_split_lists(tmp_path) == {"train": ["a.png\tb.png"]}
