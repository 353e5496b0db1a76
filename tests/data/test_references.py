from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from pixelwise.data import references
from pixelwise.data.references import FileFinder, distinct_names, flat_name, is_usable, parts_of, walk


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.png", ["a", "b.png"]),
        ("imgs\\b.png", ["imgs", "b.png"]),
        ("C:\\data\\b.png", ["data", "b.png"]),
        ("/home/bob/b.png", ["home", "bob", "b.png"]),
        ("./../b.png", ["b.png"]),
        ("b.png", ["b.png"]),
    ],
)
def test_parts_of_any_system(name: str, parts: list[str]) -> None:
    assert parts_of(name) == parts
    assert flat_name(name) == "_".join([*parts[:-1], "b"])


def test_names_are_distinct_by_looks_and_case() -> None:
    decomposed = unicodedata.normalize("NFD", "é")
    assert distinct_names(["a", "A", "a_2", "b", "é", decomposed]) == ["a", "A_3", "a_2", "b", "é", f"{decomposed}_2"]


@pytest.mark.parametrize("name", [None, 3, "", "a\0b", "x" * 256, "\ud800.png", "a/" * 1500, "..", ["a"]])
def test_values_that_are_no_names(name: object) -> None:
    assert not is_usable(name)


def names_and_files(root: Path, *files: str) -> FileFinder:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"")
    return FileFinder(root)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "train/a.png"),
        ("imgs\\a.png", "train/a.png"),
        ("/home/bob/x/train/a.png", "train/a.png"),
        ("D:\\x\\val\\a.png", "val/a.png"),
        ("sub%20dir/b.png", "other/sub dir/b.png"),
        ("https://host/other/B.PNG", "other/sub dir/b.png"),
        (unicodedata.normalize("NFD", "größe.png"), "train/größe.png"),
    ],
)
def test_a_name_is_found_as_it_is_or_by_its_end(tmp_path: Path, name: str, expected: str) -> None:
    finder = names_and_files(tmp_path, "train/a.png", "val/a.png", "other/sub dir/b.png", "train/größe.png")
    folders = [tmp_path / "train", tmp_path]
    (match,) = finder.find([name], folders)
    assert (match.path, match.exists) == (tmp_path / expected, True)


def test_two_names_never_mean_one_file(tmp_path: Path) -> None:
    finder = names_and_files(tmp_path, "imgs/a.png", "b/c.png")
    matches = finder.find(["x/a.png", "y/a.png"], [tmp_path])
    assert [match.exists for match in matches] == [False, False]
    matches = finder.find(["z/c.png", "b/c.png"], [tmp_path])
    assert [match.exists for match in matches] == [False, True]


def test_a_name_is_compared_only_with_files_of_its_folder_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a data set with a file `image.png` in each of many folders would take the square of their number."""
    numbers = range(12)
    finder = names_and_files(tmp_path, *(f"data/set/{number}/image.png" for number in numbers))
    compared: list[Path] = []

    def count_shared(parts: Sequence[str], path: Path) -> int:
        compared.append(path)
        return shared_end(parts, path)

    shared_end = references._shared_end
    monkeypatch.setattr(references, "_shared_end", count_shared)
    matches = finder.find([f"elsewhere/{number}/Image.png" for number in numbers], [tmp_path])
    assert [match.path for match in matches] == [tmp_path / f"data/set/{number}/image.png" for number in numbers]
    assert len(compared) == len(numbers)


@pytest.mark.parametrize("name", ["..\\secret.png", "."])
def test_no_name_leads_out_of_the_data_set(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"")
    finder = names_and_files(tmp_path / "data", "train/a.png")
    (match,) = finder.find([name.format(outside=tmp_path / "secret.png")], [tmp_path / "data"])
    assert not match.exists
    assert match.path.is_relative_to(tmp_path / "data")


@pytest.mark.parametrize("name", ["../secret.png", "{outside}"])
def test_a_name_that_leads_to_a_file_elsewhere_alone_names_it(tmp_path: Path, name: str) -> None:
    """So that opening the data set can refuse it, or take it from a folder that the user allows."""
    (tmp_path / "secret.png").write_bytes(b"")
    finder = names_and_files(tmp_path / "data", "train/a.png")
    (match,) = finder.find([name.format(outside=tmp_path / "secret.png")], [tmp_path / "data"])
    assert (match.path, match.exact) == (tmp_path / "secret.png", True)
    finder = names_and_files(tmp_path / "data", "train/secret.png")
    (match,) = finder.find([name.format(outside=tmp_path / "secret.png")], [tmp_path / "data"])
    assert match.path == tmp_path / "data/train/secret.png"


def test_walk_leaves_out_hidden_folders_and_follows_each_link_once(tmp_path: Path) -> None:
    names_and_files(tmp_path, "a/1.png", ".git/2.png", "__MACOSX/3.png", "a/._1.png")
    os.symlink(tmp_path / "a", tmp_path / "z")
    os.symlink(tmp_path, tmp_path / "a/loop")
    os.symlink("itself.png", tmp_path / "a/itself.png")
    os.symlink("nothing.png", tmp_path / "a/broken.png")
    walked = [(str(folder.relative_to(tmp_path)), files) for folder, files in walk(tmp_path)]
    assert walked == [(".", []), ("a", ["1.png", "broken.png", "itself.png"])]


def test_walk_goes_as_deep_as_asked_and_in_the_order_of_names(tmp_path: Path) -> None:
    names_and_files(tmp_path, "b/c/1.png", "b/2.png", "a/d/3.png", "a.png")
    folders = [str(folder.relative_to(tmp_path)) for folder, _ in walk(tmp_path)]
    assert folders == [".", "a", "a/d", "b", "b/c"]
    assert [str(folder.relative_to(tmp_path)) for folder, _ in walk(tmp_path, depth=2)] == [".", "a", "b"]
