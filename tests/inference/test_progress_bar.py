"""The progress bar: drawn on standard error where that is a terminal, absent where it is not."""

from __future__ import annotations

import io
import sys

import pytest

from pixelwise.cli.progress import megapixel_bar, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_the_work_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("predict") as on_progress:
        assert on_progress is not None
        on_progress(2, 5)
    assert "predict" in terminal.getvalue()
    assert "2/5" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_a_log_file_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("predict") as on_progress:
        assert on_progress is None
    assert capsys.readouterr() == ("", "")


def test_megapixels_are_drawn_with_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with megapixel_bar("scan") as on_pixels:
        assert on_pixels is not None
        on_pixels(10_000_000, 40_000_000)
        on_pixels(30_000_000, 40_000_000)
    assert "30/40 megapixels" in terminal.getvalue()
    assert " a second" in terminal.getvalue()
