"""Bars of commands fit into the terminal that they are drawn in."""

from __future__ import annotations

import io
import re
import sys

import pytest

from pixelwise.cli.progress import megapixel_bar, progress_bar


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True

    def last_bar(self) -> str:
        """Return the last line with a bar, without colours and moves of the cursor."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line for line in re.split(r"[\r\n]+", text) if "/" in line][-1]


WIDTHS = pytest.mark.parametrize("width", [60, 80, 200])


def terminal_of(monkeypatch: pytest.MonkeyPatch, width: int) -> Terminal:
    """Make standard error a terminal with lines of so many characters; pytest sets it anew before each test."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    return terminal


@WIDTHS
@pytest.mark.parametrize("description", ["check", "evaluate"])
def test_a_bar_says_how_many_of_how_many(monkeypatch: pytest.MonkeyPatch, width: int, description: str) -> None:
    terminal = terminal_of(monkeypatch, width)
    with progress_bar(description) as advance:
        assert advance is not None
        advance(1234, 56789)
    line = terminal.last_bar()
    assert re.match(f"{description} [╸━]", line)
    assert " 1234/56789 " in line
    assert "…" not in line
    assert len(line) <= width
    assert line.count("━") + line.count("╸") + line.count("╺") >= 20


@WIDTHS
def test_a_scan_is_told_in_megapixels(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    terminal = terminal_of(monkeypatch, width)
    with megapixel_bar("scan") as advance:
        assert advance is not None
        advance(1_234_000_000, 98_765_000_000)
    line = terminal.last_bar()
    assert " 1,234/98,765 megapixels" in line
    assert "…" not in line
    assert len(line) <= width


def test_nothing_is_drawn_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    for bar in (progress_bar("check"), megapixel_bar("scan")):
        with bar as advance:
            assert advance is None
    assert stream.getvalue() == ""
