from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from pixelwise.errors import DataError
from pixelwise.formats.dataset import Item
from pixelwise.formats.splits import hashed_split, in_splits, read_split_lists


def test_the_hash_of_the_name_decides() -> None:
    for name in ("a", "0001TP_006690", "Foto 12", "süß"):
        fraction = int(hashlib.sha256(name.encode()).hexdigest(), 16) / 2**256
        assert hashed_split(name) == ("train" if fraction < 0.8 else "val" if fraction < 0.9 else "test")


def test_the_shares_are_80_10_10() -> None:
    counts = Counter(hashed_split(f"image_{i}") for i in range(10_000))
    # Three standard deviations of a binomial of 10,000 draws are 120 at 0.8 and 90 at 0.1.
    assert abs(counts["train"] - 8000) < 120
    assert abs(counts["val"] - 1000) < 90
    assert abs(counts["test"] - 1000) < 90


def test_items_are_sorted_and_empty_splits_left_out() -> None:
    b, a, c = (Item(name, Path(name)) for name in "bac")
    splits = in_splits([("test", c), ("train", b), ("train", a)])
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
