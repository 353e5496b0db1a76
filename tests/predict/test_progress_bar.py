"""The progress bar: drawn on standard error where that is a terminal, absent where it is not."""

from __future__ import annotations

import io
import sys

import pytest

from pixelwise.cli.progress import progress_bar


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
