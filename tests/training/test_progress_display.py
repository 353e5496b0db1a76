"""What a person sees while a model trains: messages, and a bar that fits into the terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest

from pixelwise.tasks.semantic import SEMANTIC
from pixelwise.training import progress_display
from pixelwise.training.config import Recipe
from pixelwise.training.loop import Progress
from pixelwise.training.progress_display import Display


class Screen(io.StringIO):
    """Standard error, a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def lines(self) -> list[str]:
        """Return what was written, without colours and moves of the cursor."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line for line in re.split(r"[\r\n]+", text) if line]


def row(recipe: Recipe) -> Progress:
    values = {"epoch": 123.4, "step": 8, "loss": 0.25, "val_miou": 0.5, "seconds": 3.0}
    return Progress(step=8, history=[values])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_bar_fits_into_a_line(recipe: Recipe, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    screen = Screen(terminal=True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    long = recipe.replace(steps=123_456)
    with Display() as display:
        display.start(long, 98_765, 6, SEMANTIC)
        display.row(row(recipe))
        display.step(Progress(step=98_766), 0.25)
        display.stop(Progress(step=98_766))
    line = [line for line in screen.lines() if "98766/123456" in line][-1]
    assert len(line.rstrip()) <= width
    assert "…" not in line
    assert "loss 0.250" in line
    assert "mIoU 0.500" in line
    assert re.search(r"(\d+|-):(\d+|-+):(\d+|-+)$", line.rstrip())  # what is left
    assert ("━" in line) == (width >= 80)
    assert ("images/s" in line) == (width >= 110)


def test_without_a_terminal_each_validation_is_a_line(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(terminal=False)
    monkeypatch.setattr(sys, "stderr", screen)
    with Display() as display:
        display.start(recipe, 0, 6, SEMANTIC)
        display.step(Progress(step=1), 0.25)
        display.row(row(recipe))
    (line,) = screen.lines()
    assert re.fullmatch(r"epoch 123\.4  step 8/9  loss 0\.2500  val mIoU 0\.500  [\d.]+ images/s  3 s", line)


def test_without_a_terminal_each_minute_is_a_line(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(terminal=False)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress_display, "LINE_SECONDS", 0.0)
    with Display() as display:
        display.start(recipe, 0, 6, SEMANTIC)
        display.step(Progress(step=2, seconds=61.0), 0.25)
    (line,) = screen.lines()
    assert re.fullmatch(r"epoch [\d.]+  step 2/9  loss 0\.2500  val mIoU -  [\d.]+ images/s  61 s", line)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_notebook_has_a_bar_of_its_own(recipe: Recipe, monkeypatch: pytest.MonkeyPatch, *, quiet: bool) -> None:
    bars: list[tuple[str, int, int, str]] = []

    class Bar:
        def __init__(self, title: str) -> None:
            self.title = title

        def update(self, done: int, total: int, text: str) -> None:
            bars.append((self.title, done, total, text))

    monkeypatch.setattr(progress_display, "is_notebook", lambda: True)
    monkeypatch.setattr(progress_display, "NotebookBar", Bar)
    monkeypatch.setattr(sys, "stderr", Screen(terminal=False))
    with Display(quiet=quiet) as display:
        display.start(recipe.replace(steps=2000), 0, 6, SEMANTIC)
        display.step(Progress(step=7), 0.25)
        display.row(row(recipe))
        display.step(Progress(step=9), 0.125)
    expected = [
        ("train", 7, 2000, "7 of 2,000 steps, loss 0.250, val mIoU -"),
        ("train", 9, 2000, "9 of 2,000 steps, loss 0.125, val mIoU 0.500"),
    ]
    assert bars == ([] if quiet else expected)


def test_messages_are_worded_for_who_reads_them_and_do_nothing_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(terminal=False)
    monkeypatch.setattr(sys, "stderr", screen)
    with Display(wording=lambda text: text.replace("`resume=True`", "--resume")) as display:
        display.message("\x1b[31m[bold]go on with `resume=True`")
    with Display(quiet=True) as display:
        display.message("nothing")
    assert screen.lines() == [r"\x1b[31m[bold]go on with --resume"]
