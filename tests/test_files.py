"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from pixelwise.errors import OutputError
from pixelwise.files import output_error, output_errors, write_text, written_whole


def test_a_file_is_there_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with written_whole(path, durable=True) as temporary:
        temporary.write_text("x", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "x"
    assert [own.name for own in path.parent.iterdir()] == ["a.txt"]


def test_its_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_the_file_before_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before", encoding="utf-8")

    def write() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    with pytest.raises(OutputError, match="No space left"), written_whole(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text(encoding="utf-8") == "before"
    assert [own.name for own in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_as_long_as_they_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".txt")
    write_text(path, "x")
    assert path.read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free some space or choose another --out."),
        (errno.EROFS, "Get the right to write there, or choose another --out."),
        (errno.EACCES, "Get the right to write there, or choose another --out."),
        (errno.EMFILE, "Raise the limit (ulimit -n 4096) or close other programs, and start again."),
        (errno.ENOTEMPTY, "Something stands in its place, perhaps of another process: remove it, or choose another"),
    ],
)
def test_the_remedy_is_that_of_the_cause(number: int, remedy: str) -> None:
    error = output_error(Path("out/a.png"), OSError(number, os.strerror(number)))
    assert re.search(f"^out/a.png: found {os.strerror(number)}; expected .*{re.escape(remedy)}", str(error))


def test_an_input_that_is_gone_is_no_fault_of_the_output(tmp_path: Path) -> None:
    gone = tmp_path / "photos" / "a.jpg"
    with pytest.raises(OutputError) as caught, output_errors(tmp_path / "out" / "a.png"):
        gone.read_bytes()
    assert f"found {gone} gone; expected what is read to stay in its place. Put it back, and start" in str(caught.value)


def test_how_to_go_on_is_said(tmp_path: Path) -> None:
    expected = r"Free some space, go on with --resume, or choose another --out\."
    with pytest.raises(OutputError, match=expected), output_errors(tmp_path / "a.tif", "go on with --resume"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
