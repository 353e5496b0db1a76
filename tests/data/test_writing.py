"""A data set's directory appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import OutputError
from pixelwise.data.writing import new_directory


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("there", [False, True])
def test_it_appears_at_the_end(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with new_directory(out) as temporary:
        (temporary / "a.txt").write_text("x", encoding="utf-8")
        assert not (out / "a.txt").exists()
    assert names(out) == ["a.txt"]
    assert names(tmp_path) == ["out"]


def test_nothing_is_there_where_writing_fails(tmp_path: Path) -> None:
    def write() -> None:
        with new_directory(tmp_path / "out") as temporary:
            (temporary / "a.txt").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(tmp_path) == []


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    for name, problem in (("file", "a file"), ("folder", "a directory that is not empty")):
        expected = f"found {problem}; expected a new or empty directory"
        with pytest.raises(OutputError, match=expected), new_directory(tmp_path / name):
            raise AssertionError
    assert names(tmp_path / "folder") == ["mine"]


def test_the_second_of_two_leaves_what_the_first_wrote(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def write_both() -> None:
        with new_directory(out) as second:
            (second / "second").touch()
            with new_directory(out) as first:
                (first / "first").touch()

    with pytest.raises(OutputError, match="Something stands in its place, perhaps of another process"):
        write_both()
    assert names(out) == ["first"]
    assert names(tmp_path) == ["out"]


def test_a_vanished_image_is_named_not_the_output(tmp_path: Path) -> None:
    expected = r"photo\.jpg gone; expected what is read to stay in its place"
    with pytest.raises(OutputError, match=expected), new_directory(tmp_path / "out" / "set"):
        (tmp_path / "photo.jpg").read_bytes()
