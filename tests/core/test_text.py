"""Text that acts on a terminal, a spreadsheet or a file system, and what becomes of it. Expected values by hand."""

from __future__ import annotations

import csv
import io
import os

import pytest

from pixelwise.core.text import as_cell, escape_controls, file_name, name_bytes, quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 道路 [red] :smile:", "plain é 道路 [red] :smile:"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),  # CSI as one character of C1
        ("a\u0007b\x7f", r"a\x07b\x7f"),
        ("two\nlines\tand\r", r"two\nlines\tand\r"),
        ("photo\u202egnp.exe", r"photo\u202egnp.exe"),
        ("\u2066a\u2069\u2028b", r"\u2066a\u2069\u2028b"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
        ("\udcc3\udca9", "é"),  # valid UTF-8, read where the locale is ASCII
        ("lone \ud800 \udfff", r"lone \ud800 \udfff"),
        ("", ""),
    ],
)
def test_what_acts_on_a_terminal_is_written_as_an_escape(text: str, expected: str) -> None:
    assert escape_controls(text) == expected
    escape_controls(text).encode("utf-8")


def test_lines_stay_where_they_are_wanted() -> None:
    assert escape_controls("a\nb\x1b", lines=True) == "a\nb\\x1b"


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-x", "@sum", "\tx", "\nx", "'=1", "''-", "＝1"])
def test_a_formula_is_text_in_a_spreadsheet_and_read_back_right(name: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerow([as_cell(name)])
    ((cell,),) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert cell[0] == "'"
    assert cell[1:] == name


@pytest.mark.parametrize("name", ["car", "'quoted'", "a=b", "1-2", " x", ""])
def test_other_text_stays_as_it_is(name: str) -> None:
    assert as_cell(name) == name


def test_a_carriage_return_ends_no_row() -> None:
    assert as_cell("a\rb") == r"a\rb"


def test_names_are_cut_to_what_file_systems_take_and_stay_different() -> None:
    assert file_name("a" * 251, ".png") == "a" * 251 + ".png"
    first, second = (file_name("a" * 251 + end, ".png") for end in "bc")
    assert first != second
    assert len(first) == len(second) == 255
    assert first.startswith("a" * 242 + "-")
    assert first.endswith(".png")
    assert file_name("a" * 251 + "b", ".png") == first
    assert name_bytes(file_name("é" * 200, "_overlay.png")) <= 255
    assert "é" * 100 in file_name("é" * 200, "_overlay.png")


def test_a_byte_that_is_not_utf_8_counts_as_one() -> None:
    name = os.fsdecode(b"\xe9" * 251)
    assert name_bytes(name) == 251
    assert file_name(name, ".png") == name + ".png"
    assert len(os.fsencode(file_name(name + "a", ".png"))) == 255


def test_one_thing_is_not_told_as_several() -> None:
    counts = (0, 1, 2, 1200)
    expected = ["0 images", "1 image", "2 images", "1,200 images"]
    assert [quantity(count, "image") for count in counts] == expected
