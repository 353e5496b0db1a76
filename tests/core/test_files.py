"""Files appear whole or not at all, whatever they are called, and text is UTF-8 whatever the locale."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pixelwise
from pixelwise.core.errors import OutputError
from pixelwise.core.files import output_error, output_errors, write_atomically, write_text

PACKAGE = Path(pixelwise.__file__).parent
OTHER_OPENERS = {"Image", "rasterio", "os", "zarr", "webbrowser", "tarfile", "zipfile", "wave"}
"""Modules whose `open` opens no text file."""


def test_a_file_is_there_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with write_atomically(path, durable=True) as temporary:
        temporary.write_text("x", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "x"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_its_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_the_file_before_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before", encoding="utf-8")

    def write() -> None:
        with write_atomically(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    with pytest.raises(OutputError, match="No space left"), write_atomically(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text(encoding="utf-8") == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_as_long_as_they_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".txt")
    write_text(path, "x")
    assert path.read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free some space or choose another `out`."),
        (errno.EROFS, "Get the right to write there, or choose another `out`."),
        (errno.EACCES, "Get the right to write there, or choose another `out`."),
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
    expected = r"Free some space, go on with `resume=True`, or choose another `out`\."
    with pytest.raises(OutputError, match=expected), output_errors(tmp_path / "a.tif", "go on with `resume=True`"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", ["a" * 251 + ".txt", "é" * 125 + ".json", "[a]*.txt", os.fsdecode(b"caf\xe9.txt")])
def test_a_file_of_any_name_that_the_file_system_takes_can_be_written(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "text")
    write_text(tmp_path / name, "other")
    assert (tmp_path / name).read_text(encoding="utf-8") == "other"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_not_utf_8_is_read_back_from_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    write_text(tmp_path / "a.json", json.dumps({"name": name, "other": "é"}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": name, "other": "é"}


def _text_files(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls that open a text file without saying its encoding."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        attribute = call.func.attr if isinstance(call.func, ast.Attribute) else None
        name = call.func.id if isinstance(call.func, ast.Name) else attribute
        if "encoding" in named or name not in ("open", "fdopen", "read_text", "write_text"):
            continue
        if name in ("read_text", "write_text") and attribute is None:  # those of pixelwise, which say theirs
            continue
        if (
            name == "open"
            and attribute
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id in OTHER_OPENERS
        ):
            continue
        if name in ("open", "fdopen"):
            position = 0 if attribute == "open" else 1
            mode = named.get("mode", call.args[position] if len(call.args) > position else None)
            if isinstance(mode, ast.IfExp):
                mode = mode.body
            if isinstance(mode, ast.Constant) and "b" in str(mode.value):
                continue
        yield call.lineno


def test_the_search_for_encodings_finds_what_it_is_for() -> None:
    bad = "open(p)\np.open()\np.open('w')\np.read_text()\np.write_text(t)\nopen(p, 'r')\nos.fdopen(h)\n"
    good = (
        "open(p, 'rb')\np.open('wb')\nopen(p, encoding='utf-8')\nImage.open(p)\nwrite_text(p, t)\n"
        "os.fdopen(h, 'wb')\np.read_text(encoding='utf-8')\n"
    )
    assert list(_text_files(ast.parse(bad))) == [1, 2, 3, 4, 5, 6, 7]
    assert list(_text_files(ast.parse(good))) == []


def test_every_text_file_is_opened_in_a_stated_encoding() -> None:
    calls = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in _text_files(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert calls == []
